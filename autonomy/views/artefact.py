"""What exactly would be done, as a person reads it; and how two versions differ."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from difflib import SequenceMatcher
from typing import Any

from django.utils.formats import date_format

from autonomy.rules.actions import ActionType
from autonomy.rules.digest_words import spaced
from autonomy.views.words import when

# A list shows so many letters of one act; whoever decides on more reads it whole first.
MOST = 1200
# Longer texts are compared line by line.
WORDS = 1500
# Digits of larger numbers stand in groups; years do not.
GROUPED = 10_000
DAY = re.compile(r"\d{4}-\d\d-\d\d")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
# Where a sentence is over.
OVER = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One parameter, in words."""

    name: str
    text: str

    @property
    def is_long(self) -> bool:
        return len(self.text) > 90 or "\n" in self.text


@dataclass(frozen=True, kw_only=True)
class Artefact:
    """All that would be done; `is_cut`: there is more of it than is shown."""

    lines: Sequence[Line]
    is_cut: bool = False


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Some words of a text: kept, taken out, or put in."""

    text: str
    kind: str = ""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One parameter that differs."""

    name: str
    pieces: Sequence[Piece]


def artefact(
    parameters: Mapping[str, Any],
    type_: ActionType | None = None,
    *,
    whole: bool = False,
    most: int = MOST,
) -> Artefact:
    """The parameters as lines, in the order of the type's schema.

    A list shows the beginning of what is long.
    """
    lines, left, is_cut = [], most, False
    known = type_.schema.get("properties", {}) if type_ else {}
    for name in [
        name for name in dict.fromkeys([*known, *parameters]) if name in parameters
    ]:
        text = plain(parameters[name])
        if "enum" in known.get(name, {}):
            text = spaced(text)
        if not whole and len(text) > left:
            text, is_cut = text[: max(left, 0)] + "…", True
        left -= len(text)
        lines.append(Line(name=spaced(name), text=text))
    return Artefact(lines=lines, is_cut=is_cut)


def unsaid(text: str, what: Artefact) -> str:
    """Of a reason, the sentences that the lines of the act do not say themselves."""
    said = "\n".join(line.text for line in what.lines)
    left = [each for each in OVER.split(text) if each.rstrip(".") not in said]
    return " ".join(left)


def plain(value: Any) -> str:
    """A value as a person would write it."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case str():
            return _moment(value) or _day(value) or value
        case list() | tuple():
            return ", ".join(map(plain, value)) or "none"
        case dict():
            return "\n".join(
                f"{spaced(key)}: {plain(each)}" for key, each in value.items()
            )
        case int() | float() if abs(value) >= GROUPED:
            return f"{value:,}"
        case _:
            return str(value)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """What differs, parameter by parameter."""
    names = dict.fromkeys([*before, *after])
    return [
        Change(
            name=spaced(name), pieces=_pieces(_text(before, name), _text(after, name))
        )
        for name in names
        if before.get(name) != after.get(name) or (name in before) != (name in after)
    ]


def _text(of: Mapping[str, Any], name: str) -> str:
    return plain(of[name]) if name in of else ""


def _pieces(before: str, after: str) -> list[Piece]:
    """Word by word; long texts line by line."""
    one, two = _tokens(before, after)
    found: list[Piece] = []
    for tag, i, j, k, m in SequenceMatcher(
        None, one, two, autojunk=False
    ).get_opcodes():
        if tag == "equal":
            found.append(Piece(text="".join(one[i:j])))
            continue
        if i < j:
            found.append(Piece(text="".join(one[i:j]), kind="del"))
        if k < m:
            found.append(Piece(text="".join(two[k:m]), kind="ins"))
    return found


def _tokens(*texts: str) -> Iterable[list[str]]:
    words = [re.findall(r"\s+|[^\s]+", text) for text in texts]
    if max(map(len, words)) <= WORDS:
        return words
    return [text.splitlines(keepends=True) for text in texts]


def _day(text: str) -> str:
    if not DAY.fullmatch(text):
        return ""
    try:
        return date_format(date.fromisoformat(text), "j M Y")
    except ValueError:
        return ""


def _moment(text: str) -> str:
    """A moment is told in the tenant's time."""
    if not MOMENT.match(text):
        return ""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return ""
    return when(at) if at.tzinfo else ""
