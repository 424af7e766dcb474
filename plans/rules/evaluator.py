"""R3: whether a plan is through: objective, then steps, then its time."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from plans.rules.facts import PlanFacts, StepFacts
from plans.rules.lifecycle import ENDED, TERMINAL, Status, may_move

if TYPE_CHECKING:
    from plans.types.base import Met


class Reason(StrEnum):
    """Why a plan ends by itself."""

    OBJECTIVE_MET = "objective_met"
    ALL_STEPS_DONE = "all_steps_done"
    WINDOW_PAST = "window_past"


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """Where a plan goes, and why; nowhere, where there is nothing to say yet."""

    to: Status | None
    reason: str
    explanation: str
    # Whether it holds now, however the plan ends.
    objective_met: bool


def evaluate(plan: PlanFacts, met: "Met", *, now: datetime) -> Judged:
    """What becomes of a plan now, in this order; the first that holds counts."""
    reached = met.holds and plan.activated_at is not None
    if plan.status in TERMINAL:
        return _judged(None, "", f"The plan is {plan.status} already.", reached)
    if may_move(plan.status, Status.COMPLETED):
        if reached:
            return _judged(Status.COMPLETED, Reason.OBJECTIVE_MET, met.why, reached)
        if _is_done(plan):
            why = "Every step that was required is done, or a person did without it."
            return _judged(Status.COMPLETED, Reason.ALL_STEPS_DONE, why, reached)
    if plan.expires_at <= now:
        why = f"Its time was over on {plan.expires_at:%Y-%m-%d at %H:%M %Z}."
        return _judged(Status.EXPIRED, Reason.WINDOW_PAST, why, reached)
    return _judged(None, "", _so_far(plan), reached)


def _judged(to: Status | None, reason: str, why: str, reached: bool) -> Judged:
    return Judged(to=to, reason=str(reason), explanation=why, objective_met=reached)


def _is_done(plan: PlanFacts) -> bool:
    """A plan in which nothing is required is done when all of it is over, and some done."""
    required = [step for step in plan.steps if step.required]
    if required:
        return all(_settled(step) for step in required)
    is_over = all(step.status in ENDED or step.waived for step in plan.steps)
    return is_over and any(_settled(step) for step in plan.steps)


def _settled(step: StepFacts) -> bool:
    return step.succeeded or step.waived


def _so_far(plan: PlanFacts) -> str:
    required = [step for step in plan.steps if step.required]
    done = sum(_settled(step) for step in required)
    return f"{done} of {len(required)} required steps are done."
