"""R10: plans on one account do not collide; one goes, and the other knows why it waits."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.rules.conflicts import collision, most_touches, touches
from plans.rules.facts import OtherPlan, PlanFacts, World
from tests.plans.rules.make import (
    ASKED,
    CHAT,
    DAY,
    DONE,
    FAILED,
    HOUR,
    LAW,
    MAIL,
    MEETING,
    NOTE,
    RUNNING,
    SKIPPED,
    T0,
    a_type,
    other,
    plan,
    step,
    world,
)

TYPE = a_type(priority=50, max_touches=4)
SENT = step("s", MEETING, status=DONE)


def met(given: PlanFacts, around: World, type_: Any = TYPE) -> tuple[str, Any] | None:
    """Why the last step waits, and until how long from now."""
    found = collision(given.steps[-1], given, type_, around)
    if found is None:
        return None
    assert found.step_id == given.steps[-1].step_id
    assert found.explanation
    return found.reason, found.until and found.until - T0


REACHED = (T0 - 6 * DAY, T0 - 2 * DAY, T0 - HOUR)
MAILS, NOTES = plan(step("m", MAIL)), plan(step("n", NOTE))


@pytest.mark.parametrize(
    ("given", "around", "said"),
    [
        (MAILS, {}, None),
        # The same act, whether it reaches out or not.
        (NOTES, {"others": (other(under_way=(NOTE,)),)}, ("SAME_ACT_OPEN", HOUR)),
        (MAILS, {"others": (other(under_way=(MAIL,)),)}, ("SAME_ACT_OPEN", HOUR)),
        (MAILS, {"others": (other(under_way=(CHAT, NOTE)),)}, None),
        # The weekly cap, until the first of them is a week old.
        (MAILS, {"reached": REACHED[:2]}, None),
        (MAILS, {"reached": REACHED}, ("CONTACT_CAP", DAY)),
        (MAILS, {"reached": REACHED[::-1]}, ("CONTACT_CAP", DAY)),
        (MAILS, {"reached": (T0 - 7 * DAY, *REACHED[1:])}, None),
        (MAILS, {"reached": REACHED[:1], "weekly_cap": 1}, ("CONTACT_CAP", DAY)),
        (MAILS, {"weekly_cap": 0}, ("CONTACT_CAP", HOUR)),
        (NOTES, {"reached": REACHED}, None),
        # What it has under way itself takes its place.
        (
            plan(step("a", CHAT, status=ASKED), step("m", MAIL)),
            {"reached": REACHED[:2]},
            ("CONTACT_CAP", DAY),
        ),
        # Priority, and where it is the same, the id.
        (
            MAILS,
            {"others": (other(priority=51, next_touch=T0 + DAY),)},
            ("PRIORITY", DAY),
        ),
        (
            MAILS,
            {"others": (other(priority=51, next_touch=T0 - DAY),)},
            ("PRIORITY", HOUR),
        ),
        (
            MAILS,
            {"others": (other(priority=51, next_touch=T0 + 2 * DAY),)},
            ("PRIORITY", 2 * DAY),
        ),
        (MAILS, {"others": (other(priority=51, next_touch=T0 + 49 * HOUR),)}, None),
        (MAILS, {"others": (other(priority=51),)}, None),
        (MAILS, {"others": (other(priority=49, next_touch=T0),)}, None),
        (MAILS, {"others": (other(plan="p-1", next_touch=T0),)}, ("PRIORITY", HOUR)),
        (MAILS, {"others": (other(plan="p-3", next_touch=T0),)}, None),
        (NOTES, {"others": (other(priority=51, next_touch=T0),)}, None),
        # Its own touches are spent, for good.
        (
            plan(SENT, step("m", MAIL), constraints={"max_external_touches": 1}),
            {},
            ("TOUCHES_SPENT", None),
        ),
        (
            plan(SENT, step("m", MAIL), constraints={"max_external_touches": 2}),
            {},
            None,
        ),
        (plan(step("m", MAIL), constraints={"max_external_touches": 0}), {},
         ("TOUCHES_SPENT", None)),
        (plan(*[SENT] * 3, step("m", MAIL)), {"weekly_cap": 9}, None),
        (plan(*[SENT] * 4, step("m", MAIL)), {"weekly_cap": 9},
         ("TOUCHES_SPENT", None)),
        # Spent comes before what passes.
        (plan(*[SENT] * 4, step("m", MAIL)), {"reached": REACHED},
         ("TOUCHES_SPENT", None)),
    ],
)  # fmt: skip
def test_what_a_step_waits_for(
    given: PlanFacts, around: dict[str, Any], said: Any
) -> None:
    """R10, A9."""
    assert met(given, world(**around)) == said


def test_an_act_that_nobody_registered_counts_as_reaching_out() -> None:
    """A4."""
    odd = plan(step("m", "no_such_type"))
    assert met(odd, world(reached=REACHED)) == ("CONTACT_CAP", DAY)


def test_touches_are_counted_where_somebody_was_or_will_be_reached() -> None:
    """R12."""
    given = plan(
        step("a", MAIL, status=DONE),
        step("b", MAIL, status=RUNNING),
        step("c", MAIL, status=ASKED),
        step("d", MAIL, status=FAILED),
        step("e", MAIL, status=SKIPPED),
        step("f", MAIL),
        step("g", NOTE, status=DONE),
    )
    assert touches(given) == 3


def test_the_least_that_anybody_said_counts() -> None:
    """R12: the type, its constraints, and the plan's."""
    strict = a_type(max_touches=4, constraints={"max_external_touches": 2})
    assert most_touches(plan(), TYPE) == 4
    assert most_touches(plan(), strict) == 2
    assert most_touches(plan(constraints={"max_external_touches": 1}), strict) == 1
    assert most_touches(plan(constraints={"max_external_touches": 9}), strict) == 2
    assert most_touches(plan(), None) is None
    assert most_touches(plan(constraints={"max_external_touches": 0}), None) == 0


@LAW
@given(st.lists(st.integers(0, 2), min_size=2, max_size=5))
def test_of_all_plans_that_want_to_reach_out_exactly_one_goes(
    priorities: list[int],
) -> None:
    """R10: priority leaves nobody waiting for each other."""
    ids = [f"p-{place}" for place in range(len(priorities))]
    goes = []
    for own, priority in zip(ids, priorities, strict=True):
        others = tuple(
            OtherPlan(plan=id_, plan_type="T", priority=each, next_touch=T0)
            for id_, each in zip(ids, priorities, strict=True)
            if id_ != own
        )
        given = plan(step("m", MAIL), plan=own)
        if met(given, world(others=others), a_type(priority=priority)) is None:
            goes.append(own)
    assert goes == [ids[priorities.index(max(priorities))]]


def test_what_a_wait_is_as_plain_data() -> None:
    found = collision(MAILS.steps[0], MAILS, TYPE, world(reached=REACHED))
    assert found is not None
    assert found.stated() == {
        "step_id": "m",
        "reason": "CONTACT_CAP",
        "explanation": found.explanation,
        "until": (T0 + DAY).isoformat(),
    }
