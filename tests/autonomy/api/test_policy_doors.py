"""policy/: bundles, the data they are asked with, profiles, simulations (A10, A13)."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from autonomy.models import Activation, Bundle, Simulation
from autonomy.simulate import run_due
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.api.doors import entries, errors, post, problem
from tests.autonomy.api.small import NARROWER, SMALL, WIDER, bundle, clause, ship_small
from tests.autonomy.conftest import Desk
from tests.conftest import House

BUNDLE = {
    "id", "name", "version", "clauses", "tests", "saved_by", "saved_at", "in_force",
    "activations",
}  # fmt: skip
ACTIVATION = {
    "id", "widens", "asked_by", "asked_at", "signed_by", "in_force_at",
    "rolled_back_at", "simulation",
}  # fmt: skip
REPORT = {
    "status", "progress", "differences", "matrix", "newly_autonomous",
    "approvals_saved", "unevaluable",
}  # fmt: skip
YEAR = {"from": "2026-01-01T00:00:00Z", "to": "2028-01-01T00:00:00Z"}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    ship_small(monkeypatch)


def save(house: House, plain: dict[str, Any]) -> Any:
    return house.client(Role.ADMIN).send("POST", "policy/bundles/", plain)


def saved(house: House, plain: dict[str, Any]) -> str:
    answer = save(house, plain)
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


def activate(house: House, id_: str, role: Role = Role.ADMIN) -> Any:
    return house.client(role).send("POST", f"policy/bundles/{id_}/activate/")


def count(house: House, model: Any) -> int:
    with tenant_scope(house.tenant):
        return int(model.objects.count())


def test_a_bundle_is_kept_as_it_was_saved(house: House) -> None:
    """A10: the shape of the contract; the same again is the same row."""
    made = save(house, NARROWER)
    shown = made.json()
    assert (made.status_code, set(shown)) == (201, BUNDLE)
    assert (shown["name"], shown["tests"]) == ("small", NARROWER["tests"])
    for kept, sent in zip(shown["clauses"], NARROWER["clauses"], strict=True):
        assert kept == {**sent, "remedy": ""}
    assert (shown["in_force"], shown["activations"]) == (False, [])
    assert shown["saved_by"] == str(house.members[Role.ADMIN].id)
    assert save(house, NARROWER).json()["id"] == shown["id"]
    path = f"policy/bundles/{shown['id']}/"
    assert house.client(Role.AUDITOR).send("GET", path).json() == shown
    (entry,) = entries(house, "policy.saved")
    assert entry.data["version"] == shown["version"]
    assert entry.actor["id"] == str(house.members[Role.ADMIN].id)


@pytest.mark.parametrize(
    ("plain", "fields"),
    [
        ({**SMALL, "name": "Not Snake"}, {"name"}),
        ({**SMALL, "author": "me"}, {"author"}),
        ({**SMALL, "clauses": []}, {"clauses"}),
        ({**SMALL, "tests": []}, {"tests"}),
        (bundle(clause("a", "MAYBE", "true")), {"clauses.1.ceiling"}),
        (bundle(clause("a", "BLOCK", "nosuch == 1")), {"clauses[1].condition"}),
        (bundle(clause("listed", "BLOCK", "true")), {"clauses[1].id"}),
        (bundle(clause("a", "BLOCK", "true", weight="1")), {"clauses.1.weight"}),
        ({**SMALL, "tests": [{"given": {"heat": 1.0}, "expect": {"reason": "X"}}]},
         {"tests[0]"}),
    ],
)  # fmt: skip
def test_what_is_no_bundle_is_refused_at_its_place(
    still: Desk, plain: dict[str, Any], fields: set[str]
) -> None:
    """A10: nothing is kept."""
    house = still.house
    before = count(house, Bundle)
    refused = save(house, plain)
    assert problem(refused) == (400, "VALIDATION_ERROR")
    named = {
        each["field"].removesuffix(".non_field_errors")
        for each in refused.json()["errors"]
    }
    assert named == fields
    assert count(house, Bundle) == before


def test_a_fault_says_line_and_column(house: House) -> None:
    """A10."""
    refused = save(house, bundle(clause("a", "BLOCK", "tainted &&\n  nosuch")))
    (fault,) = refused.json()["errors"]
    assert fault["detail"].startswith("line 2, column 3: undeclared reference")


def test_a_bundle_that_fails_its_tests_or_a_theorem(house: House) -> None:
    """A10, A14: 409 with what failed."""
    failing = {**SMALL, "tests": [{"given": {}, "expect": {"decision": "BLOCK"}}]}
    rising = bundle(clause("odd", "REQUIRE_APPROVAL", "confidence > 0.9"))
    for plain, said in ((failing, "tests[0]"), (rising, "confidence may only lower")):
        refused = save(house, plain)
        assert problem(refused) == (409, "BUNDLE_FAILS")
        assert said in refused.json()["detail"]
    assert count(house, Bundle) == 0


def test_narrowing_is_one_click_and_so_is_going_back(desk: Desk) -> None:
    """A10: in force at once, effective at once; then back to the shipped one."""
    house = desk.house
    id_ = saved(house, bundle(clause("notes", "BLOCK", "action_type == 'draft_email'")))
    shown = activate(house, id_).json()
    (activation,) = shown["activations"]
    assert shown["in_force"] is True
    assert set(activation) == ACTIVATION
    assert (activation["widens"], activation["signed_by"]) == (False, None)
    assert post(desk, "draft_email").json()["verdict"]["policy_clause"] == "notes"
    back = house.client(Role.ADMIN).send("POST", "policy/bundles/rollback/")
    assert (back.status_code, back.json()) == (200, {})
    assert post(desk, "draft_email").json()["status"] == "APPROVED"
    again = house.client(Role.ADMIN).send("POST", "policy/bundles/rollback/")
    assert problem(again) == (409, "NOTHING_TO_ROLL_BACK")
    kinds = ("policy.activated", "policy.rolled_back")
    assert [len(entries(house, kind)) for kind in kinds] == [1, 1]


def test_widening_needs_a_simulation_and_two_persons(house: House) -> None:
    """A10: and an approver may sign, but not ask."""
    id_ = saved(house, WIDER)
    assert problem(activate(house, id_)) == (409, "NEEDS_SIMULATION")
    first = activate(house, id_, Role.APPROVER)
    assert problem(first) == (403, "ADMIN_ASKS_FIRST")
    client = house.client(Role.ADMIN)
    asked = client.send("POST", "policy/simulate/", {**YEAR, "bundle": id_})
    assert asked.status_code == 202
    assert problem(activate(house, id_)) == (409, "NEEDS_SIMULATION")
    while run_due(now=datetime.now(UTC)):
        pass
    waiting = activate(house, id_).json()
    assert waiting["in_force"] is False
    assert waiting["activations"][0]["simulation"] == asked.json()["id"]
    assert problem(activate(house, id_)) == (409, "NEEDS_SECOND_PERSON")
    for role in (Role.SELLER, Role.AUDITOR, Role.INTEGRATION):
        assert problem(activate(house, id_, role)) == (403, "PERMISSION_DENIED")
    assert count(house, Activation) == 1
    signed = activate(house, id_, Role.APPROVER).json()
    assert signed["in_force"] is True
    (activation,) = signed["activations"]
    assert activation["signed_by"] == str(house.members[Role.APPROVER].id)
    (entry,) = entries(house, "policy.activated")
    assert entry.actor["id"] == activation["signed_by"]
    assert entry.data["asked_by"] == activation["asked_by"]


def test_bundles_of_others_are_not_there(house: House, other: House) -> None:
    """T1."""
    id_ = saved(house, NARROWER)
    admin = other.client(Role.ADMIN)
    for path in (f"policy/bundles/{id_}/", f"policy/bundles/{uuid4()}/"):
        assert problem(admin.send("GET", path)) == (404, "NOT_FOUND")
        assert problem(admin.send("POST", f"{path}activate/")) == (404, "NOT_FOUND")
    asked = admin.send("POST", "policy/simulate/", {**YEAR, "bundle": id_})
    assert problem(asked) == (404, "NOT_FOUND")
    assert admin.send("GET", "policy/bundles/").json()["results"] == []
    assert count(other, Activation) == count(other, Simulation) == 0


def test_a_list_of_bundles_costs_the_same_for_one_or_many(house: House) -> None:
    admin, counts = house.client(Role.ADMIN), []
    for number in range(5):
        activate(house, saved(house, {**NARROWER, "name": f"bundle_{number}"}))
        if number in (0, 4):
            with CaptureQueriesContext(connection) as seen:
                page = admin.send("GET", "policy/bundles/").json()["results"]
            assert len(page) == number + 1
            counts.append(len(seen))
    assert counts[0] == counts[1]
    rows = admin.send("GET", "policy/bundles/").json()["results"]
    assert [row["in_force"] for row in rows] == [True] + [False] * 4


# --- Data ----------------------------------------------------------------------------


def test_only_admins_change_policy(house: House) -> None:
    """T2."""
    id_ = saved(house, NARROWER)
    for role in (Role.SELLER, Role.APPROVER, Role.AUDITOR, Role.INTEGRATION):
        client = house.client(role)
        for method, path, body in (
            ("POST", "policy/bundles/", SMALL),
            ("POST", f"policy/bundles/{id_}/activate/", None),
            ("POST", "policy/bundles/rollback/", None),
            ("PUT", "policy/data/", {"allowlist": []}),
            ("POST", "policy/simulate/", YEAR),
            ("POST", f"policy/profiles/{uuid4()}/", None),
            ("DELETE", f"policy/profiles/{uuid4()}/", None),
        ):
            refused = client.send(method, path, body, If_Match="*")
            assert problem(refused)[0] == 403, (role, path)
    assert (count(house, Bundle), count(house, Activation)) == (1, 0)


# --- Profiles, simulations -------------------------------------------------------------


def test_a_simulation_is_asked_for_run_and_read(desk: Desk) -> None:
    """A13: 202, then the report; others' reports are not there."""
    desk.propose()
    desk.propose("commit_pricing")
    admin = desk.house.client(Role.ADMIN)
    asked = admin.send(
        "POST", "policy/simulate/", {**YEAR, "modes": [{"mode": "ASSIST"}]}
    )
    assert (asked.status_code, asked.json()["status"]) == (202, "PENDING")
    path = f"policy/simulate/{asked.json()['id']}/"
    while run_due(now=datetime.now(UTC)):
        pass
    done = desk.house.client(Role.APPROVER).send("GET", path).json()
    assert set(done) >= REPORT
    assert (done["status"], done["progress"], done["unevaluable"]) == (
        "COMPLETED",
        1,
        0,
    )
    assert (done["differences"], done["approvals_saved"]) == (1, -1)
    assert done["matrix"]["AUTO_EXECUTE"]["REQUIRE_APPROVAL"] == 1
    assert done["matrix"]["BLOCK"]["BLOCK"] == 1
    nowhere = admin.send("GET", f"policy/simulate/{uuid4()}/")
    assert problem(nowhere) == (404, "NOT_FOUND")
    assert len(entries(desk.house, "policy.simulated")) == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"to": YEAR["from"]}, "to"),
        ({"from": "yesterday"}, "from"),
        ({"bundle": {"name": "x"}}, "clauses"),
        ({"bundle": "latest"}, "bundle"),
        ({"bundle": []}, "bundle"),
        ({"modes": [{"mode": "YOLO"}]}, "modes.0.mode"),
        ({"budgets": [{}]}, "budgets.0.limit_per_day"),
        ({"gated_stages": ["dreaming"]}, "gated_stages.0"),
        ({"commit": True}, "commit"),
    ],
)
def test_a_simulation_of_nothing(
    still: Desk, change: dict[str, Any], field: str
) -> None:
    house = still.house
    before = count(house, Simulation)
    asked = house.client(Role.ADMIN).send(
        "POST", "policy/simulate/", {**YEAR, **change}
    )
    assert field in errors(asked)
    assert count(house, Simulation) == before
