"""The one way in which plans and steps change their status: conditional, and stated."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from autonomy.courses import drop_course, set_course
from ledger.record import Actor, Fact, record_all
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from plans.errors import IllegalMove
from plans.models import Plan, Step
from plans.rules.lifecycle import (
    RUNNING,
    TERMINAL,
    Status,
    StepStatus,
    may_move,
    may_step,
    why_not,
)


def move(
    plan: Plan,
    to: Status,
    *,
    reason: str,
    explanation: str,
    by: Actor,
    now: datetime,
    stated: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Fact:
    """Move a plan from the status that it was read with; the fact is the caller's to state.

    Whoever moved it first, wins: the other is told where it is now.
    """
    before = Status(plan.status)
    if not may_move(before, to):
        raise IllegalMove(why_not(before, to))
    ends = to in TERMINAL
    fields: dict[str, Any] = {
        "status": to.value,
        "reason": reason,
        "explanation": explanation[:1000],
        "updated_at": now,
        "due_at": None if ends else now,
        "ended_at": now if ends else None,
        **({"waits": []} if ends else {}),
        **changes,
    }
    rows = Plan.objects.filter(
        tenant_id=current_tenant(), pk=plan.pk, status=before.value
    )
    if not rows.update(**fields):
        raise IllegalMove(why_not(_status_of(plan.pk), to))
    for name, value in fields.items():
        setattr(plan, name, value)
    _tell(plan, now=now)
    data = {
        "from": before.value,
        "to": to.value,
        "reason": reason,
        "explanation": explanation,
        "revision": plan.revision,
        **(stated or {}),
    }
    return Fact(kind=Kind.PLAN_MOVED, by=by, subjects=subjects_of(plan), data=data)


def _tell(plan: Plan, *, now: datetime) -> None:
    """Runs below get to know which plans an account has."""
    if plan.status not in RUNNING:
        drop_course(plan.pk)
        return
    set_course(
        plan.pk,
        account=plan.account_id,
        plan_type=plan.plan_type,
        status=plan.status,
        objective=plan.objective,
        expires_at=plan.expires_at,
        now=now,
    )


def move_step(
    step: Step,
    to: StepStatus,
    *,
    plan: Plan,
    reason: str,
    explanation: str,
    by: Actor,
    now: datetime,
    **changes: Any,
) -> list[Fact]:
    """Move a step of a plan that is held; nothing is stated where it stays.

    What changes besides its status is kept either way.
    """
    before = StepStatus(step.status)
    if to != before and not may_step(before, to):
        raise IllegalMove(f"A step that is {before} cannot become {to}.")
    said = {"reason": reason, "explanation": explanation[:1000]}
    fields: dict[str, Any] = {"status": to.value, **said, **changes}
    changed = {
        name: value for name, value in fields.items() if getattr(step, name) != value
    }
    if not changed:
        return []
    Step.objects.filter(tenant_id=current_tenant(), pk=step.pk).update(**changed)
    for name, value in changed.items():
        setattr(step, name, value)
    if to == before and "waived_at" not in changed:
        return []
    # To do without what was skipped already, is a word of its own.
    return [_stepped(step, before, plan=plan, by=by)]


def _stepped(step: Step, before: StepStatus, *, plan: Plan, by: Actor) -> Fact:
    intent = {"intent": step.intent_id} if step.intent_id else {}
    return Fact(
        kind=Kind.STEP_MOVED,
        by=by,
        subjects={**subjects_of(plan), "step": step.step_id, **intent},
        data={
            "from": before.value,
            "to": step.status,
            "reason": step.reason,
            "explanation": step.explanation,
            "try": step.tries,
            "action_type": step.action_type,
        },
    )


def refused(
    plan: Plan,
    to: Status,
    violations: list[dict[str, str]],
    *,
    by: Actor,
    now: datetime,
) -> None:
    """State that a plan was kept from a move, with every violation."""
    data = {
        "from": plan.status,
        "to": to.value,
        "revision": plan.revision,
        "violations": violations,
    }
    fact = Fact(kind=Kind.PLAN_REFUSED, by=by, subjects=subjects_of(plan), data=data)
    record_all([fact], now=now)


def edited(
    plan: Plan, changed: Sequence[Mapping[str, Any]], *, by: Actor, **more: Any
) -> Fact:
    """The fact that something about a plan other than its status was changed."""
    data = {"revision": plan.revision, "changed": list(changed), **more}
    return Fact(kind=Kind.PLAN_EDITED, by=by, subjects=subjects_of(plan), data=data)


def subjects_of(plan: Plan) -> dict[str, UUID]:
    return {"account": plan.account_id, "plan": plan.id}


def _status_of(plan: UUID) -> Status:
    found = Plan.objects.filter(tenant_id=current_tenant(), pk=plan)
    return Status(found.values_list("status", flat=True).get())
