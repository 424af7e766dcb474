"""L9, U2: whoever asks to be forgotten is erased from a page, after a question."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.accounts import add_account
from perception.models import Contact, Person
from perception.rules.roles import Role
from tests.conftest import NOW, House

GONE = "Ann Telltale"


def member(house: House, role: Role) -> Client:
    client = Client()
    client.force_login(Person.objects.get(pk=house.members[role].person_id))
    return client


@pytest.fixture
def page(house: House) -> Callable[..., str]:
    """The page of a contact."""
    person = {"external_id": "c", "name": GONE, "email": "ann@acme.example"}
    given = {"external_id": "acme", "name": "Acme", "contacts": [person]}
    with tenant_scope(house.tenant):
        add_account(given, by=house.caller(Role.ADMIN), now=NOW)
        id_ = Contact.objects.get().pk
    return lambda rest="change": f"/admin/perception/contact/{id_}/{rest}/"


def contact(house: House) -> Contact:
    with tenant_scope(house.tenant):
        return Contact.objects.get()


def erased(house: House) -> int:
    with tenant_scope(house.tenant):
        return Entry.objects.filter(kind="contact.erased").count()


def test_an_admin_is_asked_and_then_nothing_is_left(house: House, page: Any) -> None:
    """L9: looking and asking change nothing; the button does, once."""
    admin = member(house, Role.ADMIN)
    assert page("erase") in admin.get(page()).content.decode()
    assert f"Erase {GONE}" in admin.get(page("erase")).content.decode()
    assert (contact(house).name, erased(house)) == (GONE, 0)
    done = admin.post(page("erase"), follow=True).content.decode()
    assert "Erased; 0 interactions were changed." in done
    assert GONE not in done
    assert page("erase") not in done
    row = contact(house)
    assert (row.email, row.erased_at is not None, row.opted_out) == ("", True, True)
    assert erased(house) == 1
    admin.post(page("erase"))
    assert erased(house) == 1


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.APPROVER, Role.SELLER])
def test_nobody_else_may(house: House, page: Any, role: Role) -> None:
    """T3."""
    client = member(house, role)
    assert client.get(page("erase")).status_code == 403
    assert client.post(page("erase")).status_code == 403
    assert (contact(house).name, erased(house)) == (GONE, 0)


def test_nor_an_admin_of_another_tenant(house: House, other: House, page: Any) -> None:
    """T1."""
    client = member(other, Role.ADMIN)
    answer = client.post(page("erase"), follow=True)
    assert GONE not in answer.content.decode()
    assert (contact(house).name, erased(house)) == (GONE, 0)
