"""How an execution ends: its row, its intent, the outcome, the signal that it is."""

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

from autonomy import replaying
from autonomy.errors import NotInDoubt
from autonomy.models import Execution, Outcome
from autonomy.rows import Writes, new
from autonomy.subjects import subjects_of
from autonomy.tools.base import End
from ledger.record import SYSTEM, Actor, Fact
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant, tenant_scope
from perception.models import Signal

SIGNAL = "execution_outcome"
LONGEST_ERROR = 300
KINDS = {
    Execution.Status.SUCCEEDED: Kind.EXECUTION_SUCCEEDED,
    Execution.Status.FAILED: Kind.EXECUTION_FAILED,
    Execution.Status.IN_DOUBT: Kind.EXECUTION_DOUBTED,
}

# How long the chain behind an intent is.
_DEPTH = """coalesce((
SELECT s.depth FROM autonomy_run r
JOIN perception_signal s ON s.tenant_id = r.tenant_id AND s.id = r.signal_id
WHERE r.tenant_id = i.tenant_id AND r.id = i.run_id), 0)
"""
_FINISH = f"""
UPDATE autonomy_intent AS i SET status = %s, error = %s, updated_at = %s,
    lease_until = NULL, due_at = NULL, dispatched_at = NULL
WHERE tenant_id = %s AND id = %s AND status = 'EXECUTING' AND fence = %s
RETURNING {_DEPTH}
"""  # noqa: S608  nothing in it comes from outside
_SETTLE = f"""
UPDATE autonomy_intent AS i SET status = %s, updated_at = %s
WHERE tenant_id = %s AND id = %s AND status = 'IN_DOUBT'
RETURNING {_DEPTH}
"""  # noqa: S608  as above


def finish(
    execution: Execution,
    end: End,
    *,
    fence: int,
    at: datetime,
    after: Writes | None = None,
) -> bool:
    """Record how an act under way ended; False where somebody else holds it now.
    `after`: what is written in the same breath before it.
    """
    named = (current_tenant(), execution.intent_id, fence)
    said = (end.status.value, end.error[:LONGEST_ERROR], at)
    ended = (after or Writes()).ask(_FINISH, (*said, *named))
    if not ended:
        return False
    _state(execution, KINDS[end.status], end, at=at, depth=ended[0][0])
    return True


def finish_here(
    execution: Execution, end: End, *, at: datetime, depth: int, after: Writes
) -> None:
    """Record how an act ended in the transaction that began it, so that nobody else can
    hold it.
    """
    intent = execution.intent
    intent.status, intent.error = end.status.value, end.error[:LONGEST_ERROR]
    intent.updated_at = at
    intent.lease_until = intent.due_at = intent.dispatched_at = None
    free = ("lease_until", "due_at", "dispatched_at")
    after.update(intent, "status", "error", "updated_at", *free).ride()
    _state(execution, KINDS[end.status], end, at=at, depth=depth)


def settle(
    execution: Execution, *, done: bool, by: Actor, note: str, now: datetime
) -> Execution:
    """End the doubt about an act, once: it was done, or it was not."""
    status = Execution.Status.SUCCEEDED if done else Execution.Status.FAILED
    held = (
        Execution.objects.select_for_update()
        .filter(tenant_id=current_tenant(), pk=execution.pk)
        .get()
    )
    moved = Writes().ask(_SETTLE, (status.value, now, held.tenant_id, held.intent_id))
    if held.status != Execution.Status.IN_DOUBT:
        raise NotInDoubt(f"It is {held.status}.")
    if not moved:
        raise NotInDoubt("A replay of it is on its way.")
    settled = {"done": done, "by": by.stated(), "note": note}
    end = End(
        status=status,
        outcome={**(held.outcome or {}), "settled": settled},
        error="" if done else held.error,
        attempts=held.attempts,
        by=by,
        said={"done": done, "note": note},
    )
    _state(held, Kind.EXECUTION_SETTLED, end, at=now, depth=moved[0][0])
    return held


def settle_by_lookup(
    execution: UUID,
    *,
    tenant: UUID,
    lookup: Callable[[str], bool | None],
    now: datetime,
) -> bool:
    """Ask a tool by the key whether it acted, outside of any transaction.

    True where that ended the doubt; a lookup that cannot tell answers None.
    """
    with tenant_scope(tenant):
        held = Execution.objects.get(tenant_id=tenant, pk=execution)
    found = lookup(str(held.intent_id))
    if found is None:
        return False
    with tenant_scope(tenant):
        settle(held, done=found, by=SYSTEM, note="The tool was asked.", now=now)
    return True


