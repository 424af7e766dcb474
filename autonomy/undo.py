"""Acts are taken back: what the house did at once, what is outside by a worker.

Every undo is a row. What somebody has changed since is a conflict, and stays as it is.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count

from autonomy import traces
from autonomy.errors import CannotUndo, UndoConflict
from autonomy.models import (
    ContextField,
    Effect,
    Execution,
    Intent,
    Outcome,
    Sweep,
    Undo,
)
from autonomy.rules.undo import Facts, Reach, Standing, standing
from autonomy.tools.reaching import Way, way_of
from autonomy.waking import wake
from ledger import spans
from ledger.clock import clock
from ledger.record import SYSTEM, Actor, Fact, record_all
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant

Status, Proof = Undo.Status, Undo.Proof
OPEN = (Status.REQUESTED, Status.IN_DOUBT)
LONGEST_ERROR = 300


def request(execution: UUID, *, by: Actor, member: UUID | None, reason: str) -> Undo:
    """Take one act back. What the house did is settled when this returns."""
    held = _held(execution)
    stands = standing_of(held)
    if not stands.can:
        raise CannotUndo(stands.why)
    at = clock()
    here = reach_of(held) is Reach.HOUSE
    undo = Undo.objects.create(
        tenant_id=current_tenant(),
        account_id=held.account_id,
        intent_id=held.intent_id,
        execution=held,
        reason=reason,
        by_id=member,
        asked_at=at,
        due_at=None if here else at,
    )
    record_all([asked_for(undo, by)], now=at)
    if here:
        take_back_here(undo, held, by=by)
    else:
        transaction.on_commit(wake)
    return undo


def asked_for(undo: Undo, by: Actor) -> Fact:
    """The fact that somebody wants an act taken back."""
    data = {"reason": undo.reason}
    if undo.sweep_id:
        data["sweep"] = str(undo.sweep_id)
    return Fact(kind=Kind.UNDO_REQUESTED, by=by, subjects=_subjects(undo), data=data)


def standing_of(execution: Execution) -> Standing:
    """Whether an act can be taken back now, until when, and why not."""
    undos = Undo.objects.filter(
        tenant_id=current_tenant(), execution=execution, status__in=OPEN
    )
    facts = Facts(
        status=str(execution.status),
        reach=reach_of(execution),
        finished_at=execution.finished_at,
        undo=undos.values_list("status", flat=True).first() or "",
    )
    return standing(facts, now=clock())


def standings_of(executions: Sequence[Execution]) -> dict[UUID, Standing]:
    """The same for a list, with as many queries as there are tools in it."""
    undos = Undo.objects.filter(
        tenant_id=current_tenant(), execution__in=executions, status__in=OPEN
    )
    asked = dict(undos.values_list("execution_id", "status"))
    called = {each.tool for each in executions if each.called_at is not None}
    ways = {tool: way_of(tool) for tool in sorted(called)}
    now = clock()
    return {
        each.id: standing(
            Facts(
                status=str(each.status),
                reach=_reach(each, ways.get(each.tool)),
                finished_at=each.finished_at,
                undo=asked.get(each.id, ""),
            ),
            now=now,
        )
        for each in executions
    }


def reach_of(execution: Execution) -> Reach:
    """Where an act had its effect. What never was called left it here."""
    way = None if execution.called_at is None else way_of(execution.tool)
    return _reach(execution, way)


def _reach(execution: Execution, way: Way | None) -> Reach:
    if execution.called_at is None:
        return Reach.HOUSE
    if way is None:
        return Reach.GONE
    return Reach.OUTSIDE if way.can_undo else Reach.NEVER


def take_back_here(undo: Undo, execution: Execution, *, by: Actor) -> None:
    """What the house itself left behind is taken back, and read again."""
    effect = (
        Effect.objects.select_for_update()
        .filter(tenant_id=current_tenant(), execution=execution)
        .first()
    )
    found = None
    if effect is not None and effect.kind == "context":
        found = _put_back(effect)
    if found is not None:
        conflict(undo, found, by=by)
    else:
        done(undo, execution, Proof.HOUSE, by=by)


def _put_back(effect: Effect) -> dict[str, Any] | None:
    """The field as it was; what stands there instead, where somebody changed it."""
    before: Mapping[str, Any] = effect.before or {}
    name, wrote = before["field"], effect.data["value"]
    rows = ContextField.objects.filter(
        tenant_id=current_tenant(), account_id=effect.account_id, field=name
    )
    now = list(rows.select_for_update().values_list("value", flat=True))
    if now != [wrote]:
        return {"field": name, "value": now[0] if now else None, "there": bool(now)}
    if before["existed"]:
        rows.update(value=before["value"], updated_at=clock())
    else:
        rows.delete()
    back = list(rows.values_list("value", flat=True))
    if back != ([before["value"]] if before["existed"] else []):
        raise UndoConflict("It could not be read back as it was.")
    return None


def done(undo: Undo, execution: Execution, proof: Undo.Proof, *, by: Actor) -> None:
    """It is as it was before: the act, its intent and what was kept of it say so."""
    at, here = clock(), {"tenant_id": current_tenant()}
    Execution.objects.filter(
        **here, pk=execution.pk, status=Execution.Status.SUCCEEDED
    ).update(status=Execution.Status.UNDONE)
    Intent.objects.filter(
        **here, pk=execution.intent_id, status=Intent.Status.SUCCEEDED
    ).update(status=Intent.Status.UNDONE, updated_at=at)
    Effect.objects.filter(**here, execution=execution, undone_at=None).update(
        undone_at=at
    )
    Outcome.objects.get_or_create(
        **here,
        intent_id=execution.intent_id,
        taxonomy="UNDONE",
        defaults={
            "account_id": execution.account_id,
            "action_type": execution.action_type,
            "at": at,
        },
    )
    data = {
        "proof": proof.value,
        "auto_executed": execution.auto_executed,
        "approval_source": str(execution.approval_source),
    }
    subjects = _subjects(undo)
    outcome = {"taxonomy": "UNDONE", "cause": ""}
    facts = [
        Fact(kind=Kind.EXECUTION_UNDONE, by=by, subjects=subjects, data=data),
        Fact(kind=Kind.OUTCOME_RECORDED, subjects=subjects, data=outcome),
    ]
    execution.status = Execution.Status.UNDONE
    _end(undo, Status.DONE, facts, at=at, proof=proof)


def conflict(undo: Undo, found: Mapping[str, Any], *, by: Actor = SYSTEM) -> None:
    """Somebody changed it since: it stays as it is, and what was found is kept."""
    said = "Somebody has changed it since: it was left as it is."
    fact = Fact(kind=Kind.UNDO_CONFLICTED, by=by, subjects=_subjects(undo))
    _end(undo, Status.CONFLICT, [fact], at=clock(), found=dict(found), error=said)


def fail(undo: Undo, said: str, *, in_doubt: bool = False) -> None:
    """It was not taken back, or nobody knows."""
    status = Status.IN_DOUBT if in_doubt else Status.FAILED
    data = {"error": said[:LONGEST_ERROR], "in_doubt": in_doubt}
    fact = Fact(kind=Kind.UNDO_FAILED, subjects=_subjects(undo), data=data)
    _end(undo, status, [fact], at=clock(), error=said[:LONGEST_ERROR])


def settle(undo: UUID, *, done_: bool, by: Actor, note: str) -> Undo:
    """A person says whether an undo that is in doubt was done."""
    held = (
        Undo.objects.select_for_update(of=("self",))
        .select_related("execution")
        .get(tenant_id=current_tenant(), pk=undo)
    )
    if held.status != Status.IN_DOUBT:
        raise CannotUndo(f"Nothing about it is in doubt: it is {held.status}.")
    execution: Execution = held.execution
    if done_:
        done(held, execution, Proof.PERSON, by=by)
    else:
        fail(held, note or "A person found that it was not taken back.")
    return held


def _held(execution: UUID) -> Execution:
    rows = Execution.objects.select_for_update().filter(tenant_id=current_tenant())
    return rows.get(pk=execution)


def _end(
    undo: Undo, status: Undo.Status, facts: list[Fact], *, at: datetime, **more: Any
) -> None:
    """How it ended, and the next of its sweep is due."""
    values = {"status": status, "lease_until": None, "due_at": None, **more}
    if status is not Status.IN_DOUBT:
        values["finished_at"] = at
    for name, value in values.items():
        setattr(undo, name, value)
    undo.save(update_fields=[*values])
    record_all(facts, now=at)
    of, ids = traces.of_intent(undo.intent_id, undo.tenant_id), {"undo": undo.id}
    spans.lasted("undo", of, undo.asked_at, outcome=status.value, **ids)
    if undo.sweep_id is not None:
        _go_on(undo, at=at)


def _go_on(undo: Undo, *, at: datetime) -> None:
    """The next older act of the account is due; after the last one the sweep is over."""
    here = {"tenant_id": current_tenant()}
    sweep = Sweep.objects.select_for_update().get(undos=undo, **here)
    rest = Undo.objects.filter(**here, sweep=sweep, status=Status.REQUESTED)
    mine = rest.filter(account_id=undo.account_id).order_by("place")
    following = mine.values_list("id", flat=True).first()
    if following is not None:
        rest.filter(pk=following).update(due_at=at)
    elif sweep.status == Sweep.Status.RUNNING and not rest.exists():
        end_sweep(sweep, at=at)


def end_sweep(sweep: Sweep, *, at: datetime) -> None:
    """Nothing of it is left to be done: how much ended how."""
    sweep.status, sweep.finished_at = Sweep.Status.DONE, at
    sweep.save(update_fields=["status", "finished_at"])
    rows = Undo.objects.filter(tenant_id=current_tenant(), sweep=sweep)
    ended = dict(rows.values_list("status").annotate(count=Count("id")))
    account = {"account": sweep.account_id} if sweep.account_id else {}
    fact = Fact(kind=Kind.SWEEP_ENDED, subjects=account, data={"ended": ended})
    record_all([fact], now=at)


def _subjects(undo: Undo) -> dict[str, UUID]:
    execution = {"execution": undo.execution_id} if undo.execution_id else {}
    return {"account": undo.account_id, "intent": undo.intent_id, **execution}
