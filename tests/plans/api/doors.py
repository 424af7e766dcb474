"""What tests of the doors of plans share: bodies, plans at any status, and what is kept."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from ledger.clock import clock
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from plans.models import Plan, Revision, Step
from tests.plans.conftest import BRIEF, Course, clock_of

MEETING = {
    "action_type": "request_renewal_meeting",
    "parameters": {"title": "The renewal", "start": "2030-01-07T10:00:00+00:00"},
}
STATUSES = [
    "DRAFT", "APPROVED", "ACTIVE", "PAUSED", "COMPLETED", "ABORTED", "EXPIRED",
]  # fmt: skip


def body(course: Course, *steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A plan as a client posts it."""
    return {
        "account": "acme",
        "plan_type": "RENEWAL_DEFENSE",
        "steps": list(steps or [BRIEF]),
        "expires_at": (clock_of(course) + timedelta(days=30)).isoformat(),
        **more,
    }


def post(course: Course, *steps: Any, role: Role = Role.SELLER, **more: Any) -> Any:
    """The answer to a plan that is posted."""
    given = body(course, *steps, **more)
    return course.house.client(role).send("POST", "plans/", given)


def ask(course: Course, path: str, role: Role = Role.SELLER, **given: Any) -> Any:
    """The answer to a POST about a plan."""
    return course.house.client(role).send("POST", f"plans/{path}", given)


def read(course: Course, path: str = "", role: Role = Role.SELLER) -> Any:
    return course.house.client(role).get(f"/api/v1/plans/{path}")


def at(course: Course, status: str, **more: Any) -> Plan:
    """A plan that has come so far."""
    if status == "DRAFT":
        return course.draft(**more)
    if status == "APPROVED":
        return course.approved(**more)
    plan = course.active(**more)
    match status:
        case "PAUSED":
            return course.do("pause", plan)
        case "ABORTED":
            return course.do("abort", plan)
        case "COMPLETED":
            (step,) = course.steps(plan)
            answer = ask(course, f"{plan.pk}/steps/{step.step_id}/waive/")
            assert answer.status_code == 200, answer.content
            return course.look(plan)
        case "ACTIVE":
            return plan
        case _:
            with tenant_scope(course.tenant):
                Plan.objects.filter(pk=plan.pk).update(expires_at=clock())
            return course.look(plan)


def kept(course: Course, plan: Plan) -> Any:
    """Everything that a refusal must leave as it was."""
    with tenant_scope(course.tenant):
        return (
            Plan.objects.filter(pk=plan.pk).values().get(),
            list(Step.objects.filter(plan_id=plan.pk).order_by("id").values()),
            list(Revision.objects.filter(plan_id=plan.pk).values()),
        )


def codes(answer: Any) -> list[str]:
    """The code of each violation that is told, in its order."""
    said = answer.json()
    assert said["code"] == said["errors"][0]["code"], said
    assert all(set(each) == {"field", "code", "detail"} for each in said["errors"])
    return [each["code"] for each in said["errors"]]


def named(*steps: dict[str, Any], after: dict[int, list[int]]) -> list[dict[str, Any]]:
    """Steps with ids, that wait for one another by their places."""
    ids = [uuid4() for _ in steps]
    return [
        {
            **step,
            "step_id": str(ids[place]),
            "depends_on": [str(ids[each]) for each in after.get(place, [])],
        }
        for place, step in enumerate(steps)
    ]


def anywhere() -> UUID:
    """An id of nothing."""
    return uuid4()
