"""R1-R7: a plan is drafted, agreed on, started, does its steps through the spine, ends."""

import pytest

from autonomy.context import frozen_context
from ledger.clock import clock
from ledger.scope import tenant_scope
from perception.accounts import change_account
from perception.rules.roles import Role
from plans import orchestrator
from plans.errors import IllegalMove, PlanRefused, SelfApproval
from tests.plans.conftest import BRIEF, ESCALATE, Course

pytestmark = pytest.mark.usefixtures("alone")


def test_a_plan_walks_to_its_end(course: Course) -> None:
    """R3, R6: what policy lets run runs by itself, what needs a person asks one."""
    plan = course.active(BRIEF, ESCALATE)
    course.look(plan)
    assert course.statuses(plan) == ["RUNNING", "PENDING_APPROVAL"]
    asked = course.intents(plan)[1]
    course.decide(asked.id)
    course.perform(plan)
    ended = course.look(plan)
    assert course.statuses(plan) == ["AUTO_EXECUTED", "DONE"]
    assert (ended.status, ended.reason) == ("COMPLETED", "all_steps_done")
    assert ended.objective_met is False
    assert ended.closing is not None
    moves = [each.data["to"] for each in course.entries(plan, "plan.moved")]
    assert moves == ["APPROVED", "ACTIVE", "COMPLETED"]


def test_runs_get_to_know_of_a_plan(course: Course) -> None:
    """D1: as long as it goes on, the frozen context of a run of its account holds it."""
    plan = course.active(ESCALATE)

    def told() -> list[dict[str, str]]:
        with tenant_scope(course.tenant):
            context = frozen_context(course.account, None, now=clock())
        found: list[dict[str, str]] = context["plans"]
        return [{name: each[name] for name in ("id", "status")} for each in found]

    assert told() == [{"id": str(plan.pk), "status": "ACTIVE"}]
    course.do("pause", plan)
    assert told() == [{"id": str(plan.pk), "status": "PAUSED"}]
    course.do("abort", plan)
    assert told() == []


def test_five_looks_without_an_outcome_make_one_intent(course: Course) -> None:
    """A step that is on its way stays there, however often the plan is looked at."""
    plan = course.active(ESCALATE)
    for _ in range(5):
        course.look(plan)
    assert len(course.intents(plan)) == 1
    assert course.read(plan).waits[0]["reason"] == "APPROVAL"


def test_whoever_proposed_it_cannot_approve_it(course: Course) -> None:
    """R7: nor can whoever changed it last."""
    plan = course.draft(role=Role.APPROVER)
    with pytest.raises(SelfApproval):
        course.do("approve", plan, Role.APPROVER)
    assert course.read(plan).status == "DRAFT"
    assert course.do("approve", plan, Role.ADMIN).status == "APPROVED"


def test_a_second_active_plan_of_a_type_is_refused_and_stated(course: Course) -> None:
    """R5: one per account and type; PAUSED frees the place."""
    first, second = course.active(), course.approved()
    with pytest.raises(PlanRefused) as refusal:
        course.do("activate", second)
    assert refusal.value.code == "CONFLICT_ACTIVE_PLAN"
    assert refusal.value.keeps
    course.do("pause", first)
    course.do("activate", second)
    with pytest.raises(PlanRefused):
        course.do("resume", first)
    assert course.read(first).status == "PAUSED"


def test_pausing_recalls_what_has_not_begun(course: Course) -> None:
    """What was asked is taken back, and asked anew after the plan is resumed."""
    plan = course.active(ESCALATE)
    course.look(plan)
    course.do("pause", plan, reason="Not this week.")
    assert course.statuses(plan) == ["PENDING"]
    assert [each.status for each in course.intents(plan)] == ["CANCELLED"]
    course.look(plan)
    assert len(course.intents(plan)) == 1
    course.do("resume", plan)
    course.look(plan)
    assert [each.status for each in course.intents(plan)] == [
        "CANCELLED",
        "AWAITING_APPROVAL",
    ]


def test_a_plan_that_is_over_stays_over(course: Course) -> None:
    """R2: terminal is terminal."""
    plan = course.active(ESCALATE)
    course.look(plan)
    course.do("abort", plan, reason="They left.")
    assert course.statuses(plan) == ["CANCELLED"]
    for verb in ("approve", "activate", "pause", "resume", "abort", "revise"):
        with pytest.raises(IllegalMove):
            course.do(verb, plan, Role.ADMIN)


def test_the_tick_finds_what_has_news(course: Course) -> None:
    """R11: by what changed below, not by looking at every plan."""
    plan = course.active(ESCALATE)
    orchestrator.tick(now=clock())
    asked = course.intents(plan)[0]
    course.decide(asked.id)
    course.perform(plan)
    orchestrator.tick(now=clock())
    assert course.read(plan).status == "COMPLETED"


def test_an_account_that_closes_ends_its_plans(course: Course) -> None:
    """R7: and what they had asked is taken back."""
    plan = course.active(ESCALATE)
    course.look(plan)
    with tenant_scope(course.tenant):
        change_account(
            course.account, {"closed": True}, by=course.desk.admin, now=clock()
        )
    orchestrator.tick(now=clock())
    ended = course.read(plan)
    assert (ended.status, ended.reason) == ("ABORTED", "ACCOUNT_CLOSED")
