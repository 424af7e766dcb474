"""modes/, opt-ins/ and what all that admins set has in common (A7, A8)."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from autonomy.models import Budget, Mode, OptIn
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.api.doors import another_account, entries, errors, post, problem
from tests.autonomy.conftest import Desk
from tests.conftest import House

LISTS = ("modes/", "budgets/", "opt-ins/", "kill-switches/", "policy/bundles/")


def count(house: House) -> int:
    with tenant_scope(house.tenant):
        models: tuple[Any, ...] = (Mode, Budget, OptIn)
        return sum(model.objects.count() for model in models)


def changes(house: House) -> list[dict[str, Any]]:
    return [dict(entry.data) for entry in entries(house, "setting.changed")]


def test_a_mode_is_set_changed_and_unset(desk: Desk) -> None:
    """A7: one row for each scope; each change is stated with before and after."""
    admin, before = desk.house.client(Role.ADMIN), len(changes(desk.house))
    body = {"account": str(desk.account.id), "action_type": " Draft_Email "}
    made = admin.send("POST", "modes/", {**body, "mode": "ASSIST"})
    assert made.status_code == 201
    row = made.json()
    assert set(row) == {"id", "account", "action_type", "mode", "set_at"}
    assert (row["account"], row["action_type"], row["mode"]) == (
        str(desk.account.id),
        "draft_email",
        "ASSIST",
    )
    assert admin.send("GET", f"modes/{row['id']}/").json() == row
    assert post(desk, "draft_email").json()["status"] == "PROPOSED"
    changed = admin.send("POST", "modes/", {**body, "mode": "DISABLED"})
    assert (changed.status_code, changed.json()["id"]) == (200, row["id"])
    assert post(desk, "draft_email").json()["status"] == "BLOCKED"
    assert admin.send("DELETE", f"modes/{row['id']}/").status_code == 204
    assert post(desk, "draft_email").json()["status"] == "APPROVED"
    assert problem(admin.send("GET", f"modes/{row['id']}/")) == (404, "NOT_FOUND")
    assert [(e["before"], e["after"]) for e in changes(desk.house)[before:]] == [
        (None, {"mode": "ASSIST"}),
        ({"mode": "ASSIST"}, {"mode": "DISABLED"}),
        ({"mode": "DISABLED"}, None),
    ]


def test_every_change_names_who_made_it(desk: Desk) -> None:
    """L2: the admin at the door, the account that it concerns."""
    admin = desk.house.client(Role.ADMIN)
    account = str(desk.account.id)
    admin.send("POST", "modes/", {"account": account, "mode": "APPROVAL"})
    admin.send("POST", "opt-ins/", {"account": account, "granted": True})
    admin.send("POST", "budgets/", {"account": account, "limit_per_day": 3})
    made = entries(desk.house, "setting.changed")[-3:]
    assert [entry.data["setting"] for entry in made] == ["mode", "opt-in", "budget"]
    me = str(desk.house.members[Role.ADMIN].id)
    for entry in made:
        assert entry.actor == {"type": "person", "id": me}
        assert entry.subjects["account"] == account


def test_saying_the_same_again_states_nothing(desk: Desk) -> None:
    """L2: no entry, no new moment."""
    admin = desk.house.client(Role.ADMIN)
    for path, body in (
        ("modes/", {"mode": "ASSIST"}),
        ("budgets/", {"limit_per_day": 7}),
        ("opt-ins/", {"granted": True}),
    ):
        first = admin.send("POST", path, body)
        stated = len(changes(desk.house))
        again = admin.send("POST", path, body)
        assert (again.status_code, again.json()) == (200, first.json())
        assert len(changes(desk.house)) == stated


def test_an_opt_in(desk: Desk) -> None:
    """A8: who and when; a no is a row too, and a new yes counts from its own moment."""
    admin = desk.house.client(Role.ADMIN)
    made = admin.send("POST", "opt-ins/", {"granted": True})
    row = made.json()
    assert (made.status_code, set(row)) == (
        201,
        {"id", "account", "granted", "by", "at"},
    )
    assert row["by"] == str(desk.house.members[Role.ADMIN].id)
    no = admin.send("POST", "opt-ins/", {"granted": False}).json()
    yes = admin.send("POST", "opt-ins/", {"granted": True}).json()
    assert no["id"] == yes["id"] == row["id"]
    assert row["at"] < no["at"] < yes["at"]
    assert admin.send("GET", "opt-ins/").json()["results"] == [yes]


@pytest.mark.parametrize(
    ("path", "body", "field", "code"),
    [
        ("modes/", {"mode": "YOLO"}, "mode", "INVALID_CHOICE"),
        ("modes/", {}, "mode", "REQUIRED"),
        ("modes/", {"mode": "ASSIST", "tenant": "x"}, "tenant", "UNKNOWN_FIELD"),
        ("modes/", {"mode": "ASSIST", "account": "acme"}, "account", "INVALID"),
        ("opt-ins/", {"granted": "maybe"}, "granted", "INVALID"),
        ("opt-ins/", {"granted": True, "by": "me"}, "by", "UNKNOWN_FIELD"),
        ("budgets/", {"limit_per_day": -1}, "limit_per_day", "MIN_VALUE"),
        ("budgets/", {"limit_per_day": 1.5}, "limit_per_day", "INVALID"),
        ("budgets/", {"limit_per_day": 10**7}, "limit_per_day", "MAX_VALUE"),
        ("budgets/", {"limit_per_day": 1, "each": "team"}, "each", "INVALID_CHOICE"),
        ("budgets/", {"limit_per_day": 1, "used": 0}, "used", "UNKNOWN_FIELD"),
        (
            "budgets/",
            {"limit_per_day": 1, "decay_percent": 101},
            "decay_percent",
            "MAX_VALUE",
        ),
        (
            "budgets/",
            {"limit_per_day": 1, "each": "account", "account": str(uuid4())},
            "each",
            "INVALID",
        ),
    ],
)
def test_what_makes_no_sense_changes_nothing(
    still: Desk, path: str, body: dict[str, Any], field: str, code: str
) -> None:
    rows, stated = count(still.house), len(changes(still.house))
    refused = still.house.client(Role.ADMIN).send("POST", path, body)
    assert errors(refused) == {field: code}
    assert (count(still.house), len(changes(still.house))) == (rows, stated)


def test_scopes_that_are_not_there(desk: Desk, other: House) -> None:
    """T1: another tenant's account or member reads as one that never was."""
    admin, rows = desk.house.client(Role.ADMIN), count(desk.house)
    theirs = another_account(other)
    seller = other.members[Role.SELLER].id

    def refused(path: str, body: dict[str, Any]) -> str:
        answer = admin.send("POST", path, body)
        assert problem(answer) == (404, "NO_SUCH_SCOPE")
        return str(answer.json()["detail"])

    for path, body, noun in (
        ("modes/", {"mode": "ASSIST"}, "account"),
        ("opt-ins/", {"granted": True}, "account"),
        ("budgets/", {"limit_per_day": 1}, "account"),
        ("budgets/", {"limit_per_day": 1}, "seller"),
    ):
        id_ = seller if noun == "seller" else theirs.id
        said = refused(path, {**body, noun: str(id_)})
        nobody = uuid4()
        assert said.replace(str(id_), "") == refused(
            path, {**body, noun: str(nobody)}
        ).replace(str(nobody), "")
    refused("modes/", {"mode": "ASSIST", "action_type": "launch_rocket"})
    assert count(desk.house) == rows


