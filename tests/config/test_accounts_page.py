"""U2, R7: admins hand accounts over, rename, close and open them from their page."""

from typing import Any

import pytest
from django.test import Client

from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from perception.admin.account_forms import tag_of
from perception.models import Account, Membership
from perception.rules.roles import Role
from tests.config.test_control_center import account_of, member, stated
from tests.conftest import House


class Page:
    """One account, looked at by an admin."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.account = account_of(house)
        self.client = member(house, Role.ADMIN)
        self.path = f"/admin/perception/account/{self.account.pk}"

    def now(self) -> Account:
        with tenant_scope(self.house.tenant):
            return Account.objects.get(pk=self.account.pk)

    def given(self, **more: Any) -> dict[str, Any]:
        """The form as it is shown, with what is changed in it."""
        held = self.now()
        plain = {"name": held.name, "lifecycle": held.lifecycle, "timezone": ""}
        return {**plain, "owner": held.owner_id or "", "seen": tag_of(held), **more}

    def edit(self, client: Client | None = None, **more: Any) -> Any:
        given = self.given(**more)
        return (client or self.client).post(f"{self.path}/edit/", given, follow=True)

    def closing(self, seen: str) -> Any:
        return self.client.post(f"{self.path}/closing/", {"seen": seen}, follow=True)

    def facts(self) -> list[Any]:
        return [row.data for row in stated(self.house, Kind.ACCOUNT_CHANGED)]


@pytest.fixture
def page(house: House) -> Page:
    return Page(house)


def test_the_page_leads_to_both_doors(page: Page) -> None:
    shown = page.client.get(f"{page.path}/change/").content.decode()
    assert "Change …" in shown
    assert "Close …" in shown
    asked = page.client.get(f"{page.path}/edit/").content.decode()
    assert 'value="Telltale Ltd"' in asked
    assert f"Approver of {page.house.slug}" in asked


def test_it_is_handed_over_and_renamed(page: Page) -> None:
    """R7, L3: what differs is stated, and nothing else."""
    approver = page.house.members[Role.APPROVER]
    answer = page.edit(owner=str(approver.pk), name="Telltale Inc")
    assert "It was changed." in answer.content.decode()
    held = page.now()
    assert (held.owner_id, held.name) == (approver.pk, "Telltale Inc")
    [said] = page.facts()
    assert said["after"] == {"owner": str(approver.pk)}
    assert said["renamed"] is True


def test_what_somebody_changed_meanwhile_is_not_lost(page: Page) -> None:
    """What was seen is not what is there: nothing is changed, and it is said."""
    seen = tag_of(page.now())
    page.edit(name="Theirs")
    answer = page.edit(name="Ours", seen=seen)
    assert "It was changed since: look at it again." in answer.content.decode()
    assert "It was changed since" in page.closing(seen).content.decode()
    assert (page.now().name, page.now().closed_at) == ("Theirs", None)


def test_it_is_closed_and_opened_again(page: Page) -> None:
    asked = page.client.get(f"{page.path}/closing/").content.decode()
    assert "Close Telltale Ltd" in asked
    assert "It is closed." in page.closing(tag_of(page.now())).content.decode()
    assert page.now().closed_at is not None
    shown = page.client.get(f"{page.path}/change/").content.decode()
    assert "none: it is closed" in shown
    assert "Open again …" in shown
    assert "It is open again." in page.closing(tag_of(page.now())).content.decode()
    assert page.now().closed_at is None


def test_an_owner_who_left_stays_until_somebody_else_is_named(page: Page) -> None:
    with tenant_scope(page.house.tenant):
        seller = page.house.members[Role.SELLER].pk
        Membership.objects.filter(pk=seller).update(is_active=False)
    page.edit(name="Telltale Inc")
    assert (page.now().name, page.now().owner_id) == ("Telltale Inc", seller)


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.APPROVER, Role.SELLER])
def test_nobody_else_changes_it_here(page: Page, role: Role) -> None:
    """T2: whoever only reads gets no buttons, and no door opens."""
    client = member(page.house, role)
    shown = client.get(f"{page.path}/change/").content.decode()
    assert "Change …" not in shown
    assert page.edit(client, name="Ours").status_code == 403
    assert client.post(f"{page.path}/closing/", {}).status_code == 403
    assert (page.now().name, page.facts()) == ("Telltale Ltd", [])


def test_another_tenants_account_is_not_there(page: Page, other: House) -> None:
    """T1."""
    client = member(other, Role.ADMIN)
    for door in ("edit", "closing"):
        answer = client.post(f"{page.path}/{door}/", page.given(name="Ours"))
        assert answer.headers["Location"] == "/admin/"
    assert (page.now().name, page.facts()) == ("Telltale Ltd", [])
