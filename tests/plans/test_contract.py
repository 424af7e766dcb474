"""R12 on real rows: sealed at approval, stated at the end, proven by the ledger."""

from collections.abc import Callable
from threading import Event

import pytest

from autonomy import decisions, settle, undo
from autonomy.deciding import newest
from autonomy.execute import start
from autonomy.models import Execution
from autonomy.permits import digest
from autonomy.tools.base import End
from ledger.clock import clock
from ledger.record import SYSTEM
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from plans import contract, drafting, facts, standing, steering
from plans.drafting import By
from plans.models import Plan
from tests.plans.conftest import BRIEF, ESCALATE, NOTE, Course
from tests.plans.contracts import asked, closing_of, completed, problems, verified
from tests.races import in_threads


@pytest.fixture
def course(make_course: Callable[..., Course]) -> Course:
    """Here people decide on every act."""
    return make_course(mode="APPROVAL")


def started(course: Course, plan: Plan) -> Execution:
    """The first act of a plan, under way."""
    intent = course.intents(plan)[0]
    course.decide(intent.id)
    with tenant_scope(course.tenant):
        execution = start(intent.id).execution
    assert execution is not None
    return execution


def finish(course: Course, execution: Execution) -> bool:
    with tenant_scope(course.tenant):
        held = Execution.objects.select_related("intent").get(pk=execution.pk)
        end = End(status=Execution.Status.SUCCEEDED, outcome={})
        return settle.finish(held, end, fence=held.intent.fence, at=clock())


# --- sealed ---------------------------------------------------------------------------------


def test_an_approval_seals_what_it_agrees_to(course: Course) -> None:
    """R12: the row, the ledger and the digest say the same; later looks do not change it."""
    plan = course.approved(BRIEF, NOTE)
    (moved,) = course.entries(plan, Kind.PLAN_MOVED.value)
    agreed = moved.data["agreed"]
    assert agreed == plan.contract
    assert moved.data["contract"] == plan.contract_digest == digest(plan.contract)
    assert [each["action_type"] for each in agreed["steps"]] == [
        "prep_renewal_brief",
        "create_internal_note",
    ]
    assert agreed["owner"] == str(plan.owner_id)
    with tenant_scope(course.tenant):
        read = Plan.objects.get(pk=plan.pk)
        known = facts.know(read, facts.steps_of(read))
        assert contract.agree(known) == plan.contract
        sealed = contract.seal(read, known.facts, known.type_)
    assert sealed == (plan.contract, plan.contract_digest)
    assert verified(course, plan).ok


# --- stated at the end ----------------------------------------------------------------------


def test_a_completed_plan_has_a_statement_that_the_ledger_proves(
    course: Course,
) -> None:
    """R12: promised, done, objective, and nothing that differs."""
    plan = completed(course, BRIEF, NOTE)
    assert plan.status == "COMPLETED"
    said = closing_of(plan)
    assert [each["by"] for each in said["done"]] == ["person", "person"]
    assert said["promised"]["steps"] == [
        {
            "step_id": each["step_id"],
            "action_type": each["action_type"],
            "required": True,
        }
        for each in said["done"]
    ]
    assert (said["acts"], said["deviations"], said["open"]) == (2, [], [])
    assert (said["objective_met"], said["ended"]["reason"]) == (False, plan.reason)
    (closed,) = course.entries(plan, Kind.PLAN_CLOSED.value)
    assert closed.data == {"statement": said, "contract": plan.contract_digest}
    found = verified(course, plan)
    assert (found.ok, found.problems, found.after_the_end) == (True, (), ())
    assert found.statement == said


def test_what_policy_let_run_is_told_as_such(
    make_course: Callable[..., Course],
) -> None:
    """R12: who let each step happen."""
    course = make_course()
    plan = asked(course, NOTE)
    course.perform(plan)
    plan = course.look(plan)
    assert [each["by"] for each in closing_of(plan)["done"]] == ["policy"]
    assert problems(course, plan) == set()


