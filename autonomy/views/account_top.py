"""How an account stands now: heat and why, posture, the next look, what waits there, and
what somebody asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Min
from django.shortcuts import get_object_or_404

from autonomy.models import Approval, Intent, Run
from autonomy.rules.runs import TERMINAL, RunStatus
from autonomy.rules.triggers import Trigger
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

OVER = frozenset(each.value for each in TERMINAL)
# So long an answer stays on top, and among so many runs it is looked for.
FRESH = timedelta(days=1)
LATELY = 300


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What became of it that somebody asked what would help."""

    run: UUID
    at: datetime
    words: str
    until: datetime | None = None
    is_over: bool = False


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
        "asked": _asked(account, now=now),
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


def _asked(account: Account, *, now: datetime) -> Asked | None:
    """The newest of a day, if there is one."""
    lately = Run.objects.filter(tenant_id=account.tenant_id, account=account)
    rows = lately.filter(
        pk__in=lately.order_by("-id").values("pk")[:LATELY],
        trigger=Trigger.MANUAL.value,
        created_at__gte=now - FRESH,
    )
    run = rows.order_by("-id").defer("context", "decided").first()
    if run is None:
        return None
    words, over = _became(run), run.status in OVER
    until = run.defer_until if run.status == RunStatus.DEFERRED else None
    return Asked(run=run.id, at=run.created_at, words=words, until=until, is_over=over)


def _became(run: Run) -> str:
    why = f"{run.gate_explanation[:1].lower()}{run.gate_explanation[1:]}"
    match run.status:
        case RunStatus.DONE:
            rows = Intent.objects.filter(tenant_id=run.tenant_id, run_id=run.id)
            return _proposed(rows.count())
        case RunStatus.SKIPPED:
            return f"nothing was looked at: {why}"
        case RunStatus.PARKED:
            return "it stopped by a fault. An admin can send it on its way again."
        case RunStatus.DEFERRED:
            return f"put off: {why}"
        case _:
            return ""


def _proposed(many: int) -> str:
    if not many:
        return "nothing was found that would help now."
    return f"{many} act{' was' if many == 1 else 's were'} proposed."
