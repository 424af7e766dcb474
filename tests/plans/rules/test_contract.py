"""R12: what is agreed on, and what is stated at the end."""

from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.rules.contract import STOPS, Ended, StepEnd, differences, statement
from plans.rules.deviations import Act
from plans.rules.facts import StepFacts
from plans.rules.lifecycle import StepStatus
from tests.plans.rules.contracts import (
    BRIEF,
    DEADLINE,
    MAIL,
    RUNNING,
    act,
    agreed,
    digest,
    plan,
    step,
)

# --- what is agreed on ----------------------------------------------------------------------


def test_a_contract_says_everything_that_was_agreed_on() -> None:
    """R12: objective, allowed acts, touches, stop conditions, owner and expiry."""
    found = agreed(plan(MAIL, BRIEF, constraints={"no_external": True}, revision=3))
    assert found["objective"] == {"text": "Win.", "condition": "The renewal is won."}
    assert found["allowed"] == [
        {"action_type": "mail", "at_most": 2},
        {"action_type": "note", "at_most": 3},
    ]
    assert found["max_external_touches"] == 4
    assert {each["code"] for each in found["stop_conditions"]} == set(STOPS)
    assert [each["step_id"] for each in found["steps"]] == ["brief", "mail"]
    assert found["steps"][1] == {
        "step_id": "mail",
        "action_type": "mail",
        "required": True,
        "human_touch": True,
        "depends_on": ["brief"],
        "max_failures": 2,
        "parameters_digest": digest({"text": "mail"}),
    }
    assert found["constraints"] == {"no_external": True}
    assert (found["owner"], found["revision"]) == ("ann", 3)
    assert found["expires_at"] == "2026-12-20T12:00:00+00:00"


@pytest.mark.parametrize(
    ("bound", "allowed"),
    [(2, 2), (9, 4), (0, 0), (-3, 0), (None, 4), ("1", 4), (True, 4)],
)
def test_the_tighter_of_type_and_plan_counts(bound: Any, allowed: int) -> None:
    """R12: a plan may bind itself to fewer touches than its type, never to more."""
    facts = plan(BRIEF, constraints={"max_external_touches": bound})
    assert agreed(facts)["max_external_touches"] == allowed


@given(st.permutations([BRIEF, MAIL, step("third", 2), step("fourth", 3, "mail")]))
def test_the_same_plan_gives_the_same_contract(steps: list[StepFacts]) -> None:
    """R12: in whatever order its steps come, and in whatever zone its deadline."""
    straight = plan(BRIEF, MAIL, step("third", 2), step("fourth", 3, "mail"))
    there = DEADLINE.astimezone(timezone(timedelta(hours=9)))
    mixed = replace(straight, steps=tuple(steps), expires_at=there)
    assert agreed(mixed) == agreed(straight)


# --- what is stated at the end --------------------------------------------------------------


def ended_step(facts: StepFacts, status: StepStatus, **more: str) -> StepEnd:
    return StepEnd(
        step_id=facts.step_id,
        action_type=facts.action_type,
        required=facts.required,
        status=status.value,
        **more,
    )


OVER = Ended(
    status="COMPLETED",
    reason="objective_met",
    explanation="x" * 900,
    objective_met=True,
    at=DEADLINE,
)


def stated(steps: list[StepEnd], *acts: Act, **more: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {"ended": OVER, "moves": RUNNING}
    return statement("p", agreed(), steps, acts, **{**plain, **more})


def test_a_statement_tells_what_became_of_each_step() -> None:
    """R12: promised, done, skipped with reasons, failed, cancelled, waived by whom."""
    names = [step(name, place) for place, name in enumerate("abcdefg")]
    S = StepStatus
    steps = [
        ended_step(names[0], S.DONE),
        ended_step(names[1], S.AUTO_EXECUTED),
        ended_step(names[2], S.SKIPPED, reason="REPLIED", explanation="They replied."),
        ended_step(names[3], S.FAILED, reason="BLOCKED"),
        ended_step(names[4], S.CANCELLED, reason="PLAN_ENDED"),
        ended_step(names[5], S.SKIPPED, reason="WAIVED", waived_by="ann"),
        ended_step(names[6], S.RUNNING),
    ]
    found = stated(steps)
    assert [(each["step_id"], each["by"]) for each in found["done"]] == [
        ("a", "person"),
        ("b", "policy"),
    ]
    assert found["skipped"] == [
        {
            "step_id": "c",
            "action_type": "note",
            "reason": "REPLIED",
            "explanation": "They replied.",
        }
    ]
    assert [each["reason"] for each in found["failed"]] == ["BLOCKED"]
    assert [each["step_id"] for each in found["cancelled"]] == ["e"]
    assert found["waived"] == [
        {"step_id": "f", "action_type": "note", "status": "SKIPPED", "by": "ann"}
    ]
    assert [each["step_id"] for each in found["unfinished"]] == ["g"]
    told = {
        each["step_id"]
        for part in ("done", "skipped", "failed", "cancelled", "waived", "unfinished")
        for each in found[part]
    }
    assert told == set("abcdefg")


def test_a_statement_counts_acts_and_touches_and_names_deviations() -> None:
    """R12: deviations, objective met or not, and what is still under way."""
    open_ = act("i2", MAIL, status="IN_DOUBT")
    outside = act("i3", action_type="refund", edited_by=("ann",))
    waiting = act("i4", began=None, status="NOT_STARTED")
    found = stated([], act(), open_, outside, waiting)
    assert (found["acts"], found["touches"]) == (3, {"count": 1, "allowed": 4})
    assert [each["intent"] for each in found["open"]] == ["i2"]
    assert [(each["code"], each["intent"]) for each in found["deviations"]] == [
        ("ACT_OUTSIDE", "i3"),
        ("ACT_OUTSIDE", "i3"),
        ("DUPLICATE_ACT", "i3"),
    ]
    assert [each["code"] for each in found["notes"]] == ["EDITED"]
    assert found["objective_met"] is True
    assert found["ended"]["reason"] == "objective_met"
    assert len(found["ended"]["explanation"]) == 200
    assert found["promised"]["objective"]["text"] == "Win."


def test_a_statement_stays_small() -> None:
    """R12: a flood of deviations is counted whole, and listed in part."""
    flood = [act(f"i{n}", step_id=f"s{n}", action_type="refund") for n in range(400)]
    found = stated([], *flood)
    assert len(found["deviations"]) == 50
    assert found["deviations_in_all"] == 800


def test_differences_are_named() -> None:
    """R12: what was stated, and what the ledger tells, part by part."""
    found = stated([ended_step(BRIEF, StepStatus.DONE)], act())
    assert differences(found, found) == []
    assert differences({**found, "acts": 7}, found) == ["acts"]
    assert differences({**found, "more": 7}, found) == ["more"]
    assert differences({}, found) == list(found)
