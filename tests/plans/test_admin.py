"""U2: plans in the control center: seen by those who may, moved by the product's verbs."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from perception.rules.roles import Role
from plans.models import Plan
from tests.autonomy.admin.conftest import member
from tests.plans.conftest import BRIEF, ESCALATE, Course

pytestmark = pytest.mark.usefixtures("db")

LIST = "/admin/plans/plan/"


def page_of(plan: Plan, door: str = "change") -> str:
    return f"{LIST}{plan.pk}/{door}/"


def browser(course: Course, role: Role) -> Client:
    return member(course.house, role)


def test_a_plan_is_shown_with_its_steps_and_what_it_waits_for(course: Course) -> None:
    plan = course.active(BRIEF, ESCALATE)
    course.look(plan)
    shown = browser(course, Role.AUDITOR).get(page_of(plan)).content.decode()
    assert "A person has to decide." in shown
    assert "escalate support risk" in shown
    assert "Pause …" not in shown
    listed = browser(course, Role.AUDITOR).get(LIST).content.decode()
    assert "Defend a renewal" in listed


def test_an_approver_moves_it_and_says_why(course: Course) -> None:
    """Through the same verbs as everybody: it is in the ledger."""
    plan = course.draft()
    client = browser(course, Role.APPROVER)
    for door, status in (
        ("approve", "APPROVED"), ("activate", "ACTIVE"), ("pause", "PAUSED"),
        ("resume", "ACTIVE"), ("revise", "DRAFT"), ("abort", "ABORTED"),
    ):  # fmt: skip
        assert client.get(page_of(plan, door)).status_code == 200
        assert client.post(page_of(plan, door), {"reason": "So."}).status_code == 302
        assert course.read(plan).status == status
    moved = [each.data["to"] for each in course.entries(plan, "plan.moved")]
    assert moved[-1] == "ABORTED"


def test_what_the_gate_refuses_is_said_and_stated(course: Course) -> None:
    """R5: nothing moves, and the refusal stays in the ledger."""
    course.active()
    plan = course.approved()
    answer = browser(course, Role.APPROVER).post(
        page_of(plan, "activate"), {}, follow=True
    )
    (said,) = answer.context["messages"]
    assert "has an ACTIVE plan of the type RENEWAL_DEFENSE" in str(said)
    assert course.read(plan).status == "APPROVED"
    assert len(course.entries(plan, "plan.refused")) == 1


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.SELLER, Role.INTEGRATION])
def test_nobody_else_moves_anything(course: Course, role: Role) -> None:
    plan = course.draft()
    answer = browser(course, role).post(page_of(plan, "approve"), {})
    assert answer.status_code == 403
    assert course.read(plan).status == "DRAFT"


def test_a_long_list_costs_no_more(course: Course) -> None:
    client, costs = browser(course, Role.ADMIN), []
    for count in (2, 12):
        for number in range(count):
            course.draft(account=course.another_account(f"A{count} {number}"))
        with CaptureQueriesContext(connection) as asked:
            assert client.get(LIST).status_code == 200
        costs.append(len(asked))
    assert costs[0] == costs[1]
