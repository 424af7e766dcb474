"""plans/ with GET: lists of constant cost, filters, who sees what, statements, types."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger.scope import tenant_scope
from perception.rules.roles import Role
from plans.models import Plan, Step
from plans.types.registry import TYPES
from tests.autonomy.api.doors import another_account, errors, problem
from tests.conftest import House
from tests.plans.api.doors import anywhere, ask, at, read
from tests.plans.conftest import BRIEF, ESCALATE, Course

FIELDS = {
    "id", "account", "plan_type", "objective", "condition", "status", "reason",
    "explanation", "revision", "risk_level", "constraints", "owner", "proposed_by",
    "approved_by", "approval_source", "source", "rationale", "approved_at",
    "activated_at", "ended_at", "expires_at", "accept_by", "objective_met", "progress",
    "waits", "next_at", "contract", "contract_digest", "created_at", "updated_at",
}  # fmt: skip
STEP_FIELDS = {
    "step_id", "place", "action_type", "parameters", "depends_on", "required",
    "human_touch", "only_if", "earliest", "latest", "status", "reason", "explanation",
    "tries", "failures", "next_at", "intent", "verdict", "waived_by", "started_at",
    "finished_at",
}  # fmt: skip


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [each["id"] for each in answer.json()["results"]]


def test_the_shape_of_a_plan(course: Course) -> None:
    """CONTRACT: names that clients rely on, in lists and alone."""
    plan = course.active(BRIEF, ESCALATE)
    course.look(plan)
    (listed,) = read(course).json()["results"]
    assert set(listed) >= FIELDS
    assert "steps" not in listed
    said = read(course, f"{plan.pk}/").json()
    assert set(said) >= FIELDS | {"steps", "may"}
    assert {name: said[name] for name in listed} == listed
    assert all(set(each) >= STEP_FIELDS for each in said["steps"])
    assert said["contract"]["plan_type"] == "RENEWAL_DEFENSE"
    assert said["contract_digest"].startswith("sha256:")
    assert said["condition"] == TYPES["RENEWAL_DEFENSE"].condition
    assert said["next_at"] is not None


def test_what_each_step_waits_for(course: Course) -> None:
    """U: the step's act, its newest verdict, and who it waits for."""
    plan = course.active(ESCALATE)
    course.look(plan)
    (step,) = read(course, f"{plan.pk}/steps/").json()["results"]
    (intent,) = course.intents(plan)
    assert (step["status"], step["intent"]) == ("PENDING_APPROVAL", str(intent.id))
    assert step["verdict"] == {
        "decision": "REQUIRE_APPROVAL",
        "reason": "APPROVAL_TIER",
        "explanation": step["verdict"]["explanation"],
    }
    course.look(plan)
    (wait,) = read(course, f"{plan.pk}/").json()["waits"]
    assert (wait["step_id"], wait["reason"]) == (step["step_id"], "APPROVAL")


def test_lists_are_filtered(course: Course) -> None:
    """CONTRACT: account, status (again and again), plan_type, owner, created."""
    draft, approved = course.draft(), course.approved()
    active = course.active()
    newest_first = [str(each.pk) for each in (active, approved, draft)]
    assert ids(read(course)) == newest_first
    assert ids(read(course, "?status=DRAFT")) == [str(draft.pk)]
    assert ids(read(course, "?status=DRAFT&status=ACTIVE")) == newest_first[::2]
    assert ids(read(course, f"?account={course.account.id}")) == newest_first
    assert ids(read(course, f"?account={anywhere()}")) == []
    assert ids(read(course, "?plan_type=EXPANSION")) == []
    owner = course.house.members[Role.SELLER].id
    assert ids(read(course, f"?owner={owner}")) == newest_first
    assert ids(read(course, f"?owner={anywhere()}")) == []
    at_ = approved.created_at.isoformat().replace("+", "%2B")
    assert ids(read(course, f"?created_after={at_}")) == newest_first[:2]
    assert ids(read(course, f"?created_before={at_}")) == newest_first[2:]
    assert set(errors(read(course, "?status=NOTHING"))) == {"status"}
    first = read(course, "?limit=2").json()
    assert [each["id"] for each in first["results"]] == newest_first[:2]
    rest = course.house.client(Role.SELLER).get(first["next"]).json()
    assert [each["id"] for each in rest["results"]] == newest_first[2:]


def test_a_list_costs_the_same_for_ten_and_for_sixty(course: Course) -> None:
    """L5: no query for each plan."""
    plan = course.draft(BRIEF, ESCALATE)

    def grow(count: int) -> None:
        with tenant_scope(course.tenant):
            made = Plan.objects.get(pk=plan.pk)
            for _ in range(count):
                made.pk = anywhere()
                made.save(force_insert=True)
                for step in Step.objects.filter(plan_id=plan.pk):
                    step.pk, step.plan_id = anywhere(), made.pk
                    step.save(force_insert=True)

    def cost() -> int:
        with CaptureQueriesContext(connection) as made:
            found = ids(read(course, "?limit=200"))
        return len(made.captured_queries) if found else 0

    read(course)
    grow(9)
    few = cost()
    assert len(ids(read(course, "?limit=200"))) == 10
    grow(50)
    assert len(ids(read(course, "?limit=200"))) == 60
    assert cost() == few


