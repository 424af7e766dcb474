"""Words for what rows and entries name by key or by id."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Model
from django.utils.html import format_html
from django.utils.safestring import SafeString

from autonomy.registry import all_types
from autonomy.rules.actions import Tier
from autonomy.rules.switches import Scope
from perception.models import Account, Membership

DECISIONS: Mapping[str, tuple[str, str]] = {
    "AUTO_EXECUTE": ("runs alone", "good"),
    "REQUIRE_APPROVAL": ("asks a person", "wait"),
    "BLOCK": ("blocked", "bad"),
}
MODES: Mapping[str, str] = {
    "DISABLED": "nothing happens, with or without people",
    "ASSIST": "it proposes, and people do",
    "APPROVAL": "a person says yes first",
    "AUTOPILOT": "what policy allows runs alone",
    "SCHEDULED": "so does what rituals and plans start",
}
TIERS: Mapping[str, tuple[str, str]] = {
    Tier.AUTONOMOUS: ("may run alone", "good"),
    Tier.APPROVAL_REQUIRED: ("a person approves", "wait"),
    Tier.HARD_STOP: ("never", "bad"),
}
SCOPES: Mapping[str, str] = {
    Scope.GLOBAL: "everything in the house",
    Scope.TENANT: "everything here",
    Scope.ACCOUNT: "one account",
    Scope.SELLER: "one member's accounts",
    Scope.ACTION_TYPE: "one type of action",
    Scope.TOOL: "one tool",
    Scope.CONNECTOR: "one connector",
    Scope.PLAN_TYPE: "one type of plan",
}
# What the cost gate said.
GATED: Mapping[str, tuple[str, str]] = {
    "ALLOW": ("let through", "good"),
    "DEFER": ("put off", "wait"),
    "SKIP": ("not worth it", ""),
}


def stated(reason: str) -> str:
    """A reason's key as words."""
    return spaced(reason).lower()


def spaced(key: str) -> str:
    """A key as words."""
    return key.replace("_", " ")


def tag(text: str, tone: str = "") -> SafeString:
    """A short word with a colour of its own."""
    return format_html('<span class="gv-tag gv-{}">{}</span>', tone or "plain", text)


def decided(decision: str) -> SafeString:
    """A decision in words."""
    return tag(*DECISIONS.get(decision, (decision, "")))


def tiered(tier: str) -> SafeString:
    """A tier in words."""
    return tag(*TIERS.get(tier, (tier, "")))


def people(ids: Iterable[Any]) -> dict[str, str]:
    """The names of members, by id; one query."""
    rows = Membership.objects.filter(pk__in=_uuids(ids)).select_related("person")
    return {str(row.id): str(row.person) for row in rows}


def accounts(ids: Iterable[Any]) -> dict[str, str]:
    """The names of accounts, by id; one query."""
    rows = Account.objects.filter(pk__in=_uuids(ids)).values_list("id", "name")
    return {str(id_): name for id_, name in rows}


def type_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """Every action type, grouped by who may let it happen."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for action in all_types():
        held = groups.setdefault(action.traits.tier, [])
        held.append((action.key, spaced(action.key)))
    order = (Tier.AUTONOMOUS, Tier.APPROVAL_REQUIRED, Tier.HARD_STOP)
    return [
        (TIERS[tier][0].capitalize(), groups[tier]) for tier in order if tier in groups
    ]


def shown(value: Any) -> str:
    """A value of an entry as a person would write it."""
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case str():
            return value or "–"
        case list() | tuple():
            return ", ".join(shown(each) for each in value) or "none"
        case dict():
            pairs = (f"{name} {shown(each)}" for name, each in value.items())
            return ", ".join(pairs) or "none"
        case _:
            return str(value)


def moment(field: str, title: str) -> Callable[[Any, Model], str]:
    """A column that shows a moment the same way everywhere."""

    @admin.display(description=title)
    def said(owner: Any, row: Model) -> str:
        at = getattr(row, field)
        return f"{at:%Y-%m-%d %H:%M} UTC" if at else "–"

    return said


def left(until: datetime, *, now: datetime) -> str:
    """How long there is still, in words."""
    minutes = int((until - now).total_seconds() // 60)
    if minutes < 0:
        return "over"
    days, hours = minutes // 1440, minutes // 60
    if days > 1:
        return f"{days} days left"
    return f"{hours} hours left" if hours > 1 else f"{minutes} minutes left"


def _uuids(ids: Iterable[Any]) -> set[UUID]:
    found = set()
    for each in ids:
        try:
            found.add(UUID(str(each)))
        except ValueError:
            continue
    return found
