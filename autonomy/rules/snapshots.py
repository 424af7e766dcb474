"""D1: what of the world goes into a frozen context: bounded, without people in it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

MOST = 32 * 1024
DEPTH = 5
LINE = 400
LARGEST = 2**53 - 1

ADDRESS = re.compile(r"[^\s@<>\"'(),;:]{1,64}@[^\s@<>\"'(),;:]{1,255}", re.IGNORECASE)
PLAIN_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


def names_of(people: Sequence[tuple[str, str]]) -> re.Pattern[str] | None:
    """A pattern of the names and addresses of known people; None where there are none."""
    words = sorted(
        {word.strip() for pair in people for word in pair if len(word.strip()) > 1},
        key=len,
        reverse=True,
    )
    if not words:
        return None
    either = "|".join(re.escape(word) for word in words)
    return re.compile(rf"(?<!\w)(?:{either})(?!\w)", re.IGNORECASE)


def scrub(value: Any, names: re.Pattern[str] | None, *, depth: int = DEPTH) -> Any:
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