def test_another_tenants_rows_are_not_there(desk: Desk, other: House) -> None:
    """T1: 404, and nothing is taken away."""
    with tenant_scope(desk.tenant):
        mode, budget = Mode.objects.get(), Budget.objects.get()
    stranger = other.client(Role.ADMIN)
    for path in (f"modes/{mode.id}/", f"budgets/{budget.id}/"):
        for method in ("GET", "DELETE"):
            assert problem(stranger.send(method, path)) == (404, "NOT_FOUND")
    assert count(desk.house) == 2


def test_who_only_reads_changes_nothing(desk: Desk) -> None:
    """T2: SELLER, APPROVER and AUDITOR read; only ADMIN sets."""
    with tenant_scope(desk.tenant):
        mode, budget = Mode.objects.get().id, Budget.objects.get().id
    rows = count(desk.house)
    for role in (Role.SELLER, Role.APPROVER, Role.AUDITOR, Role.INTEGRATION):
        client = desk.house.client(role)
        for method, path, body in (
            ("POST", "modes/", {"mode": "SCHEDULED"}),
            ("POST", "opt-ins/", {"granted": True}),
            ("POST", "budgets/", {"limit_per_day": 1000}),
            ("DELETE", f"modes/{mode}/", None),
            ("DELETE", f"budgets/{budget}/", None),
        ):
            refused = client.send(method, path, body)
            assert problem(refused) == (403, "PERMISSION_DENIED"), (role, path)
    assert count(desk.house) == rows


@pytest.mark.parametrize("path", ["modes/", "budgets/", "opt-ins/"])
def test_lists_cost_the_same_for_one_row_or_many(desk: Desk, path: str) -> None:
    """No query for each row; and pages follow each other."""
    admin, counts = desk.house.client(Role.ADMIN), []
    reader = desk.house.client(Role.AUDITOR)
    body = {"mode": "ASSIST", "granted": True, "limit_per_day": 3}
    field = {"modes/": "mode", "opt-ins/": "granted"}.get(path, "limit_per_day")
    for number in range(12):
        account = another_account(desk.house, f"crm-{number}")
        said = admin.send(
            "POST", path, {"account": str(account.id), field: body[field]}
        )
        assert said.status_code == 201
        if number in (0, 11):
            reader.send("GET", path)
            with CaptureQueriesContext(connection) as seen:
                assert reader.send("GET", path).status_code == 200
            counts.append(len(seen))
    assert counts[0] == counts[1]
    rows = reader.send("GET", f"{path}?limit=200").json()["results"]
    url, paged = f"/api/v1/{path}?limit=5", []
    while url:
        page = reader.get(url).json()
        paged += page["results"]
        url = page["next"]
    assert paged == rows


@pytest.mark.parametrize("path", ["modes/", "budgets/", "opt-ins/", "budgets/usage/"])
def test_a_seller_sees_own_accounts_only(desk: Desk, path: str) -> None:
    """T2: what is set for an account that somebody else owns is not a seller's."""
    free = another_account(desk.house)
    desk.mode("ASSIST", account=free.id)
    desk.budget(3, account=free.id)
    admin = desk.house.client(Role.ADMIN)
    admin.send("POST", "opt-ins/", {"account": str(free.id), "granted": True})
    assert str(free.id) in admin.send("GET", path).content.decode()
    seen = desk.house.client(Role.SELLER).send("GET", path)
    assert seen.status_code == 200
    assert str(free.id) not in seen.content.decode()


@pytest.mark.parametrize("path", LISTS)
def test_a_cursor_that_somebody_made_up(house: House, path: str) -> None:
    admin = house.client(Role.ADMIN)
    for cursor in ("x", "cD1hYmM%3D", f"cD0{UUID(int=1)}"):
        refused = admin.send("GET", f"{path}?cursor={cursor}")
        assert problem(refused) == (404, "NOT_FOUND"), cursor