def _end(execution: Execution, end: End, *, at: datetime) -> tuple[str, ...]:
    """How it ended, in its row's fields; which of them."""
    execution.status = end.status
    if end.status is not Execution.Status.IN_DOUBT:
        execution.finished_at = at
    execution.outcome, execution.attempts = dict(end.outcome), end.attempts
    execution.error = end.error[:LONGEST_ERROR]
    seen = () if execution.after is None else ("after",)
    return ("status", "finished_at", "outcome", "attempts", "error", *seen)


def _state(
    execution: Execution, kind: Kind, end: End, *, at: datetime, depth: int
) -> None:
    """The end as facts; what is no doubt is an outcome, and comes back as a signal.
    `depth`: how long the chain behind it is.
    """
    changed = _end(execution, end, at=at)
    writes, stated = _told(execution, kind, end, at=at, depth=depth)
    Writes().update(execution, *changed).take(writes).state(stated, now=at).ride()


def ended(
    execution: Execution, end: End, *, at: datetime, depth: int
) -> tuple[Writes, list[Fact]]:
    """The end of an act whose row is not kept yet: what else is to be written, and
    stated.
    """
    _end(execution, end, at=at)
    return _told(execution, KINDS[end.status], end, at=at, depth=depth)


def _told(
    execution: Execution, kind: Kind, end: End, *, at: datetime, depth: int
) -> tuple[Writes, list[Fact]]:
    writes = Writes()
    subjects = {**subjects_of(execution.intent), "execution": execution.id}
    data = {
        "auto_executed": execution.auto_executed,
        "approval_source": str(execution.approval_source),
    }
    more = {
        "tool": execution.tool,
        "attempts": execution.attempts,
        "error": execution.error,
        "outcome": execution.outcome,
        **end.said,
    }
    stated = [Fact(kind=kind, by=end.by, subjects=subjects, data={**data, **more})]
    if end.status is not Execution.Status.IN_DOUBT:
        taxonomy = f"EXECUTION_{end.status.value}"
        _keep_outcome(execution, taxonomy, writes, at=at)
        named = {"taxonomy": taxonomy, "cause": "execution"}
        stated.append(
            Fact(kind=Kind.OUTCOME_RECORDED, subjects=subjects, data={**data, **named})
        )
        echo = _echo(execution, at=at, depth=depth + 1)
        writes.insert(echo)
        stated.append(_echoed(echo, subjects))
    if kind is not Kind.EXECUTION_SETTLED:
        stated += replaying.ended(execution, writes, at=at)
    return writes, stated


def _keep_outcome(
    execution: Execution, taxonomy: str, writes: Writes, *, at: datetime
) -> None:
    """What became of it; once, whoever says so."""
    outcome = new(
        Outcome,
        tenant_id=current_tenant(),
        intent_id=execution.intent_id,
        taxonomy=taxonomy,
        account_id=execution.account_id,
        action_type=execution.action_type,
        cause="execution",
        at=at,
    )
    writes.insert(outcome, unless_there=True)


def _echo(execution: Execution, *, at: datetime, depth: int) -> Signal:
    """The outcome as a signal. It has entered already: no echo starts a run."""
    return new(
        Signal,
        tenant_id=current_tenant(),
        account_id=execution.account_id,
        type=SIGNAL,
        source="autonomy",
        dedupe_key=f"{SIGNAL}:{execution.id}",
        payload={
            "execution_id": str(execution.id),
            "intent_id": str(execution.intent_id),
            "action_type": execution.action_type,
            "status": str(execution.status),
            "auto_executed": execution.auto_executed,
            "approval_source": str(execution.approval_source),
        },
        occurred_at=at,
        received_at=at,
        caused_by=execution.id,
        depth=depth,
        entered_at=at,
    )


def _echoed(signal: Signal, subjects: Mapping[str, UUID]) -> Fact:
    return Fact(
        kind=Kind.SIGNAL_RECEIVED,
        subjects={**subjects, "signal": signal.id},
        data={"type": SIGNAL, "source": "autonomy", "depth": signal.depth},
    )
