"""R1, R4: what a plan binds itself to; a constraint that is not understood holds nothing."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from autonomy.rules.actions import said
from plans.rules.facts import PlanFacts, StepFacts
from plans.rules.lifecycle import ENDED

# Where, and what is wrong.
Fault = tuple[str, str]


def broken(plan: PlanFacts, constraints: Mapping[str, Any]) -> Iterator[Fault]:
    """What in a plan does not keep these, and what in these cannot be kept."""
    for name, value in constraints.items():
        judge = _KNOWN.get(name)
        if judge is not None:
            yield from judge(plan, value)
            continue
        known = ", ".join(_KNOWN)
        message = f"No constraint is called “{name}”; there are {known}."
        yield f"constraints.{name}", message


def judged(plan: PlanFacts) -> list[tuple[int, StepFacts]]:
    """The steps that rules still look at, with their places: those that did not end."""
    return [
        (index, step)
        for index, step in enumerate(plan.steps)
        if step.status not in ENDED
    ]


def name_of(step: StepFacts, index: int) -> str:
    """How a step is called in a sentence."""
    return f"step {index + 1} ({said(step.action_type)})"


def _asked(plan: PlanFacts, value: Any) -> Iterator[Fault]:
    if not isinstance(value, bool):
        where = "constraints.no_external_contact_without_approval"
        yield where, "It is true or false."
    elif value:
        for index, step in judged(plan):
            if step.reaches_out and not step.human_touch:
                name = name_of(step, index)
                message = f"{name} reaches somebody outside, which is left to people."
                yield f"steps.{index}.human_touch", message


def _counted(plan: PlanFacts, value: Any) -> Iterator[Fault]:
    """What was done counts too; what came to nothing does not."""
    where = "constraints.max_external_touches"
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        yield where, "It is a whole number, 0 or more."
        return
    reaching = [
        step
        for step in plan.steps
        if step.reaches_out and (step.status not in ENDED or step.succeeded)
    ]
    if len(reaching) > value:
        message = f"{len(reaching)} steps reach somebody outside; at most {value} may."
        yield where, message


_KNOWN: Mapping[str, Callable[[PlanFacts, Any], Iterator[Fault]]] = {
    "no_external_contact_without_approval": _asked,
    "max_external_touches": _counted,
}
