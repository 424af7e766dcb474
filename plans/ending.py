"""A plan stops for a while, is taken back, or ends; what it had not begun is recalled."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from autonomy.recall import recall
from ledger.record import Actor, Fact, record_all
from plans import contract
from plans.drafting import body_of, keep_revision
from plans.errors import StepNotOpen
from plans.facts import Known
from plans.models import Plan, Step
from plans.rules.lifecycle import OPEN, SUBMITTED, Status, StepStatus
from plans.transitions import move, move_step

# How long a new owner has to take a plan over.
TO_ACCEPT = timedelta(days=14)
A_DAY = timedelta(days=1)


def pause(
    plan: Plan,
    steps: Sequence[Step],
    *,
    reason: str,
    explanation: str,
    by: Actor,
    now: datetime,
    accept_by: datetime | None = None,
) -> Plan:
    """Hold an ACTIVE plan."""
    said = move(
        plan,
        Status.PAUSED,
        reason=reason,
        explanation=explanation,
        by=by,
        now=now,
        paused_at=now,
        waits=[],
        accept_by=accept_by,
    )
    stated = recall_steps(plan, steps, reason="PAUSED", by=by, now=now)
    record_all([said, *stated], now=now)
    return plan


def back_to_draft(
    plan: Plan,
    steps: Sequence[Step],
    *,
    reason: str,
    explanation: str,
    by: Actor,
    member: UUID | None,
    now: datetime,
) -> Plan:
    """Take an approved or running plan back: its revision grows, approval starts over."""
    said = move(
        plan,
        Status.DRAFT,
        reason=reason,
        explanation=explanation,
        by=by,
        now=now,
        stated={"revision": plan.revision + 1, "before": plan.revision},
        revision=plan.revision + 1,
        edited_by_id=member or plan.edited_by_id,
        approved_at=None,
        approved_by_id=None,
        approval_source="",
        paused_at=None,
        accept_by=None,
        waits=[],
    )
    stated = recall_steps(plan, steps, reason="REVISED", by=by, now=now)
    keep_revision(plan, body_of(plan, steps), member=member, at=now)
    record_all([said, *stated], now=now)
    return plan


def end(
    known: Known,
    to: Status,
    *,
    reason: str,
    explanation: str,
    by: Actor,
    now: datetime,
    objective_met: bool | None = None,
) -> Plan:
    """End a plan for good: what is open is cancelled, and its statement drawn up."""
    plan = known.plan
    met = objective_met
    if met is None and plan.activated_at is not None and known.type_ is not None:
        met = known.type_.is_met(known.facts, known.world).holds
    said = move(
        plan,
        to,
        reason=reason,
        explanation=explanation,
        by=by,
        now=now,
        stated={"objective_met": met},
        objective_met=met,
        accept_by=None,
    )
    stated = recall_steps(plan, known.steps, reason="PLAN_ENDED", by=by, now=now)
    for step in known.steps:
        if StepStatus(step.status) in OPEN:
            stated += move_step(
                step, StepStatus.CANCELLED, plan=plan, reason="PLAN_ENDED",
                explanation=_left(step), by=by, now=now, finished_at=now, next_at=None,
            )  # fmt: skip
    record_all([said, *stated], now=now)
    if plan.contract is not None:
        contract.close(plan, known.steps, by=by, now=now)
    return plan


def recall_steps(
    plan: Plan, steps: Sequence[Step], *, reason: str, by: Actor, now: datetime
) -> list[Fact]:
    """Take back what was submitted and has not begun; it is PENDING again.

    What is being done at this moment is done, and read when it ends.
    """
    open_ = {
        step.intent_id: step
        for step in steps
        if StepStatus(step.status) in SUBMITTED and step.intent_id is not None
    }
    taken = recall(list(open_), by=by, reason=reason) if open_ else []
    stated: list[Fact] = []
    for each in taken:
        step = open_[each.intent]
        stated += move_step(
            step, StepStatus.PENDING, plan=plan, reason=reason,
            explanation="It was taken back before it began.", by=by, now=now,
            next_at=None,
        )  # fmt: skip
    return stated


def leave_out(
    plan: Plan,
    step: Step,
    *,
    reason: str,
    recalled: str,
    why: str,
    by: Actor,
    now: datetime,
    **more: Any,
) -> list[Fact]:
    """A person does without a step: what has not begun of it is taken back first."""
    stated = recall_steps(plan, [step], reason=recalled, by=by, now=now)
    if step.status in SUBMITTED:
        raise StepNotOpen("It is under way; its result comes first.")
    return stated + move_step(
        step, StepStatus.SKIPPED, plan=plan, reason=reason, explanation=why, by=by,
        now=now, finished_at=now, next_at=None, **more,
    )  # fmt: skip


def _left(step: Step) -> str:
    if step.status in SUBMITTED:
        return "The plan ended while it was under way."
    return "The plan ended before it began."
