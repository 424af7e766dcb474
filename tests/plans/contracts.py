"""What tests of contracts share: plans brought to their end, and held to what they promised."""

from typing import Any

from ledger.scope import tenant_scope
from plans import contract
from plans.contract import Verification
from plans.models import Plan
from tests.plans.conftest import Course


def verified(course: Course, plan: Plan) -> Verification:
    with tenant_scope(course.tenant):
        return contract.verify(plan.pk)


def problems(course: Course, plan: Plan) -> set[tuple[str, str]]:
    return {(each.code, each.about) for each in verified(course, plan).problems}


def asked(course: Course, *steps: dict[str, Any], **more: Any) -> Plan:
    """An ACTIVE plan whose steps wait for a person each."""
    return course.look(course.active(*steps, **more))


def completed(course: Course, *steps: dict[str, Any]) -> Plan:
    """A plan whose steps were all approved and done."""
    plan = asked(course, *steps)
    for intent in course.intents(plan):
        course.decide(intent.id)
    course.perform(plan)
    return course.look(plan)


def closing_of(plan: Plan) -> dict[str, Any]:
    """The statement that the plan's row holds."""
    assert plan.closing is not None
    return dict(plan.closing)
