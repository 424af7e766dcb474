"""X6: what counts against a tool, percentiles from counts, and when an alert opens."""

import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy.rules.answers import Meaning, Said
from autonomy.rules.service import (
    BOUNDS,
    BUCKETS,
    CALM,
    LEAST_BAD,
    LEAST_CALLS,
    TOLD_WITHIN,
    About,
    Aim,
    Move,
    Tally,
    bad,
    bucket_of,
    burn,
    fails,
    fast_for,
    held_to,
    judge,
    percentile,
    tell_again,
)

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
# Whether the tool's keeper answers for it; None: it does not count.
KEEPERS = [
    (Meaning.DONE, 200, 5.0, False),
    (Meaning.DONE, 409, 5.0, False),
    (Meaning.DONE, None, 5.0, False),
    # Somebody changed what is there: the tool could say so.
    (Meaning.MOVED, None, 5.0, False),
    # Bad requests are ours, or the model's.
    (Meaning.REFUSED, 400, 5.0, False),
    (Meaning.REFUSED, 404, 5.0, False),
    (Meaning.REFUSED, 410, 5.0, False),
    (Meaning.REFUSED, 422, 5.0, False),
    # It lets nobody in: a key that its keeper has to mend.
    (Meaning.REFUSED, 401, 5.0, True),
    (Meaning.REFUSED, 403, 5.0, True),
    (Meaning.REFUSED, 408, 5.0, True),
    # Nobody knows whether it was asked at all.
    (Meaning.REFUSED, None, 5.0, None),
    (Meaning.WAIT, 429, 5.0, True),
    (Meaning.WAIT, 503, 5.0, True),
    (Meaning.WAIT, None, 5.0, True),
    (Meaning.AMBIGUOUS, 500, 5.0, True),
    (Meaning.AMBIGUOUS, None, 5.0, True),
    (Meaning.UNREACHED, None, 5.0, True),
    (Meaning.FORBIDDEN, None, 5.0, None),
    # Not sent.
    (Meaning.WAIT, None, 0.0, None),
    (Meaning.DONE, None, 0.0, None),
]

times = st.lists(st.floats(0.01, 200_000), min_size=1, max_size=200)
# As the doors take them.
percents = st.floats(50, 99.9)


def tally(took: list[float], failed: int = 0) -> Tally:
    within = [0] * BUCKETS
    for each in took:
        within[bucket_of(each)] += 1
    return Tally(calls=len(took), failed=failed, within=tuple(within))


def failing(calls: int, failed: int) -> Tally:
    return tally([5.0] * calls, failed)


@pytest.mark.parametrize(("meaning", "status", "took", "expected"), KEEPERS)
def test_what_a_tools_keeper_answers_for(
    meaning: Meaning, status: int | None, took: float, expected: bool | None
) -> None:
    said = Said(meaning=meaning, detail="", status=status)
    assert fails(said, took) is expected


def test_every_meaning_is_in_the_table() -> None:
    assert {row[0] for row in KEEPERS} == set(Meaning)


def test_buckets_are_round_and_even() -> None:
    assert (BOUNDS[0], BOUNDS[-1]) == (1, 120_000)
    for each, following in pairwise(BOUNDS):
        assert 1.3 < following / each < 1.7
    for round_one in (100, 500, 1000, 5000, 10_000, 30_000):
        assert held_to(round_one) == round_one
    assert held_to(4000) == 5000
    assert held_to(10**9) == 120_000


@given(times, st.sampled_from([1, 50, 95, 99, 100]))
def test_a_percentile_lies_in_the_bucket_of_the_true_one(
    took: list[float], percent: int
) -> None:
    rank = max(1, math.ceil(len(took) * percent / 100))
    true = sorted(took)[rank - 1]
    found = percentile(tally(took).within, percent)
    assert found is not None
    if true > BOUNDS[-1]:
        assert found == BOUNDS[-1]
    else:
        assert bucket_of(found) == bucket_of(true)
        assert found >= true


def test_of_no_calls_nothing_is_known() -> None:
    nothing = Tally()
    assert percentile(nothing.within, 95) is None
    assert burn(nothing, Aim(), About.SUCCESS) == 0


@given(st.lists(st.tuples(times, st.integers(0, 5)), max_size=8))
def test_minutes_together_are_one_longer_minute(
    minutes: list[tuple[list[float], int]],
) -> None:
    together = sum((tally(*each) for each in minutes), Tally())
    took = [each for all_, _ in minutes for each in all_]
    assert together == tally(took, sum(failed for _, failed in minutes))


@given(st.integers(1, 500), st.integers(0, 500), st.integers(0, 500), percents)
def test_burn_grows_with_what_goes_wrong(
    calls: int, one: int, other: int, percent: float
) -> None:
    fewer, more = sorted((min(one, calls), min(other, calls)))
    aim = Aim(success_percent=percent)
    low, high = (
        burn(failing(calls, each), aim, About.SUCCESS) for each in (fewer, more)
    )
    assert low <= high
    stricter = Aim(success_percent=min(99.95, percent + 0.05))
    assert burn(failing(calls, more), stricter, About.SUCCESS) >= high


