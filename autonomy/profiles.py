"""The profile routine_outreach: installed by an operator, signed by the tenant's admin."""

from datetime import datetime

from autonomy.errors import NotForOutreach
from autonomy.models import Profile
from autonomy.registry import one_type
from autonomy.rules.actions import Tier
from ledger.record import Actor, Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception.members import person_acting
from perception.rules.callers import Caller

OPERATOR = Actor(type="system", id="operator")


def install(action_type: str, *, hold_seconds: int, now: datetime) -> Profile:
    """Offer the profile for one type; without a signature it lifts nothing."""
    action = one_type(action_type)
    traits = action.traits
    if traits.tier != Tier.AUTONOMOUS or not traits.external_contact:
        raise NotForOutreach(f"{action.key} is {traits.tier}.")
    profile, _ = Profile.objects.update_or_create(
        tenant_id=current_tenant(),
        action_type=action.key,
        defaults={
            "hold_seconds": hold_seconds,
            "installed_at": now,
            "signed_by_id": None,
            "signed_at": None,
        },
    )
    _state(profile, "installed", by=OPERATOR, now=now)
    return profile


def sign(profile: Profile, *, by: Caller, now: datetime) -> Profile:
    """Put the profile into force for its type."""
    profile.signed_by_id, profile.signed_at = by.membership, now
    profile.save(update_fields=["signed_by", "signed_at"])
    _state(profile, "signed", by=person_acting(by), now=now)
    return profile


def withdraw(profile: Profile, *, by: Caller, now: datetime) -> None:
    """Take it out of force; nobody needs to ask for that."""
    _state(profile, "withdrawn", by=person_acting(by), now=now)
    profile.delete()


def _state(profile: Profile, what: str, *, by: Actor, now: datetime) -> None:
    record(
        Fact(
            kind=Kind.SETTING_CHANGED,
            by=by,
            data={
                "setting": "profile",
                "profile": "routine_outreach",
                "action_type": profile.action_type,
                "hold_seconds": profile.hold_seconds,
                "what": what,
            },
        ),
        now=now,
    )
