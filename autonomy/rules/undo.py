"""X4: what can be taken back, until when, and what to do about what stands there now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from autonomy.rules.answers import PATIENCE, Meaning

# For so long, what was there before is promised to be put back on demand.
WINDOW = timedelta(days=30)


class Reach(StrEnum):
    """Where an act had its effect, and whether something there takes it back."""

    HOUSE = "HOUSE"
    OUTSIDE = "OUTSIDE"
    # It went out for good.
    NEVER = "NEVER"
    # What it was done with is not connected any more.
    GONE = "GONE"


class Course(StrEnum):
    """What to do about what is seen."""

    ALREADY = "ALREADY"
    RESTORE = "RESTORE"
    CONFLICT = "CONFLICT"


class Next(StrEnum):
    """What follows of an answer to the wish to take something back."""

    DONE = "DONE"
    CONFLICT = "CONFLICT"
    FAILED = "FAILED"
    DOUBT = "DOUBT"
    AGAIN = "AGAIN"


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What is known of an act that somebody wants to take back."""

    status: str
    reach: Reach
    finished_at: datetime | None
    # How an undo that is open, or done, stands.
    undo: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Whether it can be taken back, until when, and why not."""

    can: bool
    why: str = ""
    until: datetime | None = None


def standing(facts: Facts, *, now: datetime) -> Standing:
    """Whether an act can be taken back now."""
    if facts.status != "SUCCEEDED":
        return Standing(can=False, why=_unfinished(facts.status))
    if facts.undo:
        said = "somebody has to say how that ended" if facts.undo == "IN_DOUBT" else ""
        said = said or "it is under way"
        return Standing(can=False, why=f"It was asked for already: {said}.")
    match facts.reach:
        case Reach.NEVER:
            return Standing(can=False, why="It went out, and cannot be called back.")
        case Reach.GONE:
            return Standing(can=False, why="Its tool is not connected any more.")
        case _:
            until = (facts.finished_at or now) + WINDOW
    if now >= until:
        why = f"It could be taken back until {until:%Y-%m-%d}."
        return Standing(can=False, why=why, until=until)
    return Standing(can=True, until=until)


def _unfinished(status: str) -> str:
    match status:
        case "UNDONE":
            return "It was taken back already."
        case "IN_DOUBT":
            return "Nobody knows yet whether it was done: say that first."
        case "STARTED":
            return "It is still being done."
        case _:
            return "It was not done, so nothing is to be taken back."


def course(
    seen: Mapping[str, Any],
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
) -> Course:
    """What stands there now, against what was there before and after the act."""
    if seen == before:
        return Course.ALREADY
    return Course.RESTORE if seen == after else Course.CONFLICT


def next_step(
    meaning: Meaning,
    *,
    status: int | None,
    may_repeat: bool,
    is_last: bool,
    doubted: bool,
    since: timedelta,
) -> Next:
    """What follows. `may_repeat`: asking once more cannot take back twice; `doubted`:
    an earlier call may have, and nobody can look any more.
    """
    match meaning:
        case Meaning.REFUSED | Meaning.FORBIDDEN if doubted:
            return Next.DOUBT
        case Meaning.DONE:
            return Next.DONE
        case Meaning.MOVED:
            return Next.CONFLICT
        case Meaning.REFUSED:
            return Next.CONFLICT if status == 409 else Next.FAILED
        case Meaning.FORBIDDEN:
            return Next.FAILED
        case Meaning.AMBIGUOUS:
            return Next.DOUBT if is_last or not may_repeat else Next.AGAIN
        case _:
            over = is_last and meaning is Meaning.UNREACHED
            if not over and since < PATIENCE:
                return Next.AGAIN
            return Next.DOUBT if doubted else Next.FAILED
