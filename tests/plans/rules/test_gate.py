"""R4, R5, R7: what the gate finds, all of it at once, in one order."""

from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from autonomy.rules.actions import Risk
from plans.rules.facts import PlanFacts
from plans.rules.gate import Code, Violation, starting, violations
from tests.plans.rules.make import (
    BRIEF,
    CHAT,
    DAY,
    DONE,
    ESCALATE,
    FAILED,
    HOUR,
    MAIL,
    MEETING,
    NOTE,
    PENDING,
    RUNNING,
    SKIPPED,
    STOPPED,
    T0,
    a_type,
    plan,
    step,
    world,
)

TYPE = a_type()
OPEN = (PENDING, RUNNING)


def found(given: PlanFacts, type_: Any = TYPE) -> list[tuple[str, str]]:
    return [(each.code.value, each.where) for each in violations(given, type_, now=T0)]


GOOD = plan(
    step("a", BRIEF),
    step("b", MEETING, "a"),
    step("c", MAIL, "b", only_if="NO_REPLY", earliest=T0 + DAY, latest=T0 + 9 * DAY),
    step("d", NOTE, "c", "a"),
    constraints={
        "no_external_contact_without_approval": True,
        "max_external_touches": 2,
    },
)


def test_a_plan_that_keeps_every_rule() -> None:
    """R4."""
    assert found(GOOD) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (plan(), [("NO_STEPS", "steps")]),
        (plan(step("a"), step("a", BRIEF)), [("DUPLICATE_STEP", "steps.1.step_id")]),
        (
            plan(step("a", "no_such_type")),
            [
                ("UNKNOWN_ACTION", "steps.0.action_type"),
                ("RISK_ELEVATED", "steps.0"),
            ],
        ),
        (
            plan(step("a", STOPPED)),
            [
                ("UNKNOWN_ACTION", "steps.0.action_type"),
                ("STEP_ORDER_VIOLATION", "steps.0.action_type"),
                ("RISK_ELEVATED", "steps.0"),
            ],
        ),
        # Registered, and in no phase of this type.
        (
            plan(step("a"), step("b", "create_briefing")),
            [("STEP_ORDER_VIOLATION", "steps.1.action_type")],
        ),
        (
            plan(step("a", NOTE, "gone", "also gone")),
            [("STEP_ORDER_VIOLATION", "steps.0.depends_on")],
        ),
        (
            plan(step("a", MEETING), step("b", BRIEF, "a")),
            [("STEP_ORDER_VIOLATION", "steps.1.depends_on")],
        ),
        # What fits everywhere may wait for anything, and be waited for by anything.
        (plan(step("a", MEETING), step("b", NOTE, "a")), []),
        (plan(step("a", NOTE), step("b", BRIEF, "a")), []),
        (plan(step("a", NOTE, "a")), [("CYCLE", "steps.0.depends_on")]),
        (
            plan(step("a", NOTE, "c"), step("b", NOTE, "a"), step("c", NOTE, "b")),
            [("CYCLE", "steps.0.depends_on")],
        ),
        # Whoever only waits for a circle is not in it.
        (
            plan(step("z", NOTE, "a"), step("a", NOTE, "b"), step("b", NOTE, "a")),
            [("CYCLE", "steps.1.depends_on")],
        ),
        (
            plan(
                step("a", NOTE, "b"), step("b", NOTE, "a"),
                step("c", NOTE, "d"), step("d", NOTE, "c"),
            ),
            [("CYCLE", "steps.0.depends_on"), ("CYCLE", "steps.2.depends_on")],
        ),
        (plan(step("a"), expires_at=T0), [("WINDOW_PAST", "expires_at")]),
        (plan(step("a", latest=T0)), [("WINDOW_PAST", "steps.0.latest")]),
        (
            plan(step("a", earliest=T0 + DAY, latest=T0 + DAY)),
            [("WINDOW_PAST", "steps.0.latest")],
        ),
        (
            plan(step("a", earliest=T0 + 30 * DAY)),
            [("WINDOW_PAST", "steps.0.earliest")],
        ),
        # It is on its way already.
        (plan(step("a", latest=T0 - DAY, status=RUNNING)), []),
        (
            plan(step("a", MAIL, human_touch=False)),
            [("HUMAN_TOUCH_REQUIRED", "steps.0.human_touch")],
        ),
        (
            plan(step("a", ESCALATE, human_touch=False)),
            [("HUMAN_TOUCH_REQUIRED", "steps.0.human_touch")],
        ),
        # It reaches out, but neither its tier nor the template asks for a person.
        (plan(step("a", CHAT, human_touch=False)), []),
        (
            plan(
                step("a", CHAT, human_touch=False),
                constraints={"no_external_contact_without_approval": True},
            ),
            [("CONSTRAINT_VIOLATION", "steps.0.human_touch")],
        ),
        (
            plan(
                step("a", CHAT, human_touch=False),
                constraints={"no_external_contact_without_approval": False},
            ),
            [],
        ),
        (
            plan(step("a", MAIL), step("b", MAIL), constraints={"max_external_touches": 1}),
            [("CONSTRAINT_VIOLATION", "constraints.max_external_touches")],
        ),
        # What was done counts, what came to nothing does not.
        (
            plan(
                step("a", MAIL, status=DONE), step("b", MAIL, status=FAILED),
                step("c", MAIL, status=SKIPPED), step("d", MAIL),
                constraints={"max_external_touches": 2},
            ),
            [],
        ),
        (
            plan(step("a", only_if="FULL_MOON")),
            [("CONSTRAINT_VIOLATION", "steps.0.only_if")],
        ),
    ],
)  # fmt: skip
def test_every_rule(given: PlanFacts, said: list[tuple[str, str]]) -> None:
    """R4."""
    assert found(given) == said


