"""An act that is approved and has not started is called off."""

from uuid import UUID

from autonomy import budget, replaying
from autonomy.errors import CannotRetract
from autonomy.models import Intent, Permit, Undo
from ledger.clock import clock
from ledger.record import Actor, Fact, record_all
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant


def retract(
    intent: UUID,
    *,
    by: Actor,
    member: UUID | None,
    reason: str,
    sweep: UUID | None = None,
    place: int = 0,
) -> Undo:
    """Call off what waits to start, as a message does that is held back for a while."""
    rows = Intent.objects.select_for_update().filter(tenant_id=current_tenant())
    held = rows.get(pk=intent)
    if held.status != Intent.Status.APPROVED:
        raise CannotRetract(f"It is {held.status}.")
    at, here = clock(), {"tenant_id": current_tenant()}
    Permit.objects.filter(**here, intent=held, spent_at=None, voided_at=None).update(
        voided_at=at
    )
    held.status, held.updated_at = Intent.Status.CANCELLED, at
    held.due_at = held.dispatched_at = held.lease_until = None
    held.save(
        update_fields=["status", "updated_at", "due_at", "dispatched_at", "lease_until"]
    )
    undo = Undo.objects.create(
        **here,
        account_id=held.account_id,
        intent=held,
        sweep_id=sweep,
        place=place,
        status=Undo.Status.DONE,
        proof=Undo.Proof.RETRACTED,
        reason=reason,
        by_id=member,
        asked_at=at,
        finished_at=at,
    )
    subjects = {"account": held.account_id, "intent": held.id}
    said = {"reason": reason}
    stated = [Fact(kind=Kind.INTENT_RETRACTED, by=by, subjects=subjects, data=said)]
    if (receipt := budget.give_back(held.id)) is not None:
        named = {**subjects, "receipt": receipt}
        returned = {"reason": "RETRACTED"}
        stated.append(Fact(kind=Kind.BUDGET_RETURNED, subjects=named, data=returned))
    stated += replaying.came_to_nothing(held.replay_id, "It was called off.", at=at)
    record_all(stated, now=at)
    return undo
