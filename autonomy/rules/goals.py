"""O1: how far a goal is, whether it is on track, how it ends, what would help it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import sqrt

ACTIVE, COMPLETED, MISSED = "ACTIVE", "COMPLETED", "MISSED"

# What helps a goal of each type, the most direct first.
ACTIONS: Mapping[str, tuple[str, str, str]] = {
    "revenue": ("send_follow_up_email", "draft_email", "create_follow_up_task"),
    "pipeline": ("send_follow_up_email", "draft_email", "create_follow_up_task"),
    "activity": ("schedule_meeting", "send_follow_up_email", "create_follow_up_task"),
    "quality": ("qualify_conversation", "create_briefing", "create_follow_up_task"),
}
# So many suggestions at once, and only below this share of what was due by now.
SUGGESTED = 3
BEHIND = Fraction(4, 5)
# However seldom somebody looks, each look of a day finds every goal due.
EVERY = timedelta(hours=12)

DAY = timedelta(days=1)
TENTH = Decimal("0.1")
# A forecast is an interval that holds four times out of five.
SHARE, REACH = 0.8, 1.2816


@dataclass(frozen=True, kw_only=True, slots=True)
class GoalFacts:
    """A goal, and what its facts came to when they were last counted."""

    type: str
    target: Decimal
    current: Decimal
    start: datetime
    end: datetime
    status: str = ACTIVE


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """A goal at a moment. Shares are percent: of the target, and what was due by now."""

    percent: float
    due_percent: float
    on_track: bool
    is_behind: bool
    days_left: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """Where a goal ends up if it goes on as before; `low` to `high` holds as often as
    `share` says. `count`: on how many facts that rests.
    """

    expected: float
    low: float
    high: float
    share: float
    count: int


def look(goal: GoalFacts, *, now: datetime) -> Look:
    """How the goal stands. What has not started is on track, and not behind."""
    done, due = _done(goal), _elapsed(goal, now)
    running = goal.status == ACTIVE and goal.start < now < goal.end
    return Look(
        percent=_percent(done),
        due_percent=_percent(due),
        on_track=goal.status != MISSED and done >= due,
        is_behind=running and done < BEHIND * due,
        days_left=max((goal.end - now) // DAY, 0),
    )


def ending(goal: GoalFacts, *, now: datetime) -> str | None:
    """How an active goal ends now, if it does. What has ended has ended."""
    if goal.status != ACTIVE or now < goal.start:
        return None
    if goal.current >= goal.target:
        return COMPLETED
    return MISSED if now >= goal.end else None


def next_look(goal: GoalFacts, *, now: datetime) -> datetime:
    """When an active goal is measured next: as it starts, twice a day, as it ends."""
    if now < goal.start:
        return goal.start
    return min(now + EVERY, goal.end) if now < goal.end else now + EVERY


def wanted(goal: GoalFacts, *, now: datetime) -> int:
    """How many suggestions a goal gets."""
    return SUGGESTED if look(goal, now=now).is_behind else 0


def forecast(
    goal: GoalFacts, *, count: int, squares: float, now: datetime
) -> Forecast | None:
    """The goal at its end, if as much goes on happening, as large as it was.

    Facts come by chance, one apart from another: what is yet to come then varies with
    the squares of the sizes seen (`squares`: their sum), and what was seen varies alike.
    Nothing is said before the start, after the end, or where nothing was counted.
    """
    if goal.status != ACTIVE or not goal.start < now < goal.end or count < 1:
        return None
    ahead = (goal.end - now) / (now - goal.start)
    current = float(goal.current)
    expected = current * (1 + ahead)
    spread = REACH * sqrt(squares * ahead * (1 + ahead))
    return Forecast(
        expected=round(expected, 2),
        low=round(max(current, expected - spread), 2),
        high=round(expected + spread, 2),
        share=SHARE,
        count=count,
    )


def why(goal: GoalFacts, *, now: datetime) -> str:
    """Why something is suggested, in words."""
    seen = look(goal, now=now)
    return (
        f"The goal for {goal.type} is at {seen.percent} %, "
        f"and {seen.due_percent} % was due by now."
    )


def _done(goal: GoalFacts) -> Fraction:
    return max(Fraction(goal.current) / Fraction(goal.target), Fraction(0))


def _elapsed(goal: GoalFacts, now: datetime) -> Fraction:
    """The share of its time that is over, from 0 to 1."""
    micro = timedelta(microseconds=1)
    passed = Fraction((now - goal.start) // micro, (goal.end - goal.start) // micro)
    return min(max(passed, Fraction(0)), Fraction(1))


def _percent(share: Fraction) -> float:
    """Capped at 100, with one decimal."""
    held = min(share, Fraction(1)) * 100
    exact = Decimal(held.numerator) / Decimal(held.denominator)
    return float(exact.quantize(TENTH, ROUND_HALF_UP))
