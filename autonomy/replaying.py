"""A replay under way: begun, ended, come to nothing, with what brought that about."""

from datetime import datetime
from typing import Any
from uuid import UUID

from autonomy.errors import MayBeDone
from autonomy.models import Execution, Intent, Replay
from autonomy.rows import Writes
from ledger.record import Fact
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant

Status = Replay.Status
OPEN = (Status.REQUESTED, Status.STARTED)
LONGEST_ERROR = 300
# What was promised of a call counts for the one that ends its doubt too.
PROMISED = ("effect", "place")
TAKEN_OVER = "Nobody knew whether it was done; a replay ended that."
DOUBTED = "Nobody knows whether it was done."

_BEGIN = """
UPDATE autonomy_replay SET status = 'STARTED'
WHERE tenant_id = %s AND id = %s AND status = 'REQUESTED'
"""
_END = """
UPDATE autonomy_replay SET status = %s, error = %s, finished_at = %s
WHERE tenant_id = %s AND id = %s AND status = 'STARTED'
"""


def begun(execution: Execution, writes: Writes, *, at: datetime) -> list[Fact]:
    """Its execution starts. Where nobody knew how the one before ended, this one goes
    on from there: it is as much in doubt until its own answer comes.
    """
    if execution.replay_id is None:
        return []
    writes.add(_BEGIN, [current_tenant(), execution.replay_id])
    subjects = _subjects(execution)
    stated = [Fact(kind=Kind.REPLAY_STARTED, subjects=subjects, data={"commit": True})]
    doubted = doubted_of(execution.intent_id)
    if doubted is not None:
        stated.append(_taken_over(execution, doubted, writes, at=at))
    return stated


def ended(execution: Execution, writes: Writes, *, at: datetime) -> list[Fact]:
    """Its execution has ended, and so has it."""
    if execution.replay_id is None:
        return []
    is_done = execution.status == Execution.Status.SUCCEEDED
    in_doubt = execution.status == Execution.Status.IN_DOUBT
    error = "" if is_done else DOUBTED if in_doubt else execution.error
    status = Status.COMPLETED if is_done else Status.FAILED
    named = [current_tenant(), execution.replay_id]
    writes.add(_END, [status.value, error[:LONGEST_ERROR], at, *named])
    kind = Kind.REPLAY_COMPLETED if is_done else Kind.REPLAY_FAILED
    data = {"commit": True, "status": str(execution.status), "error": error}
    return [Fact(kind=kind, subjects=_subjects(execution), data=data)]


def came_to_nothing(replay: UUID | None, why: str, *, at: datetime) -> list[Fact]:
    """It ended before its act started: the intent is as it was before it.

    To be called once whatever stopped it has been written.
    """
    if replay is None:
        return []
    rows = Replay.objects.filter(tenant_id=current_tenant(), pk=replay)
    row = rows.filter(status__in=OPEN).first()
    if row is None:
        return []
    rows.update(status=Status.FAILED, error=why[:LONGEST_ERROR], finished_at=at)
    Intent.objects.filter(tenant_id=row.tenant_id, pk=row.intent_id).update(
        **row.result["was"],
        updated_at=at,
        due_at=None,
        dispatched_at=None,
        lease_until=None,
    )
    subjects = {"account": row.account_id, "intent": row.intent_id, "replay": row.id}
    data = {"commit": True, "status": "", "error": why}
    return [Fact(kind=Kind.REPLAY_FAILED, subjects=subjects, data=data)]


def was(intent: Intent) -> dict[str, Any]:
    """What an intent goes back to if nothing comes of its replay."""
    given_up = intent.given_up_at
    return {
        "status": str(intent.status),
        "error": intent.error,
        "given_up_at": given_up.isoformat() if given_up else None,
        "replay_id": str(intent.replay_id) if intent.replay_id else None,
    }


def doubted_of(intent: UUID) -> Execution | None:
    """The execution of an intent of which nobody knows whether it was done."""
    rows = Execution.objects.filter(
        tenant_id=current_tenant(),
        intent_id=intent,
        status=Execution.Status.IN_DOUBT,
    )
    return rows.order_by("-id").first()


def insist_on_the_same(intent: Intent) -> None:
    """What may have been done already can only be done again as it was."""
    if intent.replay_id is not None and doubted_of(intent.id) is not None:
        raise MayBeDone("It can only be approved as it stands, or rejected.")


def _taken_over(
    execution: Execution, doubted: Execution, writes: Writes, *, at: datetime
) -> Fact:
    then = doubted.outcome or {}
    execution.called_at = doubted.called_at or doubted.started_at
    execution.before = doubted.before
    promised = {name: then[name] for name in PROMISED if name in then}
    execution.outcome = {"calls": [], **promised}
    settled = {"execution": str(execution.id), "replay": str(execution.replay_id)}
    doubted.status, doubted.finished_at = Execution.Status.FAILED, at
    doubted.outcome, doubted.error = {**then, "settled": settled}, TAKEN_OVER
    writes.update(doubted, "status", "finished_at", "outcome", "error")
    data = {
        "auto_executed": doubted.auto_executed,
        "approval_source": str(doubted.approval_source),
        "tool": doubted.tool,
        "attempts": doubted.attempts,
        "taken_over_by": str(execution.id),
    }
    subjects = {**_subjects(execution), "execution": doubted.id}
    return Fact(kind=Kind.EXECUTION_SETTLED, subjects=subjects, data=data)


def _subjects(execution: Execution) -> dict[str, UUID]:
    replay = {"replay": execution.replay_id} if execution.replay_id else {}
    return {
        "account": execution.account_id,
        "intent": execution.intent_id,
        "execution": execution.id,
        **replay,
    }
