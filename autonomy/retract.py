"""An act that is approved and has not started is called off."""

from uuid import UUID

from autonomy.errors import CannotRetract
from autonomy.models import Intent, Undo
from autonomy.recall import call_off
from ledger.clock import clock
from ledger.record import Actor, record_all
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
    at = clock()
    undo = Undo.objects.create(
        tenant_id=current_tenant(),
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
    record_all(call_off([held], by=by, reason=reason, at=at), now=at)
    return undo
