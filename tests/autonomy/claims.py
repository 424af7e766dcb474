"""Runs, and claims of them, for tests that do one stage by itself."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from autonomy import decide, runs
from autonomy.models import Run
from autonomy.rules.runs import RunStatus, Stage
from autonomy.runs import Held, May, everywhere
from ledger.scope import tenant_scope
from tests.autonomy.conftest import Desk

# What is stated of an act that policy lets run and the house does, in its order.
RAN_ALONE = [
    "intent.proposed",
    "intent.judged",
    "budget.consumed",
    "permit.minted",
    "permit.spent",
    "execution.started",
    "execution.succeeded",
    "outcome.recorded",
    "signal.received",
]


def waiting(desk: Desk, stage: Stage = Stage.TRIGGER, **more: Any) -> UUID:
    """A run that may be taken at a stage, having come through those before it."""
    now = datetime.now(UTC)
    is_new = stage is Stage.TRIGGER
    given = {
        "trigger": "SIGNAL_ARRIVED",
        "key": str(uuid4()),
        "status": (RunStatus.RECEIVED if is_new else RunStatus.TRIGGERED).value,
        "stage": stage.value,
        "gate_result": "" if stage in (Stage.TRIGGER, Stage.GATE) else "ALLOW",
        "due_at": now,
        "created_at": now,
        "updated_at": now,
    }
    with tenant_scope(desk.tenant):
        return Run.objects.create(
            tenant_id=desk.tenant, account=desk.account, **{**given, **more}
        ).id


def claim(
    run: UUID, stage: Stage, *, tenant: UUID, may: May = everywhere
) -> Held | None:
    """Take a run, in a transaction of its own."""
    with tenant_scope(tenant):
        return runs.claim(run, stage, tenant=tenant, may=may)


def settled(held: Held) -> Stage | None:
    """Decide, in the transaction that rules are asked in; others open theirs."""
    if not decide.is_ruled():
        return decide.decide(held)
    with tenant_scope(held.tenant):
        return decide.decide(held)
