"""D2, D4: what helps in which situation: a table, read the same way every time.

What helps inside the house comes first, since nobody outside is reached without a
person; texts are made of references and counts, never of what somebody wrote.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from autonomy.rules.catalogue import CORE
from autonomy.rules.plays import PLAYS
from autonomy.rules.proposals import MOST, Draft

WINDOW = timedelta(days=7)
RUNWAY_DAYS = 90
# Each further signal of the kind makes it a little surer, up to a limit.
STEP, STEPS, SUREST = 0.03, 3, 0.95
WAITING = frozenset({"PROPOSED", "AWAITING_APPROVAL", "APPROVED", "EXECUTING"})
CITED = 10
GRAVE = frozenset({"critical", "high", "urgent", "blocker", "p0", "p1"})
BAD = GRAVE | {"churned", "at_risk", "failed", "execution_failed"}
DOWN = frozenset({"down", "drop", "decline", "decrease", "negative", "fell"})
UP = frozenset({"up", "growth", "rise", "increase", "positive", "rose", "expand"})
# What was before says nothing of what is.
PAST = frozenset({"from", "before", "previous", "old"})
CHANGES = ("change", "delta", "change_percent", "change_pct", "trend")

LETTER = {
    "subject": "How is it going?",
    "body": "Hello,\n\nI wanted to ask how things are going, and whether there is "
    "anything that we can do for you at the moment.\n\nKind regards",
}
OF_TRIGGER = {
    "RITUAL_MORNING_BRIEF": "morning",
    "RITUAL_WEEKLY_REVIEW": "weekly",
    "RITUAL_RENEWAL_RUNWAY": "renewal",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """What the playbooks look at, taken out of a frozen context."""

    kind: str
    at: datetime
    signal: str | None
    alike: tuple[str, ...]
    lifecycle: str
    days_to_renewal: int | None
    waiting: frozenset[str]


def candidates(context: Mapping[str, Any]) -> tuple[Draft, ...]:
    """Up to three actions for a frozen context, best first; the same for the same."""
    seen = situation_of(context)
    play = PLAYS[seen.kind]
    moves = [
        move
        for move in play.moves
        # Nobody is asked twice about reaching the same people.
        if not (move[0] in seen.waiting and CORE[move[0]].traits.external_contact)
    ]
    further = min(max(len(seen.alike) - 1, 0), STEPS)
    return tuple(
        Draft(
            action_type=key,
            parameters=_parameters(key, play.says, seen),
            confidence=round(min(sure + STEP * further, SUREST), 2),
            rationale=_rationale(play.says, seen),
            evidence=seen.alike,
        )
        for key, sure in moves[:MOST]
    )


def situation_of(context: Mapping[str, Any]) -> Situation:
    """Which row of the table a context falls under, and what its texts need."""
    at = datetime.fromisoformat(context["at"])
    signal = next(
        (each for each in context["signals"] if each["id"] == context["signal"]), None
    )
    return Situation(
        kind=_kind(context, signal),
        at=at,
        signal=signal["id"] if signal else None,
        alike=_alike(context, signal, at),
        lifecycle=context["account"]["lifecycle"],
        days_to_renewal=_renewal(context, at.date()),
        waiting=frozenset(
            each["action_type"]
            for each in context["intents"]
            if each["status"] in WAITING
        ),
    )


def _kind(context: Mapping[str, Any], signal: Mapping[str, Any] | None) -> str:
    payload = signal["payload"] if signal else {}
    about = {**(payload if isinstance(payload, Mapping) else {}), **context["more"]}
    type_ = signal["type"] if signal else ""
    trigger = context["trigger"]
    if trigger == "PATTERN_DETECTED" or type_ == "pattern_detected":
        return _pattern(about)
    if trigger == "GOAL_BEHIND" or type_ == "goal_behind":
        return _known(f"goal.{_word(about, 'goal_type', 'type')}", "goal.revenue")
    if trigger in OF_TRIGGER:
        return OF_TRIGGER[trigger]
    if signal is None:
        return "asked"
    return _signal(type_, about)


def _pattern(about: Mapping[str, Any]) -> str:
    nested = about.get("pattern")
    held = {**about, **nested} if isinstance(nested, Mapping) else about
    name = _word(held, "pattern", "name", "kind", "type").removesuffix("_indicator")
    bad = ".bad" if name == "risk" and _word(held, "severity") in GRAVE else ""
    return _known(f"pattern.{name}{bad}", "unknown")


def _signal(type_: str, about: Mapping[str, Any]) -> str:
    kinds = (f"{type_}.{turn}" for turn in _turns(about))
    found = next((kind for kind in kinds if kind in PLAYS), type_)
    return _known(found, "unknown")


def _turns(about: Mapping[str, Any]) -> tuple[str, ...]:
    """Whether it is bad, and which way it went; by words of closed lists and signs."""
    words = {
        each.lower()
        for name, each in about.items()
        if isinstance(each, str) and name not in PAST
    }
    numbers = [about.get(name) for name in CHANGES]
    signs = [
        each
        for each in numbers
        if isinstance(each, int | float) and not isinstance(each, bool)
    ]
    turns = {
        "bad": words & BAD,
        "down": words & DOWN or [each for each in signs if each < 0],
        "up": words & UP or [each for each in signs if each > 0],
    }
    return tuple(turn for turn, holds in turns.items() if holds)


def _word(held: Mapping[str, Any], *names: str) -> str:
    found = (held.get(name) for name in names)
    return next((each.lower() for each in found if isinstance(each, str)), "")


def _known(kind: str, otherwise: str) -> str:
    return kind if kind in PLAYS else otherwise


def _alike(
    context: Mapping[str, Any], signal: Mapping[str, Any] | None, at: datetime
) -> tuple[str, ...]:
    """The signal, and those of its kind in the days before it."""
    if signal is None:
        return ()
    others = (
        each["id"]
        for each in context["signals"]
        if each["type"] == signal["type"]
        and each["id"] != signal["id"]
        and at - datetime.fromisoformat(each["occurred_at"]) <= WINDOW
    )
    return (signal["id"], *others)[:CITED]


def _renewal(context: Mapping[str, Any], today: date) -> int | None:
    days = [
        (date.fromisoformat(each["renewal_date"]) - today).days
        for each in context["opportunities"]
        if each["renewal_date"]
    ]
    return min((each for each in days if 0 <= each <= RUNWAY_DAYS), default=None)


def _rationale(says: str, seen: Situation) -> str:
    counted = len(seen.alike)
    more = f" {counted} signals of the kind came within a week." if counted > 1 else ""
    near = (
        f" The renewal is {seen.days_to_renewal} days away."
        if seen.days_to_renewal is not None
        else ""
    )
    return f"{says}.{more}{near}"


def _inside(says: str, seen: Situation) -> str:
    """For the house: with the day; which signal it was, the evidence says."""
    seen_on = f" Seen on {seen.at.day} {seen.at:%B %Y}." if seen.signal else ""
    return f"{_rationale(says, seen)}{seen_on}"


def _parameters(key: str, says: str, seen: Situation) -> dict[str, Any]:
    """Parameters of an action; those that leave the house say nothing of what is known."""
    text = _inside(says, seen)
    inside: Mapping[str, dict[str, Any]] = {
        "internal.note": {"text": text},
        "internal.task": {
            "title": f"{says}: what next?",
            "due": _working_day(seen.at, 1).date().isoformat(),
            "details": text.removeprefix(f"{says}.").strip() or text,
        },
        "internal.brief": {"title": f"{says}: what to know", "focus": text},
        "internal.interaction": {"summary": text},
        "internal.context": {
            "field": "lifecycle_since",
            "value": f"{seen.at:%Y-%m-%d}",
        },
        "internal.escalation": {"reason": text, "urgency": "high"},
        "chat.send": {"text": "Hello, how is it going? Is there anything we can do?"},
        "calendar.meeting": {
            "title": "How is it going?",
            "start": _morning(_working_day(seen.at, 3)),
            "minutes": 30,
        },
    }
    return inside.get(CORE[key].traits.tool) or dict(LETTER)


def _morning(at: datetime) -> str:
    return at.replace(hour=10, minute=0, second=0, microsecond=0).isoformat()


def _working_day(at: datetime, ahead: int) -> datetime:
    day = at
    while ahead or day.weekday() > 4:
        day += timedelta(days=1)
        ahead -= 1 if ahead and day.weekday() <= 4 else 0
    return day
