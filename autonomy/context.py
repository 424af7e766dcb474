"""The frozen context of a run: what was known, bounded, with ids in place of people."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from autonomy.models import Approval, ContextField, Intent, Outcome
from autonomy.permits import digest
from autonomy.rules.guardrails import GATED_STAGES
from autonomy.rules.snapshots import (
    MOST,
    figures,
    fit,
    fit_all,
    names_of,
    scrub,
    size,
    speaks,
)
from ledger.scope import current_tenant
from perception.models import Account, Contact, Opportunity, Signal
from perception.summaries import lately

SIGNALS = 20
RECENT = 10
PEOPLE = 200
# In bytes: of the signal that started it, of each other, of what is known, of the rest.
TRIGGERING, PAYLOAD, KNOWN, MORE = 4096, 600, 3072, 4096
# In bytes: of what is told of the weeks and months before.
TOLD = 2400
CLOSED = ("closed_won", "closed_lost")


def frozen_context(
    account: Account,
    signal: Signal | None,
    *,
    now: datetime,
    trigger: str = "",
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Everything that a decision may rest on, as plain data that never changes again.

    `more`: what else the run is about, such as a pattern, a goal, posture, plans.
    """
    own = {"tenant_id": current_tenant(), "account": account}
    people = list(Contact.objects.filter(**own).order_by("id")[:PEOPLE])
    names = names_of([(each.name, each.email) for each in people])
    deals = list(Opportunity.objects.filter(**own).order_by("id")[:SIGNALS])
    signals = _signals(own, signal, names)
    context: dict[str, Any] = {
        "at": now.isoformat(),
        "trigger": trigger,
        "signal": str(signal.id) if signal else None,
        "account": _account(account),
        "opportunity": _named(signal, "opportunity", deals) or _foremost(deals),
        "contact": _named(signal, "contact", people) or _only(people),
        "opportunities": [_deal(each) for each in deals],
        "contacts": [
            {"id": str(each.id), "opted_out": each.opted_out}
            for each in people[:RECENT]
            if each.erased_at is None
        ],
        "intents": _intents(own),
        "outcomes": _outcomes(own),
        "open_approvals": Approval.objects.filter(**own, status="PENDING").count(),
        "known": _known(own, names),
        "summaries": fit_all(lately(account.id), TOLD),
        "more": fit(scrub(more or {}, names), MORE),
        "signals": signals,
    }
    while size(context) > MOST and len(signals) > 1:
        signals.pop()
    return context


def for_the_record(context: Mapping[str, Any]) -> dict[str, Any]:
    """The same without what somebody wrote, for where nothing can be taken out again."""
    signals = [
        {
            **{name: each[name] for name in each if name != "payload"},
            "payload_digest": digest(each["payload"]),
            "figures": figures(each["payload"]),
        }
        for each in context["signals"]
    ]
    written = {"known": len(context["known"]), "more": figures(context["more"])}
    return {**context, **written, "signals": signals}


def is_from_outside(context: Mapping[str, Any]) -> bool:
    """Whether text that somebody outside may have written was there to be read."""
    return (
        any(each["external_text"] for each in context["signals"])
        or speaks(context["known"])
        or speaks(context["more"])
    )


def _account(account: Account) -> dict[str, Any]:
    return {
        "id": str(account.id),
        "lifecycle": str(account.lifecycle),
        "owner": str(account.owner_id) if account.owner_id else None,
        "timezone": account.timezone,
        "heat": {
            "score": account.heat_score,
            "tier": str(account.heat_tier),
            "at": account.heat_at.isoformat() if account.heat_at else None,
        },
    }


def _deal(deal: Opportunity) -> dict[str, Any]:
    day = deal.renewal_date
    return {
        "id": str(deal.id),
        "stage": str(deal.stage),
        "renewal_date": day.isoformat() if day else None,
    }


def _named(signal: Signal | None, noun: str, rows: list[Any]) -> str | None:
    """The deal or person of this account that the signal is about, if it names one."""
    payload = signal.payload if signal else None
    if not isinstance(payload, dict):
        return None
    said = [payload.get(noun), payload.get(f"{noun}_id")]
    found = [each for each in rows if str(each.id) in said or each.external_id in said]
    return str(found[0].id) if found else None


def _foremost(deals: list[Opportunity]) -> str | None:
    """The open deal whose stage asks for most care: it is what outreach may disturb."""
    running = [each for each in deals if each.stage not in CLOSED]
    gated = [each for each in running if each.stage in GATED_STAGES]
    chosen = next(iter(gated or running), None)
    return str(chosen.id) if chosen else None


def _only(people: list[Contact]) -> str | None:
    """The account's one contact; among several, a person chooses."""
    there = [each for each in people if each.erased_at is None]
    return str(there[0].id) if len(there) == 1 else None


def _signals(
    own: Mapping[str, Any], signal: Signal | None, names: Any
) -> list[dict[str, Any]]:
    """The newest, that which started the run first."""
    newest = Signal.objects.filter(**own).order_by("-id")[:SIGNALS]
    others = [each for each in newest if signal is None or each.pk != signal.pk]
    rows = [signal, *others][:SIGNALS] if signal else others
    return [
        _signal(each, names, TRIGGERING if each is signal else PAYLOAD) for each in rows
    ]


def _signal(signal: Signal, names: Any, most: int) -> dict[str, Any]:
    payload = signal.payload
    held = payload if isinstance(payload, Mapping) else {"payload": payload}
    clean = scrub(held, names)
    kept = fit(clean, most)
    return {
        "id": str(signal.id),
        "type": signal.type,
        "occurred_at": signal.occurred_at.isoformat(),
        "external_text": speaks(payload) or not signal.is_known,
        "cut": kept != clean,
        "payload": kept,
    }


def _intents(own: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = Intent.objects.filter(**own).order_by("-id")[:RECENT]
    return [
        {
            "id": str(row["id"]),
            "action_type": row["action_type"],
            "status": row["status"],
            "origin": row["origin"],
            "at": row["created_at"].isoformat(),
        }
        for row in rows.values("id", "action_type", "status", "origin", "created_at")
    ]


def _outcomes(own: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = Outcome.objects.filter(**own).order_by("-id")[:RECENT]
    return [
        {
            "intent": str(row.intent_id),
            "action_type": row.action_type,
            "taxonomy": row.taxonomy,
            "cause": row.cause,
            "at": row.at.isoformat(),
        }
        for row in rows
    ]


def _known(own: Mapping[str, Any], names: Any) -> dict[str, Any]:
    rows = ContextField.objects.filter(**own).order_by("-updated_at", "field")[:30]
    held = {each.field: each.value for each in rows}
    return fit(scrub(held, names), KNOWN)
