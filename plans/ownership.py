"""R7: plans whose account changes hands, or closes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ledger.record import Actor, record_all
from ledger.scope import current_tenant
from plans import ending
from plans.facts import Known
from plans.models import Plan
from plans.rules.lifecycle import LIVE, Status
from plans.transitions import edited

CHANGED = "OWNERSHIP_CHANGED"
ASKED = "The account has a new owner, who takes the plan over or lets it end."


@dataclass(frozen=True, kw_only=True)
class Over:
    """Why a plan cannot live on."""

    reason: str
    explanation: str


def live_plans(accounts: Iterable[UUID]) -> list[UUID]:
    """The plans that are not over, of some accounts."""
    found = Plan.objects.filter(
        tenant_id=current_tenant(), account_id__in=list(accounts), status__in=LIVE
    )
    return list(found.order_by("id").values_list("id", flat=True))


def over(known: Known) -> Over | None:
    """Why it ends: the account is closed, or nobody took it over in time."""
    plan, world = known.plan, known.world
    if world.closed:
        return Over(reason="ACCOUNT_CLOSED", explanation="The account is closed.")
    if plan.accept_by is not None and plan.accept_by <= world.now:
        words = "The account's new owner did not take the plan over in time."
        return Over(reason="NOT_ACCEPTED", explanation=words)
    return None


def changed(known: Known) -> bool:
    """Whether somebody else owns the account now, and nobody has been asked yet."""
    is_asked = known.plan.accept_by is not None
    return known.facts.owner != known.world.owner and not is_asked


def hand_over(known: Known, *, by: Actor, now: datetime) -> None:
    """A draft simply changes hands; what was approved waits for the new owner."""
    plan = known.plan
    accept_by = now + ending.TO_ACCEPT
    match Status(plan.status):
        case Status.ACTIVE:
            ending.pause(
                plan, known.steps, reason=CHANGED, explanation=ASKED, by=by, now=now,
                accept_by=accept_by,
            )  # fmt: skip
        case Status.PAUSED:
            _keep(plan, by=by, now=now, accept_by=accept_by, reason=CHANGED)
        case Status.APPROVED:
            ending.back_to_draft(
                plan, known.steps, reason=CHANGED,
                explanation="The account has a new owner.", by=by, member=None, now=now,
            )  # fmt: skip
            _keep(plan, by=by, now=now, owner_id=known.plan.account.owner_id)
        case _:
            _keep(plan, by=by, now=now, owner_id=known.plan.account.owner_id)


def _keep(plan: Plan, *, by: Actor, now: datetime, **changes: object) -> None:
    changed = [
        {"field": name, "before": _plain(getattr(plan, name)), "after": _plain(value)}
        for name, value in changes.items()
    ]
    Plan.objects.filter(tenant_id=current_tenant(), pk=plan.pk).update(
        **changes, updated_at=now
    )
    for name, value in changes.items():
        setattr(plan, name, value)
    record_all([edited(plan, changed, by=by)], now=now)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
