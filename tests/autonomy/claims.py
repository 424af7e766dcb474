"""Runs, and claims of them, for tests that do one stage by itself."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from autonomy import decide, runs
from autonomy.models import DecisionBudget, Run
from autonomy.rules.runs import RunStatus, Stage
from autonomy.rules.triggers import Windows
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

# Windows that hold nothing back.
FREE = Windows(
    debounce_s=0, cooldown_s=0, max_per_account_hour=99, max_per_tenant_hour=100_000
)


def decisions(desk: Desk, *, a_day: int, of_an_account: int = 100) -> None:
    """So many decisions a day are the tenant's, at next to no cost."""
    with tenant_scope(desk.tenant):
        DecisionBudget.objects.create(
            tenant_id=desk.tenant,
            runs_per_day=a_day,
            runs_per_account_day=of_an_account,
            cost_per_day=1,
            updated_at=datetime.now(UTC),
        )


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
