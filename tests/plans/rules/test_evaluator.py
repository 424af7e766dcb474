"""R3: objective, then steps, then time; and never out of a state that has no such move."""

from itertools import product
from typing import Any

import pytest

from plans.rules.evaluator import Reason, evaluate
from plans.rules.facts import StepFacts
from plans.rules.lifecycle import MOVES, TERMINAL, Status, StepStatus
from plans.types.base import Met
from tests.plans.rules.make import (
    AUTO,
    CANCELLED,
    DAY,
    DONE,
    FAILED,
    PENDING,
    RUNNING,
    SKIPPED,
    T0,
    plan,
    step,
)

YES, NO = Met(holds=True, why="It is won."), Met(holds=False, why="Not yet.")
SOME = [step("a", status=DONE), step("b")]
ALL = [step("a", status=DONE), step("b", status=AUTO)]


@pytest.mark.parametrize(
    ("status", "steps", "met", "left", "to", "reason"),
    [
        # In this order.
        ("ACTIVE", ALL, YES, 0, "COMPLETED", "objective_met"),
        ("ACTIVE", SOME, YES, 0, "COMPLETED", "objective_met"),
        ("ACTIVE", ALL, NO, 0, "COMPLETED", "all_steps_done"),
        ("ACTIVE", SOME, NO, 0, "EXPIRED", "window_past"),
        ("ACTIVE", SOME, NO, 1, None, ""),
        ("ACTIVE", SOME, YES, 1, "COMPLETED", "objective_met"),
        ("ACTIVE", ALL, NO, 1, "COMPLETED", "all_steps_done"),
        ("ACTIVE", [], NO, 1, None, ""),
        ("ACTIVE", [], NO, 0, "EXPIRED", "window_past"),
        ("PAUSED", SOME, YES, 1, "COMPLETED", "objective_met"),
        ("PAUSED", ALL, NO, 1, "COMPLETED", "all_steps_done"),
        # The clock never stops.
        ("PAUSED", SOME, NO, 0, "EXPIRED", "window_past"),
        # Only what runs can be completed.
        ("DRAFT", ALL, YES, 1, None, ""),
        ("APPROVED", ALL, YES, 1, None, ""),
        ("DRAFT", ALL, YES, 0, "EXPIRED", "window_past"),
        ("APPROVED", ALL, YES, 0, "EXPIRED", "window_past"),
        ("COMPLETED", ALL, YES, 0, None, ""),
        ("ABORTED", ALL, YES, 0, None, ""),
        ("EXPIRED", ALL, YES, 0, None, ""),
    ],
)
def test_what_becomes_of_a_plan(
    status: str, steps: list[StepFacts], met: Met, left: int, to: Any, reason: str
) -> None:
    """R3: and whether the objective held is told either way."""
    given = plan(*steps, status=Status(status), expires_at=T0 + left * DAY)
    judged = evaluate(given, met, now=T0)
    assert (judged.to, judged.reason) == (to, reason)
    assert judged.objective_met is met.holds
    assert judged.explanation
    if reason == Reason.OBJECTIVE_MET:
        assert judged.explanation == met.why


def test_an_objective_counts_from_activation_on() -> None:
    """R3: what was never started has reached nothing."""
    never = plan(*SOME, status=Status.PAUSED, activated_at=None)
    judged = evaluate(never, YES, now=T0)
    assert judged.to is None
    assert not judged.objective_met


@pytest.mark.parametrize(
    ("steps", "done"),
    [
        ([step("a", status=SKIPPED)], False),
        ([step("a", status=SKIPPED, waived=True)], True),
        ([step("a", status=FAILED, waived=True)], True),
        ([step("a", status=FAILED)], False),
        ([step("a", status=CANCELLED)], False),
        ([step("a", status=RUNNING)], False),
        # What is not required does not hold it up.
        ([step("a", status=DONE), step("b", required=False)], True),
        ([step("a", status=DONE), step("b", status=FAILED, required=False)], True),
        # Where nothing is required, all of it has to be over, and something done.
        ([step("a", required=False)], False),
        ([step("a", status=DONE, required=False), step("b", required=False)], False),
        (
            [
                step("a", status=DONE, required=False),
                step("b", status=SKIPPED, required=False),
            ],
            True,
        ),
        ([step("a", status=SKIPPED, required=False)], False),
    ],
)
def test_when_all_steps_are_done(steps: list[StepFacts], done: bool) -> None:
    """R3: a required step that was skipped rules it out, unless a person waived it."""
    judged = evaluate(plan(*steps), NO, now=T0)
    assert (judged.reason == Reason.ALL_STEPS_DONE) is done
    assert (judged.to == Status.COMPLETED) is done


def test_no_verdict_asks_for_a_move_that_is_not_in_the_table() -> None:
    """R2, R3: all states of a plan and of two steps, in and out of time."""
    for status, one, two, met, left in product(
        Status, StepStatus, StepStatus, (YES, NO), (-1, 0, 1)
    ):
        given = plan(
            step("a", status=one),
            step("b", status=two, required=False),
            status=status,
            expires_at=T0 + left * DAY,
        )
        judged = evaluate(given, met, now=T0)
        assert judged.to is None or judged.to in MOVES[status]
        # Nothing that is still open outlives its time.
        assert left > 0 or status in TERMINAL or judged.to is not None


def test_where_it_stands_is_told_in_numbers() -> None:
    judged = evaluate(plan(*SOME, step("c", status=PENDING)), NO, now=T0)
    assert judged.explanation == "1 of 3 required steps are done."
