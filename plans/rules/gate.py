"""R4: what keeps a plan from being approved, started, resumed or changed: all of it at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from autonomy.rules.actions import SEVERITY, Risk, Tier
from plans.rules.constraints import broken, judged, name_of
from plans.rules.facts import PlanFacts, StepFacts, World, riskiest
from plans.rules.lifecycle import StepStatus

if TYPE_CHECKING:
    from plans.types.base import PlanType

# What a step may ask of the time between; anything else would never be judged.
CONDITIONS = frozenset({"", "NO_REPLY"})
CLOSED = "The account is closed."


class Code(StrEnum):
    """Why not; in the order in which they are told."""

    PRECONDITIONS_UNMET = "PRECONDITIONS_UNMET"
    CONFLICT_ACTIVE_PLAN = "CONFLICT_ACTIVE_PLAN"
    INVALID_PLAN_TYPE = "INVALID_PLAN_TYPE"
    NO_STEPS = "NO_STEPS"
    DUPLICATE_STEP = "DUPLICATE_STEP"
    UNKNOWN_ACTION = "UNKNOWN_ACTION"
    STEP_ORDER_VIOLATION = "STEP_ORDER_VIOLATION"
    CYCLE = "CYCLE"
    WINDOW_PAST = "WINDOW_PAST"
    RISK_ELEVATED = "RISK_ELEVATED"
    HUMAN_TOUCH_REQUIRED = "HUMAN_TOUCH_REQUIRED"
    CONSTRAINT_VIOLATION = "CONSTRAINT_VIOLATION"


@dataclass(frozen=True, kw_only=True, slots=True)
class Violation:
    """One rule that a plan breaks, and where."""

    code: Code
    message: str
    # The field of the plan, as `steps.2.depends_on`; empty: the plan as a whole.
    where: str = ""

    def stated(self) -> dict[str, str]:
        return {
            "field": self.where or "plan",
            "code": self.code.value,
            "detail": self.message,
        }


def violations(
    plan: PlanFacts, type_: "PlanType | None", *, now: datetime
) -> list[Violation]:
    """What is wrong with a plan as it is written, in the order of the codes.

    Steps that ended are not judged again.
    """
    found = [
        *_type(plan, type_),
        *_steps(plan),
        *_actions(plan),
        *_order(plan, type_),
        *_cycles(plan),
        *_windows(plan, now),
        *_risk(plan, type_),
        *_touches(plan, type_),
        *_constraints(plan, type_),
    ]
    return list(dict.fromkeys(found))


def starting(
    plan: PlanFacts,
    type_: "PlanType | None",
    world: World,
    *,
    active: Sequence[str],
) -> list[Violation]:
    """What keeps a plan from going on now; `active`: ids of ACTIVE plans of this type."""
    unmet = [CLOSED] if world.closed else []
    unmet += type_.unmet(plan, world) if type_ else []
    others = sorted(set(active) - {plan.plan})
    found = [
        Violation(code=Code.PRECONDITIONS_UNMET, message=each)
        for each in dict.fromkeys(unmet)
    ]
    if others:
        message = (
            f"The account has an ACTIVE plan of the type {plan.plan_type} already: "
            f"{', '.join(others)}."
        )
        found.append(Violation(code=Code.CONFLICT_ACTIVE_PLAN, message=message))
    return [*found, *violations(plan, type_, now=world.now)]


def beyond_policy(plan: PlanFacts) -> list[Violation]:
    """What keeps policy from approving a plan, so that a person has to."""
    risk = max(plan.risk_level, riskiest(plan.steps), key=_severity)
    if _severity(risk) <= SEVERITY[Risk.LOW]:
        return []
    message = f"The plan is of {risk} risk; policy approves up to LOW."
    return [Violation(code=Code.RISK_ELEVATED, message=message)]


def _at(code: Code, where: str, message: str) -> Violation:
    return Violation(code=code, message=message[:1].upper() + message[1:], where=where)


def _type(plan: PlanFacts, type_: "PlanType | None") -> Iterator[Violation]:
    if type_ is None:
        yield _at(
            Code.INVALID_PLAN_TYPE,
            "plan_type",
            f"No type of plan is called “{plan.plan_type}”.",
        )


def _steps(plan: PlanFacts) -> Iterator[Violation]:
    if not plan.steps:
        yield _at(Code.NO_STEPS, "steps", "The plan has no steps.")
    seen: set[str] = set()
    for index, step in enumerate(plan.steps):
        if step.step_id in seen:
            yield _at(
                Code.DUPLICATE_STEP,
                f"steps.{index}.step_id",
                f"{name_of(step, index)} has the id of another: {step.step_id}.",
            )
        seen.add(step.step_id)


def _actions(plan: PlanFacts) -> Iterator[Violation]:
    for index, step in judged(plan):
        if step.action is None:
            why = "no action type is called that"
        elif step.action.traits.tier == Tier.HARD_STOP:
            why = "no software does that, with or without approval"
        else:
            continue
        yield _at(
            Code.UNKNOWN_ACTION,
            f"steps.{index}.action_type",
            f"{name_of(step, index)} cannot be: {why}.",
        )


def _order(plan: PlanFacts, type_: "PlanType | None") -> Iterator[Violation]:
    """One for each step that stands where it cannot."""
    places = {step.step_id: index for index, step in enumerate(plan.steps)}
    phases = type_.phases if type_ else {}
    for index, step in judged(plan):
        name, field, why = name_of(step, index), "depends_on", []
        if type_ and step.action and step.action_type not in phases:
            why.append(f"{name} has no place in a plan of the type {type_.key}.")
            field = "action_type"
        for each in step.depends_on:
            if each not in places:
                why.append(f"{name} waits for a step that is not there: {each}.")
            elif _is_later(plan.steps[places[each]], step, phases):
                later = name_of(plan.steps[places[each]], places[each])
                why.append(f"{name} waits for {later}, which belongs after it.")
        if why:
            where = f"steps.{index}.{field}"
            yield _at(Code.STEP_ORDER_VIOLATION, where, " ".join(why))


def _is_later(awaited: StepFacts, step: StepFacts, phases: Mapping[str, int]) -> bool:
    own = phases.get(step.action_type, 0)
    return 0 < own < phases.get(awaited.action_type, 0)


def _cycles(plan: PlanFacts) -> Iterator[Violation]:
    """One for each circle of steps that wait for one another, or for themselves."""
    edges: dict[str, set[str]] = {}
    for _, step in judged(plan):
        edges.setdefault(step.step_id, set()).update(step.depends_on)
    reached = {step_id: _reach(step_id, edges) for step_id in edges}
    told: set[str] = set()
    for index, step in judged(plan):
        own = step.step_id
        if own in told or own not in reached[own]:
            continue
        circle = {each for each in reached[own] if own in reached.get(each, ())}
        told |= circle
        names = ", ".join(
            name_of(each, place)
            for place, each in enumerate(plan.steps)
            if each.step_id in circle
        )
        what = "wait for one another" if len(circle) > 1 else "waits for itself"
        yield _at(Code.CYCLE, f"steps.{index}.depends_on", f"{names} {what}.")


def _reach(start: str, edges: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(edges[start])
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += edges.get(each, ())
    return found


def _windows(plan: PlanFacts, now: datetime) -> Iterator[Violation]:
    """There must be a moment left at which each step may start."""
    if plan.expires_at <= now:
        yield _at(Code.WINDOW_PAST, "expires_at", "The plan's time is over.")
    for index, step in judged(plan):
        if step.status != StepStatus.PENDING:
            continue
        name, latest, earliest = name_of(step, index), step.latest, step.earliest
        if latest and latest <= now:
            yield _at(
                Code.WINDOW_PAST, f"steps.{index}.latest", f"{name} is too late by now."
            )
        if latest and earliest and latest <= earliest:
            yield _at(
                Code.WINDOW_PAST,
                f"steps.{index}.latest",
                f"{name} would be over before it may begin.",
            )
        if earliest and earliest >= plan.expires_at:
            yield _at(
                Code.WINDOW_PAST,
                f"steps.{index}.earliest",
                f"{name} may begin only when the plan is over.",
            )


def _risk(plan: PlanFacts, type_: "PlanType | None") -> Iterator[Violation]:
    open_ones = judged(plan)
    risk = riskiest(tuple(step for _, step in open_ones))
    if type_ is None or _severity(risk) <= SEVERITY[type_.highest_risk]:
        return
    index, step = next(each for each in open_ones if each[1].risk == risk)
    yield _at(
        Code.RISK_ELEVATED,
        f"steps.{index}",
        f"{name_of(step, index)} is of {risk} risk; plans of the type {type_.key} "
        f"go up to {type_.highest_risk}.",
    )


def _touches(plan: PlanFacts, type_: "PlanType | None") -> Iterator[Violation]:
    """Who has to be asked, is named in the plan."""
    template = type_.template if type_ else ()
    personal = {each.action_type for each in template if each.human_touch}
    for index, step in judged(plan):
        if step.human_touch or step.action is None:
            continue
        by_tier = step.action.traits.tier == Tier.APPROVAL_REQUIRED
        if by_tier or (step.reaches_out and step.action_type in personal):
            yield _at(
                Code.HUMAN_TOUCH_REQUIRED,
                f"steps.{index}.human_touch",
                f"{name_of(step, index)} needs a person, so it must say so.",
            )


def _constraints(plan: PlanFacts, type_: "PlanType | None") -> Iterator[Violation]:
    """The type's own hold as well; a plan may only add to them."""
    for held in (type_.constraints if type_ else {}, plan.constraints):
        for where, message in broken(plan, held):
            yield _at(Code.CONSTRAINT_VIOLATION, where, message)
    for index, step in judged(plan):
        if step.only_if not in CONDITIONS:
            yield _at(
                Code.CONSTRAINT_VIOLATION,
                f"steps.{index}.only_if",
                f"{name_of(step, index)} depends on a condition that is not known: "
                f"“{step.only_if}”.",
            )


def _severity(risk: str) -> int:
    return SEVERITY[Risk(risk)] if risk in SEVERITY else len(SEVERITY)
