"""P11: what happened at an account, told shorter the longer ago it was.

The newest 30 days stay as they are. Older days are told by the week, and those of months
that lie 90 days back by the month. A week that reaches into another month is told in two
parts, so that every day belongs to exactly one span and a month is made of whole weeks.
Texts are made of counts, registered words and ids: never of what somebody wrote. Days
are those of UTC.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from perception.rules.erasing import ERASED
from perception.rules.signals import REGISTRY

DETAILED = timedelta(days=30)
BY_WEEK = timedelta(days=90)
DAY = timedelta(days=1)
# Of what is counted by name, so many names; of sources, so many ids of each kind.
NAMES, SOURCES = 12, 200
LONGEST = 1000
UNKNOWN, OTHER = "unknown", "other"
STAGES = frozenset(
    [
        "prospecting",
        "discovery",
        "qualification",
        "evaluation",
        "negotiation",
        "closed_won",
        "closed_lost",
        "stalled",
        "prospect",
        "suspect",
        "customer",
        "churned",
    ]
)
# In the order in which they are told.
COUNTED = ("channels", "directions", "people", "sentiments", "signals", "moves")
PLAIN = ("interactions", "days", "strangers")


class Span(StrEnum):
    """How closely days are told."""

    DETAIL = "detail"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """Days told together: from the first to before the end."""

    span: Span
    starts: date
    ends: date


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """An interaction or a signal, as far as it is counted. A signal has a type."""

    id: UUID
    at: datetime
    type: str = ""
    move: str = ""
    channel: str = ""
    direction: str = ""
    sentiment: str = ""
    people: Sequence[str] = field(default_factory=tuple)


def week_of(day: date) -> Stretch:
    """The week of a day, as far as it lies in that day's month."""
    monday = day - DAY * day.weekday()
    month = month_of(day)
    return Stretch(
        span=Span.WEEK,
        starts=max(monday, month.starts),
        ends=min(monday + timedelta(days=7), month.ends),
    )


def month_of(day: date) -> Stretch:
    """The month of a day."""
    first = day.replace(day=1)
    after = (first + timedelta(days=31)).replace(day=1)
    return Stretch(span=Span.MONTH, starts=first, ends=after)


def detailed_from(today: date) -> date:
    """The first day that is told in full."""
    return week_of(today - DETAILED).starts


def weekly_from(today: date) -> date:
    """The first day that is told by the week; all before it by the month."""
    return month_of(today - BY_WEEK).starts


def stretch_of(day: date, *, today: date) -> Stretch:
    """The one stretch that a day belongs to."""
    detailed = detailed_from(today)
    if day >= detailed:
        return Stretch(span=Span.DETAIL, starts=detailed, ends=date.max)
    return week_of(day) if day >= weekly_from(today) else month_of(day)


def due_after(day: date, *, now: datetime) -> datetime:
    """When the week of a day has to be told: once all of it lies far enough back."""
    return max(now, _midnight(week_of(day).ends + DETAILED))


def month_due_after(day: date, *, now: datetime) -> datetime:
    """When the month of a day has to be told."""
    return max(now, _midnight(month_of(day).ends + BY_WEEK))


def facts_of(events: Iterable[Event]) -> dict[str, Any]:
    """What is counted of some events."""
    given = list(events)
    met = [each for each in given if not each.type]
    people = [person for each in met for person in each.people]
    counted = {
        "channels": Counter(each.channel for each in met),
        "directions": Counter(each.direction for each in met),
        "people": Counter(person for person in people if _is_contact(person)),
        "sentiments": Counter(each.sentiment.lower() for each in met if each.sentiment),
        "signals": Counter(_known(each.type) for each in given if each.type),
        "moves": Counter(_move(each.move) for each in given if each.move),
    }
    plain = {
        "interactions": len(met),
        "days": len({each.at.astimezone(UTC).date() for each in given}),
        "strangers": sum(not _is_contact(person) for person in people),
    }
    return {**plain, **{name: _bounded(held) for name, held in counted.items()}}


def merged(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The facts of a longer stretch, out of those of its parts."""
    given = list(parts)
    held: dict[str, Any] = {
        name: sum(part.get(name, 0) for part in given) for name in PLAIN
    }
    for name in COUNTED:
        total: Counter[str] = Counter()
        for part in given:
            total.update(part.get(name, {}))
        held[name] = _bounded(total)
    return held


def sources_of(events: Iterable[Event]) -> dict[str, Any]:
    """Ids of what facts were made of, the newest of each kind, and how many more."""
    given = sorted(events, key=lambda each: (each.at, each.id), reverse=True)
    kinds = {
        "interactions": [str(each.id) for each in given if not each.type],
        "signals": [str(each.id) for each in given if each.type],
    }
    more = sum(max(0, len(ids) - SOURCES) for ids in kinds.values())
    return {**{kind: ids[:SOURCES] for kind, ids in kinds.items()}, "more": more}


def text_of(stretch: Stretch, facts: Mapping[str, Any]) -> str:
    """Facts in words; whole sentences, as many as there is room for."""
    last = stretch.ends - DAY
    head = f"{stretch.span.title()} {stretch.starts} to {last}"
    met, days = facts["interactions"], facts["days"]
    said = [f"{head}: {_many(met, 'interaction')}, something on {_many(days, 'day')}."]
    people = [*_listed(facts["people"])]
    if facts["strangers"]:
        people.append(f"people who are no contacts {facts['strangers']}")
    told = {
        "By": _listed(facts["channels"]) + _listed(facts["directions"]),
        "With": people,
        "Mood": _listed(facts["sentiments"]),
        "Signals": _listed(facts["signals"]),
        "Moves to": _listed(facts["moves"]),
    }
    said += [f"{name}: {', '.join(parts)}." for name, parts in told.items() if parts]
    text = ""
    for sentence in said:
        if len(text) + len(sentence) < LONGEST:
            text = f"{text} {sentence}".strip()
    return text


def without_person(facts: Mapping[str, Any], person: str) -> dict[str, Any]:
    """The same counts; whom they were about is gone."""
    people = dict(facts.get("people", {}))
    count = people.pop(person, 0)
    strangers = facts.get("strangers", 0) + count
    return {**facts, "people": people, "strangers": strangers}


def _bounded(counted: Mapping[str, int]) -> dict[str, int]:
    """The most frequent names, in one order; all others together as one."""
    named = {name: count for name, count in counted.items() if name != OTHER}
    ranked = sorted(named.items(), key=lambda each: (-each[1], each[0]))
    kept = dict(sorted(ranked[:NAMES]))
    rest = sum(count for _, count in ranked[NAMES:]) + counted.get(OTHER, 0)
    return kept | ({OTHER: rest} if rest else {})


def _listed(counted: Mapping[str, int]) -> list[str]:
    return [f"{name} {count}" for name, count in counted.items()]


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _known(type_: str) -> str:
    return type_ if type_ in REGISTRY else UNKNOWN


def _move(given: str) -> str:
    word = given.strip().lower().replace(" ", "_").replace("-", "_")
    return word if word in STAGES else UNKNOWN


def _is_contact(person: str) -> bool:
    """Contacts are named by their id; everybody else is only counted."""
    return person != ERASED and not person.startswith("x-")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
