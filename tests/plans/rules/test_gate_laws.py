"""R4: what the gate finds, on plans that nobody thought of."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from plans.rules.facts import PlanFacts, StepFacts
from plans.rules.gate import Code, violations
from plans.rules.lifecycle import ENDED
from tests.plans.rules.make import (
    BRIEF,
    HOUR,
    LAW,
    MAIL,
    MEETING,
    NOTE,
    PENDING,
    RUNNING,
    STOPPED,
    T0,
    a_type,
    plan,
    step,
)

TYPE = a_type()
OPEN = (PENDING, RUNNING)


@st.composite
def plans(draw: Any) -> PlanFacts:
    """Plans of up to six steps that wait for anything, at any time, in any state."""
    names = ["a", "b", "c", "d", "e", "f"]
    hours = st.one_of(
        st.none(), st.integers(-48, 900).map(lambda each: T0 + each * HOUR)
    )
    return plan(
        *(
            step(
                name,
                draw(st.sampled_from([NOTE, BRIEF, MEETING, MAIL, STOPPED, "odd"])),
                *draw(st.lists(st.sampled_from([*names, "gone"]), max_size=3)),
                status=draw(st.sampled_from([*sorted(ENDED), *OPEN])),
                earliest=draw(hours),
                latest=draw(hours),
                human_touch=draw(st.booleans()),
            )
            for name in names[: draw(st.integers(0, 6))]
        )
    )


def _can_be_ordered(given: PlanFacts) -> bool:
    """By hand: take away, again and again, whoever waits for nobody that is left."""
    left: dict[str, StepFacts] = {each.step_id: each for each in given.steps}
    while True:
        free = [
            each.step_id
            for each in left.values()
            if each.status in ENDED or not any(one in left for one in each.depends_on)
        ]
        if not free:
            return not left
        for name in free:
            del left[name]


@LAW
@given(plans())
def test_a_plan_has_a_circle_or_an_order(given: PlanFacts) -> None:
    """R4: acyclic, held against another way of finding out."""
    codes = [each.code for each in violations(given, TYPE, now=T0)]
    assert (Code.CYCLE in codes) != _can_be_ordered(given)


@LAW
@given(plans())
def test_the_same_plan_is_judged_the_same_and_each_thing_told_once(
    given: PlanFacts,
) -> None:
    """R4."""
    said = violations(given, TYPE, now=T0)
    assert said == violations(given, TYPE, now=T0)
    assert len(set(said)) == len(said)
    assert [each.code for each in said] == sorted(
        (each.code for each in said), key=list(Code).index
    )
    ended = {f"steps.{n}" for n, each in enumerate(given.steps) if each.status in ENDED}
    assert not any(each.where.rpartition(".")[0] in ended for each in said)
