"""A9: somebody there opts out, on the account's page: nothing is sent to them any more."""

import pytest
from django.test import Client

from autonomy.models import Intent
from ledger.models import Entry
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from perception.erasure import erase_contact
from perception.intake import receive
from perception.models import Contact, Person
from perception.rules.roles import Role
from tests.autonomy.conftest import AGENT, Desk
from tests.conftest import NOW

SELLER, APPROVER, ADMIN, AUDITOR = Role.SELLER, Role.APPROVER, Role.ADMIN, Role.AUDITOR


def enter(desk: Desk, role: Role) -> Client:
    client = Client(raise_request_exception=True)
    client.force_login(Person.objects.get(pk=desk.house.members[role].person_id))
    return client


def ann(desk: Desk) -> Contact:
    with tenant_scope(desk.tenant):
        return Contact.objects.get(account=desk.account)


def door(desk: Desk, contact: Contact | None = None) -> str:
    known = contact or ann(desk)
    return f"/accounts/{desk.account.pk}/contacts/{known.pk}/"


def page_of(client: Client, desk: Desk, show: str = "") -> str:
    return client.get(f"/accounts/{desk.account.pk}/", {"show": show}).text


def changes(desk: Desk) -> list[Entry]:
    with tenant_scope(desk.tenant):
        rows = Entry.objects.filter(kind=Kind.ACCOUNT_CHANGED)
        return list(rows.order_by("number"))


@pytest.mark.parametrize("role", [SELLER, APPROVER, ADMIN])
def test_a_click_opts_somebody_out(desk: Desk, role: Role) -> None:
    """A9: it is stated, shown, and whatever is sent to them is blocked from then on."""
    client = enter(desk, role)
    before = page_of(client, desk)
    assert f'action="{door(desk)}"' in before
    assert "Opt out" in before
    answer = client.post(door(desk), {"opted_out": "yes"}, follow=True)
    assert "Nothing is sent to them any more." in answer.text
    assert "Do not contact" in answer.text
    assert ann(desk).opted_out is True
    assert "Somebody there opted out" in page_of(client, desk, "changes")
    mail = desk.propose("send_follow_up_email", contact=str(ann(desk).pk))
    assert mail.status == Intent.Status.BLOCKED
    assert client.get(door(desk)).status_code == 302


def test_only_an_admin_opts_them_in_again(desk: Desk) -> None:
    """T2: to others there is no such button, and the door refuses."""
    seller, admin = enter(desk, SELLER), enter(desk, ADMIN)
    seller.post(door(desk), {"opted_out": "yes"})
    assert door(desk) not in page_of(seller, desk)
    refused = seller.post(door(desk), {"opted_out": "no"}, follow=True)
    assert "an admin adds, changes and opts in again" in refused.text
    assert ann(desk).opted_out is True
    assert "Opt in again" in page_of(admin, desk)
    answer = admin.post(door(desk), {"opted_out": "no"}, follow=True)
    assert "They may be written to again." in answer.text
    assert ann(desk).opted_out is False
    assert [entry.data["after"] for entry in changes(desk)] == [
        {"opted_out": True},
        {"opted_out": False},
    ]


def test_who_may_not(desk: Desk, make_desk: object) -> None:
    """T1, T2: auditors look; nobody reaches another account's people."""
    auditor = enter(desk, AUDITOR)
    assert door(desk) not in page_of(auditor, desk)
    assert auditor.post(door(desk), {"opted_out": "yes"}).status_code == 403
    there = make_desk()  # type: ignore[operator]
    stranger = enter(there, ADMIN)
    assert stranger.post(door(desk), {"opted_out": "yes"}).status_code == 404
    crossed = door(there, ann(desk))
    assert stranger.post(crossed, {"opted_out": "yes"}).status_code == 404
    assert ann(desk).opted_out is False
    with tenant_scope(desk.tenant):
        erase_contact(ann(desk).pk, by=AGENT, now=NOW)
    gone = enter(desk, ADMIN).post(door(desk), {"opted_out": "no"})
    assert gone.status_code == 404
    assert changes(desk) == []


def test_a_deal_that_was_pushed_is_told_and_gates(desk: Desk) -> None:
    """P3, A3: an act on a deal goes by the stage that was last heard."""
    with tenant_scope(desk.tenant):
        deal = desk.account.opportunities.get(external_id="o1")
    before = desk.propose(opportunity=str(deal.pk))
    said = {"opportunity": "o1", "stage": "closed_won", "amount": 5}
    with tenant_scope(desk.tenant):
        item = {"account": "acme", "type": "crm_update", "payload": said}
        receive([item], by=AGENT, now=NOW)
    after = desk.propose(opportunity=str(deal.pk))
    assert (before.status, after.status) == ("APPROVED", "AWAITING_APPROVAL")
    page = page_of(enter(desk, SELLER), desk, "changes")
    assert "Deal o1: stage changed from discovery to closed won" in page
    assert "Deal o1: amount changed from nothing to 5.00" in page
    assert "Renewal date changed" not in page
