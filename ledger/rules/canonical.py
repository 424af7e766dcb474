"""The one spelling of an entry: what may be stated, and the RFC 8785 bytes to hash."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import rfc8785

from ledger.errors import Unstatable

LARGEST = 2**53 - 1
VERSION = 1

_EXACT = frozenset((str, int, bool, type(None)))
_TEXTS = frozenset((str,))
# Nothing takes so many times the bytes in its one spelling that orjson gives it: small
# fractions, at most.
_WIDEST = 3
# A NUL as orjson escapes it, and not a backslash that stands before such words.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
# orjson descends 254 levels, and this also ends a value that contains itself.
_FAST_DEPTH = 200
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
# Between these neither writes an exponent.
_PLAIN, _LONG = 1e-4, 1e15


def canonical(value: Any) -> bytes:
    """The RFC 8785 bytes of a value. Raises Unstatable for what has none."""
    try:
        if _spelled_alike(value, _FAST_DEPTH):
            return orjson.dumps(value, option=_OPTIONS)
        return _spelled_out(value)
    except RecursionError:
        raise Unstatable("It is too deep.") from None
    except ValueError as refusal:
        # Shortened: it quotes the number, which may have thousands of digits.
        raise Unstatable(f"{str(refusal)[:100]}.") from None
    except TypeError:
        # What orjson refuses of the types let through.
        raise Unstatable(
            "It holds an integer or a text that JSON cannot carry."
        ) from None


def _spelled_alike(value: Any, depth: int) -> bool:
    """Whether orjson gives RFC 8785 bytes: plain floats, no look-alike types, and keys
    that sort the same in UTF-16."""
    kind, inside = type(value), value
    if kind in _EXACT:
        return True
    if kind is float:
        # Both write the fewest digits; they differ in whole ones and in exponents.
        return _PLAIN <= abs(value) < _LONG and not value.is_integer()
    if depth == 0:
        return False
    if kind is dict:
        if not (_TEXTS.issuperset(map(type, value)) and all(map(str.isascii, value))):
            return False
        inside = value.values()
    elif kind is not list:
        return False
    # What holds nothing further is looked at in one go.
    return _EXACT.issuperset(map(type, inside)) or all(
        type(each) in _EXACT or _spelled_alike(each, depth - 1) for each in inside
    )


def _spelled_out(value: Any) -> bytes:
    """The bytes of what orjson spells otherwise: fast, where only whole floats differ."""
    try:
        plain = _with_integers(value, _FAST_DEPTH)
    except RecursionError:
        return rfc8785.dumps(value)
    if _spelled_alike(plain, _FAST_DEPTH):
        return orjson.dumps(plain, option=_OPTIONS)
    return rfc8785.dumps(value)


def _with_integers(value: Any, depth: int) -> Any:
    """The same with whole floats as the integers that they are spelled as."""
    kind = type(value)
    if kind is float:
        return int(value) if value.is_integer() and abs(value) < _LONG else value
    if kind is not dict and kind is not list:
        return value
    if depth == 0:
        raise RecursionError
    if kind is dict:
        return {key: _with_integers(each, depth - 1) for key, each in value.items()}
    return [_with_integers(each, depth - 1) for each in value]


def check(value: Any, *, max_bytes: int, max_depth: int) -> bytes:
    """Raise Unstatable unless the value goes into a jsonb column and comes back as the
    same RFC 8785 bytes; else how it is written there."""
    # Every value costs a byte at least, so the walk ends early on what is too large
    # or holds the same thing many times.
    if _walk([value], max_bytes, min(max_depth, _FAST_DEPTH)) < 0:
        raise Unstatable(f"It is larger than {max_bytes} bytes.")
    try:
        spelled = orjson.dumps(value)
    except TypeError:
        raise Unstatable("There is half a surrogate pair in it.") from None
    if b"\\u0000" in spelled and _NUL.search(spelled):
        raise Unstatable("There is a NUL character in it.")
    # What is small enough need not be spelled in its one way.
    if len(spelled) * _WIDEST > max_bytes and len(canonical(value)) > max_bytes:
        raise Unstatable(f"It is larger than {max_bytes} bytes.")
    return spelled


def _walk(inside: Collection[Any], left: int, depth: int) -> int:
    """How many of the allowed bytes are left, at most; negative when there are none."""
    if _TEXTS.issuperset(map(type, inside)):
        return left - len(inside) - sum(map(len, inside))
    for each in inside:
        kind = type(each)
        left -= 1
        if kind is str:
            left -= len(each)
        elif kind is dict:
            left = _deeper(each.values(), left - _keys(each), depth)
        elif kind is list:
            left = _deeper(each, left, depth)
        elif kind is int or kind is float:
            _check_number(each)
        elif kind is not bool and each is not None:
            raise Unstatable(f"There is a {kind.__name__} in it.")
    return left


def _deeper(inside: Collection[Any], left: int, depth: int) -> int:
    """The same one level down; what is too large already is looked at no further."""
    if depth == 0:
        raise Unstatable("It is too deep.")
    return left if left < 0 else _walk(inside, left, depth - 1)


def _keys(value: dict[Any, Any]) -> int:
    """How long the keys are together, at least."""
    if not _TEXTS.issuperset(map(type, value)):
        odd = next(type(key) for key in value if type(key) is not str)
        raise Unstatable(f"There is a {odd.__name__} for a key in it.")
    return sum(map(len, value))


def _check_number(number: int | float) -> None:
    # Also refuses NaN, which compares false with everything. A float past 2**53 would
    # come back from jsonb, which knows no exponents, as an integer without a spelling.
    if not -LARGEST <= number <= LARGEST:
        raise Unstatable("There is a number in it that JSON cannot carry.")


def entry_document(
    *,
    id: UUID | str | None,
    tenant: UUID | str | None,
    sequence: int | None,
    number: int | None,
    at: datetime | None,
    kind: str | None,
    actor: Any,
    subjects: Any,
    data: Any,
) -> dict[str, Any]:
    """What is hashed of an entry. A column that was emptied is hashed as null, so that
    tampering shows as a mismatch."""
    return {
        "v": VERSION,
        "id": _text(id),
        "tenant": _text(tenant),
        "sequence": sequence,
        "number": number,
        "at": None if at is None else _moment(at),
        "kind": _text(kind),
        "actor": _plain(actor),
        "subjects": _plain(subjects),
        "data": _plain(data),
    }


def _text(value: UUID | str | None) -> str | None:
    return None if value is None else str(value)


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def _moment(at: datetime) -> str:
    if at.tzinfo is None:
        raise Unstatable("Its time has no time zone.")
    try:
        return (
            at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
            + "Z"
        )
    except OverflowError:
        raise Unstatable("Its time is out of range.") from None
