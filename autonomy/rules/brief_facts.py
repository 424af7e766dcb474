"""What a brief is made of: the facts of one account, and a line that names its sources."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from autonomy.rules.snapshots import Names, scrub

# Letters of what somebody said, of a name, of a line.
QUOTE, NAME, LONGEST = 160, 60, 360
# Sources that one line names.
SOURCES = 8
PLAIN_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_ -]{0,39}")
SPACES = re.compile(r"\s+")
MARKS = str.maketrans({"“": "'", "”": "'", "„": "'", '"': "'"})

# Of what kind a source is, and its id; of a field, its name.
Source = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Deal:
    """A deal with the account."""

    id: str
    name: str
    stage: str
    amount: str | None = None
    renewal: date | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Someone:
    """A contact there."""

    id: str
    opted_out: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Met:
    """Somebody there and somebody here had to do with each other."""

    id: str
    at: datetime
    channel: str
    direction: str
    people: tuple[str, ...] = ()
    subject: str = ""
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """A signal, as far as a brief tells of it."""

    id: str
    at: datetime
    type: str
    said: Mapping[str, Any] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Before:
    """A week or a month that lies back, in counts."""

    id: str
    span: str
    starts: date
    facts: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """An intent that has not come to its end, and the question about it, if there is."""

    intent: str
    action_type: str
    status: str
    since: datetime
    approval: str | None = None
    role: str = ""
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A field that somebody set about the account."""

    name: str
    value: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Earlier:
    """The brief before this one, and what it went by."""

    id: str
    at: datetime
    state: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that a brief may rest on."""

    at: datetime
    action_type: str
    lifecycle: str
    tier: str
    score: float
    owned: bool
    title: str = ""
    focus: str = ""
    engaged_at: datetime | None = None
    deals: Sequence[Deal] = ()
    people: Sequence[Someone] = ()
    met: Sequence[Met] = ()
    heard: Sequence[Heard] = ()
    before: Sequence[Before] = ()
    waiting: Sequence[Waiting] = ()
    known: Sequence[Known] = ()
    earlier: Earlier | None = None
    # What people there are called; none of it goes into a brief.
    names: Names | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line: what it says, what it is taken from, or which rule says it."""

    text: str
    sources: tuple[Source, ...] = ()
    rule: str = ""
    themes: frozenset[str] = frozenset()


def line(text: str, *sources: Source, rule: str = "", themes: str = "") -> Line:
    """A line within its bounds."""
    return Line(
        text=cut(text, LONGEST),
        sources=tuple(dict.fromkeys(sources))[:SOURCES],
        rule=rule,
        themes=frozenset(themes.split()),
    )


def clean(text: str, facts: Facts, most: int = NAME) -> str:
    """Text from outside on one line, without names, addresses, and signs unseen."""
    one = SPACES.sub(" ", text)
    seen = "".join(each for each in one if each.isprintable()).strip()
    return cut(str(scrub(seen, facts.names)).translate(MARKS), most)


def quoted(text: str, facts: Facts, most: int = QUOTE) -> str:
    """What somebody else wrote, marked as that; empty where nothing was."""
    said = clean(text, facts, most)
    return f"“{said}”" if said else ""


def word(value: Any, facts: Facts) -> str:
    """A word out of a payload: as it is where it is plain, else quoted."""
    if isinstance(value, bool | int | float):
        return number(value)
    if not isinstance(value, str):
        return ""
    said = clean(value, facts)
    if PLAIN_WORD.fullmatch(said):
        return said.replace("_", " ")
    return f"“{said}”" if said else ""


def number(value: float) -> str:
    """A number as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not -1e12 <= value <= 1e12:
        return "a very large number"
    text = f"{value:,.2f}"
    return text.rstrip("0").rstrip(".")


def day(moment: date, facts: Facts) -> str:
    """A day; its year only where that is another one."""
    text = f"{moment.day} {moment:%b}"
    return text if moment.year == facts.at.year else f"{text} {moment.year}"


def many(count: int, noun: str) -> str:
    """A count with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def cut(text: str, most: int) -> str:
    """The text, as much as there is room for."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
