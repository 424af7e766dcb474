"""What is known of an account: people, deals, plans, context, summaries, looks, rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.urls import reverse

from autonomy.models import ContextField, Course, Intent, Mode, OptIn
from autonomy.rules.contact import CAPS
from autonomy.views.account_words import MODES
from autonomy.views.parts import Said, spaced
from perception import portrait
from perception.models import Account, Pull, Tenant
from perception.watching import judged, pulls_of

FIELDS, PLANS, LOOKS = 30, 10, 6
WEEK = timedelta(days=7)
# What counts towards the caps of contact.
REACHED = (
    Intent.Status.APPROVED,
    Intent.Status.EXECUTING,
    Intent.Status.IN_DOUBT,
    Intent.Status.SUCCEEDED,
)
COURSES: Mapping[str, Said] = {
    "DRAFT": ("Draft", ""),
    "APPROVED": ("Approved", "run"),
    "ACTIVE": ("Active", "run"),
    "PAUSED": ("Paused", "wait"),
}
LOOKED: Mapping[str, Said] = {
    "QUEUED": ("Waits", "wait"),
    "RUNNING": ("Under way", "run"),
    "DONE": ("Read", "good"),
    "FAILED": ("Failed", "bad"),
}


@dataclass(frozen=True, kw_only=True)
class Look:
    """One reading of a source, and what it brought."""

    source: str
    words: str
    tone: str
    brought: str
    why: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A plan that is not over."""

    title: str
    words: str
    tone: str
    objective: str
    url: str
    until: datetime


@dataclass(frozen=True, kw_only=True)
class Noted:
    """Something that was noted about the account."""

    name: str
    value: str
    at: datetime


def known(account: Account, *, now: datetime) -> dict[str, Any]:
    """Everything beside its page's timeline."""
    people, more_people = portrait.people(account, now=now)
    deals, more_deals = portrait.deals(account)
    return {
        "people": people,
        "more_people": more_people,
        "deals": [(spaced(each.stage), each) for each in deals],
        "more_deals": more_deals,
        "plans": _plans(account),
        "fields": _fields(account),
        "summaries": portrait.summaries(account),
        "pulls": _looks(account),
        "rules": _rules(account, now=now),
    }


def _plans(account: Account) -> list[Plan]:
    rows = Course.objects.filter(tenant_id=account.tenant_id, account=account)
    return [
        Plan(
            title=spaced(each.plan_type),
            words=COURSES.get(each.status, (spaced(each.status), ""))[0],
            tone=COURSES.get(each.status, ("", ""))[1],
            objective=each.objective,
            url=reverse("plan-page", args=[each.plan_id]),
            until=each.expires_at,
        )
        for each in rows.order_by("-plan_id")[:PLANS]
    ]


def _fields(account: Account) -> list[Noted]:
    rows = ContextField.objects.filter(tenant_id=account.tenant_id, account=account)
    return [
        Noted(name=spaced(each.field), value=plain(each.value), at=each.updated_at)
        for each in rows.order_by("-updated_at", "field")[:FIELDS]
    ]


def plain(value: Any) -> str:
    """A value as people read it."""
    match value:
        case None | "" | [] | {}:
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(plain, value))
        case dict():
            return "; ".join(f"{spaced(k)}: {plain(each)}" for k, each in value.items())
        case _:
            return str(value)


def _looks(account: Account) -> list[Look]:
    """The newest readings that were of this account alone."""
    pulls = list(pulls_of(account).order_by("-id")[:LOOKS])
    return [_look(each) for each in judged(pulls)]


def _look(pull: Pull) -> Look:
    words, tone = LOOKED[pull.status]
    some = f"{pull.signals or 'No'} signal{'' if pull.signals == 1 else 's'}"
    return Look(
        source=pull.connector.name,
        words=words,
        tone=tone,
        brought=pull.error or (some if pull.status == Pull.Status.DONE else ""),
        why=pull.explanation,  # type: ignore[attr-defined]
        at=pull.ended_at or pull.due_at,
    )


def _rules(account: Account, *, now: datetime) -> dict[str, Any]:
    """What holds for acts here: how much runs alone, when and how often people are
    reached.
    """
    tenant = Tenant.objects.get(pk=account.tenant_id)
    here = Q(tenant_id=account.tenant_id) & (Q(account=account) | Q(account=None))
    modes = Mode.objects.filter(here, action_type="")
    opted = OptIn.objects.filter(here)
    mode, is_own = _nearest(list(modes))
    opt_in, _ = _nearest(list(opted))
    set_mode = mode.mode if mode else tenant.default_mode or "APPROVAL"
    quiet: Mapping[str, str] = tenant.quiet_hours
    is_quiet = quiet.get("start") and quiet.get("end")
    return {
        "mode": set_mode,
        "mode_words": MODES.get(set_mode, spaced(set_mode)),
        "mode_is_own": is_own,
        "scheduled": bool(opt_in and opt_in.granted),
        "quiet": f"{quiet['start']} to {quiet['end']}" if is_quiet else "",
        "zone": account.timezone or tenant.timezone,
        "cap": tenant.contact_caps.get("account_per_week", CAPS["account_per_week"]),
        "each": tenant.contact_caps.get("contact_per_week", CAPS["contact_per_week"]),
        "reached": Intent.objects.filter(
            tenant_id=account.tenant_id,
            account=account,
            reaches_out=True,
            created_at__gt=now - WEEK,
            status__in=REACHED,
        ).count(),
    }


def _nearest(rows: Sequence[Any]) -> tuple[Any, bool]:
    """The row of the account, or else that of all; whether it is its own."""
    own = next((each for each in rows if each.account_id is not None), None)
    return (own, True) if own else (next(iter(rows), None), False)
