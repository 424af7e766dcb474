"""R11: business hours on the tenant's own clock, through every change of that clock."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

DEFAULT: Mapping[str, Any] = {
    "days": [0, 1, 2, 3, 4],
    "start": "09:00",
    "end": "17:00",
}
# A week has each day once; a clock may skip a date, so there are two.
AHEAD = 15
A_SECOND = timedelta(seconds=1)


def is_open(at: datetime, *, zone: str, hours: Mapping[str, Any]) -> bool:
    """Whether a moment lies within the hours."""
    days, begin, end = _read(hours)
    clock = at.astimezone(ZoneInfo(zone))
    return clock.weekday() in days and begin <= clock.time() < end


def next_open(at: datetime, *, zone: str, hours: Mapping[str, Any]) -> datetime:
    """The first moment within the hours that is not before this one, in UTC."""
    moment = at.astimezone(UTC)
    if is_open(moment, zone=zone, hours=hours):
        return moment
    begin = _read(hours)[1]
    first = moment.astimezone(ZoneInfo(zone)).date() - timedelta(days=1)
    for ahead in range(AHEAD + 2):
        for each in sorted(_turns(first + timedelta(days=ahead), begin, zone)):
            if each >= moment and is_open(each, zone=zone, hours=hours):
                return each
    # Hours that some change of the clock leaves nothing of: they count as usual.
    return next_open(at, zone=zone, hours={})


def _read(hours: Mapping[str, Any]) -> tuple[frozenset[int], time, time]:
    """Days, start and end; where nothing would ever be open, the usual hours."""
    held = {**DEFAULT, **hours}
    begin, end = time.fromisoformat(held["start"]), time.fromisoformat(held["end"])
    days = frozenset(held["days"]) & frozenset(range(7))
    return (days, begin, end) if days and begin < end else _read({})


def _turns(day: date, begin: time, zone: str) -> Iterator[datetime]:
    """When doors may open on a day: at their hour, once or twice, or as clocks change."""
    here = ZoneInfo(zone)
    for fold in (0, 1):
        opening = datetime.combine(day, begin, tzinfo=here).replace(fold=fold)
        yield opening.astimezone(UTC)
    since, until = (
        datetime.combine(each, time(), tzinfo=here).astimezone(UTC)
        for each in (day, day + timedelta(days=1))
    )
    if _offset(since, here) != _offset(until, here):
        yield _change(since, until, here)


def _change(since: datetime, until: datetime, here: ZoneInfo) -> datetime:
    """The second at which the clock changes between two moments."""
    before = _offset(since, here)
    while until - since > A_SECOND:
        middle = (since + (until - since) / 2).replace(microsecond=0)
        if _offset(middle, here) == before:
            since = middle
        else:
            until = middle
    return until


def _offset(at: datetime, here: ZoneInfo) -> timedelta | None:
    return at.astimezone(here).utcoffset()
