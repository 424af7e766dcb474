"""X5: which intents may be gone through again for good, and what differs then."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Plain = Mapping[str, Any]
# What a verdict says in a word; its layers are compared one by one.
SAID = ("decision", "reason", "policy_clause", "policy_version")


class Bar(StrEnum):
    """Why an intent may not be gone through again for good."""

    REPLAY_OPEN = "REPLAY_OPEN"
    STILL_OPEN = "STILL_OPEN"
    ALREADY_DONE = "ALREADY_DONE"
    NOT_REPLAYABLE = "NOT_REPLAYABLE"
    MAY_BE_DONE = "MAY_BE_DONE"


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """A bar, and why it is there."""

    bar: Bar
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How an intent stands. The rest counts where nobody knows whether it was done.

    `keyed`: the same key has one effect, as its tool promised then and promises now;
    `same_place`: it would reach the same place as then.
    """

    status: str
    is_open: bool = False
    keyed: bool = False
    same_place: bool = False
    of_plan: bool = False


ENDED: Mapping[str, Refused] = {
    "SUCCEEDED": Refused(
        bar=Bar.ALREADY_DONE,
        why="It was done, and a replay never does anything twice.",
    ),
    "UNDONE": Refused(
        bar=Bar.ALREADY_DONE,
        why="It was done and taken back: propose it anew.",
    ),
    "REJECTED": Refused(
        bar=Bar.NOT_REPLAYABLE, why="A person refused it: propose it anew."
    ),
    "EXPIRED": Refused(
        bar=Bar.NOT_REPLAYABLE,
        why="Nobody decided in time, and it never started: propose it anew.",
    ),
    "BLOCKED": Refused(
        bar=Bar.NOT_REPLAYABLE,
        why="It was blocked and never started: propose it anew.",
    ),
    "CANCELLED": Refused(
        bar=Bar.NOT_REPLAYABLE,
        why="It was called off before it started: propose it anew.",
    ),
}
OPEN = Refused(
    bar=Bar.REPLAY_OPEN, why="A replay of it is on its way: wait until that has ended."
)
OF_PLAN = Refused(
    bar=Bar.NOT_REPLAYABLE,
    why="It is a step of a plan, which tries it again itself: retry the step there.",
)
UNENDED = Refused(bar=Bar.STILL_OPEN, why="It has not ended yet.")
UNKEYED = Refused(
    bar=Bar.MAY_BE_DONE,
    why="It may have been done, and its tool takes no second call: "
    "say whether it was done.",
)
MOVED = Refused(
    bar=Bar.MAY_BE_DONE,
    why="It may have been done, and its tool has moved since: say whether it was done.",
)


def barred(standing: Standing) -> Refused | None:
    """Why it may not be done again for good; None where it may."""
    if standing.is_open:
        return OPEN
    match standing.status:
        case "FAILED" | "IN_DOUBT" if standing.of_plan:
            return OF_PLAN
        case "FAILED":
            return None
        case "IN_DOUBT":
            if not standing.keyed:
                return UNKEYED
            return None if standing.same_place else MOVED
        case status:
            return ENDED.get(status, UNENDED)


def differences(was: Plain, now: Plain) -> dict[str, Any]:
    """How a verdict differs from an earlier one: each pair is then and now."""
    facts, known = _facts(was), _facts(now)
    traits, held = was["facts"].get("traits") or {}, now["facts"].get("traits") or {}
    return {
        "verdict": _changed({name: was[name] for name in SAID}, now, SAID),
        "layers": _changed(_layers(was), _layers(now)),
        "traits": _changed(traits, held),
        "facts": _changed(facts, known),
    }


def _facts(verdict: Plain) -> dict[str, Any]:
    return {name: each for name, each in verdict["facts"].items() if name != "traits"}


def _layers(verdict: Plain) -> dict[str, Any]:
    return {
        each["layer"]: {name: each[name] for name in ("decision", "reason")}
        for each in verdict["layers"]
    }


def _changed(was: Plain, now: Plain, names: Any = None) -> dict[str, list[Any]]:
    compared = sorted({*was, *now}) if names is None else names
    return {
        name: [was.get(name), now.get(name)]
        for name in compared
        if was.get(name) != now.get(name)
    }
