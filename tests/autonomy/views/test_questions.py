"""Questions on their pages: every answer, and everything that stands against one."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from autonomy import decisions
from autonomy.models import Approval, Outcome
from ledger.scope import tenant_scope
from perception.models import Tenant
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.autonomy.test_feed import asked_about
from tests.autonomy.views.clicks import MAIL, answer, enter, read, yes


@pytest.fixture
def mail(desk: Desk) -> UUID:
    """A message that waits for the seller."""
    return asked_about(desk, desk.propose(MAIL, rationale="They asked for a summary."))


def test_a_seller_approves_and_it_is_on_its_way(desk: Desk, mail: UUID) -> None:
    """H1: one click; the message is held for a while, and can be pulled back."""
    client = enter(desk.house, Role.SELLER)
    said = yes(desk, client, mail)
    assert "Approved: Send a follow-up e-mail, Acme." in said.text
    asked = read(desk, mail)
    assert asked.status == "APPROVED"
    assert asked.decided_by_id == desk.house.members[Role.SELLER].id
    assert asked.intent.status == "APPROVED"
    assert "Nothing to decide." in client.get("/").text


def test_a_suggestion_is_done_by_saying_so(make_desk: Any) -> None:
    """H3: a person's “do it” is a human decision."""
    desk = make_desk(mode="ASSIST")
    asked = asked_about(desk, desk.propose())
    client = enter(desk.house, Role.SELLER)
    assert "Approve and do it" in client.get("/").text
    yes(desk, client, asked)
    assert read(desk, asked).status == "APPROVED"


@pytest.mark.parametrize("cause", ["idea", "timing", "execution", "external"])
def test_a_seller_rejects_in_one_tap(desk: Desk, mail: UUID, cause: str) -> None:
    """H1: the cause is one tap, the words are optional."""
    note = "They are away." if cause == "timing" else ""
    client = enter(desk.house, Role.SELLER)
    assert "Rejected" in answer(client, mail, "reject", cause=cause, note=note).text
    asked = read(desk, mail)
    assert (asked.status, asked.cause, asked.note) == ("REJECTED", cause, note)
    with tenant_scope(desk.tenant):
        assert Outcome.objects.get().taxonomy == "IDEA_REJECTED"


def test_a_rejection_without_a_cause_changes_nothing(desk: Desk, mail: UUID) -> None:
    client = enter(desk.house, Role.SELLER)
    assert "in one of the four ways" in answer(client, mail, "reject").text
    assert read(desk, mail).status == "PENDING"


def test_somebody_was_faster(desk: Desk, mail: UUID) -> None:
    """H1: whoever comes second reads who was first, and sees how it stands."""
    seller, approver = (enter(desk.house, r) for r in (Role.SELLER, Role.APPROVER))
    yes(desk, approver, mail)
    late = answer(seller, mail, "reject", cause="idea")
    assert "Approver of" in late.text
    assert "The first decision counts." in late.text
    assert read(desk, mail).status == "APPROVED"


def test_what_changed_meanwhile_is_not_decided(desk: Desk, mail: UUID) -> None:
    """H1: a stale page decides nothing; what is asked now is one click away."""
    seen = read(desk, mail).payload_hash
    with tenant_scope(desk.tenant):
        words = {"subject": "Other", "body": "Other words."}
        newer = decisions.edit(mail, words, by=desk.house.caller(Role.APPROVER))
    client = enter(desk.house, Role.SELLER)
    stale = answer(client, mail, "approve", payload_hash=seen)
    assert "It changed meanwhile, so nothing was decided." in stale.text
    assert f"/inbox/{newer.approval.id}/" in stale.text
    assert read(desk, newer.approval.id).status == "PENDING"
    guess = answer(client, newer.approval.id, "approve", payload_hash=seen)
    assert "nothing was decided" in guess.text
    assert read(desk, newer.approval.id).status == "PENDING"


def test_what_expired_says_so(desk: Desk, mail: UUID) -> None:
    """H2: no decision, and no rejection either."""
    with tenant_scope(desk.tenant):
        over = datetime.now(UTC) - timedelta(minutes=1)
        Approval.objects.filter(pk=mail).update(expires_at=over)
    said = yes(desk, enter(desk.house, Role.SELLER), mail)
    assert "Nobody decided in time" in said.text
    assert 'data-key="a"' not in said.text
    assert read(desk, mail).status == "PENDING"


def test_what_an_approver_decides_is_shown_and_said_to_sellers(desk: Desk) -> None:
    """H2: high risk is an approver's."""
    asked = asked_about(desk, desk.propose("send_proposal"))
    client = enter(desk.house, Role.SELLER)
    page = client.get("/")
    assert "An approver decides this." in page.text
    assert "High risk" in page.text
    assert "/approve/" not in page.text
    assert "An approver decides this." in yes(desk, client, asked).text
    assert read(desk, asked).status == "PENDING"


def test_with_four_eyes_ones_own_edit_is_anothers_to_approve(desk: Desk) -> None:
    """H2: whoever wrote it may still reject it."""
    with tenant_scope(desk.tenant):
        Tenant.objects.update(four_eyes=True)
    asked = asked_about(desk, desk.propose(MAIL))
    client = enter(desk.house, Role.SELLER)
    given = {"p-subject": "Mine", "p-body": "Mine.", "do": "save"}
    given["payload_hash"] = read(desk, asked).payload_hash
    page = client.post(f"/inbox/{asked}/edit/", given, follow=True)
    assert "somebody else approves it" in page.text
    assert "Bad idea" in page.text
    with tenant_scope(desk.tenant):
        newer = Approval.objects.get(status="PENDING")
    assert "Whoever proposed or edited it" in yes(desk, client, newer.id).text
    assert read(desk, newer.id).status == "PENDING"


def test_something_is_put_off_and_comes_back(desk: Desk, mail: UUID) -> None:
    """H1: until a time in the tenant's zone; not beyond its end."""
    client = enter(desk.house, Role.SELLER)
    late = answer(client, mail, "snooze", until="2031-01-01T10:00")
    assert "Choose a time to come, before it expires" in late.text
    assert "Choose a time" in answer(client, mail, "snooze", until="soon").text
    assert read(desk, mail).snoozed_until is None
    assert "It comes back on" in answer(client, mail, "snooze", until="hour").text
    until = read(desk, mail).snoozed_until
    assert until is not None
    assert "Nothing to decide." in client.get("/").text
    assert "It is put off until" in client.get(f"/inbox/{mail}/").text


def test_something_is_handed_to_somebody_who_can_decide(desk: Desk, mail: UUID) -> None:
    """H1: only those who could are offered."""
    client = enter(desk.house, Role.SELLER)
    approver = desk.house.members[Role.APPROVER]
    offered = client.get(f"/inbox/{mail}/").text
    assert f'value="{approver.id}"' in offered
    assert f'value="{desk.house.members[Role.AUDITOR].id}"' not in offered
    done = answer(client, mail, "delegate", to=str(approver.id))
    assert "decides now." in done.text
    theirs = enter(desk.house, Role.APPROVER).get("/inbox/").text
    assert "It was handed to you." in theirs
    nobody = str(desk.house.members[Role.AUDITOR].id)
    asked = asked_about(desk, desk.propose(MAIL))
    assert (
        "This member could not decide it."
        in answer(client, asked, "delegate", to=nobody).text
    )
    assert read(desk, asked).assigned_to_id is None
