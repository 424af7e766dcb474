"""D3: parameters outside their schema are told field by field at every door that takes
them, in the shape of all other bodies that are not valid.
"""

from collections.abc import Callable
from typing import Any

import pytest

from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.api.doors import problem, proposal
from tests.plans.api.doors import body
from tests.plans.conftest import BRIEF, NOTE, Course

UNFIT = {"title": 5, "colour": "red"}
UNFIT_STEP = {**BRIEF, "parameters": UNFIT}


def _type(course: Course) -> Any:
    given = {
        "key": "send_gift_card", "tier": "AUTONOMOUS", "risk_level": "LOW",
        "external_contact": False, "reversal": "INVERSE", "idempotent": True,
        "tool": "internal.task", "example": UNFIT,
        "schema": {
            "type": "object",
            "properties": {"title": {"type": "string"}},
            "additionalProperties": False,
        },
    }  # fmt: skip
    return course.house.client(Role.ADMIN).send("POST", "action-types/", given)


def _intent(course: Course) -> Any:
    given = proposal("prep_renewal_brief", parameters=UNFIT)
    return course.house.client(Role.INTEGRATION).send("POST", "intents/", given)


def _edit(course: Course) -> Any:
    with tenant_scope(course.tenant):
        course.desk.mode("APPROVAL")
    client = course.house.client(Role.SELLER)
    client.send("POST", "intents/", proposal("prep_renewal_brief"))
    (asked,) = client.send("GET", "approvals/").json()["results"]
    return client.send("POST", f"approvals/{asked['id']}/edit/", {"parameters": UNFIT})


def _plan(course: Course) -> Any:
    given = body(course, BRIEF, UNFIT_STEP)
    return course.house.client(Role.SELLER).send("POST", "plans/", given)


def _change(course: Course) -> Any:
    return _changed(course, "PATCH", "")


def _steps(course: Course) -> Any:
    return _changed(course, "PUT", "steps/")


def _changed(course: Course, method: str, path: str) -> Any:
    plan = course.draft(NOTE)
    client = course.house.client(Role.SELLER)
    tag = client.send("GET", f"plans/{plan.pk}/")["ETag"]
    given = {"steps": [BRIEF, UNFIT_STEP]}
    return client.send(method, f"plans/{plan.pk}/{path}", given, If_Match=tag)


@pytest.mark.parametrize(
    ("door", "at"),
    [
        (_type, "example"),
        (_intent, "parameters"),
        (_edit, "parameters"),
        (_plan, "steps.1.parameters"),
        (_change, "steps.1.parameters"),
        (_steps, "steps.1.parameters"),
    ],
)
def test_parameters_that_do_not_fit_are_told_by_field(
    course: Course, door: Callable[[Course], Any], at: str
) -> None:
    """D3: everything that is wrong, each at its place in the body that was sent."""
    refused = door(course)
    assert problem(refused) == (400, "WRONG_PARAMETERS")
    errors = refused.json()["errors"]
    assert all(set(each) == {"field", "code", "detail"} for each in errors)
    assert {each["code"] for each in errors} == {"INVALID"}
    said = {each["field"]: each["detail"] for each in errors}
    assert set(said) == {at, f"{at}.title"}
    assert "colour" in said[at]
    assert said[f"{at}.title"] == "5 is not of type 'string'."


def test_what_is_missing_twice_is_told_once(course: Course) -> None:
    given = proposal("schedule_meeting", parameters={})
    refused = course.house.client(Role.INTEGRATION).send("POST", "intents/", given)
    (error,) = refused.json()["errors"]
    assert error["field"] == "parameters"
    assert error["detail"].count("is a required property.") > 1


def test_a_flood_of_faults_is_told_in_part(course: Course) -> None:
    """An answer is no longer than somebody can read."""
    many = {f"no_{number}": 1 for number in range(5000)}
    schema = {"type": "object", "additionalProperties": {"type": "string"}}
    client = course.house.client(Role.ADMIN)
    given = {
        "key": "flood", "tier": "AUTONOMOUS", "risk_level": "LOW",
        "external_contact": False, "reversal": "INVERSE", "idempotent": True,
        "tool": "internal.task", "schema": schema, "example": many,
    }  # fmt: skip
    refused = client.send("POST", "action-types/", given)
    assert problem(refused) == (400, "WRONG_PARAMETERS")
    assert len(refused.json()["errors"]) == 20
