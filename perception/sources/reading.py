"""What all sources read: configurations, and texts, times and places in what came."""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import getaddresses, parsedate_to_datetime
from html.parser import HTMLParser
from typing import Any

from jsonschema import Draft202012Validator

from perception.sources.base import SourceRefuses

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
NAME, LINE, TEXT = 255, 300, 4000
MOST_NOTES = 20
# A number above this counts milliseconds.
SECONDS = 1e11
HTML = 64 * 1024

_BREAKS = {"br", "div", "li", "p", "table", "tr", "h1", "h2", "h3", "h4"}
_UNSEEN = {"script", "style", "head", "title", "template"}
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")
_ADDRESS = re.compile(r"[^\s@<>,;:\"]{1,64}@[^\s@<>,;:\"]{1,190}")


def held(schema: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration, held to its schema, with the defaults that this names."""
    error = next(Draft202012Validator(dict(schema)).iter_errors(dict(config)), None)
    if error is not None:
        where = ".".join(str(part) for part in error.path) or "the whole"
        raise SourceRefuses(f"Configuration, {where}: {error.message[:150]}.")
    named = schema["properties"].items()
    defaults = {name: each["default"] for name, each in named if "default" in each}
    return {**defaults, **config}


def moment(value: Any, *, now: datetime) -> datetime | None:
    """A time as sources write it; what lies ahead, or before 2000, is none."""
    try:
        found = _moment(value)
    except (ArithmeticError, LookupError, OSError, TypeError, ValueError):
        return None
    return found if found and EARLIEST <= found <= now else None


def _moment(value: Any) -> datetime | None:
    if isinstance(value, bool) or value in (None, ""):
        return None
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value / (1000 if value > SECONDS else 1), UTC)
    written = str(value).strip()[:64]
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        found = parsedate_to_datetime(written)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def line(value: Any, most: int = LINE) -> str:
    """A text on one line, without signs that nobody sees."""
    return " ".join(text(value, most * 4).split())[:most]


def text(value: Any, most: int = TEXT) -> str:
    """A text that can be kept: no controls, no halves of signs, not too long."""
    if value is None:
        return ""
    written = str(value)[: most * 4].encode("utf-8", "replace").decode("utf-8")
    return _CONTROLS.sub(" ", written.replace("\r\n", "\n")).strip()[:most]


def place(item: Any, path: str) -> Any:
    """What is at `a.b.0` in JSON; None where nothing is."""
    for part in path.split(".") if path else ():
        if isinstance(item, Mapping):
            item = item.get(part)
        elif isinstance(item, list) and part.isdecimal() and int(part) < len(item):
            item = item[int(part)]
        else:
            return None
    return item


def plain(html: str) -> str:
    """HTML as somebody reads it. Nothing is fetched."""
    reader = _Plain()
    reader.feed(html[:HTML])
    reader.close()
    lines = (" ".join(each.split()) for each in "".join(reader.found).splitlines())
    return "\n".join(filter(None, lines))


class _Plain(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._unseen = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag in _UNSEEN and not self._unseen:
            self._unseen = tag
        if tag in _BREAKS:
            self.found.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._unseen:
            self._unseen = ""

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.found.append(data)


def addresses(*written: Any, most: int = 50) -> tuple[str, ...]:
    """E-mail addresses in lower case, each once."""
    given = [str(each)[:20_000] for each in written if each]
    bare = (pair[1].removeprefix("mailto:") for pair in getaddresses(given))
    fine = [each.strip().lower() for each in bare if _ADDRESS.fullmatch(each.strip())]
    return tuple(dict.fromkeys(fine))[:most]


def key(kind: str, *parts: Any) -> str:
    """A dedupe key that depends on these parts alone, whatever they hold."""
    written = json.dumps([str(part) for part in parts]).encode()
    return f"{kind}:{hashlib.sha256(written).hexdigest()[:40]}"


def short(*parts: Any) -> str:
    """A few signs that tell one thing from another, for cursors."""
    return key("", *parts)[1:13]


class Notes(list[str]):
    """What could not be read; after the first ones only how many more."""

    more = 0

    def add(self, said: str) -> None:
        if len(self) < MOST_NOTES:
            self.append(line(said))
        else:
            self.more += 1

    def told(self) -> list[str]:
        return [*self, f"And {self.more} more."] if self.more else list(self)
