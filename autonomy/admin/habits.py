"""How people decide, for those who oversee them: by person and risk."""

from datetime import datetime
from typing import Any

from autonomy import oversight
from autonomy.admin.words import people, tag
from autonomy.oversight import MONTH, Habit
from autonomy.rules.approvals import FEW, GLANCE, MOST_PER_HOUR, RUBBER_STAMP

ABOUT = (
    f"Decisions of the last {MONTH.days} days. A rubber stamp is whoever decided "
    f"{FEW} times or more, and at least {RUBBER_STAMP:.0%} of them within "
    f"{GLANCE.seconds} seconds of having the question open; of being asked, where that "
    f"is not known. More than {MOST_PER_HOUR} in one hour are too many to be read."
)
NOTHING = f"Nobody decided anything in the last {MONTH.days} days."
# From how many seconds on a stretch of time is told in a unit, and how many make one.
UNITS = ((172_800, 86_400, "days"), (5_400, 3_600, "h"), (90, 60, "min"), (0, 1, "s"))


def told(now: datetime) -> dict[str, Any]:
    """What the page says."""
    return {
        "title": "How people decide",
        "about": ABOUT,
        "nothing": NOTHING,
        "lines": _lines(now),
    }


def _lines(now: datetime) -> list[dict[str, Any]]:
    """What the API tells of each, in words; rubber stamps first."""
    found = oversight.habits(since=now - MONTH, until=now)
    names = people(each.approver for each in found)
    found.sort(key=lambda each: (not each.rubber_stamp, not each.overloaded))
    return [_line(each, names[str(each.approver)]) for each in found]


def _line(habit: Habit, name: str) -> dict[str, Any]:
    tags = [tag("rubber stamp", "bad")] if habit.rubber_stamp else []
    if habit.overloaded:
        tags.append(tag("too many in an hour", "wait"))
    return {
        "name": name,
        "tags": tags,
        "risk": habit.risk.lower(),
        "decisions": f"{habit.decisions}, {habit.approved} approved",
        "took": _took(habit.median_seconds),
        "dwelt": _took(habit.median_dwell_seconds),
        "glanced": f"{habit.glanced:.0%}",
        "edited": f"{habit.edited:.0%}",
        "undone": f"{habit.undone:.0%}",
        "load": f"{round(habit.per_hour, 1):g}, at most {habit.most_in_an_hour}",
    }


def _took(seconds: float | None) -> str:
    """A stretch of time in one unit."""
    if seconds is None:
        return "not known"
    size, unit = next((size, unit) for least, size, unit in UNITS if seconds >= least)
    return f"{seconds / size:.0f} {unit}"
