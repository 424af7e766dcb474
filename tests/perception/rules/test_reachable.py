"""P3, P4: every outcome of the rules can be reached, each by every way; heat cools."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise, permutations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perception.rules.heat import (
    RANK,
    Heat,
    Posture,
    Tier,
    cooled,
    refreshed,
    score,
    tier_of,
)
from perception.rules.lifecycle import Deal, Lifecycle, Sighting, lifecycle, standing
from perception.rules.signals import REGISTRY, lives

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
P = Posture


def _seen(type_: str, days_ago: float = 1, number: int = 1, **said: Any) -> Sighting:
    at = NOW - days_ago * DAY
    return Sighting(id=UUID(int=number), type=type_, occurred_at=at, said=said)


def _renewing(days: int) -> Deal:
    return Deal(stage="discovery", renewal=(NOW + days * DAY).date())


def _risk(severity: str) -> Sighting:
    return _seen("pattern_detected", pattern="risk_indicator", severity=severity)


def _turn(severity: str) -> Sighting:
    return _seen("pattern_detected", pattern="engagement_change", severity=severity)


WAYS: list[tuple[Posture | None, str, list[Sighting], list[Deal]]] = [
    *[
        (posture, "said outright", [_seen("posture_change", to=posture.value)], [])
        for posture in Posture
    ],
    (P.AT_RISK, "a ticket", [_seen("ticket_escalated")], []),
    (P.AT_RISK, "usage down", [_seen("product_usage_anomaly", direction="down")], []),
    (P.AT_RISK, "usage below", [_seen("product_usage_anomaly", change=-0.2)], []),
    (P.AT_RISK, "a grave pattern", [_risk("critical")], []),
    (P.AT_RISK, "a high pattern", [_risk("high")], []),
    (P.AT_RISK, "quiet at renewal", [_seen("crm_update")], [_renewing(30)]),
    (P.EXPAND, "usage up", [_seen("product_usage_anomaly", direction="up")], []),
    (P.EXPAND, "usage above", [_seen("product_usage_anomaly", change=0.2)], []),
    (P.WATCH, "usage odd", [_seen("product_usage_anomaly")], []),
    (P.WATCH, "news", [_seen("news")], []),
    (P.WATCH, "hiring", [_seen("hiring")], []),
    (P.WATCH, "a cross answer", [_seen("reply_received", sentiment="negative")], []),
    (P.WATCH, "a lesser pattern", [_risk("medium")], []),
    (P.WATCH, "they withdraw", [_turn("high")], []),
    (P.WATCH, "renewal near", [_seen("meeting_created")], [_renewing(90)]),
    (P.OK, "a meeting", [_seen("meeting_created")], []),
    (P.OK, "an answer", [_seen("reply_received")], []),
    (P.OK, "the CRM", [_seen("crm_update")], []),
    (P.OK, "a new phase", [_seen("lifecycle_change", to="CUSTOMER")], []),
    (P.DORMANT, "all too old", [_seen("meeting_created", 31)], []),
    (
        P.DORMANT,
        "all too old, and missed",
        [_seen("meeting_created", 31), _seen("no_engagement", 0, 2)],
        [],
    ),
    (None, "nothing", [], []),
    (None, "unregistered", [_seen("never_heard_of")], []),
    (None, "only our own", [_seen("execution_outcome"), _turn("medium")], []),
    (
        None,
        "they want to buy",
        [_seen("pattern_detected", pattern="buying_signal")],
        [],
    ),
]


@pytest.mark.parametrize(("posture", "way", "seen", "deals"), WAYS)
def test_every_posture_by_every_way(
    posture: Posture | None, way: str, seen: list[Sighting], deals: list[Deal]
) -> None:
    """P3: no rule of posture is out of reach."""
    assert standing(seen, deals, now=NOW).posture is posture, way


def test_no_posture_and_no_type_is_forgotten() -> None:
    """P3: a new posture, or a type that has a posture, needs a way of its own here."""
    assert {way[0] for way in WAYS} == {None, *Posture}
    tried = {each.type for way in WAYS for each in way[2]}
    assert {key for key, type_ in REGISTRY.items() if type_.posture} <= tried


@pytest.mark.parametrize("way", [way for way in WAYS if way[2] and not way[3]])
def test_every_posture_expires(
    way: tuple[Posture | None, str, list[Sighting], list[Deal]],
) -> None:
    """P3: when all that it was seen in is too old, nothing is left but DORMANT."""
    longest = max(lives(each.type) for each in way[2])
    later = standing(way[2], [], now=NOW + longest + DAY)
    assert later.posture in (None, Posture.DORMANT)
    assert later.moments == []


MOVES = {
    ("PROSPECT", "SUSPECT"): _seen("meeting_created"),
    ("PROSPECT", "CUSTOMER"): _seen("crm_update", stage="closed_won"),
    ("SUSPECT", "CUSTOMER"): _seen("crm_update", stage="Closed Won"),
    ("CHURNED", "CUSTOMER"): _seen("crm_update", stage="closed-won"),
}


@pytest.mark.parametrize(("before", "after"), list(permutations(Lifecycle, 2)))
def test_every_move_of_a_lifecycle(before: Lifecycle, after: Lifecycle) -> None:
    """P3: each by a word that states it, and those of their own by what shows them."""
    stated = _seen("lifecycle_change", to=after.value)
    assert lifecycle(before, [stated], {stated.id}) is after
    shown = MOVES.get((before.value, after.value))
    if shown is not None:
        assert lifecycle(before, [shown], {shown.id}) is after
    quiet = _seen("news")
    assert lifecycle(before, [quiet], {quiet.id}) is before


@pytest.mark.parametrize(
    ("tier", "heat", "value", "moments"),
    [
        (Tier.HOT, Heat(), 0.7, []),
        (Tier.HOT, Heat(), 0.0, [NOW, NOW]),
        (Tier.HOT, Heat(score=0.9, tier=Tier.HOT, at=NOW - 3 * DAY / 24), 0.1, []),
        (Tier.WARM, Heat(), 0.35, []),
        (Tier.WARM, Heat(), 0.0, [NOW]),
        (Tier.WARM, Heat(score=0.5, tier=Tier.WARM, at=NOW - 23 * DAY / 24), 0.1, []),
        (Tier.WARM, Heat(score=0.9, tier=Tier.HOT, at=NOW - 4 * DAY / 24), 0.4, []),
        (Tier.COLD, Heat(), 0.0, []),
        (Tier.COLD, Heat(score=0.9, tier=Tier.HOT, at=NOW - DAY), 0.1, []),
        (Tier.COLD, Heat(score=0.5, tier=Tier.WARM, at=NOW - DAY), 0.1, []),
    ],
)
def test_every_tier_by_every_way(
    tier: Tier, heat: Heat, value: float, moments: list[datetime]
) -> None:
    """P4: by score, by a burst, held by its cooldown, let go."""
    assert refreshed(heat, value, moments, now=NOW).tier is tier


AGES = st.lists(st.floats(0, 60), max_size=8)
LOOKS = st.lists(st.floats(0.1, 200), min_size=1, max_size=20)


@given(AGES, st.sampled_from([None, *Posture]), LOOKS)
def test_heat_cools(
    ages: list[float], posture: Posture | None, looks: list[float]
) -> None:
    """P4: where nothing new comes, however often it is looked at, it never gets warmer."""
    moments = [NOW - age * DAY for age in ages]
    value = score(posture, moments, now=NOW)
    heat = refreshed(Heat(), value, moments, now=NOW)
    now, seen = NOW, [heat]
    for hours in looks:
        now += timedelta(hours=hours)
        shown = cooled(seen[-1], now=now)
        assert shown.score <= cooled(seen[-1], now=now - timedelta(hours=hours)).score
        assert RANK[shown.tier] <= RANK[seen[-1].tier]
        found = score(posture, moments, now=now)
        seen.append(refreshed(seen[-1], found, moments, now=now))
    ranks = [RANK[each.tier] for each in seen]
    assert ranks == sorted(ranks, reverse=True)


@given(AGES, st.sampled_from([None, *Posture]))
def test_in_the_end_only_the_score_counts(
    ages: list[float], posture: Posture | None
) -> None:
    """P4: no look holds a tier for ever: 72 hours of hourly looks end at the score's own."""
    moments = [NOW - age * DAY for age in ages]
    heat, value = Heat(score=0.95, tier=Tier.HOT, at=NOW), 1.0
    for hour in range(1, 73):
        now = NOW + timedelta(hours=hour)
        value = score(posture, moments, now=now)
        heat = refreshed(heat, value, moments, now=now)
    assert heat.tier is tier_of(value)


@given(st.lists(st.floats(0, 29), min_size=1, max_size=5), st.floats(1, 29))
def test_what_the_house_derives_warms_nobody(ages: list[float], ago: float) -> None:
    """P4: a notice that nobody is heard of is no sign of life."""
    seen = [_seen("meeting_created", age, n) for n, age in enumerate(sorted(ages))]
    derived = [
        _seen(type_, 0, 90 + n)
        for n, type_ in enumerate(
            ("no_engagement", "renewal_window_entered", "pattern_detected")
        )
    ]
    plain = standing(seen, [], now=NOW)
    noted = standing([*seen, *derived], [], now=NOW)
    assert noted.moments == plain.moments
    assert all(a <= b for a, b in pairwise(plain.moments))
