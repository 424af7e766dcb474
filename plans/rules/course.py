"""R6, R11: what each step of an ACTIVE plan does now: start, be skipped, or wait."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from plans.rules.conflicts import AGAIN, TOUCHES_SPENT, Wait, collision
from plans.rules.facts import PlanFacts, StepFacts, World
from plans.rules.hours import is_open, next_open
from plans.rules.lifecycle import SUBMITTED, Status, StepStatus

if TYPE_CHECKING:
    from plans.types.base import PlanType

__all__ = ["Course", "Skip", "Wait", "course"]

# The objective is looked at so often, whatever the steps wait for.
DAILY = timedelta(days=1)
# Nobody is called silent before they had this long to answer.
TIME_TO_ANSWER = timedelta(days=3)
REPLIED = "REPLIED"
# A step that was skipped for these is no gap: its condition did not hold.
NOT_NEEDED = frozenset({REPLIED})


@dataclass(frozen=True, kw_only=True, slots=True)
class Skip:
    """A step that will not be done, and why."""

    step_id: str
    reason: str
    explanation: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """What to do now, and when to look again."""

    starts: tuple[str, ...]
    skips: tuple[Skip, ...]
    waits: tuple[Wait, ...]
    # The soonest at which anything can change by itself; never after the plan's end.
    next_at: datetime


def course(plan: PlanFacts, type_: "PlanType | None", world: World) -> Course:
    """What to do with each step of a plan now; what is decided counts for the others."""
    starts: list[str] = []
    skips: list[Skip] = []
    is_settled = plan.status != Status.ACTIVE
    while not is_settled:
        is_settled = True
        for step in plan.steps:
            if step.status != StepStatus.PENDING:
                continue
            found = _outcome(step, plan, type_, world)
            if isinstance(found, Wait):
                continue
            is_settled = False
            if found is None:
                starts.append(step.step_id)
                plan = _with(plan, replace(step, status=StepStatus.RUNNING))
            else:
                skips.append(found)
                plan = _with(plan, _skipped(step, found))
    begun = frozenset(starts)
    waits = _waits(plan, begun, type_, world)
    return Course(
        starts=tuple(starts),
        skips=tuple(skips),
        waits=waits,
        next_at=_next_at(plan, waits, world),
    )


def _outcome(
    step: StepFacts, plan: PlanFacts, type_: "PlanType | None", world: World
) -> Wait | Skip | None:
    """What keeps a PENDING step from starting now; None: nothing."""
    found = (
        _too_late(step, plan, world)
        or _dependencies(step, plan)
        or _not_yet(step, world)
        or _condition(step, plan, world)
        or _stopped(step, world)
        or _closed_hours(step, world)
        or collision(step, plan, type_, world)
    )
    if isinstance(found, Wait) and found.reason == TOUCHES_SPENT:
        return _skip(step, found.reason, found.explanation)
    return found


def _too_late(step: StepFacts, plan: PlanFacts, world: World) -> Skip | None:
    if plan.expires_at <= world.now:
        return _skip(step, "WINDOW_PAST", "The plan's time is over.")
    if step.latest is not None and step.latest <= world.now:
        return _skip(step, "WINDOW_PAST", "It is too late for this step.")
    return None


def _dependencies(step: StepFacts, plan: PlanFacts) -> Wait | Skip | None:
    """What is undone for good counts before what failed, and that before what is open."""
    there = _by_id(plan)
    awaited = [there.get(each) for each in step.depends_on]
    known = [each for each in awaited if each is not None]
    if any(_is_undone(each) for each in known):
        return _skip(step, "DEPENDENCY_UNDONE", "A step that it builds on is not done.")
    if any(each.status == StepStatus.FAILED and not each.waived for each in known):
        return _wait(step, "DEPENDENCY_FAILED", "A step that it builds on failed.")
    if len(known) < len(awaited) or not all(_is_satisfied(each) for each in known):
        return _wait(step, "DEPENDENCY", "A step before it is not done yet.")
    return None


def _is_satisfied(step: StepFacts) -> bool:
    return step.succeeded or step.waived or _was_not_needed(step)


def _was_not_needed(step: StepFacts) -> bool:
    return step.status == StepStatus.SKIPPED and step.reason in NOT_NEEDED


def _is_undone(step: StepFacts) -> bool:
    is_gone = step.status in (StepStatus.SKIPPED, StepStatus.CANCELLED)
    return is_gone and not _is_satisfied(step)


def _not_yet(step: StepFacts, world: World) -> Wait | None:
    times = [each for each in (step.earliest, step.next_at) if each is not None]
    begins = max(times, default=world.now)
    if begins <= world.now:
        return None
    return _wait(step, "NOT_YET", "Its time has not come.", begins)


def _condition(step: StepFacts, plan: PlanFacts, world: World) -> Wait | Skip | None:
    if not step.only_if:
        return None
    if step.only_if != "NO_REPLY":
        why = f"Whether “{step.only_if}” holds is not known."
        return _wait(step, "CONDITION_UNKNOWN", why)
    since = _asked_at(step, plan, frozenset()) or plan.activated_at
    if any(since is None or reply > since for reply in world.replies):
        return _skip(step, REPLIED, "They answered meanwhile.")
    there = _by_id(plan)
    asked = any(there[each].reaches_out for each in step.depends_on if each in there)
    answer_by = since + TIME_TO_ANSWER if since and asked else world.now
    if answer_by <= world.now:
        return None
    return _wait(step, "NOT_YET", "They still have time to answer.", answer_by)


def _asked_at(
    step: StepFacts, plan: PlanFacts, seen: frozenset[str]
) -> datetime | None:
    """When the last step that it builds on was done; those done without are seen through."""
    there = _by_id(plan)
    times: list[datetime] = []
    for each in step.depends_on:
        before = there.get(each)
        if before is None or each in seen:
            continue
        if before.succeeded:
            found = before.finished_at
        else:
            found = _asked_at(before, plan, seen | {each})
        times += [found] if found else []
    return max(times, default=None)


def _stopped(step: StepFacts, world: World) -> Wait | None:
    for key in ("", step.action_type):
        if key in world.stops:
            why = f"A kill switch is on: {world.stops[key]}"
            return _wait(step, "KILL_SWITCH", why, world.now + AGAIN)
    return None


def _closed_hours(step: StepFacts, world: World) -> Wait | None:
    # Where the tenant set none, a draft's own times are what was agreed on.
    if not world.hours or is_open(world.now, zone=world.zone, hours=world.hours):
        return None
    opens = next_open(world.now, zone=world.zone, hours=world.hours)
    return _wait(step, "OUTSIDE_HOURS", "It is outside business hours.", opens)


def _waits(
    plan: PlanFacts,
    begun: frozenset[str],
    type_: "PlanType | None",
    world: World,
) -> tuple[Wait, ...]:
    """What every open step waits for, those with people and tools too, in their order."""
    found: list[Wait] = []
    for step in plan.steps:
        if step.status == StepStatus.PENDING and plan.status == Status.ACTIVE:
            waits = _outcome(step, plan, type_, world)
            found += [waits] if isinstance(waits, Wait) else []
        elif step.status in SUBMITTED and step.step_id not in begun:
            reason, why = _AWAY[step.status]
            found.append(_wait(step, reason, why))
    return tuple(found)


_AWAY: Mapping[StepStatus, tuple[str, str]] = {
    StepStatus.PENDING_APPROVAL: ("APPROVAL", "A person has to decide."),
    StepStatus.RUNNING: ("RUNNING", "It is under way."),
}


def _next_at(plan: PlanFacts, waits: tuple[Wait, ...], world: World) -> datetime:
    pending = [step for step in plan.steps if step.status == StepStatus.PENDING]
    times = [
        *(each.until for each in waits if each.until is not None),
        *(step.latest for step in pending if step.latest is not None),
        world.now + DAILY,
    ]
    soonest = min(each for each in times if each > world.now)
    return min(soonest, plan.expires_at)


def _by_id(plan: PlanFacts) -> dict[str, StepFacts]:
    return {step.step_id: step for step in plan.steps}


def _with(plan: PlanFacts, step: StepFacts) -> PlanFacts:
    steps = (step if each.step_id == step.step_id else each for each in plan.steps)
    return replace(plan, steps=tuple(steps))


def _skipped(step: StepFacts, skip: Skip) -> StepFacts:
    return replace(step, status=StepStatus.SKIPPED, reason=skip.reason)


def _skip(step: StepFacts, reason: str, explanation: str) -> Skip:
    return Skip(step_id=step.step_id, reason=reason, explanation=explanation)


def _wait(
    step: StepFacts, reason: str, explanation: str, until: datetime | None = None
) -> Wait:
    return Wait(
        step_id=step.step_id, reason=reason, explanation=explanation, until=until
    )
