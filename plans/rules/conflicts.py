"""R10: steps of plans on one account that would collide; the one that gives way waits."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from autonomy.rules.actions import said
from plans.rules.facts import OtherPlan, PlanFacts, StepFacts, World
from plans.rules.lifecycle import SUBMITTED

if TYPE_CHECKING:
    from plans.types.base import PlanType

A_WEEK = timedelta(days=7)
# So long before a plan that goes first reaches somebody, the others keep still.
AHEAD = timedelta(days=2)
# What ends at no known time is asked about again after this.
AGAIN = timedelta(hours=1)
# No act of the plan may change this any more; a step that meets it is skipped.
TOUCHES_SPENT = "TOUCHES_SPENT"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wait:
    """What a step waits for; `until`: when that ends by itself, where that is known."""

    step_id: str
    reason: str
    explanation: str
    until: datetime | None = None

    def stated(self) -> dict[str, str | None]:
        """As plain data, for rows and readers."""
        return {
            "step_id": self.step_id,
            "reason": self.reason,
            "explanation": self.explanation,
            "until": self.until.isoformat() if self.until else None,
        }


def collision(
    step: StepFacts, plan: PlanFacts, type_: "PlanType | None", world: World
) -> Wait | None:
    """What stands against starting a step now, with what else goes on at the account."""
    for other in sorted(world.others, key=lambda each: each.plan):
        if step.action_type in other.under_way:
            why = (
                f"Another plan ({other.plan_type}) has {said(step.action_type)} under "
                "way for this account."
            )
            return _wait(step, "SAME_ACT_OPEN", why, world.now + AGAIN)
    if not step.reaches_out:
        return None
    return (
        _spent(step, plan, type_)
        or _capped(step, plan, world)
        or _gives_way(step, plan, type_, world)
    )


def most_touches(plan: PlanFacts, type_: "PlanType | None") -> int | None:
    """How often a plan may reach somebody outside, in all; None: nobody said."""
    said_by = [type_.constraints if type_ else {}, plan.constraints]
    counts = [held.get("max_external_touches") for held in said_by]
    found = [each for each in counts if isinstance(each, int)]
    return min([*found, type_.max_touches] if type_ else found, default=None)


def touches(plan: PlanFacts) -> int:
    """How often a plan reached somebody, or is about to."""
    return sum(
        step.reaches_out and (step.succeeded or step.status in SUBMITTED)
        for step in plan.steps
    )


def _spent(step: StepFacts, plan: PlanFacts, type_: "PlanType | None") -> Wait | None:
    most = most_touches(plan, type_)
    if most is None or touches(plan) < most:
        return None
    why = f"The plan may reach the account {most} times, and has."
    return _wait(step, TOUCHES_SPENT, why, None)


def _capped(step: StepFacts, plan: PlanFacts, world: World) -> Wait | None:
    """What this plan has under way, but did not do yet, takes its place too."""
    recent = sorted(each for each in world.reached if world.now - each < A_WEEK)
    coming = sum(each.reaches_out and each.status in SUBMITTED for each in plan.steps)
    if len(recent) + coming < world.weekly_cap:
        return None
    until = recent[0] + A_WEEK if recent else world.now + AGAIN
    why = (
        f"The account is reached at most {world.weekly_cap} times in seven days, and "
        "that is used up."
    )
    return _wait(step, "CONTACT_CAP", why, until)


def _gives_way(
    step: StepFacts, plan: PlanFacts, type_: "PlanType | None", world: World
) -> Wait | None:
    """Of two plans exactly one goes first: by priority, and then by id."""
    own = (-(type_.priority if type_ else 0), plan.plan)
    first = [
        other
        for other in world.others
        if (-other.priority, other.plan) < own and _is_near(other, world.now)
    ]
    if not first:
        return None
    other = min(first, key=lambda each: (-each.priority, each.plan))
    soonest = max(other.next_touch or world.now, world.now + AGAIN)
    why = f"A plan that goes first ({other.plan_type}) is about to reach the account."
    return _wait(step, "PRIORITY", why, soonest)


def _is_near(other: OtherPlan, now: datetime) -> bool:
    return other.next_touch is not None and other.next_touch - now <= AHEAD


def _wait(
    step: StepFacts, reason: str, explanation: str, until: datetime | None
) -> Wait:
    return Wait(
        step_id=step.step_id, reason=reason, explanation=explanation, until=until
    )
