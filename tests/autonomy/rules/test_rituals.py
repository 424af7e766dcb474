"""G2: a year of rituals in five zones, over every change of their clocks."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from autonomy.rules.rituals import (
    DAY,
    LEASE,
    WEEKDAY,
    Calendar,
    Due,
    Last,
    Neglect,
    Touch,
    coming,
    due,
    is_abandoned,
    neglected,
    newest,
    ritual_hour,
    turn_of,
)
from autonomy.rules.triggers import Trigger

BRIEF, WEEKLY = Trigger.RITUAL_MORNING_BRIEF, Trigger.RITUAL_WEEKLY_REVIEW
# In each of these years clocks went both ways; Apia left out 30 December 2011.
YEARS = {
    "Europe/Berlin": 2026,
    "America/New_York": 2026,
    "Australia/Lord_Howe": 2026,
    "Africa/Cairo": 2026,
    "Pacific/Apia": 2011,
}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "day", "hour", "turn"),
    [
        ("Europe/Berlin", date(2026, 1, 5), 7, "2026-01-05T06:00"),
        # Left out: 02:00 to 03:00. The next minute that there is shows 03:00.
        ("Europe/Berlin", date(2026, 3, 29), 2, "2026-03-29T01:00"),
        # Twice: the first time is in summer time.
        ("Europe/Berlin", date(2026, 10, 25), 2, "2026-10-25T00:00"),
        ("America/New_York", date(2026, 3, 8), 2, "2026-03-08T07:00"),
        ("America/New_York", date(2026, 11, 1), 1, "2026-11-01T05:00"),
        # Half an hour is left out there, and half an hour comes twice.
        ("Australia/Lord_Howe", date(2026, 10, 4), 2, "2026-10-03T15:30"),
        ("Australia/Lord_Howe", date(2026, 4, 5), 1, "2026-04-04T14:00"),
        # Midnight itself is left out.
        ("Africa/Cairo", date(2026, 4, 24), 0, "2026-04-23T22:00"),
        ("Pacific/Apia", date(2011, 12, 29), 7, "2011-12-29T17:00"),
        ("Pacific/Apia", date(2011, 12, 30), 7, None),
        ("Pacific/Apia", date(2011, 12, 31), 7, "2011-12-30T17:00"),
        # The last hour of a day is left out: the day's turn comes as it ends.
        ("America/Nuuk", date(2026, 3, 28), 23, "2026-03-29T01:00"),
    ],
)
def test_an_hour_that_is_left_out_or_comes_twice(
    zone: str, day: date, hour: int, turn: str | None
) -> None:
    """G2: the next minute that there is; the first of two; none on no day."""
    assert turn_of(day, hour, zone) == (turn and at(turn))


@pytest.mark.parametrize("zone", YEARS)
def test_every_turn_of_a_year_is_where_a_clock_would_have_it(zone: str) -> None:
    """G2: held against a clock that is looked at every half hour of the year."""
    clock, year = ZoneInfo(zone), YEARS[zone]
    steps = [
        datetime(year, 1, 3, tzinfo=UTC) + timedelta(minutes=30 * step)
        for step in range(48 * 361)
    ]
    shown = [moment.astimezone(clock).replace(tzinfo=None) for moment in steps]
    there = {moment.date() for moment in shown}
    for hour in (0, 1, 2, 7, 23):
        first: dict[date, datetime] = {}
        highest = datetime(1, 1, 1)
        for moment, seen in zip(steps, shown, strict=True):
            # A clock that went back shows nothing that it has not shown before.
            if seen > highest:
                for day in {highest.date(), seen.date()} - first.keys():
                    if seen >= datetime(day.year, day.month, day.day, hour):
                        first[day] = moment
                highest = seen
        for day in sorted(there)[1:-1]:
            assert turn_of(day, hour, zone) == first[day], (day, hour)


def test_the_hour_is_the_one_before_the_digest() -> None:
    """G2: what waits is told before what was done is."""
    assert [ritual_hour(hour) for hour in (0, 1, 8, 23)] == [0, 0, 7, 22]


def test_what_was_missed_is_caught_up_with_once() -> None:
    """G2: of five days without a beat, the newest; the week's review on whatever day."""
    calendar = Calendar(timezone="Europe/Berlin", hour=7)
    begun = at("2026-01-01T00:00")
    last = Last(day=date(2026, 1, 5), started_at=at("2026-01-05T06:00"), ended=True)
    now = at("2026-01-10T05:00")
    found = due(BRIEF, calendar, last, begun=begun, now=now)
    assert found == Due(kind=BRIEF, day=date(2026, 1, 9), at=at("2026-01-09T06:00"))
    after = replace(last, day=date(2026, 1, 9))
    assert due(BRIEF, calendar, after, begun=begun, now=now) is None
    assert coming(BRIEF, calendar, now=now) == at("2026-01-10T06:00")
    old = replace(last, day=date(2025, 12, 29))
    review = due(WEEKLY, calendar, old, begun=begun, now=now)
    assert review is not None
    assert review.day == date(2026, 1, 5)
    assert coming(WEEKLY, calendar, now=now) == at("2026-01-12T06:00")


