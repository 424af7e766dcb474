"""D1: what of the world goes into a frozen context: bounded, without people in it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

MOST = 32 * 1024
DEPTH = 5
LINE = 400
LARGEST = 2**53 - 1

ADDRESS = re.compile(r"[^\s@<>\"'(),;:]{1,64}@[^\s@<>\"'(),;:]{1,255}", re.IGNORECASE)
PLAIN_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, kw_only=True)
class Names:
    """Names and addresses of known people, the longest first."""

    words: Sequence[str]

    def sub(self, by: str, text: str) -> str:
        """The text with something else in place of each of them."""
        return self._pattern.sub(by, text) if self._may_be_in(text) else text

    def _may_be_in(self, text: str) -> bool:
        """Most texts name nobody, and to make a pattern takes longer than to see that.
        Outside of ASCII one letter can stand for another; that only the pattern knows.
        """
        if not (text.isascii() and self._is_ascii):
            return True
        lowered = text.lower()
        return any(word in lowered for word in self._lowered)

    @cached_property
    def _is_ascii(self) -> bool:
        return all(map(str.isascii, self.words))

    @cached_property
    def _lowered(self) -> Sequence[str]:
        return [word.lower() for word in self.words]

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        either = "|".join(re.escape(word) for word in self.words)
        return re.compile(rf"(?<!\w)(?:{either})(?!\w)", re.IGNORECASE)


def names_of(people: Sequence[tuple[str, str]]) -> Names | None:
    """The names and addresses of known people; None where there are none."""
    words = sorted(
        {word.strip() for pair in people for word in pair if len(word.strip()) > 1},
        key=len,
        reverse=True,
    )
    return Names(words=words) if words else None


def scrub(value: Any, names: Names | None, *, depth: int = DEPTH) -> Any:
    """Plain JSON without names and addresses of people, and nothing overlong in it."""
    if isinstance(value, str):
        text = value[: 2 * LINE]
        text = names.sub("[contact]", text) if names else text
        text = ADDRESS.sub("[address]", text)
        return text if len(text) <= LINE else text[: LINE - 1] + "…"
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return value if -LARGEST <= value <= LARGEST else "a large number"
    if depth == 0:
        return "…"
    if isinstance(value, Mapping):
        return {
            scrub(str(key), names): scrub(each, names, depth=depth - 1)
            for key, each in value.items()
        }
    return [scrub(each, names, depth=depth - 1) for each in value]


def fit(value: Mapping[str, Any], most: int) -> dict[str, Any]:
    """Those of the fields, in their order, that go into so many bytes."""
    kept: dict[str, Any] = {}
    left = most
    for key, each in value.items():
        weight = size({key: each}) + 2
        if weight <= left:
            kept[key] = each
            left -= weight
    return kept


def fit_all(values: Sequence[Any], most: int) -> list[Any]:
    """The first of the values, as many as go into so many bytes."""
    kept: list[Any] = []
    left = most
    for each in values:
        left -= size(each) + 2
        if left < 0:
            break
        kept.append(each)
    return kept


def size(value: Any) -> int:
    """How many bytes a value takes as JSON."""
    return len(orjson.dumps(value))


def speaks(payload: Any) -> bool:
    """Whether there is any text in it that somebody outside may have written."""
    if isinstance(payload, Mapping):
        return any(
            not PLAIN_NAME.fullmatch(str(key)) or speaks(each)
            for key, each in payload.items()
        )
    if isinstance(payload, list):
        return any(speaks(each) for each in payload)
    return isinstance(payload, str)


def is_external(payload: Any, *, is_known: bool) -> bool:
    """Whether a signal may hold text from outside; of a type unknown here, it may."""
    return speaks(payload) or not is_known


def figures(payload: Any) -> dict[str, Any]:
    """The numbers at the top of a payload: what may be kept where nothing can be erased."""
    if not isinstance(payload, Mapping):
        return {}
    return {
        key: each
        for key, each in payload.items()
        if isinstance(each, bool | int | float) and PLAIN_NAME.fullmatch(key)
    }
