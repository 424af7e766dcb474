"""The frozen context of a run: what was known, bounded, with ids in place of people."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from autonomy.permits import digest
from autonomy.reading import known_asked, read_known
from autonomy.rules.guardrails import GATED_STAGES
from autonomy.rules.snapshots import (
    MOST,
    figures,
    fit,
    fit_all,
    is_external,
    names_of,
    scrub,
    size,
    speaks,
)
from ledger.scope import current_tenant
from perception.heat import heat_of, standing_in
from perception.models import Account
from perception.rules.lifecycle import Standing

Row = dict[str, Any]

SIGNALS = 20
RECENT = 10
PEOPLE = 200
FIELDS = 30
# In bytes: of the signal that started it, of each other, of what is known, of the rest.
TRIGGERING, PAYLOAD, KNOWN, MORE = 4096, 600, 3072, 4096
# In bytes: of what is told of the weeks and months before, of plans, and of goals.
TOLD, PLANS, GOALS = 2400, 4096, 2048
# What nobody has agreed to yet may say what a stranger wrote.
DRAFT = "DRAFT"
CLOSED = ("closed_won", "closed_lost")


def frozen_context(
    account: Account,
    signal: UUID | None,
    *,
    now: datetime,
    trigger: str = "",
    more: Mapping[str, Any] | None = None,
    known: str = "",
) -> dict[str, Any]:
    """Everything that a decision may rest on, as plain data that never changes again.

    `more`: what else the run is about, such as a pattern, a goal, posture. `known`: what
    was read for it, if it was.
    """
    found = orjson.loads(known or read_known(asked_of(account.id, signal, now=now)))
    started, people, deals = found["signal"], found["people"], found["deals"]
    names = names_of([(each["name"], each["email"]) for each in people])
    signals = _signals(started, found["signals"], names)
    context: dict[str, Any] = {
        "at": now.isoformat(),
        "trigger": trigger,
        "signal": started["id"] if started else None,
        "account": _account(account, now=now),
        "posture": _posture(standing_in(found["standing"], now=now)),
        "opportunity": _named(started, "opportunity", deals) or _foremost(deals),
        "contact": _named(started, "contact", people) or _only(people),
        "opportunities": [_deal(each) for each in deals],
        "contacts": [_person(each) for each in people[:RECENT] if not each["erased"]],
        "intents": _dated(found["intents"]),
        "outcomes": _dated(found["outcomes"]),
        "open_approvals": found["open_approvals"],
        "known": fit(scrub(dict(found["known"]), names), KNOWN),
        "goals": fit_all([_goal(each) for each in found["goals"]], GOALS),
        "plans": fit_all([_plan(each, names) for each in found["plans"]], PLANS),
        "summaries": fit_all(found["summaries"], TOLD),
        "more": fit(scrub(more or {}, names), MORE),
        "signals": signals,
    }
    while size(context) > MOST and len(signals) > 1:
        signals.pop()
    return context


def asked_of(account: Any, signal: Any, *, now: Any) -> list[Any]:
    """What is asked for it; of what is just claimed, in the database's words."""
    most, tenant = (PEOPLE, SIGNALS, RECENT, FIELDS), current_tenant()
    return known_asked(
        tenant=tenant, account=account, signal=signal, most=most, now=now
    )


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
    plans = [
        {name: each[name] for name in each if name != "objective"}
        for each in context.get("plans", ())
    ]
    return {**context, **written, "plans": plans, "signals": signals}


def is_from_outside(context: Mapping[str, Any]) -> bool:
    """Whether text that somebody outside may have written was there to be read."""
    return (
        any(each["external_text"] for each in context["signals"])
        or any(each["status"] == DRAFT for each in context.get("plans", ()))
        or speaks(context["known"])
        or speaks(context["more"])
    )


def _account(account: Account, *, now: datetime) -> dict[str, Any]:
    heat = heat_of(account, now=now)
    return {
        "id": str(account.id),
        "lifecycle": str(account.lifecycle),
        "owner": str(account.owner_id) if account.owner_id else None,
        "timezone": account.timezone,
        "heat": {
            "score": heat.score,
            "tier": heat.tier.value,
            "at": heat.at.isoformat() if heat.at else None,
        },
    }


def _posture(stands: Standing) -> dict[str, Any]:
    """By signals and deals; what somebody noted stands in `known`."""
    return {
        "posture": stands.posture.value if stands.posture else None,
        "risk": stands.risk,
        "engagement": stands.engagement.value,
        "sentiment": stands.sentiment,
        "renewal_date": stands.renewal.isoformat() if stands.renewal else None,
    }


def _goal(goal: Row) -> Row:
    return {**goal, "start": _moment(goal["start"]), "end": _moment(goal["end"])}


def _person(contact: Row) -> dict[str, Any]:
    return {name: contact[name] for name in ("id", "opted_out")}


def _dated(rows: list[Row]) -> list[Row]:
    return [{**each, "at": _moment(each["at"])} for each in rows]


def _deal(deal: Row) -> dict[str, Any]:
    return {name: deal[name] for name in ("id", "stage", "renewal_date")}


def _plan(plan: Row, names: Any) -> Row:
    ends = _moment(plan["expires_at"])
    return {**plan, "objective": scrub(plan["objective"], names), "expires_at": ends}


def _named(signal: Row | None, noun: str, rows: list[Row]) -> str | None:
    """The deal or person of this account that the signal is about, if it names one."""
    payload = signal["payload"] if signal else None
    if not isinstance(payload, dict):
        return None
    said = [payload.get(noun), payload.get(f"{noun}_id")]
    ids = (
        each["id"] for each in rows if each["id"] in said or each["external_id"] in said
    )
    return next(ids, None)


def _foremost(deals: list[Row]) -> str | None:
    """The open deal whose stage asks for most care: it is what outreach may disturb."""
    running = [each for each in deals if each["stage"] not in CLOSED]
    gated = [each for each in running if each["stage"] in GATED_STAGES]
    chosen = next(iter(gated or running), None)
    return chosen["id"] if chosen else None


def _only(people: list[Row]) -> str | None:
    """The account's one contact; among several, a person chooses."""
    there = [each for each in people if not each["erased"]]
    return there[0]["id"] if len(there) == 1 else None


def _signals(started: Row | None, newest: list[Row], names: Any) -> list[Row]:
    """The newest, that which started the run first."""
    others = [each for each in newest if not started or each["id"] != started["id"]]
    rows = [started, *others][:SIGNALS] if started else others
    return [
        _signal(each, names, TRIGGERING if each is started else PAYLOAD)
        for each in rows
    ]


def _signal(signal: Row, names: Any, most: int) -> dict[str, Any]:
    payload = signal["payload"]
    held = payload if isinstance(payload, Mapping) else {"payload": payload}
    clean = scrub(held, names)
    kept = fit(clean, most)
    return {
        "id": signal["id"],
        "type": signal["type"],
        "occurred_at": _moment(signal["occurred_at"]),
        "external_text": is_external(payload, is_known=signal["is_known"]),
        "cut": kept != clean,
        "payload": kept,
    }


def _moment(text: str) -> str:
    """A moment as every other is written here, with all of its digits."""
    return datetime.fromisoformat(text).isoformat()