def test_a_tenant_has_no_rituals_of_the_days_before_it() -> None:
    """G2: whoever opens at night or at noon is told on the next day."""
    calendar = Calendar(timezone="Europe/Berlin", hour=7)
    begun = at("2026-01-05T01:00")
    for now, day in (("2026-01-05T12:00", None), ("2026-01-06T06:00", 6)):
        found = due(BRIEF, calendar, None, begun=begun, now=at(now))
        assert (found and found.day.day) == day


def test_a_new_time_zone_opens_no_second_day() -> None:
    """G2, T1: the running day ends where it would have; then the new zone's dates count."""
    since = at("2026-06-02T22:00")
    calendar = Calendar(
        timezone="Pacific/Auckland", previous="Europe/Berlin", since=since, hour=7
    )
    ran, last = [], None
    moment = at("2026-05-31T00:00")
    while moment < at("2026-06-06T00:00"):
        found = due(BRIEF, calendar, last, begun=at("2026-01-01T00:00"), now=moment)
        if found:
            ran.append((found.day.isoformat(), moment.isoformat()[5:16]))
            last = Last(day=found.day, started_at=moment, ended=True)
        moment += timedelta(minutes=30)
    assert ran[1:] == [
        ("2026-05-31", "05-31T05:00"), ("2026-06-01", "06-01T05:00"),
        ("2026-06-02", "06-02T05:00"), ("2026-06-03", "06-02T22:00"),
        ("2026-06-04", "06-03T19:00"), ("2026-06-05", "06-04T19:00"),
        ("2026-06-06", "06-05T19:00"),
    ]  # fmt: skip


def test_who_is_neglected() -> None:
    """G2: unanswered for three days, or not spoken to for fourteen; the warmest first."""
    now = at("2026-06-15T12:00")

    def touch(number: int, heat: float, **ago: int) -> Touch:
        given = {"known_since": 400, **ago}
        moments = {name: now - timedelta(days=days) for name, days in given.items()}
        return Touch(account=UUID(int=number), heat=heat, **moments)

    touches = [
        touch(1, 0.1, ours=14), touch(2, 0.9, ours=13), touch(3, 0.5),
        touch(4, 0.2, theirs=3, ours=4), touch(5, 0.8, theirs=2, ours=30),
        touch(6, 0.3, theirs=40, ours=1), touch(7, 0.7, known_since=13),
        touch(8, 0.4, theirs=5),
    ]  # fmt: skip
    assert neglected(touches, now=now) == [
        Neglect(account=UUID(int=8), why="UNANSWERED", days=5),
        Neglect(account=UUID(int=4), why="UNANSWERED", days=3),
        Neglect(account=UUID(int=3), why="SILENT", days=400),
        Neglect(account=UUID(int=1), why="SILENT", days=14),
    ]


