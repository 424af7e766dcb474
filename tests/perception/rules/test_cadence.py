"""P5, P6: how often, how deeply, and in whose favour."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perception.rules.cadence import (
    COVERAGE,
    SHIPPED,
    SWEEP,
    Depth,
    brought_forward,
    cadence_of,
    depth_of,
    every,
    faults,
    in_words,
    next_look,
    outlook,
    stated,
    worth,
)
from perception.rules.heat import Tier
from tests.conftest import NOW

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ID = UUID(int=1)


def test_the_shipped_table() -> None:
    """P5: HOT deep hourly, WARM shallow 6-hourly, COLD between 3 and 7 days."""
    spread = [every(SHIPPED[Tier.COLD], uuid4()) for _ in range(300)]
    assert all(3 * DAY <= each <= COVERAGE for each in spread)
    assert max(spread) - min(spread) > 2 * DAY
    assert every(SHIPPED[Tier.HOT], ID) == HOUR
    assert every(SHIPPED[Tier.WARM], ID) == 6 * HOUR
    assert [SHIPPED[tier].depth for tier in Tier] == ["DEEP", "SHALLOW", "SHALLOW"]


def test_hot_is_deep_once_an_hour_and_shallow_between() -> None:
    hot = SHIPPED[Tier.HOT]
    assert depth_of(hot, deep_at=None, now=NOW) is Depth.DEEP
    assert depth_of(hot, deep_at=NOW + HOUR, now=NOW) is Depth.SHALLOW
    assert depth_of(hot, deep_at=NOW, now=NOW) is Depth.DEEP
    deep = NOW + HOUR / 4
    assert next_look(hot, ID, now=NOW, deep_at=deep) == deep


def test_a_table_is_read_back_as_it_is_shown() -> None:
    assert cadence_of(stated(SHIPPED)) == SHIPPED
    assert cadence_of({}) == SHIPPED
    assert faults(stated(SHIPPED)) == []


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ([], "cadence"),
        ({"TEPID": {}}, "cadence.TEPID"),
        ({"HOT": 3}, "cadence.HOT"),
        ({"HOT": {"every_s": 10}}, "cadence.HOT.every_s"),
        ({"HOT": {"every_s": True}}, "cadence.HOT.every_s"),
        ({"COLD": {"every_s": 8 * 86_400}}, "cadence.COLD.every_s"),
        ({"WARM": {"depth": "FULL"}}, "cadence.WARM.depth"),
        ({"WARM": {"every_s": 7200, "up_to_s": 3600}}, "cadence.WARM.up_to_s"),
        ({"WARM": {"often": 1}}, "cadence.WARM.often"),
    ],
)
def test_a_wrong_row_is_named_and_counts_not(wrong: Any, field: str) -> None:
    assert [name for name, _ in faults(wrong)] == [field]
    assert cadence_of(wrong) == SHIPPED


@given(st.integers(300, 7 * 86_400), st.integers(300, 7 * 86_400), st.uuids())
def test_no_table_lets_an_account_wait_longer_than_coverage_allows(
    least: int, most: int, account: UUID
) -> None:
    """P5: whatever a tenant sets, it is due a day before 7 days are over."""
    row = {"every_s": min(least, most), "up_to_s": max(least, most)}
    table = cadence_of({tier.value: row for tier in Tier})
    for tier in Tier:
        assert timedelta(seconds=300) <= every(table[tier], account) <= SWEEP


def moved(before: Tier, after: Tier, **more: Any) -> Any:
    given = {"next_at": NOW + 4 * DAY, "seen_at": NOW - HOUR / 2, "is_fresh": False}
    return brought_forward(
        SHIPPED, ID, before=before, after=after, now=NOW, **{**given, **more}
    )


def test_who_gets_warmer_is_looked_at_sooner() -> None:
    assert moved(Tier.COLD, Tier.WARM) == NOW + 5.5 * HOUR
    assert moved(Tier.WARM, Tier.HOT) == NOW + HOUR / 2
    assert moved(Tier.COLD, Tier.HOT, seen_at=NOW - DAY) == NOW
    assert moved(Tier.WARM, Tier.HOT, next_at=NOW) == NOW
    assert moved(Tier.HOT, Tier.COLD) == NOW + 4 * DAY
    assert moved(Tier.COLD, Tier.COLD, is_fresh=True) == NOW + 4 * DAY


def test_a_signal_brings_a_hot_look_forward_but_not_each_time() -> None:
    assert moved(Tier.HOT, Tier.HOT, is_fresh=True) == NOW
    just = NOW - timedelta(minutes=1)
    soon = NOW + timedelta(minutes=4)
    assert moved(Tier.HOT, Tier.HOT, is_fresh=True, seen_at=just) == soon


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 100), st.integers(0, 100))
def test_worth_grows_with_heat_and_with_staleness(
    one: float, other: float, hours: int, more: int
) -> None:
    cooler, warmer = sorted((one, other))
    fresh, stale = hours * HOUR, (hours + more) * HOUR
    assert worth(cooler, fresh) <= worth(warmer, fresh) <= worth(warmer, stale) <= 1


def test_the_reason_is_said_in_words() -> None:
    said = in_words(NOW + 3 * HOUR, Tier.WARM, now=NOW)
    assert said == "next look in 3 h because WARM"


@pytest.mark.parametrize(
    ("next_at", "seen_at", "said"),
    [
        (None, NOW, "no look is planned"),
        (NOW, None, "next look in 0 s because it was never looked at"),
        (NOW + 3 * HOUR, NOW - 3 * HOUR, "next look in 3 h because WARM, every 6 h"),
        (NOW + HOUR, NOW, "next look in 1 h because WARM, sooner than every 6 h"),
        (NOW - HOUR, NOW - 7 * HOUR, "next look in 0 s because WARM, every 6 h"),
    ],
)
def test_what_comes_next_says_whether_it_is_as_usual(
    next_at: Any, seen_at: Any, said: str
) -> None:
    """P5."""
    told = outlook(SHIPPED, ID, Tier.WARM, next_at=next_at, seen_at=seen_at, now=NOW)
    assert told == said