def test_skipped_and_waived_and_cancelled_are_told_with_reasons(
    course: Course,
) -> None:
    """R12: what was not done, why, and by whose word."""
    plan = asked(course, BRIEF, NOTE, ESCALATE)
    course.decide(course.intents(plan)[0].id, yes=False)
    plan = course.look(plan)
    with tenant_scope(course.tenant):
        waived = course.steps(plan)[1].step_id
        steering.skip(plan.pk, waived, by=course.caller(), reason="Not now.")
        steering.waive(plan.pk, waived, by=course.caller(), reason="No need.")
    plan = course.do("abort", plan, reason="Enough.")
    said = closing_of(plan)
    assert [each["reason"] for each in said["skipped"]] == ["REJECTED"]
    seller = str(course.house.members[Role.SELLER].id)
    assert [(each["step_id"], each["by"]) for each in said["waived"]] == [
        (str(waived), seller)
    ]
    assert [each["reason"] for each in said["cancelled"]] == ["PLAN_ENDED"]
    assert said["ended"]["explanation"] == "Enough."
    assert (said["done"], said["acts"]) == ([], 0)
    assert problems(course, plan) == set()


def test_a_revised_plan_is_held_against_each_of_its_contracts(course: Course) -> None:
    """R6, R12: what ran under the first contract stays all right under the second."""
    plan = asked(course, BRIEF, NOTE)
    course.decide(course.intents(plan)[0].id)
    course.perform(plan)
    plan = course.do("revise", course.look(plan))
    with tenant_scope(course.tenant):
        held = standing.held(plan.pk)
        by = By.person(course.caller())
        drafting.edit(held, {"steps": [ESCALATE]}, by=by)
    plan = course.do("activate", course.do("approve", plan, Role.APPROVER))
    course.look(plan)
    course.decide(course.intents(plan)[-1].id)
    course.perform(plan)
    plan = course.look(plan)
    assert plan.status == "COMPLETED"
    assert closing_of(plan)["promised"]["revision"] == plan.revision
    assert [each["action_type"] for each in closing_of(plan)["done"]] == [
        "prep_renewal_brief",
        "escalate_support_risk",
    ]
    assert problems(course, plan) == set()


def test_what_was_never_approved_promised_nothing(course: Course) -> None:
    """R12: a draft that ends needs no statement, and its ledger still has to fit."""
    plan = course.do("abort", course.draft())
    assert plan.closing is None
    found = verified(course, plan)
    assert (found.ok, found.statement["promised"]) == (True, None)


def test_edits_and_undos_by_people_are_noted(course: Course) -> None:
    """R12: they break nothing; one that comes after the end is told as late."""
    plan = asked(course, NOTE)
    intent = course.intents(plan)[0].id
    with tenant_scope(course.tenant):
        words = {"text": "Other words."}
        by = course.caller(Role.APPROVER)
        decisions.edit(newest(intent).id, words, by=by)
    with tenant_scope(course.tenant):
        decisions.approve(newest(intent).id, by=course.caller(Role.SELLER))
    course.perform(plan)
    plan = course.look(plan)
    assert [each["code"] for each in closing_of(plan)["notes"]] == ["EDITED"]
    with tenant_scope(course.tenant):
        execution = Execution.objects.get(intent_id=intent)
        undo.request(execution.pk, by=SYSTEM, member=None, reason="A mistake.")
    found = verified(course, plan)
    assert (found.ok, found.statement) == (True, plan.closing)
    assert [each["status"] for each in found.after_the_end] == ["UNDONE"]


def test_a_late_result_is_told_beside_the_statement(course: Course) -> None:
    """R12: what was under way at the end is listed as open, and proven when it ends."""
    plan = asked(course, BRIEF, NOTE)
    execution = started(course, plan)
    plan = course.do("abort", plan)
    (open_,) = closing_of(plan)["open"]
    assert (open_["execution"], open_["status"]) == (str(execution.pk), "EXECUTING")
    assert verified(course, plan).after_the_end == ()
    assert finish(course, execution)
    plan = course.look(plan)
    found = verified(course, plan)
    assert (found.ok, found.statement) == (True, plan.closing)
    assert [each["status"] for each in found.after_the_end] == ["SUCCEEDED"]


def test_an_act_that_ends_as_its_plan_does_is_told_once(course: Course) -> None:
    """R12: the statement waits for a result that is being written, and counts it."""
    plan = asked(course, BRIEF)
    execution = started(course, plan)
    written, ended = Event(), Event()

    def work(number: int) -> None:
        if number:
            assert written.wait(60)
            course.do("abort", plan)
            ended.set()
            return
        with tenant_scope(course.tenant):
            finish(course, execution)
            written.set()
            # Whoever does not wait for it would be through long before.
            ended.wait(1)

    in_threads(2, work)
    closing = closing_of(course.read(plan))
    assert (closing["open"], closing["acts"]) == ([], 1)
    found = verified(course, plan)
    assert (found.problems, found.after_the_end) == ((), ())