def test_a_seller_sees_their_own_accounts(course: Course) -> None:
    """T2: elsewhere 404, at every door; others see all of the tenant."""
    with tenant_scope(course.tenant):
        other = another_account(course.house)
    mine, theirs = course.draft(), course.draft(account=other)
    assert ids(read(course)) == [str(mine.pk)]
    for role in (Role.APPROVER, Role.ADMIN, Role.AUDITOR):
        assert ids(read(course, role=role)) == [str(theirs.pk), str(mine.pk)]
        assert read(course, f"{theirs.pk}/", role).status_code == 200
    assert problem(read(course, role=Role.INTEGRATION)) == (403, "PERMISSION_DENIED")
    _is_not_there(course.house, theirs, course.steps(theirs)[0])
    assert course.read(theirs).status == "DRAFT"


def test_another_tenant_sees_nothing(course: Course, other: House) -> None:
    """T1: 404 at every door, for whoever asks, and nothing moves."""
    plan = course.active()
    (step,) = course.steps(plan)
    _is_not_there(other, plan, step, Role.ADMIN)
    path = f"/api/v1/plans/?account={course.account.id}"
    assert ids(other.client(Role.ADMIN).get(path)) == []
    assert course.read(plan).status == "ACTIVE"
    assert course.statuses(plan) == ["PENDING"]


def _is_not_there(
    house: House, plan: Plan, step: Step, role: Role = Role.SELLER
) -> None:
    client = house.client(role)
    for path in ("", "steps/", "ledger/", "revisions/", "statement/"):
        answer = client.get(f"/api/v1/plans/{plan.pk}/{path}")
        assert problem(answer) == (404, "NOT_FOUND"), path
    for verb in (
        "approve", "submit", "activate", "pause", "resume", "abort", "revise",
        "accept", f"steps/{step.step_id}/waive", f"steps/{step.step_id}/skip",
        f"steps/{step.step_id}/retry",
    ):  # fmt: skip
        answer = client.send("POST", f"plans/{plan.pk}/{verb}/", {})
        assert problem(answer) == (404, "NOT_FOUND"), verb
    change = {"objective": "Mine."}
    answer = client.send("PATCH", f"plans/{plan.pk}/", change, If_Match="*")
    assert problem(answer) == (404, "NOT_FOUND")
    answer = client.send(
        "PUT", f"plans/{plan.pk}/steps/", {"steps": [BRIEF]}, If_Match="*"
    )
    assert problem(answer) == (404, "NOT_FOUND")


def test_the_ledger_of_a_plan(course: Course) -> None:
    """Newest first, and of this plan alone."""
    plan = course.active()
    course.draft()
    said = read(course, f"{plan.pk}/ledger/").json()["results"]
    told = [each for each in said if each["kind"].startswith("plan.")]
    assert [each["kind"] for each in told] == [
        "plan.moved", "plan.moved", "plan.proposed",
    ]  # fmt: skip
    assert told[0]["data"]["to"] == "ACTIVE"
    assert all(each["subjects"]["plan"] == str(plan.pk) for each in said)


@pytest.mark.parametrize("status", ["DRAFT", "APPROVED", "ACTIVE", "PAUSED"])
def test_a_plan_that_lives_has_no_statement(course: Course, status: str) -> None:
    plan = at(course, status)
    assert problem(read(course, f"{plan.pk}/statement/")) == (409, "NOT_OVER")


@pytest.mark.parametrize("status", ["COMPLETED", "ABORTED", "EXPIRED"])
def test_a_statement_is_held_against_the_ledger(course: Course, status: str) -> None:
    """R12: promised, done, deviations; verified as it is read."""
    plan = at(course, status)
    said = read(course, f"{plan.pk}/statement/", Role.AUDITOR).json()
    assert said["verified"] == {"ok": True, "problems": []}
    assert said["status"] == status
    assert said["statement"]["ended"]["status"] == status
    assert said["contract_digest"] == plan.contract_digest


def test_a_draft_that_ended_was_never_agreed_on(course: Course) -> None:
    plan = course.draft()
    assert ask(course, f"{plan.pk}/abort/").status_code == 200
    said = read(course, f"{plan.pk}/statement/").json()
    assert (said["statement"], said["verified"]["ok"]) == (None, True)


def test_types_are_told_as_they_are_declared(course: Course) -> None:
    """R9: plan-types/, whole."""
    client = course.house.client(Role.SELLER)
    said = client.get("/api/v1/plan-types/").json()
    assert [each["key"] for each in said["results"]] == list(TYPES)
    for shown in said["results"]:
        declared = TYPES[shown["key"]]
        assert client.get(f"/api/v1/plan-types/{shown['key']}/").json() == shown
        phases = {each["action_type"]: each["phase"] for each in shown["action_types"]}
        assert phases == declared.phases
        assert [each["key"] for each in shown["steps"]] == [
            each.key for each in declared.template
        ]
        assert shown["lasts_days"] == declared.lasts.days
        assert shown["highest_risk"] == declared.highest_risk
    for key in ("constructor", "renewal_defense", "__class__"):
        answer = client.get(f"/api/v1/plan-types/{key}/")
        assert problem(answer) == (404, "NO_SUCH_PLAN_TYPE")
