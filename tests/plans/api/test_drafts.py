"""plans/ with POST, PATCH and PUT: everything wrong at once, and of two changes one."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from ledger.scope import tenant_scope
from perception.rules.roles import Role
from plans.models import Plan
from tests.autonomy.api.doors import another_account, errors, problem
from tests.plans.api.doors import (
    MEETING,
    anywhere,
    ask,
    at,
    body,
    codes,
    kept,
    named,
    post,
    read,
)
from tests.plans.conftest import BRIEF, ESCALATE, NOTE, Course, clock_of

PAST = "2020-01-01T00:00:00Z"


def none_made(course: Course) -> bool:
    with tenant_scope(course.tenant):
        return not Plan.objects.exists()


@pytest.mark.parametrize("role", [Role.SELLER, Role.APPROVER, Role.ADMIN])
def test_a_plan_begins_as_a_draft(course: Course, role: Role) -> None:
    """R1, R7: 201 with everything that a plan is."""
    steps = named(BRIEF, {**MEETING, "required": False}, after={1: [0]})
    answer = post(course, *steps, role=role)
    assert answer.status_code == 201, answer.content
    said = answer.json()
    assert (said["status"], said["revision"]) == ("DRAFT", 1)
    assert said["account"] == str(course.account.id)
    assert said["proposed_by"] == str(course.house.members[role].id)
    assert said["owner"] == str(course.house.members[Role.SELLER].id)
    assert (said["risk_level"], said["source"]) == ("MEDIUM", "person")
    assert [each["step_id"] for each in said["steps"]] == [s["step_id"] for s in steps]
    assert said["steps"][1]["depends_on"] == [steps[0]["step_id"]]
    assert said["steps"][1]["human_touch"] is True
    assert (said["contract"], said["waits"]) == (None, [])
    shown = read(course, f"{said['id']}/", role)
    assert shown.json() == said
    assert shown["ETag"] == answer["ETag"]
    assert read(course, f"{said['id']}/ledger/").json()["results"][0]["kind"] == (
        "plan.proposed"
    )


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.INTEGRATION])
def test_others_draft_nothing(course: Course, role: Role) -> None:
    assert problem(post(course, role=role)) == (403, "PERMISSION_DENIED")
    assert none_made(course)


def test_nobody_drafts_for_what_they_do_not_see(course: Course) -> None:
    """T2: a seller's own accounts only; an approver's are all."""
    another_account(course.house)
    assert problem(post(course, account="other")) == (404, "NOT_FOUND")
    assert problem(post(course, account=str(anywhere()))) == (404, "NOT_FOUND")
    assert none_made(course)
    answer = post(course, account="other", role=Role.APPROVER)
    assert answer.status_code == 201


def cyclic() -> list[dict[str, Any]]:
    return named(NOTE, NOTE, after={0: [1], 1: [0]})


def twice() -> list[dict[str, Any]]:
    one, _ = named(BRIEF, NOTE, after={})
    return [one, {**one, **NOTE}]


RISKY = {
    "action_type": "discuss_pricing",
    "parameters": {"subject": "The price", "body": "What would suit you?"},
}
FAULTS: dict[str, Any] = {
    "INVALID_PLAN_TYPE": lambda: {"plan_type": "constructor"},
    "NO_STEPS": lambda: {"steps": []},
    "DUPLICATE_STEP": lambda: {"steps": twice()},
    "UNKNOWN_ACTION": lambda: {
        "steps": [{"action_type": "commit_pricing", "parameters": {}}]
    },
    "STEP_ORDER_VIOLATION": lambda: {"steps": named(BRIEF, MEETING, after={0: [1]})},
    "CYCLE": lambda: {"steps": cyclic()},
    "WINDOW_PAST": lambda: {"expires_at": PAST},
    "RISK_ELEVATED": lambda: {"steps": [RISKY]},
    "HUMAN_TOUCH_REQUIRED": lambda: {"steps": [{**ESCALATE, "human_touch": False}]},
    "CONSTRAINT_VIOLATION": lambda: {"constraints": {"max_external_touches": "two"}},
}


@pytest.mark.parametrize("code", FAULTS)
def test_every_violation_is_told_at_the_door(course: Course, code: str) -> None:
    """CONTRACT: plan violations, coded; R4; nothing is kept of it."""
    answer = post(course, **FAULTS[code]())
    assert answer.status_code == 400, answer.content
    assert code in codes(answer), answer.content
    assert none_made(course)


def test_all_violations_are_told_at_once(course: Course) -> None:
    """R4: in the order of the codes; the first names the problem."""
    answer = post(
        course,
        *cyclic(),
        {**ESCALATE, "human_touch": False},
        plan_type="nothing",
        expires_at=PAST,
    )
    assert problem(answer) == (400, "INVALID_PLAN_TYPE")
    found = codes(answer)
    assert list(dict.fromkeys(found)) == [
        "INVALID_PLAN_TYPE", "CYCLE", "WINDOW_PAST", "HUMAN_TOUCH_REQUIRED",
    ]  # fmt: skip
    places = {each["field"] for each in answer.json()["errors"]}
    assert {"plan_type", "expires_at", "steps.2.human_touch"} <= places


def test_preconditions_are_told_at_approval(course: Course) -> None:
    """R4: PRECONDITIONS_UNMET is 409, and ledgered."""
    plan = course.draft()
    client = course.house.client(Role.ADMIN)
    path = f"accounts/{course.account.id}/"
    tag = client.get(f"/api/v1/{path}")["ETag"]
    changed = client.send("PATCH", path, {"lifecycle": "CHURNED"}, If_Match=tag)
    assert changed.status_code == 200, changed.content
    answer = ask(course, f"{plan.pk}/approve/", Role.APPROVER)
    assert problem(answer) == (409, "PRECONDITIONS_UNMET")
    assert codes(answer) == ["PRECONDITIONS_UNMET"]
    (refused,) = course.entries(plan, "plan.refused")
    assert refused.data["violations"] == answer.json()["errors"]
    assert course.read(plan).status == "DRAFT"


def test_bodies_are_strict(course: Course) -> None:
    given = body(course, {**BRIEF, "stpe_id": 1}, colour="red")
    client = course.house.client(Role.SELLER)
    found = errors(client.send("POST", "plans/", given))
    assert found["colour"] == "UNKNOWN_FIELD"
    wrong = post(course, {**BRIEF, "parameters": {"nothing": 1}})
    assert problem(wrong) == (400, "WRONG_PARAMETERS")
    foreign = post(course, opportunity=str(anywhere()))
    assert problem(foreign) == (404, "NO_SUCH_TARGET")
    many = post(course, *[BRIEF] * 101)
    assert many.status_code == 400
    assert none_made(course)


def test_a_draft_is_changed_with_its_tag(course: Course) -> None:
    """R6: 428 without, 412 with an old one; the revision grows, the diff is kept."""
    plan = course.draft()
    client, path = course.house.client(Role.SELLER), f"plans/{plan.pk}/"
    tag = client.get(f"/api/v1/{path}")["ETag"]
    change = {"objective": "Renewed by May.", "steps": [BRIEF, NOTE]}
    before = kept(course, plan)
    assert problem(client.send("PATCH", path, change)) == (428, "MATCH_REQUIRED")
    assert kept(course, plan) == before
    answer = client.send("PATCH", path, change, If_Match=tag)
    assert answer.status_code == 200, answer.content
    said = answer.json()
    assert (said["objective"], said["revision"]) == ("Renewed by May.", 2)
    assert len(said["steps"]) == 2
    before = kept(course, plan)
    assert problem(client.send("PATCH", path, change, If_Match=tag)) == (412, "STALE")
    assert kept(course, plan) == before
    newest, first = read(course, f"{plan.pk}/revisions/").json()["results"]
    assert (newest["number"], first["number"]) == (2, 1)
    assert newest["changed"][0]["field"] == "objective"
    (edited,) = course.entries(plan, "plan.edited")
    assert edited.data["changed"] == newest["changed"]


def test_open_steps_are_replaced(course: Course) -> None:
    """PUT steps/: as a whole, checked as a whole."""
    plan = course.draft(BRIEF, NOTE)
    client, path = course.house.client(Role.SELLER), f"plans/{plan.pk}/steps/"
    shown = client.get(f"/api/v1/{path}")
    assert [each["place"] for each in shown.json()["results"]] == [0, 1]
    assert (shown.json()["next"], shown.json()["previous"]) == (None, None)
    tag = shown["ETag"]
    assert problem(client.send("PUT", path, {"steps": [NOTE]}))[0] == 428
    bad = client.send("PUT", path, {"steps": cyclic()}, If_Match=tag)
    assert (bad.status_code, codes(bad)) == (400, ["CYCLE"])
    assert course.read(plan).revision == 1
    good = client.send("PUT", path, {"steps": [NOTE]}, If_Match=tag)
    assert [each["action_type"] for each in good.json()["results"]] == [
        "create_internal_note"
    ]
    assert good["ETag"] != tag


@pytest.mark.parametrize("status", ["APPROVED", "ACTIVE", "PAUSED", "ABORTED"])
def test_only_drafts_are_changed(course: Course, status: str) -> None:
    """R6: 409 NOT_A_DRAFT whatever tag comes with it."""
    plan = at(course, status)
    client = course.house.client(Role.SELLER)
    before = kept(course, plan)
    for method, path, change in (
        ("PATCH", "", {"objective": "Another."}),
        ("PUT", "steps/", {"steps": [NOTE]}),
    ):
        for more in ({}, {"If_Match": "*"}):
            answer = client.send(method, f"plans/{plan.pk}/{path}", change, **more)
            assert problem(answer) == (409, "NOT_A_DRAFT")
    assert kept(course, plan) == before


def test_of_two_who_read_the_same_one_changes_it(course: Course) -> None:
    """Eight at once with one tag: one 200, the others 412, one revision more."""
    plan = course.draft()
    path = f"plans/{plan.pk}/"
    tag = read(course, f"{plan.pk}/")["ETag"]

    def change(number: int) -> int:
        client = course.house.client(Role.SELLER)
        given = {"objective": f"Number {number}."}
        status: int = client.send("PATCH", path, given, If_Match=tag).status_code
        return status

    with ThreadPoolExecutor(8) as pool:
        found = sorted(pool.map(change, range(8)))
    assert found == [200, *[412] * 7]
    assert course.read(plan).revision == 2
    assert len(course.entries(plan, "plan.edited")) == 1


def test_an_approval_of_what_was_changed_meanwhile(course: Course) -> None:
    """R6: a change and an approval at once: it is approved as changed, or not changed."""
    plan = course.draft()
    tag = read(course, f"{plan.pk}/")["ETag"]

    def change() -> int:
        client = course.house.client(Role.SELLER)
        given = {"objective": "Changed."}
        answer = client.send("PATCH", f"plans/{plan.pk}/", given, If_Match=tag)
        return int(answer.status_code)

    def approve() -> int:
        return int(ask(course, f"{plan.pk}/approve/", Role.APPROVER).status_code)

    with ThreadPoolExecutor(2) as pool:
        one, two = pool.submit(change), pool.submit(approve)
        changed, approved = one.result(), two.result()
    now = course.read(plan)
    assert (approved, now.status) == (200, "APPROVED")
    assert changed in (200, 409)
    assert now.contract is not None
    assert now.contract["objective"]["text"] == now.objective
    assert (now.objective == "Changed.") is (changed == 200)


def test_a_step_of_a_day_that_is_past(course: Course) -> None:
    late = (clock_of(course) - timedelta(days=1)).isoformat()
    answer = post(course, {**BRIEF, "latest": late})
    assert codes(answer) == ["WINDOW_PAST"]
    assert answer.json()["errors"][0]["field"] == "steps.0.latest"
    assert none_made(course)
