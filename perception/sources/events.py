"""Events of a calendar: who takes part, when, how often, in whatever zone it is written."""

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import islice
from time import monotonic
from typing import Any

from dateutil.rrule import rrulestr
from dateutil.tz import tzical
from icalendar import Calendar

from perception.sources.reading import addresses, line, moment

# What reading a broken event may raise.
BROKEN = (
    ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError,
    TypeError, ValueError,
)  # fmt: skip
LONGEST = 256 * 1024
ZONE = 8 * 1024
RULE = 300
# Steps of one rule, and occurrences that are kept of them.
STEPS = 20_000
MOST = 200
LATE = datetime(2100, 1, 1, tzinfo=UTC)
# A rule that never comes true is walked to the end of time: which these cannot be.
OFTEN = {"FREQ", "INTERVAL", "COUNT", "BYDAY", "BYMONTH", "BYMONTHDAY", "WKST"}
SELDOM = OFTEN | {"BYSETPOS", "BYYEARDAY", "BYWEEKNO"}
DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_ZONES = re.compile(r"BEGIN:VTIMEZONE\r?\n.*?END:VTIMEZONE\r?\n", re.DOTALL)
_TZID = re.compile(r"^TZID(?:;[^:\n]*)?:(.{1,200}?)\r?$", re.MULTILINE)
_FOREIGN = re.compile(r"(TZID=\"?)/[^;:\"\n]{0,200}?/((?:[A-Z]\w+/)[A-Z]\w+)")
_YEARLY = re.compile(r"^RRULE(?:;[^:\n]*)?:(?!FREQ=YEARLY)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One event, or one occurrence of it that was written anew."""

    uid: str
    recurrence: str
    subject: str
    starts: datetime
    lasts: timedelta
    emails: tuple[str, ...]
    declined: tuple[str, ...]
    made_at: datetime | None
    is_cancelled: bool
    local: datetime
    rules: Sequence[Mapping[str, Any]] = ()
    more: Sequence[datetime] = ()
    less: frozenset[datetime] = frozenset()


@dataclass(kw_only=True)
class Patience:
    """How long rules may be walked in one pull, all together."""

    seconds: float

    @contextmanager
    def spent(self) -> Iterator[None]:
        if self.seconds <= 0:
            raise TooOften
        began = monotonic()
        try:
            yield
        finally:
            self.seconds -= monotonic() - began


class TooOften(ValueError):
    """This rule is not walked."""


def events_of(ics: str, *, zone: tzinfo, now: datetime) -> list[Event]:
    """The events of one object; raises one of BROKEN where it is none."""
    if len(ics) > LONGEST:
        raise ValueError
    zones = {}
    for block in islice(_ZONES.findall(ics), 20):
        named = _TZID.search(block)
        if named and len(block) <= ZONE and not _YEARLY.search(block):
            zones[named[1]] = block
    bare = _FOREIGN.sub(r"\1\2", _ZONES.sub("", ics))
    reader = _Reader(zones, zone, now)
    found: Any = Calendar.from_ical(bare)
    calendars = found if isinstance(found, list) else [found]
    return [reader.event(each) for one in calendars for each in one.walk("VEVENT")]


def occurrences(
    event: Event,
    others: Iterable[Event],
    *,
    since: datetime,
    until: datetime,
    patience: Patience,
) -> list[datetime]:
    """The starts, within a time, that nobody took away or wrote anew."""
    gone = event.less | {moment_of(each) for each in others if each.recurrence}
    starts = {event.starts, *event.more}
    for rule in event.rules:
        with patience.spent():
            starts.update(_walked(rule, event, until))
    fine = (each for each in starts if since <= each < until and each not in gone)
    return sorted(fine)[:MOST]


def moment_of(event: Event) -> datetime:
    """Which occurrence of the whole an event was written for."""
    return datetime.fromisoformat(event.recurrence)


def _walked(
    rule: Mapping[str, Any], event: Event, until: datetime
) -> Iterator[datetime]:
    """A rule's starts up to a time. It is walked in local time, as people mean it."""
    parts = {str(name).upper(): value for name, value in rule.items()}
    last = parts.pop("UNTIL", None)
    often = str((parts.get("FREQ") or [""])[0]).upper()
    allowed = OFTEN if often in ("DAILY", "WEEKLY") else SELDOM
    fine = often in ("DAILY", "WEEKLY", "MONTHLY", "YEARLY") and set(parts) <= allowed
    if not fine or not _can_be(parts):
        raise TooOften
    written = ";".join(
        f"{name}={','.join(_part(each) for each in value)}"
        for name, value in parts.items()
    )
    if len(written) > RULE:
        raise TooOften
    ends = min(until, _last(last, event) or LATE)
    zone = event.local.tzinfo or UTC
    start = event.local.replace(tzinfo=None)
    for local in islice(rrulestr(written, dtstart=start), STEPS):
        at = local.replace(tzinfo=zone).astimezone(UTC)
        if at > ends:
            return
        yield at
    raise TooOften


def _part(value: Any) -> str:
    raw = value.to_ical() if hasattr(value, "to_ical") else str(value)
    return raw.decode() if isinstance(raw, bytes) else str(raw)


def _can_be(parts: Mapping[str, Any]) -> bool:
    """Whether there is such a day in any year at all."""
    months = [int(each) for each in parts.get("BYMONTH", range(1, 13))]
    days = [abs(int(each)) for each in parts.get("BYMONTHDAY", [1])]
    shortest = min(days)
    return any(1 <= each <= 12 and 1 <= shortest <= DAYS[each - 1] for each in months)


def _last(given: Any, event: Event) -> datetime | None:
    last = given[0] if isinstance(given, list) and given else given
    if isinstance(last, datetime):
        zone = event.local.tzinfo or UTC
        return (last if last.tzinfo else last.replace(tzinfo=zone)).astimezone(UTC)
    if isinstance(last, date):
        zone = event.local.tzinfo or UTC
        return datetime.combine(last, time.max, zone).astimezone(UTC)
    return None


class _Reader:
    """Reads events of one object, whose zones are its own."""

    def __init__(self, zones: Mapping[str, str], zone: tzinfo, now: datetime) -> None:
        self._blocks, self._zone, self._now = zones, zone, now
        self._known: dict[str, tzinfo] = {}

    def event(self, item: Any) -> Event:
        start = item["DTSTART"]
        local = self._local(start.dt, start)
        starts = local.astimezone(UTC)
        again = item.get("RECURRENCE-ID")
        made = item.get("CREATED") or item.get("DTSTAMP")
        there = [*_listed(item.get("ATTENDEE")), *_listed(item.get("ORGANIZER"))]
        people = [each for each in there if _is_person(each)]
        declined = [each for each in people if _said(each, "PARTSTAT") == "DECLINED"]
        no = addresses(*declined)
        is_open = _text(item, "CLASS").upper() in ("", "PUBLIC")
        return Event(
            uid=line(_text(item, "UID"), 1000),
            recurrence=self._at(again.dt, again).isoformat() if again else "",
            subject=line(_text(item, "SUMMARY")) if is_open else "",
            starts=starts,
            lasts=self._lasts(item, starts),
            emails=tuple(each for each in addresses(*people) if each not in no),
            declined=no,
            made_at=moment(made.dt.isoformat(), now=self._now) if made else None,
            is_cancelled=_text(item, "STATUS").upper() == "CANCELLED",
            local=local,
            rules=_listed(item.get("RRULE")),
            more=tuple(self._dates(item, "RDATE")),
            less=frozenset(self._dates(item, "EXDATE")),
        )

    def _lasts(self, item: Any, starts: datetime) -> timedelta:
        if "DTEND" in item:
            end = item["DTEND"]
            return max(self._at(end.dt, end) - starts, timedelta(0))
        if "DURATION" in item:
            lasts: timedelta = item["DURATION"].dt
            return max(timedelta(0), lasts)
        is_day = not isinstance(item["DTSTART"].dt, datetime)
        return timedelta(days=1) if is_day else timedelta(0)

    def _dates(self, item: Any, name: str) -> Iterator[datetime]:
        for each in _listed(item.get(name)):
            for one in islice(each.dts, 1000):
                # A period begins with its start.
                yield self._at(one.dt[0] if isinstance(one.dt, tuple) else one.dt, each)

    def _at(self, value: Any, named: Any) -> datetime:
        return self._local(value, named).astimezone(UTC)

    def _local(self, value: Any, named: Any) -> datetime:
        """A time in the zone that it was written in."""
        if not isinstance(value, datetime):
            value = datetime.combine(value, time.min)
        if value.tzinfo is None:
            value = value.replace(tzinfo=self._zone_of(named))
        if not 1900 <= value.year <= 2200:
            raise ValueError
        return datetime.combine(value.date(), value.timetz())

    def _zone_of(self, named: Any) -> tzinfo:
        name = str(getattr(named, "params", {}).get("TZID", ""))
        if name not in self._known:
            self._known[name] = self._zone
            if name in self._blocks:
                with suppress(*BROKEN):
                    made = tzical(io.StringIO(self._blocks[name].replace("\r\n", "\n")))
                    self._known[name] = made.get(name) or self._zone
        return self._known[name]


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _text(item: Any, name: str) -> str:
    return str(item.get(name, ""))


def _said(person: Any, name: str) -> str:
    return str(getattr(person, "params", {}).get(name, "")).upper()


def _is_person(person: Any) -> bool:
    return _said(person, "CUTYPE") not in ("RESOURCE", "ROOM")
