"""T1: whatever a body names and is not there is 404, at the field that names it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from ledger.scope import tenant_scope
from perception.accounts import add_account
from perception.models import Account
from perception.rules.roles import Role
from tests.config.test_doors import problem
from tests.conftest import NOW, Api, House

# Fields of bodies that name a row by its id.
NAMING = {"account", "opportunity", "contact", "owner", "seller"}
# Of what these send, any fault is bad input: a list is told whole, at each place.
SIGNALS = {"POST signals/", "POST webhooks/{id}/"}


@dataclass(frozen=True, kw_only=True)
class Place:
    """An account with all that belongs to it, and a member."""

    house: House
    account: UUID
    opportunity: UUID
    contact: UUID
    member: UUID

    def named(self, field: str) -> str:
        noun = field.rpartition(".")[2]
        if noun in ("owner", "seller", "to"):
            noun = "member"
        return str(getattr(self, "account" if noun == "target" else noun))


def place(house: House, external_id: str) -> Place:
    with tenant_scope(house.tenant):
        made: Account = add_account(
            {
                "external_id": external_id,
                "name": "Acme",
                "owner": str(house.members[Role.SELLER].id),
                "opportunities": [{"external_id": "o", "stage": "discovery"}],
                "contacts": [
                    {"external_id": "c", "name": "Bo", "email": "bo@b.example"}
                ],
            },
            by=house.caller(Role.ADMIN),
            now=NOW,
        )
        return Place(
            house=house,
            account=made.id,
            opportunity=made.opportunities.get().id,
            contact=made.contacts.get().id,
            member=house.members[Role.SELLER].id,
        )


Body = Callable[[str], Any]
ACT = {
    "account": "here", "action_type": "create_internal_note",
    "parameters": {"text": "A note."}, "confidence": 0.9,
}  # fmt: skip
STEP = {"action_type": "create_internal_note", "parameters": {"text": "A note."}}
PLAN = {
    "account": "here", "plan_type": "RENEWAL_DEFENSE", "steps": [STEP],
    "expires_at": "2099-01-01T00:00:00Z",
}  # fmt: skip
SIGNAL = {"account": "here", "type": "crm_update", "payload": {}}
GOAL = {
    "type": "pipeline", "target": 5, "start": "2099-01-01", "end": "2099-02-01",
}  # fmt: skip
SPAN = {"from": "2026-11-01T00:00:00Z", "to": "2026-11-02T00:00:00Z"}
STOP = {"reason": "A look."}


def plainly(body: dict[str, Any], field: str) -> Body:
    """The body with a field that names something."""
    return lambda named: {**body, field: named}


def within(body: dict[str, Any], field: str, more: dict[str, Any]) -> Body:
    """The body with a list whose second item names an account."""
    return lambda named: {**body, field: [more, {**more, "account": named}]}


# Method and path, the field that names as the answer tells it, and the body.
TABLE: list[tuple[str, str, Body]] = [
    ("POST intents/", "account", plainly(ACT, "account")),
    ("POST intents/", "opportunity", plainly(ACT, "opportunity")),
    ("POST intents/", "contact", plainly(ACT, "contact")),
    ("POST policy/evaluate/", "account", plainly(ACT, "account")),
    ("POST policy/evaluate/", "opportunity", plainly(ACT, "opportunity")),
    ("POST policy/evaluate/", "contact", plainly(ACT, "contact")),
    ("POST plans/", "account", plainly(PLAN, "account")),
    ("POST plans/", "opportunity", plainly(PLAN, "opportunity")),
    ("POST plans/", "contact", plainly(PLAN, "contact")),
    ("POST plans/propose/", "account",
     plainly({"plan_type": "RENEWAL_DEFENSE"}, "account")),
    ("POST modes/", "account", plainly({"mode": "ASSIST"}, "account")),
    ("POST budgets/", "account", plainly({"limit_per_day": 1}, "account")),
    ("POST budgets/", "seller", plainly({"limit_per_day": 1}, "seller")),
    ("POST opt-ins/", "account", plainly({"granted": True}, "account")),
    ("POST goals/", "account", plainly(GOAL, "account")),
    ("POST goals/", "seller", plainly(GOAL, "seller")),
    ("POST kill-switches/engage/", "target",
     plainly({**STOP, "scope": "account"}, "target")),
    ("POST undos/sweeps/", "account",
     plainly({**STOP, "since": "2026-11-01T00:00:00Z"}, "account")),
    ("POST policy/simulate/", "modes.1.account",
     within(SPAN, "modes", {"mode": "ASSIST"})),
    ("POST policy/simulate/", "budgets.1.account",
     within(SPAN, "budgets", {"limit_per_day": 1})),
    ("POST policy/simulate/", "budgets.0.seller",
     lambda named: {**SPAN, "budgets": [{"limit_per_day": 1, "seller": named}]}),
    ("POST accounts/", "owner",
     plainly({"external_id": "new", "name": "New"}, "owner")),
    ("PATCH accounts/{id}/", "owner", plainly({}, "owner")),
    ("POST approvals/{id}/delegate/", "to", plainly({}, "to")),
]  # fmt: skip


@pytest.mark.parametrize(("door", "field", "body"), TABLE)
def test_what_a_body_names_is_there_or_404(
    house: House, other: House, door: str, field: str, body: Body
) -> None:
    """T1: another tenant's is told like what never was, and nothing of it is shown."""
    here, there = place(house, "here"), place(other, "there")
    admin = house.client(Role.ADMIN)
    method, path, headers = opened(admin, here, door)
    said = []
    for named in (there.named(field), str(uuid4())):
        refused = admin.send(method, path, body(named), **headers)
        assert problem(refused)[0] == 404, refused.content
        (error,) = refused.json()["errors"]
        assert (error["field"], error["code"]) == (field, "NOT_FOUND")
        said.append(refused.content.decode().replace(named, "…"))
    assert said[0] == said[1]
    allowed = admin.send(method, path, body(here.named(field)), **headers)
    assert allowed.status_code not in (400, 404), allowed.content


