"""R12: what breaks a contract, what is only noted, and what is all right."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from plans.rules.contract import breaking
from plans.rules.deviations import Act, Code, deviations
from plans.rules.facts import StepFacts
from tests.plans.rules.contracts import (
    BRIEF,
    DEADLINE,
    MAIL,
    NOON,
    RUNNING,
    act,
    agreed,
    moves,
    plan,
)


def codes(*acts: Act, **more: Any) -> list[Code]:
    return [each.code for each in deviations(acts, **{"moves": RUNNING, **more})]


def test_what_was_agreed_on_breaks_nothing() -> None:
    """R12: acts within the contract."""
    found = deviations([act(), act("i2", MAIL)], moves=RUNNING, done=["brief", "mail"])
    assert found == []


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"action_type": "refund"}, Code.ACT_OUTSIDE),
        ({"action_type": "mail"}, Code.ACT_OUTSIDE),
        ({"step_id": "other"}, Code.STEP_UNKNOWN),
        ({"parameters_digest": "sha256:0"}, Code.PARAMETERS_DIFFER),
        ({"began": 5}, Code.STARTED_OUTSIDE_WINDOW),
        ({"started_at": DEADLINE}, Code.STARTED_OUTSIDE_WINDOW),
        ({"edited_by": ("ann",)}, Code.EDITED),
        ({"status": "UNDONE"}, Code.UNDONE_LATER),
    ],
)
def test_an_act_is_held_against_the_contract(more: dict[str, Any], code: Code) -> None:
    """R12: type, step, parameters, window; and what is worth a note."""
    found = deviations([act(**more)], moves=RUNNING)
    assert code in [each.code for each in found]
    assert all(each.intent == "i1" for each in found)


@pytest.mark.parametrize("to", ["PAUSED", "DRAFT", "COMPLETED", "ABORTED", "EXPIRED"])
def test_nothing_starts_but_while_the_plan_is_active(to: str) -> None:
    """R12: not while it is paused or taken back, and not after its end."""
    told = moves("APPROVED", "ACTIVE", to)
    assert codes(act(began=20), moves=told) == []
    assert codes(act(began=22), moves=told) == [Code.STARTED_OUTSIDE_WINDOW]


def test_clocks_do_not_matter_but_places_do() -> None:
    """R12: an act that started before the pause stays so, whatever its clock said."""
    told = moves("APPROVED", "ACTIVE", "PAUSED", "ACTIVE")
    late = NOON + timedelta(days=5)
    assert codes(act(began=20, started_at=late), moves=told) == []
    assert codes(act(began=25, started_at=NOON), moves=told) != []
    assert codes(act(began=35, started_at=NOON), moves=told) == []


def test_an_act_before_any_approval_is_outside() -> None:
    """R12: where nothing was agreed on, nothing is allowed."""
    assert codes(act(), moves=[]) == [Code.ACT_OUTSIDE, Code.STARTED_OUTSIDE_WINDOW]


def test_a_person_was_promised() -> None:
    """R12, R4: policy does not decide on what a person was to decide on."""
    assert codes(act(of=MAIL, automatic=True)) == [Code.PERSON_LEFT_OUT]
    assert codes(act(of=MAIL, automatic=True, began=None, status="NOT_STARTED")) == []
    assert codes(act(automatic=True)) == []


def failing(count: int, of: StepFacts = BRIEF, status: str = "FAILED") -> list[Act]:
    return [act(f"i{n}", of, status=status, began=20 + n) for n in range(count)]


def test_each_try_counts_and_what_never_started_does_not() -> None:
    """R12: as many acts as there are tries; a person's retry gives them anew."""
    assert codes(*failing(3)) == []
    assert codes(*failing(4)) == [Code.TOO_MANY_ACTS]
    assert codes(*failing(4), retried=["brief"]) == [Code.RETRIED]
    assert codes(*failing(4), retried=["mail"]) == [Code.TOO_MANY_ACTS, Code.RETRIED]
    waiting = [replace(each, began=None, status="NOT_STARTED") for each in failing(9)]
    assert codes(*waiting) == []


def test_touches_are_counted_over_the_whole_plan() -> None:
    """R12: what failed reached nobody; a new contract does not forget whom it reached."""
    tight = agreed(plan(BRIEF, MAIL, constraints={"max_external_touches": 1}))
    told = moves("APPROVED", "ACTIVE", contract=tight)
    assert codes(*failing(2, MAIL), moves=told) == []
    open_ = failing(2, MAIL, status="EXECUTING")
    assert codes(*open_, moves=told) == [Code.TOO_MANY_TOUCHES]
    again = [*RUNNING, *moves("DRAFT", first=21)]
    again += moves("APPROVED", "ACTIVE", first=31, contract={**tight, "revision": 2})
    before = failing(1, MAIL, status="UNDONE")
    assert codes(*before, moves=again) == [Code.UNDONE_LATER]
    more = act("i9", MAIL, began=45)
    assert Code.TOO_MANY_TOUCHES in codes(*before, more, moves=again)


def test_a_step_is_done_once() -> None:
    """R12: a second success is named; what was undone may be done again."""
    twice = [act("i1", began=20), act("i2", began=21)]
    (found,) = deviations(twice, moves=RUNNING)
    assert (found.code, found.intent) == (Code.DUPLICATE_ACT, "i2")
    undone = [replace(twice[0], status="UNDONE"), twice[1]]
    assert codes(*undone) == [Code.UNDONE_LATER]


def test_what_is_done_was_done_by_an_act() -> None:
    """R12: nothing is missing in the other direction."""
    assert codes(act(), done=["brief", "mail"]) == [Code.DONE_WITHOUT_ACT]
    assert codes(act(status="FAILED"), done=["brief"]) == [Code.DONE_WITHOUT_ACT]


def test_notes_break_nothing() -> None:
    """R12: edits, undos and retries by people are told, and are no violations."""
    acts = [act(edited_by=("ann",), status="UNDONE")]
    found = deviations(acts, moves=RUNNING, retried=["brief"])
    assert {each.code for each in found} == {
        Code.EDITED,
        Code.UNDONE_LATER,
        Code.RETRIED,
    }
    assert breaking(found) == []
