"""Accounts in the order of how warm they are now, and which tier each shows by then."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from perception.models import Account
from perception.models.warmth import warmth, warmth_of
from perception.rules.heat import SHIPPED, Tier


def by_warmth(accounts: QuerySet[Account]) -> QuerySet[Account]:
    """The warmest first."""
    return accounts.annotate(warmth=warmth()).order_by("-warmth", "-id")


def colder_than(warmth: float, id_: UUID) -> Q:
    """What comes after an account, in that order."""
    return Q(warmth__lte=warmth) & (Q(warmth__lt=warmth) | Q(id__lt=id_))


def shown_as(tier: Tier, *, now: datetime) -> Q:
    """Accounts that are of a tier by now: kept in it, or cooled down to it."""
    match tier:
        case Tier.HOT:
            return _holds(Tier.HOT, now)
        case Tier.WARM:
            fell = (
                Q(heat_tier=Tier.HOT)
                & ~_holds(Tier.HOT, now)
                & _reaches(Tier.WARM, now)
            )
            return _holds(Tier.WARM, now) | fell
        case _:
            return ~shown_as(Tier.HOT, now=now) & ~shown_as(Tier.WARM, now=now)


def _holds(tier: Tier, now: datetime) -> Q:
    """Of this tier when it was looked at, and still."""
    fresh = Q(heat_at=None) | Q(heat_at__gt=now - SHIPPED.cooldowns[tier])
    return Q(heat_tier=tier) & (fresh | _reaches(tier, now))


def _reaches(tier: Tier, now: datetime) -> Q:
    """Warm enough now for this tier."""
    least = next(value for value, of in SHIPPED.tiers if of is tier)
    return Q(warmth__gte=warmth_of(least, at=now))