@pytest.mark.parametrize(
    "constraints",
    [
        {"no_external_contact_without_approval": "yes"},
        {"no_external_contact_without_approval": 1},
        {"no_external_contact_without_approval": None},
        {"max_external_touches": True},
        {"max_external_touches": -1},
        {"max_external_touches": 1.5},
        {"max_external_touches": "3"},
        {"budget": 3},
        {"": None},
    ],
)
def test_constraints_that_nobody_would_keep_are_refused(
    constraints: dict[str, Any],
) -> None:
    """R1, R4: a constraint that is not understood holds nothing."""
    name = next(iter(constraints))
    said = found(plan(step("a"), constraints=constraints))
    assert said == [("CONSTRAINT_VIOLATION", f"constraints.{name}")]


def test_the_types_own_constraints_hold_whatever_the_plan_says() -> None:
    """R9: a plan may only add to them."""
    strict = a_type(constraints={"no_external_contact_without_approval": True})
    loose = plan(
        step("a", CHAT, human_touch=False),
        constraints={"no_external_contact_without_approval": False},
    )
    assert found(loose, strict) == [("CONSTRAINT_VIOLATION", "steps.0.human_touch")]


def test_a_plan_is_as_risky_as_its_riskiest_open_step() -> None:
    """R4: risk accumulates; what ended is not judged again."""
    calm = replace(TYPE, highest_risk=Risk.LOW)
    steps = [step("a", BRIEF), step("b", MEETING, "a")]
    assert found(plan(*steps), calm) == [("RISK_ELEVATED", "steps.1")]
    assert found(plan(steps[0], replace(steps[1], status=DONE)), calm) == []


def test_what_ended_is_there_but_not_judged_again() -> None:
    """R4, R6: a plan that goes on is not refused for what it did before."""
    over = plan(
        step("a", "no_such_type", "gone", status=SKIPPED),
        step("b", MAIL, "b", status=DONE, human_touch=False, latest=T0 - DAY),
        step("c", BRIEF, "a", "b"),
    )
    # The order still is: a brief comes before the mail.
    assert found(over) == [("STEP_ORDER_VIOLATION", "steps.2.depends_on")]


def test_without_a_type_the_rest_is_judged_all_the_same() -> None:
    """R4: INVALID_PLAN_TYPE, with everything that does not depend on the type."""
    given = plan(
        step("a", "create_briefing", "gone"),
        step("b", MEETING, human_touch=False),
        step("b", NOTE, latest=T0 - DAY),
        plan_type="constructor",
    )
    assert found(given, None) == [
        ("INVALID_PLAN_TYPE", "plan_type"),
        ("DUPLICATE_STEP", "steps.2.step_id"),
        ("STEP_ORDER_VIOLATION", "steps.0.depends_on"),
        ("WINDOW_PAST", "steps.2.latest"),
        ("HUMAN_TOUCH_REQUIRED", "steps.1.human_touch"),
    ]


