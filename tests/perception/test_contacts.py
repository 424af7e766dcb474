"""A9, T2: people at accounts are added, changed, and opt out, through one door."""

from typing import Any

import pytest

from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.accounts import add_account
from perception.erasure import erase_contact
from perception.members import person_acting
from perception.models import Contact
from perception.rules.roles import Role
from tests.conftest import NOW, House

SELLER, APPROVER, ADMIN = Role.SELLER, Role.APPROVER, Role.ADMIN
OUT = {"external_id": "c1", "opted_out": True}


class Place:
    """A tenant with one account of its seller, and Ann there."""

    def __init__(self, house: House, owner: Role = SELLER) -> None:
        self.house = house
        ann = {"external_id": "c1", "name": "Ann", "email": "ann@acme.example"}
        with tenant_scope(house.tenant):
            self.account = add_account(
                {
                    "external_id": "acme",
                    "name": "Acme",
                    "owner": str(house.members[owner].id),
                    "contacts": [ann],
                },
                by=house.caller(ADMIN),
                now=NOW,
            )

    def post(self, *contacts: dict[str, Any], role: Role = ADMIN) -> Any:
        path = f"accounts/{self.account.id}/contacts/"
        return self.house.client(role).send("POST", path, {"contacts": contacts})

    def people(self) -> list[tuple[Any, ...]]:
        with tenant_scope(self.house.tenant):
            rows = Contact.objects.filter(account=self.account).order_by("id")
            return list(rows.values_list("external_id", "name", "email", "opted_out"))

    def stated(self) -> list[Entry]:
        with tenant_scope(self.house.tenant):
            rows = Entry.objects.filter(kind="account.changed")
            return list(rows.order_by("number"))


ANN = ("c1", "Ann", "ann@acme.example", False)


@pytest.fixture
def place(house: House) -> Place:
    return Place(house)


@pytest.mark.parametrize("role", [SELLER, APPROVER, ADMIN])
def test_somebody_opts_out(place: Place, role: Role) -> None:
    """A9, L3: whoever decides notes it; the fact names nobody but by id."""
    answer = place.post(OUT, role=role)
    assert (answer.status_code, answer.json()["contacts"][0]["opted_out"]) == (
        200,
        True,
    )
    [entry] = place.stated()
    assert entry.data == {"before": {"opted_out": False}, "after": {"opted_out": True}}
    with tenant_scope(place.house.tenant):
        ann = Contact.objects.get(account=place.account)
    assert entry.subjects == {"account": str(place.account.id), "contact": str(ann.id)}
    assert entry.actor["id"] == str(place.house.members[role].id)
    assert place.post(OUT, role=role).status_code == 200
    assert len(place.stated()) == 1


def test_an_admin_opts_in_again(place: Place) -> None:
    """T4: whoever is not one does not."""
    place.post(OUT)
    back = {"external_id": "c1", "opted_out": False}
    for role in (SELLER, APPROVER):
        answer = place.post(back, role=role)
        assert (answer.status_code, answer.json()["code"]) == (403, "ONLY_OPTS_OUT")
    assert place.people() == [("c1", "Ann", "ann@acme.example", True)]
    assert place.post(back).status_code == 200
    assert place.people() == [ANN]


def test_an_admin_adds_and_changes(place: Place) -> None:
    """L9: many at once; names and addresses stand in no fact."""
    ben = {"external_id": "c2", "name": "Ben", "opted_out": True}
    answer = place.post({"external_id": "c1", "name": "Anna", "email": ""}, ben)
    assert answer.status_code == 200
    assert place.people() == [("c1", "Anna", "", False), ("c2", "Ben", "", True)]
    assert [entry.data for entry in place.stated()] == [
        {"before": {}, "after": {}, "renamed": True, "readdressed": True},
        {"before": {}, "after": {"opted_out": True}},
    ]


@pytest.mark.parametrize(
    ("role", "given", "status", "code"),
    [
        (SELLER, {**OUT, "name": "A"}, 403, "ONLY_OPTS_OUT"),
        (SELLER, {"external_id": "c1"}, 403, "ONLY_OPTS_OUT"),
        (APPROVER, {**OUT, "email": "a@b.example"}, 403, "ONLY_OPTS_OUT"),
        (SELLER, {**OUT, "external_id": "c2"}, 404, "NO_SUCH_CONTACT"),
        (ADMIN, {**OUT, "external_id": "c2"}, 400, "NAMELESS_CONTACT"),
        (ADMIN, {**OUT, "email": "nowhere"}, 400, "VALIDATION_ERROR"),
        (ADMIN, {**OUT, "opted_out": "maybe"}, 400, "VALIDATION_ERROR"),
        (ADMIN, {**OUT, "phone": "1"}, 400, "VALIDATION_ERROR"),
        (Role.AUDITOR, OUT, 403, "PERMISSION_DENIED"),
        (Role.INTEGRATION, OUT, 403, "PERMISSION_DENIED"),
    ],
)
def test_what_the_door_refuses(
    place: Place, role: Role, given: dict[str, Any], status: int, code: str
) -> None:
    """T2: and nothing of it happened, nor of what stood beside it."""
    beside = {"external_id": "c1", "opted_out": True}
    more = [] if given["external_id"] == "c1" else [beside]
    answer = place.post(*more, given, role=role)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (place.people(), place.stated()) == ([ANN], [])


def test_nobody_changes_nothing_and_twice_is_refused(place: Place) -> None:
    assert place.post().status_code == 200
    assert place.post(OUT, OUT).status_code == 400
    assert (place.people(), place.stated()) == ([ANN], [])


def test_a_seller_sees_to_own_accounts(house: House, other: House) -> None:
    """T1, T2: neither a colleague's, nor another tenant's."""
    theirs = Place(house, owner=APPROVER)
    assert theirs.post(OUT, role=SELLER).status_code == 404
    path = f"accounts/{theirs.account.id}/contacts/"
    strange = other.client(ADMIN).send("POST", path, {"contacts": [OUT]})
    assert strange.status_code == 404
    assert theirs.people() == [ANN]


def test_who_was_erased_comes_not_back(place: Place) -> None:
    """L9: an erased person is nobody, by whatever name."""
    with tenant_scope(place.house.tenant):
        ann = Contact.objects.get(account=place.account)
        by = person_acting(place.house.caller(ADMIN))
        erase_contact(ann.id, by=by, now=NOW)
        erased = Contact.objects.get(pk=ann.pk).external_id
    answer = place.post({"external_id": erased, "name": "Ann"})
    assert (answer.status_code, answer.json()["code"]) == (404, "NO_SUCH_CONTACT")
    assert "Ann" not in {name for _, name, *_ in place.people()}
