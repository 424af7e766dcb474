"""P3: what signals say about an account's lifecycle and posture. The newest word counts."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from perception.rules.heat import Posture
from perception.rules.signals import REGISTRY, is_derived, lives, said_of, stirs

QUIET_AFTER = timedelta(days=30)
RENEWAL_NEAR = timedelta(days=90)
RENEWAL_PRESSING = timedelta(days=30)
LOST = "closed_lost"
CLOSED = frozenset({"closed_won", LOST})

# Types whose payload is looked into, and the words looked for.
TELLING = (
    "crm_update",
    "lifecycle_change",
    "pattern_detected",
    "posture_change",
    "product_usage_anomaly",
    "reply_received",
)
_Word = TypeVar("_Word", bound=StrEnum)

WORDS = (
    "to",
    "field",
    "lifecycle",
    "posture",
    "stage",
    "direction",
    "change",
    "sentiment",
    "pattern",
    "severity",
)
GRAVE = frozenset({"CRITICAL", "HIGH"})
SENTIMENTS = frozenset({"POSITIVE", "NEUTRAL", "NEGATIVE"})


class Lifecycle(StrEnum):
    """How far an account has come with us."""

    PROSPECT = "PROSPECT"
    SUSPECT = "SUSPECT"
    CUSTOMER = "CUSTOMER"
    CHURNED = "CHURNED"


class Engagement(StrEnum):
    """Whether somebody there does something towards us."""

    ACTIVE = "ACTIVE"
    QUIET = "QUIET"
    NONE = "NONE"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighting:
    """One kept signal, as far as the rules look at it."""

    id: UUID
    type: str
    occurred_at: datetime
    said: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Deal:
    """One opportunity."""

    stage: str
    renewal: date | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How an account stands, with what that was seen in."""

    posture: Posture | None
    engagement: Engagement
    sentiment: str
    renewal: date | None
    stages: Sequence[str]
    moments: Sequence[datetime]

    @property
    def risk(self) -> str:
        """HIGH, MEDIUM or LOW."""
        match self.posture:
            case Posture.AT_RISK:
                return "HIGH"
            case Posture.WATCH | Posture.DORMANT:
                return "MEDIUM"
            case _:
                return "LOW"


def lifecycle(
    current: Lifecycle, sightings: Sequence[Sighting], fresh: Collection[UUID]
) -> Lifecycle:
    """The lifecycle after fresh signals; one that comes late overrules nothing newer."""
    stated = [each for each in sightings if _stated(each) is not None]
    newest = max(stated, key=_order, default=None)
    if newest is not None and newest.id in fresh:
        current = _stated(newest) or current
    if current is Lifecycle.PROSPECT and any(
        _engages(each)
        and each.id in fresh
        and (newest is None or _order(each) > _order(newest))
        for each in sightings
    ):
        return Lifecycle.SUSPECT
    return current


def standing(
    sightings: Sequence[Sighting], deals: Sequence[Deal], *, now: datetime
) -> Standing:
    """How an account stands, from its signals and its deals."""
    live = sorted(
        (
            each
            for each in sightings
            if stirs(each.type) and now - each.occurred_at <= lives(each.type)
        ),
        key=_order,
    )
    open_deals = [deal for deal in deals if deal.stage not in CLOSED]
    renewal = min(
        (
            deal.renewal
            for deal in deals
            if deal.renewal and deal.renewal >= now.date() and deal.stage != LOST
        ),
        default=None,
    )
    engagement = _engagement(sightings, now=now)
    return Standing(
        posture=_posture(
            live,
            seen=any(_is_life(each) for each in sightings),
            engagement=engagement,
            left=None if renewal is None else renewal - now.date(),
        ),
        engagement=engagement,
        sentiment=_sentiment(live),
        renewal=renewal,
        stages=[deal.stage for deal in open_deals],
        moments=[each.occurred_at for each in live if _is_life(each)],
    )


def posture_named(value: Any) -> Posture | None:
    """The posture that is meant, if it is one."""
    return _member(Posture, value)


def sentiment_named(value: Any) -> str:
    """The sentiment that is meant, if it is one; empty: it is none."""
    word = _word(value)
    return word if word in SENTIMENTS else ""


