"""plans/propose/: the house thinks of a plan, for whoever may have one drafted."""

from datetime import timedelta
from typing import Any

from ledger.scope import tenant_scope
from perception.rules.roles import Role
from plans.models import Plan
from tests.autonomy.api.doors import another_account, errors, problem
from tests.plans.api.doors import ask
from tests.plans.conftest import Course, clock_of


def renewing(course: Course, **more: Any) -> str:
    """An account whose contract ends in two months."""
    day = (clock_of(course) + timedelta(days=60)).date()
    deal = {"external_id": "r", "stage": "discovery", "renewal_date": day.isoformat()}
    seller = str(course.house.members[Role.SELLER].id)
    given = {"external_id": "bolt", "name": "Bolt", "owner": seller}
    client = course.house.client(Role.ADMIN)
    made = client.send("POST", "accounts/", {**given, "opportunities": [deal]})
    assert made.status_code == 201, made.content
    return str(made.json()["id"])


def test_the_worthiest_becomes_a_draft(course: Course) -> None:
    """R8: 201, a DRAFT with its reasons; once, and then 409 NOTHING_TO_PROPOSE."""
    account = renewing(course)
    answer = ask(course, "propose/", account=account, plan_type="RENEWAL_DEFENSE")
    assert answer.status_code == 201, answer.content
    said = answer.json()
    assert (said["status"], said["account"]) == ("DRAFT", account)
    assert (said["plan_type"], said["source"]) == ("RENEWAL_DEFENSE", "rules")
    assert said["rationale"]
    assert said["steps"]
    assert said["may"]["edit"] is True
    again = ask(course, "propose/", account="bolt", plan_type="RENEWAL_DEFENSE")
    assert problem(again) == (409, "NOTHING_TO_PROPOSE")
    with tenant_scope(course.tenant):
        assert Plan.objects.count() == 1


def test_nothing_is_made_for_whom_it_is_not(course: Course) -> None:
    """R7, T2: a type that there is, on an account that the caller sees."""
    another_account(course.house)
    unknown = ask(course, "propose/", account="acme", plan_type="constructor")
    assert problem(unknown) == (404, "NO_SUCH_PLAN_TYPE")
    assert problem(ask(course, "propose/", account="other")) == (404, "NOT_FOUND")
    assert set(errors(ask(course, "propose/"))) == {"account"}
    for role in (Role.AUDITOR, Role.INTEGRATION):
        refused = ask(course, "propose/", role, account="acme")
        assert problem(refused) == (403, "PERMISSION_DENIED")
    with tenant_scope(course.tenant):
        assert not Plan.objects.exists()
