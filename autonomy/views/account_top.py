"""How an account stands now: heat and why, posture, the next look, what waits there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Min
from django.shortcuts import get_object_or_404

from autonomy.models import Approval
from autonomy.views.account_words import (
    POSTURES,
    TIERS,
    posture_words,
    shares,
    why_so_warm,
)
from autonomy.views.parts import spaced
from perception.accounts import visible_to
from perception.heat import heat_of, standing_of
from perception.models import Account
from perception.rules.callers import Caller
from perception.watching import cadence_in_force, watched


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Questions about an account that nobody has answered."""

    count: int
    until: datetime | None


def seen(caller: Caller, pk: UUID) -> Account:
    """An account that the caller sees; to them there is no other."""
    rows = visible_to(caller).select_related("owner__person")
    return get_object_or_404(rows, pk=pk)


def top(account: Account, *, now: datetime) -> dict[str, Any]:
    """What the top of its page shows, and asks for again."""
    stands, heat = standing_of(account, now=now), heat_of(account, now=now)
    posture, tone = POSTURES[stands.posture]
    return {
        "account": account,
        "owner": str(account.owner.person) if account.owner else "",
        "stages": _stages(stands.stages),
        "renewal": stands.renewal,
        "tier": heat.tier.value.lower(),
        "tier_words": TIERS[heat.tier],
        "points": round(heat.score * 100),
        "heat_at": heat.at,
        "shares": shares(stands, now=now),
        "why_warm": why_so_warm(heat, stands, now=now),
        "posture": posture,
        "posture_tone": tone,
        "posture_words": posture_words(stands),
        "looks": _looks(account, now=now),
        "next_at": None if _is_due(account, now) else account.next_poll_at,
        "waiting": _waiting(account),
    }


def _looks(account: Account, *, now: datetime) -> str:
    """When the next look comes and why; what is due has no time left to tell."""
    said = watched(account, cadence_in_force(), now=now)
    if _is_due(account, now):
        said = f"a look is due now{said[said.find(' because') :]}"
    return f"{said[0].upper()}{said[1:]}."


def _is_due(account: Account, now: datetime) -> bool:
    return account.next_poll_at is not None and account.next_poll_at <= now


def _stages(stages: Sequence[str]) -> list[str]:
    """The stages of its open deals, each once."""
    return [spaced(each) for each in dict.fromkeys(stages)]


def _waiting(account: Account) -> Waiting:
    rows = Approval.objects.filter(
        tenant_id=account.tenant_id,
        account=account,
        status=Approval.Status.PENDING,
    )
    found = rows.aggregate(count=Count("id"), until=Min("expires_at"))
    return Waiting(count=found["count"], until=found["until"])
