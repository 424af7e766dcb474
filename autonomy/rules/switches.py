"""A1: what a kill switch can cover, and whether one covers an act."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from autonomy.rules.facts import Switch


class Scope(StrEnum):
    """How far a kill switch reaches."""

    GLOBAL = "global"
    TENANT = "tenant"
    ACCOUNT = "account"
    SELLER = "seller"
    ACTION_TYPE = "action_type"
    TOOL = "tool"
    CONNECTOR = "connector"
    PLAN_TYPE = "plan_type"


# Why an act waits that a switch stopped; its release looks for these words.
STOPPED = "A kill switch is on."

# These cover everything within them, and name no target.
WHOLE = frozenset({Scope.GLOBAL, Scope.TENANT})


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """What an act touches, as switches see it; empty where it touches none."""

    account: str
    seller: str
    action_type: str
    tool: str
    plan_type: str


def covering(
    switches: Iterable[Mapping[str, Any]], act: Act, *, now: datetime
) -> tuple[Switch, ...]:
    """The switches on a board that cover an act, those that stop it first."""
    found = [
        Switch(
            id=each["id"],
            scope=each["scope"],
            reason=each["reason"],
            returning=each["full_at"] is not None,
        )
        for each in switches
        if _covers(each, act) and not _is_over(each, now)
    ]
    return tuple(sorted(found, key=lambda switch: switch.returning))


def _covers(switch: Mapping[str, Any], act: Act) -> bool:
    """A scope that nobody knows, or without a target, covers everything: it must not
    mean "nothing". A connector is named by the tools that go through it: by one, or by
    what their names begin with.
    """
    scope, target = switch["scope"], switch["target"]
    if scope in WHOLE or scope not in list(Scope) or not target:
        return True
    if scope == Scope.CONNECTOR:
        return f"{act.tool}.".startswith(f"{target}.")
    return bool(getattr(act, scope) == target)


def _is_over(switch: Mapping[str, Any], now: datetime) -> bool:
    full_at = switch["full_at"]
    return full_at is not None and datetime.fromisoformat(full_at) <= now