def test_messages_are_sentences_that_name_the_step() -> None:
    """R4: whoever is refused learns what to mend."""
    said = violations(plan(step("a", MEETING), step("b", BRIEF, "a")), TYPE, now=T0)
    assert [each.message for each in said] == [
        "Step 2 (“prep renewal brief”) waits for step 1 (“request renewal meeting”), "
        "which belongs after it."
    ]
    assert said[0].stated() == {
        "field": "steps.1.depends_on",
        "code": "STEP_ORDER_VIOLATION",
        "detail": said[0].message,
    }


BREAKS = {
    Code.DUPLICATE_STEP: [step("x"), step("x")],
    Code.UNKNOWN_ACTION: [step("u", "no_such_type")],
    Code.STEP_ORDER_VIOLATION: [step("o", NOTE, "gone")],
    Code.CYCLE: [step("y", NOTE, "y")],
    Code.WINDOW_PAST: [step("w", latest=T0 - HOUR)],
    Code.HUMAN_TOUCH_REQUIRED: [step("h", ESCALATE, human_touch=False)],
    Code.CONSTRAINT_VIOLATION: [step("q", only_if="FULL_MOON")],
}


@pytest.mark.parametrize("codes", list(combinations(BREAKS, 3)), ids=str)
def test_everything_is_told_at_once_in_the_order_of_the_codes(
    codes: tuple[Code, ...],
) -> None:
    """R4: no matter in which order the steps break it."""
    steps = [each for code in reversed(codes) for each in BREAKS[code]]
    said = [each.code for each in violations(plan(*steps), TYPE, now=T0)]
    assert set(codes) <= set(said)
    assert said == sorted(said, key=list(Code).index)


@pytest.mark.parametrize(
    ("more", "active", "codes"),
    [
        ({}, [], []),
        # Its own id is no conflict.
        ({}, ["p-2"], []),
        ({}, ["p-9", "p-2", "p-1"], ["CONFLICT_ACTIVE_PLAN"]),
        ({"closed": True}, [], ["PRECONDITIONS_UNMET"]),
        ({"closed": True}, ["p-1"], ["PRECONDITIONS_UNMET", "CONFLICT_ACTIVE_PLAN"]),
    ],
)
def test_what_keeps_a_plan_from_starting(
    more: dict[str, Any], active: list[str], codes: list[str]
) -> None:
    """R4, R5."""
    said = starting(GOOD, TYPE, world(**more), active=active)
    assert [each.code for each in said] == codes
    for each in said:
        if each.code == Code.CONFLICT_ACTIVE_PLAN:
            others = sorted(set(active) - {"p-2"})
            assert each.message.endswith(f": {', '.join(others)}.")


def test_all_blockers_come_in_order_and_sentences_once() -> None:
    """R4: preconditions, conflict, type; a type may say itself that an account is closed."""
    twice = a_type(unmet=lambda plan, world: ["The account is closed.", "It rains."])
    said = starting(GOOD, twice, world(closed=True), active=["p-1"])
    assert [each.message for each in said[:2]] == [
        "The account is closed.",
        "It rains.",
    ]
    said = starting(GOOD, None, world(closed=True), active=["p-1"])
    assert [each.code for each in said] == [
        Code.PRECONDITIONS_UNMET,
        Code.CONFLICT_ACTIVE_PLAN,
        Code.INVALID_PLAN_TYPE,
    ]


def test_a_circle_is_told_with_the_steps_that_are_in_it() -> None:
    """R4."""
    given = plan(step("z", MAIL, "a"), step("a", BRIEF, "b"), step("b", NOTE, "a"))
    said = violations(given, TYPE, now=T0)
    assert [each.message for each in said] == [
        "Step 2 (“prep renewal brief”), step 3 (“create internal note”) wait for one "
        "another."
    ]


def test_a_violation_of_the_whole_plan_says_so() -> None:
    said = Violation(code=Code.NO_STEPS, message="None.").stated()
    assert said["field"] == "plan"
