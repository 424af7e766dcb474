"""What a variable of the environment may say, judged one by one."""

import base64
import binascii
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent


class WrongSetting(Exception):
    """A variable of the environment has a value that the product cannot start with."""


def flag(given: Mapping[str, str], name: str, default: bool) -> bool:
    text = given.get(name, str(default)).lower()
    if text in ("1", "true", "yes", "on"):
        return True
    if text in ("0", "false", "no", "off"):
        return False
    raise WrongSetting(f"{name} is {text!r}: write on or off.")


def url(given: Mapping[str, str], name: str, schemes: tuple[str, ...]) -> str | None:
    text = given.get(name)
    if text is None:
        return None
    try:
        parts = urlsplit(text)
        port_is_legal = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_legal = urlsplit(""), False
    if parts.scheme not in schemes or not port_is_legal:
        raise WrongSetting(
            f"{name} is not a URL that can be used here: it begins with "
            f"{' or '.join(f'{scheme}://' for scheme in schemes)} and names a host."
        )
    if name.startswith("DATABASE") and not parts.path.strip("/"):
        raise WrongSetting(f"{name} names no database: end it with /name.")
    return text


def whole(
    given: Mapping[str, str], name: str, default: int, low: int, high: int
) -> int:
    text = given.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise WrongSetting(
            f"{name} is {text!r}: write a whole number from {low} to {high}."
        )
    return int(text)


def seconds(
    given: Mapping[str, str], name: str, default: float, low: float, high: float
) -> float:
    text = given.get(name, str(default))
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise WrongSetting(f"{name} is {text!r}: write seconds from {low} to {high}.")
    return value


def choice(
    given: Mapping[str, str],
    name: str,
    default: str,
    choices: tuple[str, ...],
) -> str:
    text = given.get(name, default)
    if text not in choices:
        raise WrongSetting(f"{name} is {text!r}: write {' or '.join(choices)}.")
    return text


def words(
    given: Mapping[str, str], name: str, default: tuple[str, ...]
) -> tuple[str, ...]:
    if name not in given:
        return default
    return tuple(word.strip() for word in given[name].split(",") if word.strip())


def field_keys(text: str) -> tuple[str, ...]:
    keys = tuple(part.strip() for part in text.split(",") if part.strip())
    if not keys or any(_length(key, base64.urlsafe_b64decode) != 32 for key in keys):
        raise WrongSetting(
            "FIELD_KEYS must hold url-safe base64 of 32 bytes each, newest first, "
            "with commas between."
        )
    return keys


def seed(text: str | None) -> str | None:
    if text is not None and _length(text, base64.b64decode) != 32:
        raise WrongSetting(
            "LEDGER_SIGNING_KEY must be the base64 of a 32-byte Ed25519 seed."
        )
    return text


def _length(text: str, decode: Callable[[str], bytes]) -> int:
    try:
        return len(decode(text))
    except (binascii.Error, ValueError):
        return -1


def folder(text: str) -> Path:
    path = Path(text)
    return path if path.is_absolute() else ROOT / path
