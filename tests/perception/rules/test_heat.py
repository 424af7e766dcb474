"""P4: heat, its tiers and how it cools, as tables."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from perception.rules.heat import (
    SHIPPED,
    Heat,
    Posture,
    Tier,
    cooled,
    promoted,
    refreshed,
    score,
    tier_of,
)

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOT, WARM, COLD = Tier.HOT, Tier.WARM, Tier.COLD


def _moments(newest: float, count: int) -> list[datetime]:
    """The newest so many hours ago, the others a week."""
    return [NOW - newest * HOUR] + [NOW - timedelta(days=7)] * (count - 1)


@pytest.mark.parametrize(
    ("posture", "newest", "active", "value", "tier"),
    [
        (None, None, 0, 0.0, COLD),
        (None, 1, 1, 0.40, WARM),
        (None, 1, 5, 0.60, WARM),
        (Posture.WATCH, 3, 1, 0.495, WARM),
        (Posture.WATCH, 3, 5, 0.695, WARM),
        (Posture.AT_RISK, 1, 1, 0.68, WARM),
        (Posture.AT_RISK, 1, 5, 0.88, HOT),
        (Posture.EXPAND, 12, 5, 0.75, HOT),
        (Posture.EXPAND, 48, 1, 0.445, WARM),
        (Posture.DORMANT, 24.01, 5, 0.285, COLD),
        (Posture.OK, 6, 1, 0.415, WARM),
        (Posture.OK, 24, 20, 0.51, WARM),
        (Posture.EXPAND, 0, 50, 0.96, HOT),
    ],
)
def test_the_score_and_the_tier_that_it_earns(
    posture: Posture | None, newest: float | None, active: int, value: float, tier: Tier
) -> None:
    """P4: 0.4 posture + 0.35 recency + 0.25 volume; HOT from 0.7, WARM from 0.35."""
    moments = [] if newest is None else _moments(newest, active)
    assert score(posture, moments, now=NOW) == value
    assert tier_of(value) is tier
    assert refreshed(Heat(), value, moments, now=NOW).tier is tier


@pytest.mark.parametrize(
    ("value", "tier"),
    [(0.7, HOT), (0.699999, WARM), (0.35, WARM), (0.349999, COLD), (0, COLD), (1, HOT)],
)
def test_a_boundary_belongs_to_the_higher_tier(value: float, tier: Tier) -> None:
    """P4."""
    assert tier_of(value) is tier


@pytest.mark.parametrize(
    ("ages", "tier"),
    [
        ([], COLD),
        ([0.2, 0.9], HOT),
        ([0, 1], HOT),
        ([0.2, 1.1], WARM),
        ([0.2], WARM),
        ([6], WARM),
        ([6.01, 7, 8], COLD),
    ],
)
def test_a_burst_of_signals_promotes(ages: list[float], tier: Tier) -> None:
    """P4: HOT by 2 signals in 1 h, WARM by 1 in 6 h."""
    moments = [NOW - age * HOUR for age in ages]
    assert promoted(moments, now=NOW) is tier


def test_promotion_is_at_once_and_may_skip_a_tier() -> None:
    """P4."""
    before = Heat(score=0.1, tier=COLD, at=NOW - timedelta(seconds=1))
    assert refreshed(before, 0.7, [], now=NOW) == Heat(score=0.7, tier=HOT, at=NOW)


@pytest.mark.parametrize(
    ("before", "hours", "value", "tier"),
    [
        (HOT, 3.99, 0.5, HOT),
        (HOT, 4, 0.5, WARM),
        (HOT, 4, 0.1, COLD),
        (WARM, 23, 0.2, WARM),
        (WARM, 24, 0.2, COLD),
        (COLD, 0, 0.1, COLD),
    ],
)
def test_demotion_waits_for_the_cooldown(
    before: Tier, hours: float, value: float, tier: Tier
) -> None:
    """P4: 4 h for HOT, 24 h for WARM."""
    kept = Heat(score=0.9, tier=before, at=NOW - hours * HOUR)
    assert refreshed(kept, value, [], now=NOW).tier is tier
    assert SHIPPED.cooldowns == {HOT: 4 * HOUR, WARM: 24 * HOUR, COLD: 48 * HOUR}


def test_looking_often_does_not_hold_a_tier_for_ever() -> None:
    """P4: the cooldown runs from when the tier was last earned, not last looked at."""
    heat = Heat(score=0.9, tier=HOT, at=NOW)
    tiers = []
    for minutes in range(30, 301, 30):
        heat = refreshed(heat, 0.36, [], now=NOW + timedelta(minutes=minutes))
        tiers.append(heat.tier)
    assert tiers == [HOT] * 7 + [WARM] * 3


def test_what_is_held_still_shows_the_score_of_now() -> None:
    """P4: (value, at) cools to the score that was just found."""
    later = NOW + 2 * HOUR
    heat = refreshed(Heat(score=0.9, tier=HOT, at=NOW), 0.4, [], now=later)
    assert (heat.tier, heat.at) == (HOT, NOW)
    assert cooled(heat, now=later).score == pytest.approx(0.4, abs=1e-5)


@pytest.mark.parametrize(
    ("heat", "hours", "value", "tier"),
    [
        (Heat(score=0.8, tier=HOT, at=NOW), 0, 0.8, HOT),
        (Heat(score=0.8, tier=HOT, at=NOW), 48, 0.4, WARM),
        (Heat(score=0.8, tier=HOT, at=NOW), 96, 0.2, COLD),
        (Heat(score=0.71, tier=HOT, at=NOW), 3.9, 0.671128, HOT),
        (Heat(score=0.71, tier=HOT, at=NOW), 4, 0.67016, WARM),
        (Heat(score=0.36, tier=WARM, at=NOW), 23, 0.258254, WARM),
        (Heat(score=0.36, tier=WARM, at=NOW), 24, 0.254558, COLD),
        (Heat(), 500, 0, COLD),
    ],
)
def test_heat_cools_by_being_read_later(
    heat: Heat, hours: float, value: float, tier: Tier
) -> None:
    """P4: stored as (value, at); nothing is scored again to cool."""
    found = cooled(heat, now=NOW + hours * HOUR)
    assert found.score == pytest.approx(value, abs=1e-4)
    assert (found.tier, found.at) == (tier, heat.at)


def test_cooling_never_warms() -> None:
    """P4: whatever the hour, later is not warmer, in score or tier."""
    order = [COLD, WARM, HOT]
    for start in (0.36, 0.7, 0.95):
        heat = Heat(score=start, tier=tier_of(start), at=NOW)
        seen = [cooled(heat, now=NOW + hour * HOUR) for hour in range(200)]
        assert all(a.score >= b.score for a, b in pairwise(seen))
        ranks = [order.index(each.tier) for each in seen]
        assert ranks == sorted(ranks, reverse=True)
