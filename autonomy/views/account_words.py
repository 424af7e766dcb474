"""Accounts in words: how they stand, why they are as warm as they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from autonomy.views.parts import Said
from perception.rules.heat import (
    RANK,
    SHIPPED,
    Heat,
    Posture,
    Tier,
    promoted,
    score,
    tier_of,
)
from perception.rules.lifecycle import Engagement, Standing

POSTURES: Mapping[Posture | None, Said] = {
    Posture.AT_RISK: ("At risk", "bad"),
    Posture.WATCH: ("Worth watching", "wait"),
    Posture.OK: ("Steady", "good"),
    Posture.EXPAND: ("Growing", "good"),
    Posture.DORMANT: ("Silent", ""),
    None: ("Not known yet", ""),
}
BECAUSE: Mapping[Posture | None, str] = {
    Posture.AT_RISK: "Something points to losing them.",
    Posture.WATCH: "Something changes there, or a renewal comes near.",
    Posture.OK: "They are in touch, and nothing stands out.",
    Posture.EXPAND: "They use more, or look for more.",
    Posture.DORMANT: "There were signs of life once, and none that counts now.",
    None: "Nothing was heard of them so far.",
}
ENGAGED: Mapping[Engagement, str] = {
    Engagement.ACTIVE: "They were in touch within the last 30 days.",
    Engagement.QUIET: "They have not been in touch for more than 30 days.",
    Engagement.NONE: "They have never been in touch by themselves.",
}
MOODS: Mapping[str, str] = {
    "POSITIVE": "Their last answer was friendly.",
    "NEUTRAL": "Their last answer was neutral.",
    "NEGATIVE": "Their last answer was unfriendly.",
}
TIERS: Mapping[Tier, str] = {Tier.HOT: "Hot", Tier.WARM: "Warm", Tier.COLD: "Cold"}
MODES: Mapping[str, str] = {
    "DISABLED": "Autonomy is off",
    "ASSIST": "It proposes, people do",
    "APPROVAL": "A person says yes first",
    "AUTOPILOT": "Safe acts run alone when something happens",
    "SCHEDULED": "Safe acts run alone, those of plans and rituals too",
}


@dataclass(frozen=True, kw_only=True)
class Share:
    """One thing that makes heat: how many points of how many."""

    what: str
    points: int
    of: int
    at: datetime | None = None


def shares(stands: Standing, *, now: datetime) -> list[Share]:
    """What of its signals makes an account warm now, part by part."""
    moments = stands.moments
    most = [round(weight * 100) for weight in SHIPPED.weights]
    stance = score(stands.posture, [], now=now)
    volume = SHIPPED.weights[2] * min(len(moments) / SHIPPED.full_volume, 1.0)
    recency = score(None, moments, now=now) - volume
    signs = f"{len(moments)} sign{'' if len(moments) == 1 else 's'} of life"
    return [
        Share(what="How they stand", points=round(stance * 100), of=most[0]),
        Share(
            what="Newest sign of life" if moments else "No sign of life that counts",
            points=round(recency * 100),
            of=most[1],
            at=max(moments, default=None),
        ),
        Share(
            what=f"{signs}; {SHIPPED.full_volume} are enough",
            points=round(volume * 100),
            of=most[2],
        ),
    ]


def why_so_warm(heat: Heat, stands: Standing, *, now: datetime) -> str:
    """Why the tier is what it is."""
    if heat.at is None:
        return "Nothing has warmed it yet."
    if RANK[heat.tier] <= RANK[tier_of(heat.score)]:
        return _earned(heat.tier)
    if promoted(stands.moments, now=now) is heat.tier:
        return _burst(heat.tier)
    until = SHIPPED.cooldowns[heat.tier]
    return (
        f"It stays {TIERS[heat.tier].lower()} for {_span(until)} after that was last "
        "earned."
    )


def _earned(tier: Tier) -> str:
    for least, of in SHIPPED.tiers:
        if of is tier:
            return f"{TIERS[tier]} from {round(least * 100)} points on."
    return f"Cold below {round(SHIPPED.tiers[-1][0] * 100)} points."


def _burst(tier: Tier) -> str:
    rule = next(each for each in SHIPPED.promotions if each.tier is tier)
    signs = "One sign" if rule.signals == 1 else f"{rule.signals} signs"
    return (
        f"{signs} of life within {_span(rule.within)} "
        f"make{'s' if rule.signals == 1 else ''} it {TIERS[tier].lower()}."
    )


def _span(length: timedelta) -> str:
    hours = round(length.total_seconds() / 3600)
    return "an hour" if hours == 1 else f"{hours} hours"


def posture_words(stands: Standing) -> Sequence[str]:
    """How they stand, sentence by sentence."""
    said = [BECAUSE[stands.posture], ENGAGED[stands.engagement]]
    return [*said, *([MOODS[stands.sentiment]] if stands.sentiment in MOODS else [])]


def stood_words(snapshot: Mapping[str, Any]) -> str:
    """How an account stood as a run froze it: how warm, and its posture."""
    heat = (snapshot.get("account") or {}).get("heat") or {}
    posture = (snapshot.get("posture") or {}).get("posture")
    stood = [str(heat.get("tier") or ""), POSTURES[posture][0] if posture else ""]
    return ", ".join(each.lower() for each in stood if each)
