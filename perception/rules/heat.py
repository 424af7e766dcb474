"""P4: how warm an account is, in which tier that puts it, and how it cools.

Heat is kept as (score, tier, at) and cools by itself when it is read, so nothing has to
be scored again only because time passed. `at` is when the tier was last earned; a tier
that only its cooldown holds keeps its `at`, so that no refresh can hold it for ever.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

HOUR = timedelta(hours=1)


class Tier(StrEnum):
    """How closely an account is watched."""

    HOT = "HOT"
    WARM = "WARM"
    COLD = "COLD"


class Posture(StrEnum):
    """How an account stands towards us."""

    OK = "OK"
    WATCH = "WATCH"
    AT_RISK = "AT_RISK"
    EXPAND = "EXPAND"
    DORMANT = "DORMANT"


@dataclass(frozen=True, kw_only=True, slots=True)
class Promotion:
    """So many signals within such a time earn a tier, whatever the score."""

    tier: Tier
    signals: int
    within: timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """What makes heat, and what tiers ask for."""

    postures: Mapping[Posture, float]
    no_posture: float
    recency: Sequence[tuple[timedelta, float]]
    older: float
    full_volume: int
    weights: tuple[float, float, float]
    tiers: Sequence[tuple[float, Tier]]
    promotions: Sequence[Promotion]
    cooldowns: Mapping[Tier, timedelta]
    half_life: timedelta


SHIPPED = Table(
    postures={
        Posture.DORMANT: 0.0,
        Posture.OK: 0.3,
        Posture.WATCH: 0.5,
        Posture.AT_RISK: 0.7,
        Posture.EXPAND: 0.9,
    },
    no_posture=0.0,
    recency=((HOUR, 1.0), (6 * HOUR, 0.7), (24 * HOUR, 0.4)),
    older=0.1,
    full_volume=5,
    weights=(0.4, 0.35, 0.25),
    tiers=((0.7, Tier.HOT), (0.35, Tier.WARM)),
    promotions=(
        Promotion(tier=Tier.HOT, signals=2, within=HOUR),
        Promotion(tier=Tier.WARM, signals=1, within=6 * HOUR),
    ),
    cooldowns={Tier.HOT: 4 * HOUR, Tier.WARM: 24 * HOUR, Tier.COLD: 48 * HOUR},
    half_life=48 * HOUR,
)

RANK = {Tier.COLD: 0, Tier.WARM: 1, Tier.HOT: 2}


@dataclass(frozen=True, kw_only=True, slots=True)
class Heat:
    """Heat as it is kept."""

    score: float = 0.0
    tier: Tier = Tier.COLD
    at: datetime | None = None


def score(
    posture: Posture | None,
    moments: Sequence[datetime],
    *,
    now: datetime,
    table: Table = SHIPPED,
) -> float:
    """Heat between 0 and 1, from the posture and the times of active signals."""
    stance = table.no_posture if posture is None else table.postures[posture]
    volume = min(len(moments) / table.full_volume, 1.0)
    recency = 0.0
    if moments:
        age = now - max(moments)
        recency = next(
            (worth for limit, worth in table.recency if age <= limit), table.older
        )
    parts = zip(table.weights, (stance, recency, volume), strict=True)
    # Rounded, so that 0.7 is 0.7 and not a hair below it.
    return round(sum(weight * part for weight, part in parts), 6)


def tier_of(value: float, table: Table = SHIPPED) -> Tier:
    """The tier that a score alone earns."""
    return next((tier for least, tier in table.tiers if value >= least), Tier.COLD)


def promoted(
    moments: Sequence[datetime], *, now: datetime, table: Table = SHIPPED
) -> Tier:
    """The tier that a burst of signals earns."""
    for rule in table.promotions:
        if sum(now - moment <= rule.within for moment in moments) >= rule.signals:
            return rule.tier
    return Tier.COLD


def refreshed(
    before: Heat,
    value: float,
    moments: Sequence[datetime],
    *,
    now: datetime,
    table: Table = SHIPPED,
) -> Heat:
    """Heat after a look: up at once, down only when the tier's cooldown is over."""
    earned = max(
        tier_of(value, table),
        promoted(moments, now=now, table=table),
        key=lambda tier: RANK[tier],
    )
    if before.at is None or RANK[earned] >= RANK[before.tier]:
        return Heat(score=value, tier=earned, at=now)
    if now - before.at >= table.cooldowns[before.tier]:
        return Heat(score=value, tier=earned, at=now)
    # Held: what is kept cools to `value` by now, and the cooldown goes on.
    kept = value / _cooling(now - before.at, table)
    return Heat(score=round(min(kept, 1.0), 6), tier=before.tier, at=before.at)


def cooled(heat: Heat, *, now: datetime, table: Table = SHIPPED) -> Heat:
    """Heat as it is at a later time, without looking at any signal."""
    if heat.at is None or now <= heat.at:
        return heat
    age = now - heat.at
    value = round(heat.score * _cooling(age, table), 6)
    tier = tier_of(value, table)
    if RANK[tier] > RANK[heat.tier] or age < table.cooldowns[heat.tier]:
        tier = heat.tier
    return Heat(score=value, tier=tier, at=heat.at)


def _cooling(age: timedelta, table: Table) -> float:
    return float(0.5 ** (max(age, timedelta(0)) / table.half_life))
