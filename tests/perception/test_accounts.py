"""T2, R7: accounts change hands, are renamed, closed and opened again."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.accounts import add_account, change_account
from perception.errors import AdminChanges, NoSuchMember
from perception.models import Account
from perception.rules.roles import Role
from tests.conftest import NOW, House

LATER = NOW + timedelta(hours=1)


class Own:
    """A tenant with one account, owned by its seller."""

    def __init__(self, house: House) -> None:
        self.house = house
        with tenant_scope(house.tenant):
            self.account = add_account(
                {
                    "external_id": "acme",
                    "name": "Acme",
                    "owner": str(house.members[Role.SELLER].id),
                },
                by=house.caller(Role.ADMIN),
                now=NOW,
            )

    @property
    def path(self) -> str:
        return f"accounts/{self.account.id}/"

    def change(self, role: Role = Role.ADMIN, **given: Any) -> Account:
        with tenant_scope(self.house.tenant):
            by = self.house.caller(role)
            return change_account(self.account, given, by=by, now=LATER)

    def now(self) -> Account:
        with tenant_scope(self.house.tenant):
            return Account.objects.get(pk=self.account.pk)

    def stated(self) -> list[Entry]:
        with tenant_scope(self.house.tenant):
            rows = Entry.objects.filter(kind="account.changed")
            return list(rows.order_by("number"))

    def member(self, role: Role) -> UUID:
        return self.house.members[role].id

    def untouched(self) -> bool:
        held, first = self.now(), self.account
        same = all(
            getattr(held, field.attname) == getattr(first, field.attname)
            for field in Account._meta.concrete_fields
        )
        return same and not self.stated()


@pytest.fixture
def own(house: House) -> Own:
    return Own(house)


def test_another_owner(own: Own) -> None:
    """R7, L3: whose it was and whose it is, by id; whoever stands above is told."""
    approver = own.member(Role.APPROVER)
    own.change(owner=str(approver))
    held = own.now()
    assert (held.owner_id, held.news_at, held.updated_at) == (approver, LATER, LATER)
    [entry] = own.stated()
    assert entry.data == {
        "before": {"owner": str(own.member(Role.SELLER))},
        "after": {"owner": str(approver)},
    }
    assert entry.subjects["member"] == str(approver)
    assert entry.actor["id"] == str(own.member(Role.ADMIN))


def test_an_owner_by_address_and_none_at_all(own: Own) -> None:
    own.change(owner=f"admin@{own.house.slug}.example")
    assert own.now().owner_id == own.member(Role.ADMIN)
    own.change(owner=None)
    assert own.now().owner_id is None
    assert [entry.data["after"]["owner"] for entry in own.stated()] == [
        str(own.member(Role.ADMIN)),
        None,
    ]


def test_only_what_differs_is_written(own: Own) -> None:
    """L3: what is as it was is no change, and no fact."""
    own.change(
        owner=str(own.member(Role.SELLER)), name="Acme", closed=False, timezone=""
    )
    assert own.untouched()
    own.change(name="Acme Ltd", timezone="Europe/Rome", lifecycle="PROSPECT")
    held, [entry] = own.now(), own.stated()
    assert (held.name, held.timezone, held.news_at) == ("Acme Ltd", "Europe/Rome", None)
    assert entry.data == {
        "before": {"timezone": ""},
        "after": {"timezone": "Europe/Rome"},
        "renamed": True,
    }


def test_a_phase_that_a_person_sets_is_news(own: Own) -> None:
    own.change(lifecycle="CUSTOMER")
    assert (own.now().lifecycle, own.now().news_at) == ("CUSTOMER", LATER)
    [entry] = own.stated()
    assert entry.data["before"] == {"lifecycle": "PROSPECT"}


def test_closed_and_opened_again(own: Own) -> None:
    """P5, R7: a closed account is not looked at; opened again, it is due at once."""
    own.change(closed=True)
    held = own.now()
    assert (held.closed_at, held.next_poll_at, held.news_at) == (LATER, None, LATER)
    own.change(closed=False)
    again = own.now()
    assert (again.closed_at, again.next_poll_at) == (None, LATER)
    # Told at the same moment: it is another piece of news all the same.
    assert again.news_at is not None
    assert again.news_at > LATER
    assert [entry.data["after"] for entry in own.stated()] == [
        {"closed": True},
        {"closed": False},
    ]


@pytest.mark.parametrize("given", [{"name": "A"}, {"owner": None, "closed": True}])
def test_approvers_give_accounts_to_others_and_no_more(
    own: Own, given: dict[str, Any]
) -> None:
    """T2, R7."""
    with pytest.raises(AdminChanges):
        own.change(Role.APPROVER, **given)
    assert own.untouched()
    own.change(Role.APPROVER, owner=None)
    assert own.now().owner_id is None


@pytest.mark.parametrize("role", [Role.SELLER, Role.AUDITOR, Role.INTEGRATION])
def test_others_change_nothing(own: Own, role: Role) -> None:
    """T2."""
    with pytest.raises(AdminChanges):
        own.change(role, owner=None)
    assert own.untouched()


def test_nobody_can_own_it_who_is_not_there(own: Own, other: House) -> None:
    """T1: neither a stranger, nor a member of another tenant."""
    for name in (str(uuid4()), str(other.members[Role.SELLER].id), "who@no.example"):
        with pytest.raises(NoSuchMember):
            own.change(owner=name)
    assert own.untouched()


def send(own: Own, role: Role, body: Any, **headers: str) -> Any:
    return own.house.client(role).send("PATCH", own.path, body, **headers)


def tag(own: Own) -> str:
    answer = own.house.client(Role.ADMIN).send("GET", own.path)
    return str(answer["ETag"])


def test_a_change_needs_the_etag_that_was_read(own: Own) -> None:
    """T5: none is 428, an old one 412, and nothing happened."""
    assert send(own, Role.ADMIN, {"name": "B"}).status_code == 428
    old = tag(own)
    answer = send(own, Role.ADMIN, {"name": "B"}, If_Match=old)
    assert (answer.status_code, answer.json()["name"]) == (200, "B")
    assert answer["ETag"] == tag(own) != old
    late = send(own, Role.ADMIN, {"name": "C"}, If_Match=old)
    assert (late.status_code, late.json()["code"]) == (412, "STALE")
    assert own.now().name == "B"


def test_looks_and_heat_are_no_change_of_the_account(own: Own) -> None:
    """Whoever read it can change it, whatever was perceived meanwhile."""
    read = tag(own)
    with tenant_scope(own.house.tenant):
        Account.objects.update(heat_score=0.7, seen_at=LATER, next_poll_at=LATER)
    assert tag(own) == read


@pytest.mark.parametrize(
    ("role", "body", "status", "code"),
    [
        (Role.SELLER, {"owner": None}, 403, "PERMISSION_DENIED"),
        (Role.AUDITOR, {"owner": None}, 403, "PERMISSION_DENIED"),
        (Role.INTEGRATION, {"owner": None}, 403, "PERMISSION_DENIED"),
        (Role.APPROVER, {"closed": True}, 403, "ADMIN_CHANGES"),
        (Role.ADMIN, {"owner": "who@no.example"}, 404, "NO_SUCH_MEMBER"),
        (Role.ADMIN, {"timezone": "Rome"}, 400, "VALIDATION_ERROR"),
        (Role.ADMIN, {"lifecycle": "LOST"}, 400, "VALIDATION_ERROR"),
        (Role.ADMIN, {"closed": None}, 400, "VALIDATION_ERROR"),
        (Role.ADMIN, {"name": ""}, 400, "VALIDATION_ERROR"),
        (Role.ADMIN, {"external_id": "b"}, 400, "VALIDATION_ERROR"),
        (Role.ADMIN, {"heat": 1}, 400, "VALIDATION_ERROR"),
    ],
)
def test_what_the_door_refuses(
    own: Own, role: Role, body: Any, status: int, code: str
) -> None:
    """T2: and nothing of it happened."""
    answer = send(own, role, body, If_Match=tag(own))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert own.untouched()


def test_the_door_gives_it_to_another(own: Own) -> None:
    """R7: an approver may; what the caller sees is as it is afterwards."""
    body = {"owner": str(own.member(Role.APPROVER))}
    answer = send(own, Role.APPROVER, body, If_Match=tag(own))
    assert (answer.status_code, answer.json()["owner"]) == (200, body["owner"])
    assert own.house.client(Role.SELLER).send("GET", own.path).status_code == 404


def test_the_door_closes_it(own: Own) -> None:
    answer = send(own, Role.ADMIN, {"closed": True}, If_Match=tag(own)).json()
    assert answer["closed_at"] is not None
    assert answer["watch"] == "no look is planned, as it is closed"


def test_another_tenants_account_is_not_there(own: Own, other: House) -> None:
    """T1."""
    answer = other.client(Role.ADMIN).send(
        "PATCH", own.path, {"name": "B"}, If_Match="*"
    )
    assert answer.status_code == 404
    assert own.untouched()
