"""What breaks every time, before anything was started, ends in the open."""

from datetime import datetime
from uuid import UUID

from autonomy import budget, replaying
from autonomy.models import Intent, Outcome, Permit
from autonomy.subjects import subjects_of
from ledger.record import Fact, record_all
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant

GIVEN_UP = "GIVEN_UP"
NOTHING = "NOTHING"
VANISHED = "Whoever tried it never came back."


def give_up(id_: UUID, *, most: int, at: datetime) -> str:
    """End an approved act that was tried too often; whatever it held comes back."""
    rows = Intent.objects.select_for_update().filter(
        tenant_id=current_tenant(),
        pk=id_,
        status=Intent.Status.APPROVED,
        attempts__gte=most,
    )
    intent = rows.first()
    if intent is None:
        return NOTHING
    permits = Permit.objects.filter(
        tenant_id=current_tenant(), intent=intent, spent_at=None, voided_at=None
    )
    permits.update(voided_at=at)
    intent.status = Intent.Status.FAILED
    intent.error = intent.error or VANISHED
    intent.given_up_at = intent.updated_at = at
    intent.due_at = intent.dispatched_at = intent.lease_until = None
    intent.save(
        update_fields=[
            "status", "error", "given_up_at", "updated_at", "due_at", "dispatched_at",
            "lease_until",
        ]
    )  # fmt: skip
    record_all(_stated(intent, budget.give_back(intent.id), at=at), now=at)
    return GIVEN_UP


def _stated(intent: Intent, receipt: UUID | None, *, at: datetime) -> list[Fact]:
    """Its end, its outcome, and the budget that it gave back; what is gone through
    again has had its outcome, and keeps it.
    """
    subjects = subjects_of(intent)
    said = {"attempts": intent.attempts, "error": intent.error}
    stated = [Fact(kind=Kind.INTENT_GIVEN_UP, subjects=subjects, data=said)]
    if receipt is not None:
        held = {**subjects, "receipt": receipt}
        data = {"reason": GIVEN_UP}
        stated.append(Fact(kind=Kind.BUDGET_RETURNED, subjects=held, data=data))
    if intent.replay_id is not None:
        why = f"It never started: {intent.error}"
        return stated + replaying.came_to_nothing(intent.replay_id, why, at=at)
    return [*stated, _failed(intent, subjects, at=at)]


def _failed(intent: Intent, subjects: dict[str, UUID], *, at: datetime) -> Fact:
    named = {"taxonomy": "EXECUTION_FAILED", "cause": "execution"}
    Outcome.objects.get_or_create(
        tenant_id=current_tenant(),
        intent=intent,
        taxonomy=named["taxonomy"],
        defaults={
            "account_id": intent.account_id,
            "action_type": intent.action_type,
            "cause": named["cause"],
            "at": at,
        },
    )
    return Fact(kind=Kind.OUTCOME_RECORDED, subjects=subjects, data=named)