@given(times, st.integers(1, 120_000), st.integers(1, 120_000))
def test_a_looser_limit_finds_no_more_slow_calls(
    took: list[float], one: int, other: int
) -> None:
    seen = tally(took)
    strict, loose = (Aim(latency_ms=each) for each in sorted((one, other)))
    assert bad(seen, loose, About.LATENCY) <= bad(seen, strict, About.LATENCY)
    surely = sum(each > held_to(strict.latency_ms) for each in took)
    assert bad(seen, strict, About.LATENCY) == surely
    # Nothing is called slow that was within its limit.
    assert surely <= sum(each > strict.latency_ms for each in took)


@given(
    st.integers(0, 400), st.integers(0, 400), st.integers(0, 400), st.integers(0, 400)
)
@settings(max_examples=200)
def test_more_that_goes_wrong_never_takes_an_alert_back(
    calls: int, older: int, wrong: int, more: int
) -> None:
    aim = Aim()
    wrong = min(wrong, calls)
    worse = min(wrong + more, calls)

    def moved(failed: int, *, is_open: bool) -> Move:
        short = failing(calls, failed)
        long = short + failing(older, 0)
        return judge(short, long, aim, About.SUCCESS, is_open=is_open)

    if moved(wrong, is_open=False) is Move.OPEN:
        assert moved(worse, is_open=False) is Move.OPEN
        # What has just opened does not close on the same figures.
        assert moved(wrong, is_open=True) is Move.STAY
    if moved(worse, is_open=True) is Move.CLOSE:
        assert moved(wrong, is_open=True) is Move.CLOSE


@pytest.mark.parametrize(
    ("short", "long", "opens"),
    [
        (failing(1, 1), failing(1, 1), False),
        (failing(5, 5), failing(5, 5), False),
        (failing(5, 5), failing(LEAST_CALLS, 5), True),
        (failing(20, LEAST_BAD - 1), failing(20, LEAST_BAD - 1), False),
        (failing(20, LEAST_BAD), failing(20, LEAST_BAD), True),
        (failing(100, 14), failing(100, 14), False),
        (failing(100, 15), failing(100, 15), True),
        # A short burst, and what was long ago: both windows have to burn.
        (failing(20, 10), failing(1000, 10), False),
        (failing(100, 0), failing(1000, 500), False),
    ],
)
def test_when_an_alert_opens(short: Tally, long: Tally, opens: bool) -> None:
    """One failure in the night is none."""
    expected = Move.OPEN if opens else Move.STAY
    assert judge(short, long, Aim(), About.SUCCESS, is_open=False) is expected
    off = Aim(is_active=False)
    assert judge(short, long, off, About.SUCCESS, is_open=False) is Move.STAY


@pytest.mark.parametrize(
    ("short", "long", "closes"),
    [
        (failing(10, 0), failing(100, 50), True),
        # Hysteresis: what would open none does not close one.
        (failing(100, 2), failing(100, 2), False),
        (failing(100, 1), failing(100, 1), False),
        (failing(200, 1), failing(200, 1), True),
        # Nobody called: nothing says that it works again, until nothing is left to say.
        (Tally(), failing(100, 50), False),
        (Tally(), Tally(), True),
    ],
)
def test_when_an_alert_closes(short: Tally, long: Tally, closes: bool) -> None:
    expected = Move.CLOSE if closes else Move.STAY
    assert judge(short, long, Aim(), About.SUCCESS, is_open=True) is expected
    off = Aim(is_active=False)
    assert judge(short, long, off, About.SUCCESS, is_open=True) is Move.CLOSE


@given(percents)
def test_an_outage_opens_an_alert_whatever_is_allowed(percent: float) -> None:
    aim = Aim(success_percent=percent)
    seen = failing(20, 20)
    assert judge(seen, seen, aim, About.SUCCESS, is_open=False) is Move.OPEN
    assert fast_for(aim, About.SUCCESS) > CALM


def test_slow_calls_are_told_apart_from_failed_ones() -> None:
    slow = tally([9000.0] * 20)
    assert judge(slow, slow, Aim(), About.LATENCY, is_open=False) is Move.OPEN
    assert judge(slow, slow, Aim(), About.SUCCESS, is_open=False) is Move.STAY


def test_an_alert_is_told_ever_more_rarely_and_given_up() -> None:
    at, tries = NOW, 0
    while (following := tell_again(since=NOW, now=at)) is not None:
        assert following > at
        at, tries = following, tries + 1
    assert at >= NOW + TOLD_WITHIN
    assert 20 <= tries <= 40
    assert tell_again(since=NOW, now=NOW + timedelta(seconds=1)) == NOW + timedelta(
        seconds=31
    )