def _posture(
    live: Sequence[Sighting],
    *,
    seen: bool,
    engagement: Engagement,
    left: timedelta | None,
) -> Posture | None:
    """First match: a word that nothing strong came after, risk, growth, unrest, calm."""
    effects = [(each, _effect(each)) for each in live]
    strong = [
        (each, effect)
        for each, effect in effects
        if effect in (Posture.AT_RISK, Posture.EXPAND)
        or (effect is not None and each.type == "posture_change")
    ]
    if strong and strong[-1][0].type == "posture_change":
        return strong[-1][1]
    found = {effect for each, effect in effects if each.type != "posture_change"}
    pressing = left is not None and left <= RENEWAL_PRESSING
    if Posture.AT_RISK in found or (pressing and engagement is not Engagement.ACTIVE):
        return Posture.AT_RISK
    if Posture.EXPAND in found:
        return Posture.EXPAND
    if Posture.WATCH in found or (left is not None and left <= RENEWAL_NEAR):
        return Posture.WATCH
    if Posture.OK in found:
        return Posture.OK
    alive = any(_is_life(each) for each in live)
    return Posture.DORMANT if seen and not alive else None


def _effect(sighting: Sighting) -> Posture | None:
    """What one signal says of the posture."""
    said = sighting.said
    match sighting.type:
        case "posture_change":
            return posture_named(said.get("to") or said.get("posture"))
        case "product_usage_anomaly":
            return _usage(said)
        case "pattern_detected":
            return _pattern(said)
        case "reply_received" if sentiment_named(said.get("sentiment")) == "NEGATIVE":
            return Posture.WATCH
        case _:
            known = REGISTRY.get(sighting.type)
            return known.posture if known else None


def _usage(said: Mapping[str, Any]) -> Posture:
    direction = _word(said.get("direction"))
    change = said.get("change")
    if not direction and isinstance(change, int | float):
        direction = "DOWN" if change < 0 else "UP" if change > 0 else ""
    match direction:
        case "DOWN":
            return Posture.AT_RISK
        case "UP":
            return Posture.EXPAND
        case _:
            return Posture.WATCH


def _pattern(said: Mapping[str, Any]) -> Posture | None:
    """A risk shows; that somebody engages differently is watched, more or less."""
    is_grave = _word(said.get("severity")) in GRAVE
    match _word(said.get("pattern")):
        case "RISK_INDICATOR":
            return Posture.AT_RISK if is_grave else Posture.WATCH
        case "ENGAGEMENT_CHANGE":
            return Posture.WATCH if is_grave else None
        case _:
            return None


def _is_life(sighting: Sighting) -> bool:
    """What the house only derived from time and old messages is no sign of life."""
    return stirs(sighting.type) and not is_derived(sighting.type)


def _stated(sighting: Sighting) -> Lifecycle | None:
    """The lifecycle that a signal states outright."""
    said = sighting.said
    if sighting.type == "lifecycle_change":
        return _member(Lifecycle, said.get("to") or said.get("lifecycle"))
    if sighting.type == "crm_update" and _word(said_of(said, "stage")) == "CLOSED_WON":
        return Lifecycle.CUSTOMER
    return None


def _engages(sighting: Sighting) -> bool:
    known = REGISTRY.get(sighting.type)
    return known is not None and known.engages


def _engagement(sightings: Sequence[Sighting], *, now: datetime) -> Engagement:
    moments = [each.occurred_at for each in sightings if _engages(each)]
    if not moments:
        return Engagement.NONE
    is_recent = now - max(moments) <= QUIET_AFTER
    return Engagement.ACTIVE if is_recent else Engagement.QUIET


def _sentiment(live: Sequence[Sighting]) -> str:
    """That of the newest answer which has one."""
    words = [
        sentiment_named(each.said.get("sentiment"))
        for each in live
        if each.type == "reply_received"
    ]
    return next((word for word in reversed(words) if word), "")


def _order(sighting: Sighting) -> tuple[datetime, UUID]:
    return sighting.occurred_at, sighting.id


def _word(value: Any) -> str:
    return (
        value.strip().upper().replace(" ", "_").replace("-", "_")
        if isinstance(value, str)
        else ""
    )


def _member(kind: type[_Word], value: Any) -> _Word | None:
    word = _word(value)
    return kind(word) if word in set(kind) else None
