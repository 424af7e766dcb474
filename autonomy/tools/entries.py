"""What people may change in a calendar's object, in one form however it is written."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from icalendar import Calendar as Ical
from icalendar import Component

from perception.sources.events import BROKEN, LONGEST

KINDS = ("VEVENT", "VTODO", "VJOURNAL")
TEXTS = (
    "SUMMARY", "DESCRIPTION", "LOCATION", "STATUS", "URL", "PRIORITY",
    "PERCENT-COMPLETE", "CATEGORIES", "ATTACH", "RRULE",
)  # fmt: skip
TIMES = ("DTSTART", "DUE", "COMPLETED", "RECURRENCE-ID", "RDATE", "EXDATE")


def facts_of(ics: str) -> Any:
    """Plain values that are the same as long as nobody changed anything.

    Left out is what changes by itself: stamps, counters, alarms, and what those
    invited answer.
    """
    if len(ics) > LONGEST:
        return ics
    try:
        whole: Any = Ical.from_ical(ics)
        calendars = whole if isinstance(whole, list) else [whole]
        found = [_facts(each) for one in calendars for each in _parts(one)]
    except BROKEN:
        return ics
    return sorted(found, key=repr)


def _parts(calendar: Component) -> list[Any]:
    return [each for each in calendar.walk() if each.name in KINDS]


def _facts(part: Any) -> Mapping[str, Any]:
    """Of one event or task."""
    texts = {name: _texts(part.get(name)) for name in TEXTS}
    times = {name: [_time(each) for each in _listed(part.get(name))] for name in TIMES}
    return {
        "kind": part.name,
        **{name: said for name, said in {**texts, **times}.items() if said},
        "ENDS": _ends(part),
        "INVITED": sorted({_who(each) for each in _invited(part)}),
    }


def _texts(value: Any) -> list[str]:
    return [_text(each).replace("\r\n", "\n").strip() for each in _listed(value)]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raw = value.to_ical() if hasattr(value, "to_ical") else str(value)
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)


def _time(value: Any) -> str:
    """A moment is the same in whichever zone it is written."""
    if hasattr(value, "dts"):
        return ",".join(sorted(_at(each.dt) for each in value.dts))
    return _at(value.dt)


def _at(value: Any) -> str:
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(UTC)
    return value.isoformat() if isinstance(value, date) else _text(value)


def _ends(part: Any) -> str:
    """An end and a duration may say the same."""
    if part.get("DTEND") is not None:
        return _at(part["DTEND"].dt)
    lasts = part.get("DURATION")
    start = part.get("DTSTART")
    if lasts is None or start is None:
        return ""
    length = lasts.dt
    return _at(start.dt + length) if isinstance(length, timedelta) else _text(lasts)


def _invited(part: Any) -> Iterable[Any]:
    """Whom somebody here invited: one who was asked to stand in is an answer."""
    for each in _listed(part.get("ATTENDEE")):
        if "DELEGATED-FROM" not in each.params:
            yield each


def _who(address: Any) -> str:
    """Some servers write their own name of a person, and the address beside it."""
    named = str(address.params.get("EMAIL", "")) or str(address)
    return unquote(named.lower().removeprefix("mailto:"))


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
