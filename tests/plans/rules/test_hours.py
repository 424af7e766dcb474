"""R11: business hours of the tenant, through every change of its clock."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plans.rules.hours import is_open, next_open
from tests.plans.rules.make import LAW

BERLIN, NIGHT = (
    "Europe/Berlin",
    {"days": list(range(7)), "start": "02:30", "end": "05:00"},
)
MINUTE = timedelta(minutes=1)


def local(text: str, zone: str = BERLIN, fold: int = 0) -> datetime:
    at = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return at.astimezone(UTC)


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        # A Tuesday.
        ("2026-11-24T09:00", "2026-11-24T09:00"),
        ("2026-11-24T16:59:59", "2026-11-24T16:59:59"),
        ("2026-11-24T08:59:59", "2026-11-24T09:00"),
        ("2026-11-24T17:00", "2026-11-25T09:00"),
        ("2026-11-27T17:00", "2026-11-30T09:00"),
        ("2026-11-28T12:00", "2026-11-30T09:00"),
        # Over the changes of the clock, in spring and in autumn.
        ("2026-03-27T17:00", "2026-03-30T09:00"),
        ("2026-10-23T17:00", "2026-10-26T09:00"),
    ],
)
def test_the_usual_hours(at: str, opens: str) -> None:
    """R11: Monday to Friday, nine to five, where nothing else is said."""
    assert next_open(local(at), zone=BERLIN, hours={}) == local(opens)
    assert is_open(local(at), zone=BERLIN, hours={}) is (at == opens)


@pytest.mark.parametrize(
    ("hours", "at", "opens"),
    [
        # Half past two does not exist that night; it opens when the clock jumps past it.
        (NIGHT, local("2026-03-29T01:00"), local("2026-03-29T03:00")),
        # It exists twice: open, closed again for half an hour, and open.
        (NIGHT, local("2026-10-25T01:00"), local("2026-10-25T02:30")),
        (NIGHT, local("2026-10-25T02:10", fold=1), local("2026-10-25T02:30", fold=1)),
        # The hour that comes again opens once more.
        (
            {**NIGHT, "start": "00:30", "end": "02:30"},
            local("2026-10-25T02:40"),
            local("2026-10-25T02:00", fold=1),
        ),
        # Hours that fall wholly into what is left out open the day after.
        (
            {**NIGHT, "start": "02:10", "end": "02:50"},
            local("2026-03-29T00:00"),
            local("2026-03-30T02:10"),
        ),
        # One day a week.
        (
            {"days": [6], "start": "10:00", "end": "11:00"},
            local("2026-11-22T11:00"),
            local("2026-11-29T10:00"),
        ),
        # What would never be open counts as the usual hours.
        (
            {"days": [], "start": "10:00", "end": "11:00"},
            local("2026-11-28T12:00"),
            local("2026-11-30T09:00"),
        ),
        (
            {"days": [0], "start": "22:00", "end": "06:00"},
            local("2026-11-28T12:00"),
            local("2026-11-30T09:00"),
        ),
    ],
)
def test_hours_that_clocks_change_in(
    hours: dict[str, Any], at: datetime, opens: datetime
) -> None:
    """R11."""
    assert next_open(at, zone=BERLIN, hours=hours) == opens


def test_a_day_that_a_clock_leaves_out() -> None:
    """Samoa had no 30 December 2011, a Friday."""
    friday = {"days": [4], "start": "09:00", "end": "17:00"}
    at = local("2011-12-29T12:00", "Pacific/Apia")
    opens = next_open(at, zone="Pacific/Apia", hours=friday)
    assert opens == local("2012-01-06T09:00", "Pacific/Apia")


ZONES = [
    "UTC", BERLIN, "America/New_York", "America/Santiago", "Asia/Kathmandu",
    "Australia/Lord_Howe", "Pacific/Auckland", "Africa/Casablanca", "Asia/Beirut",
]  # fmt: skip
CLOCKS = st.tuples(st.integers(0, 23), st.sampled_from([0, 15, 30, 45])).map(
    lambda each: f"{each[0]:02}:{each[1]:02}"
)
HOURS = st.one_of(
    st.just({}),
    st.builds(
        lambda days, ends: {"days": sorted(days), "start": min(ends), "end": max(ends)},
        st.sets(st.integers(0, 6)),
        st.tuples(CLOCKS, CLOCKS),
    ),
)
MOMENTS = st.datetimes(
    datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)
)


@LAW
@given(MOMENTS, st.sampled_from(ZONES), HOURS)
@example(local("2026-03-29T00:30"), BERLIN, NIGHT)
@example(local("2026-10-25T00:30"), BERLIN, NIGHT)
def test_the_next_opening_is_the_next(
    at: datetime, zone: str, hours: dict[str, Any]
) -> None:
    """R11: it is open then, it is not before, and nothing is open between."""
    opens = next_open(at, zone=zone, hours=hours)
    assert opens >= at
    assert is_open(opens, zone=zone, hours=hours)
    if opens == at:
        return
    assert not is_open(at, zone=zone, hours=hours)
    assert not is_open(opens - timedelta(microseconds=1), zone=zone, hours=hours)
    # A look at every quarter of an hour between; hours begin and clocks change at those.
    quarter = at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
    while (quarter := quarter + 15 * MINUTE) < opens:
        assert not is_open(quarter, zone=zone, hours=hours)


@LAW
@given(MOMENTS, st.sampled_from(ZONES), HOURS)
def test_whoever_waits_need_not_wait_again(
    at: datetime, zone: str, hours: dict[str, Any]
) -> None:
    """R11."""
    opens = next_open(at, zone=zone, hours=hours)
    assert next_open(opens, zone=zone, hours=hours) == opens
