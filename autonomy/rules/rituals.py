"""G2: on which of a tenant's days which ritual is due, however its clocks are moved.

A ritual belongs to a local date and runs once for it. Whoever comes late catches up with
the newest day that was missed, and with no other.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo

from autonomy.rules.triggers import Trigger
from perception.rules.days import local_day, zone_at

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
MONDAY = 0
# The weekday of those that come once a week; the others come every day. In the order in
# which they run: what comes last tells of what those before it started.
WEEKDAY: Mapping[Trigger, int | None] = {
    Trigger.RITUAL_RENEWAL_RUNWAY: None,
    Trigger.RITUAL_WEEKLY_REVIEW: MONDAY,
    Trigger.RITUAL_MORNING_BRIEF: None,
}
# A week, and the days that a clock can be set back or forth.
LOOKED_BACK = 10
# Whoever runs one and shows no sign of life for so long is taken for gone.
LEASE = timedelta(minutes=5)
# Who wrote and got no answer for so long, and to whom nobody spoke for so long.
UNANSWERED_AFTER, SILENT_AFTER = timedelta(days=3), timedelta(days=14)


@dataclass(frozen=True, kw_only=True, slots=True)
class Calendar:
    """How a tenant counts its days, and at which hour its rituals come."""

    timezone: str
    previous: str = ""
    since: datetime | None = None
    hour: int

    def zone(self, now: datetime) -> str:
        """The zone that the running day belongs to."""
        return zone_at(
            now, timezone=self.timezone, previous=self.previous, since=self.since
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Last:
    """The newest day of a ritual that was begun, and how far it came."""

    day: date
    started_at: datetime
    ended: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """A ritual that is to be run now: its day, and when that day's turn was."""

    kind: Trigger
    day: date
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Touch:
    """When we last turned to an account, and when it last turned to us."""

    account: UUID
    heat: float
    known_since: datetime
    ours: datetime | None = None
    theirs: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Neglect:
    """An account that nobody looks after: why, and for how many days."""

    account: UUID
    why: str
    days: int


def ritual_hour(digest_hour: int) -> int:
    """An hour before the digest, and never on the day before."""
    return max(0, digest_hour - 1)


def due(
    kind: Trigger,
    calendar: Calendar,
    last: Last | None,
    *,
    begun: datetime,
    now: datetime,
) -> Due | None:
    """What is due of a ritual, if anything. `begun`: since when the tenant exists; the
    day on which it began has none yet.
    """
    found = newest(kind, calendar, now=now)
    if found is None:
        return None
    if found.day > (last.day if last else local_day(begun, calendar.zone(begun))):
        return found
    if last is None:
        return None
    if found.day == last.day and is_abandoned(last, now=now):
        return found
    return None


def newest(kind: Trigger, calendar: Calendar, *, now: datetime) -> Due | None:
    """The newest day whose turn has come."""
    zone = calendar.zone(now)
    day = local_day(now, zone)
    for _ in range(LOOKED_BACK):
        if WEEKDAY[kind] in (None, day.weekday()):
            at = turn_of(day, calendar.hour, zone)
            if at is not None and at <= now:
                return Due(kind=kind, day=day, at=at)
        day -= DAY
    return None


def coming(kind: Trigger, calendar: Calendar, *, now: datetime) -> datetime | None:
    """When its turn comes next."""
    zone = calendar.zone(now)
    day = local_day(now, zone)
    for _ in range(LOOKED_BACK):
        if WEEKDAY[kind] in (None, day.weekday()):
            at = turn_of(day, calendar.hour, zone)
            if at is not None and at > now:
                return at
        day += DAY
    return None


def is_abandoned(last: Last, *, now: datetime) -> bool:
    """Whether it was begun, and nobody goes on with it."""
    return not last.ended and now - last.started_at >= LEASE


def neglected(touches: Iterable[Touch], *, now: datetime) -> list[Neglect]:
    """Those that wait for an answer, then those that nobody speaks to; warmest first."""
    found = [(_neglect(each, now), each) for each in touches]
    found.sort(key=lambda pair: (-pair[1].heat, pair[1].account))
    listed = [each for each, _ in found if each is not None]
    return sorted(listed, key=lambda each: each.why != "UNANSWERED")


def _neglect(touch: Touch, now: datetime) -> Neglect | None:
    ours, theirs = touch.ours, touch.theirs
    why, since, most = "SILENT", ours or touch.known_since, SILENT_AFTER
    if theirs is not None and (ours is None or ours < theirs):
        why, since, most = "UNANSWERED", theirs, UNANSWERED_AFTER
    if now - since < most:
        return None
    return Neglect(account=touch.account, why=why, days=(now - since).days)


@lru_cache(maxsize=4096)
def turn_of(day: date, hour: int, zone: str) -> datetime | None:
    """The moment at which a clock of a zone shows an hour of a day.

    An hour that comes twice counts the first time. One that is left out is the next
    minute that there is; on a day that is left out as a whole, there is none.
    """
    clock = ZoneInfo(zone)
    if _first(day, time(0), clock).astimezone(clock).date() != day:
        return None
    return _first(day, time(hour), clock)


def _first(day: date, at: time, clock: ZoneInfo) -> datetime:
    """The first moment from which on a clock shows that time, or a later one."""
    wanted = datetime.combine(day, at)
    found = wanted.replace(tzinfo=clock, fold=0).astimezone(UTC)
    if _shown(found, clock) == wanted:
        return found
    # It is left out: somewhere between the two ways to read it, clocks go forward.
    early = wanted.replace(tzinfo=clock, fold=1).astimezone(UTC)
    low, high = 0, (found - early) // MINUTE
    while low < high:
        middle = (low + high) // 2
        if _shown(early + middle * MINUTE, clock) >= wanted:
            high = middle
        else:
            low = middle + 1
    return early + low * MINUTE


def _shown(moment: datetime, clock: ZoneInfo) -> datetime:
    """What a clock shows at a moment."""
    return moment.astimezone(clock).replace(tzinfo=None)