@dataclass
class Row:
    """A ritual as the table keeps it."""

    started_at: datetime
    ended_at: datetime | None = None


@dataclass
class World:
    """The table, and two beats that look at it, die, and come back."""

    calendar: Calendar
    begun: datetime
    dice: random.Random
    rows: dict[tuple[Trigger, date], Row] = field(default_factory=dict)
    ends: Counter[tuple[Trigger, date]] = field(default_factory=Counter)
    newest: dict[Trigger, date] = field(default_factory=dict)
    running: list[tuple[datetime, Trigger, date, datetime]] = field(
        default_factory=list
    )

    def last(self, kind: Trigger) -> Last | None:
        day = self.newest.get(kind)
        if day is None:
            return None
        row = self.rows[kind, day]
        return Last(day=day, started_at=row.started_at, ended=row.ended_at is not None)

    def look(self, now: datetime) -> None:
        """One beat: whatever is due is claimed, and then ends soon, or never."""
        self.finish(now)
        for kind in WEEKDAY:
            last = self.last(kind)
            found = due(kind, self.calendar, last, begun=self.begun, now=now)
            if found is None:
                continue
            key = (kind, found.day)
            if key in self.rows:
                assert last is not None
                assert is_abandoned(last, now=now)
            assert found.day >= self.newest.get(kind, date.min)
            self.rows[key] = Row(started_at=now)
            self.newest[kind] = found.day
            if self.dice.random() < 0.8:
                took = LEASE * self.dice.uniform(0.1, 2)
                self.running.append((now + took, *key, now))

    def finish(self, now: datetime) -> None:
        for each in [each for each in self.running if each[0] <= now]:
            self.running.remove(each)
            end, kind, day, started = each
            row = self.rows[kind, day]
            # The fence: whoever was taken for gone writes nothing any more.
            if row.started_at == started and row.ended_at is None:
                row.ended_at = end
                self.ends[kind, day] += 1


def beats(dice: random.Random, begin: datetime, end: datetime) -> Iterator[datetime]:
    """When one of two beats looks: each dies now and then, for hours or for days."""
    moments = []
    for _ in range(2):
        now = begin
        while now < end:
            moments.append(now)
            down = dice.random() < 0.02
            now += (
                timedelta(minutes=dice.uniform(10, 110))
                + down * dice.uniform(0, 3) * DAY
            )
    yield from sorted(moments)


@pytest.mark.parametrize("zone", YEARS)
def test_a_year_with_two_beats_that_die(zone: str) -> None:
    """G2: each day once; what both missed, once; what was killed, taken up again."""
    year = YEARS[zone]
    begin, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 3, tzinfo=UTC)
    dice, first = random.Random(zone), begin.astimezone(ZoneInfo(zone)).date()
    calendar = Calendar(timezone=zone, hour=dice.choice([0, 2, 7, 23]))
    world = World(calendar=calendar, begun=begin, dice=dice)
    seen: Counter[tuple[Trigger, date]] = Counter()
    for now in beats(dice, begin, end):
        world.look(now)
        for kind in WEEKDAY:
            turn = newest(kind, calendar, now=now)
            if turn is not None and turn.day > first:
                seen[kind, turn.day] += 1
    world.finish(end)
    assert set(world.ends.values()) == {1}
    # Each day in whose time anybody looked was begun, and no other.
    assert set(world.rows) == set(seen)
    # What never ended was killed, and nobody looked again before the next one's turn.
    rare = [key for key in world.rows if key not in world.ends and seen[key] > 12]
    assert not rare
    assert len(world.ends) > 500
    if zone == "Pacific/Apia":
        assert (BRIEF, date(2011, 12, 30)) not in world.rows