def test_what_another_account_has_is_not_there_either(house: House) -> None:
    """T4: a deal or a person of another account of the same tenant."""
    place(house, "here")
    elsewhere = place(house, "elsewhere")
    admin = house.client(Role.ADMIN)
    for door, field, body in TABLE:
        if field in ("opportunity", "contact"):
            method, path = door.split()
            refused = admin.send(method, path, body(elsewhere.named(field)))
            assert problem(refused) == (404, "NO_SUCH_TARGET"), door


def test_an_account_of_a_colleague_is_not_there_for_a_seller(house: House) -> None:
    """T4: whoever may not see it is told what strangers are told."""
    with tenant_scope(house.tenant):
        given = {"external_id": "free", "name": "Free"}
        free = add_account(given, by=house.caller(Role.ADMIN), now=NOW)
    seller, missed = house.client(Role.SELLER), set()
    for door, field, body in TABLE:
        if field == "account":
            method, path = door.split()
            answer = seller.send(method, path, body(str(free.id)))
            unknown = seller.send(method, path, body(str(uuid4())))
            assert answer.status_code == unknown.status_code
            missed.add((path, answer.status_code))
    may = {"intents/", "policy/evaluate/", "plans/", "plans/propose/", "goals/",
           "undos/sweeps/"}  # fmt: skip
    assert {door for door, status in missed if status == 404} == may
    assert {status for _, status in missed} == {403, 404}


def test_signals_are_told_all_their_faults_at_once(house: House) -> None:
    """P2: bad input gets a clear 400, an account that is not there among it."""
    place(house, "here")
    given = [
        {**SIGNAL, "account": "nobody"},
        {**SIGNAL, "occurred_at": "2099-01-01T00:00:00Z"},
    ]
    refused = house.client(Role.ADMIN).send("POST", "signals/", given)
    assert problem(refused) == (400, "VALIDATION_ERROR")
    fields = {each["field"] for each in refused.json()["errors"]}
    assert fields == {"0.account", "1.occurred_at"}


def test_the_table_has_every_body_that_names_something(db: None) -> None:
    """A door that is added says where it stands."""
    document = Client().get("/api/schema/?format=json").json()
    found = set()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            door = f"{method.upper()} {path.removeprefix('/api/v1/')}"
            bodies = operation.get("requestBody", {}).get("content", {})
            for field in fields_in(document, bodies.get("application/json", {})):
                found.add((door, field))
                assert "404" in operation["responses"], door
    named = {(door, field.rpartition(".")[2]) for door, field, _ in TABLE}
    assert {each for each in found if each[0] not in SIGNALS} == {
        each for each in named if each[1] in NAMING
    }


def fields_in(document: Any, shape: Any, seen: tuple[str, ...] = ()) -> Iterator[str]:
    """The fields of a body that name something, however deep they are."""
    if isinstance(shape, list):
        for each in shape:
            yield from fields_in(document, each, seen)
    if not isinstance(shape, dict):
        return
    name = str(shape.get("$ref", "")).rpartition("/")[2]
    if name and name not in seen:
        whole = document["components"]["schemas"][name]
        yield from fields_in(document, whole, (*seen, name))
    yield from NAMING & set(shape.get("properties", {}))
    for each in shape.values():
        yield from fields_in(document, each, seen)


def opened(admin: Api, here: Place, door: str) -> tuple[str, str, dict[str, str]]:
    """How a door is knocked at: its path filled, its tag in hand."""
    method, path = door.split()
    if "approvals" in path:
        admin.send("POST", "intents/", ACT)
        (asked,) = admin.send("GET", "approvals/").json()["results"]
        return method, path.replace("{id}", asked["id"]), {}
    path = path.replace("{id}", str(here.account))
    if method == "PATCH":
        return method, path, {"If_Match": admin.send("GET", path)["ETag"]}
    return method, path, {}
