"""What people do about an act from its page: the same verbs as over the API."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from autonomy.models import Approval, Execution, Intent, Replay, Undo
from ledger.clock import clock
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.autonomy.pages import enter, words
from tests.autonomy.replays import doubted, failed, kinds
from tests.autonomy.test_feed import elsewhere
from tests.autonomy.test_undo import did
from tests.autonomy.tools.peer import Integrator, bound, integrator


@pytest.fixture
def peer(settings: Any) -> Iterator[Integrator]:
    with integrator(settings) as made:
        yield made


def press(client: Client, intent: Any, verb: str, **given: str) -> str:
    """What the page says after a button."""
    path = f"/intents/{intent}/{verb}/"
    answer = client.post(path, given, follow=True)
    assert answer.status_code == 200
    assert answer.redirect_chain[-1][0] == f"/intents/{intent}/"
    return answer.text.partition('class="messages"')[2].partition("<main")[0]


def fresh(desk: Desk, intent: Any) -> Intent:
    with tenant_scope(desk.tenant):
        return Intent.objects.get(pk=intent)


def shown(desk: Desk, intent: Any) -> dict[str, str]:
    """The question as its page holds it."""
    with tenant_scope(desk.tenant):
        asked = Approval.objects.get(intent=intent, status="PENDING")
    return {"approval": str(asked.pk), "payload_hash": asked.payload_hash}


def test_undo_is_a_click_of_the_owner(desk: Desk) -> None:
    """A8, X4: taken back, read back, stated with the reason."""
    execution = did(desk)
    with tenant_scope(desk.tenant):
        intent = Execution.objects.get(pk=execution).intent_id
    seller = enter(desk.house, Role.SELLER)
    assert "It was taken back." in press(seller, intent, "undo", reason="Wrong.")
    assert fresh(desk, intent).status == "UNDONE"
    with tenant_scope(desk.tenant):
        undo = Undo.objects.get()
        assert (undo.reason, undo.by_id) == (
            "Wrong.",
            desk.house.members[Role.SELLER].id,
        )
    assert "cannot be taken back" in press(seller, intent, "undo")
    with tenant_scope(desk.tenant):
        assert Undo.objects.count() == 1


def test_what_has_not_started_is_called_off(desk: Desk) -> None:
    """A5: until it goes out."""
    intent = desk.propose()
    with tenant_scope(desk.tenant):
        later = clock() + timedelta(minutes=10)
        Intent.objects.filter(pk=intent.pk).update(due_at=later)
    seller = enter(desk.house, Role.SELLER)
    page = seller.get(f"/intents/{intent.pk}/")
    assert "It has not started: it can still be called off." in words(page)
    assert "It was called off" in press(seller, intent.pk, "call-off", reason="No.")
    assert fresh(desk, intent.pk).status == "CANCELLED"
    said = words(seller.get(f"/intents/{intent.pk}/"))
    assert "called it off before it started. No." in said
    assert "came back, as nothing was started" in said


def test_a_question_is_answered_where_it_is_explained(desk: Desk) -> None:
    """H1: exactly what was shown; the first decision counts."""
    approver = enter(desk.house, Role.APPROVER)
    yes = desk.propose("send_follow_up_email").pk
    given = shown(desk, yes)
    assert "Approved." in press(approver, yes, "approve", **given)
    assert fresh(desk, yes).status == "APPROVED"
    no = desk.propose("send_follow_up_email").pk
    given = shown(desk, no)
    assert "Say what speaks against it." in press(approver, no, "reject", **given)
    assert fresh(desk, no).status == "AWAITING_APPROVAL"
    assert "Rejected." in press(approver, no, "reject", cause="timing", **given)
    assert fresh(desk, no).status == "REJECTED"
    said = words(approver.get(f"/intents/{no}/"))
    assert "said no: it was not done." in said
    assert "nothing to take back" in said
    again = press(approver, no, "approve", **given)
    assert "Approved." not in again
    assert fresh(desk, no).status == "REJECTED"


def test_a_seller_is_told_that_an_approver_decides(desk: Desk) -> None:
    """H1: the button is not theirs, nor is the verb."""
    asked = desk.propose("send_proposal").pk
    seller = enter(desk.house, Role.SELLER)
    page = seller.get(f"/intents/{asked}/")
    assert "An approver decides this." in words(page)
    assert f"/intents/{asked}/approve/" not in page.text
    said = press(seller, asked, "approve", **shown(desk, asked))
    assert "Approved." not in said
    assert fresh(desk, asked).status == "AWAITING_APPROVAL"


def test_a_question_about_another_act_is_not_answered_here(desk: Desk) -> None:
    """H1: a form belongs to its page."""
    one, two = (desk.propose("send_follow_up_email").pk for _ in range(2))
    approver = enter(desk.house, Role.APPROVER)
    given = shown(desk, two)
    assert approver.post(f"/intents/{one}/approve/", given).status_code == 404
    assert approver.post(f"/intents/{one}/approve/").status_code == 404
    assert fresh(desk, two).status == "AWAITING_APPROVAL"


@pytest.mark.parametrize(
    ("verb", "then"), [("done", "SUCCEEDED"), ("not-done", "FAILED")]
)
def test_a_doubt_is_ended_once(
    desk: Desk, peer: Integrator, verb: str, then: str
) -> None:
    """X3: the first word counts, and is stated with how it is known."""
    bound(desk, peer.url, "AT_MOST_ONCE")
    intent = doubted(desk, peer, alone=False)
    seller = enter(desk.house, Role.SELLER)
    assert "The doubt is over" in press(seller, intent, verb, reason="I looked.")
    assert fresh(desk, intent).status == then
    assert "How somebody knew I looked." in words(seller.get(f"/intents/{intent}/"))
    other = {"done": "not-done", "not-done": "done"}[verb]
    assert "The doubt is over" not in press(seller, intent, other)
    assert fresh(desk, intent).status == then


def test_an_admin_goes_through_it_again_dry(desk: Desk, peer: Integrator) -> None:
    """X5: what would be done is shown, and nothing is; others have no such button."""
    bound(desk, peer.url)
    intent = failed(desk, peer)
    calls = len(peer.asked)
    admin = enter(desk.house, Role.ADMIN)
    assert "Say why" in press(admin, intent, "replay")
    assert "nothing was done" in press(admin, intent, "replay", reason="Is it back?")
    said = words(admin.get(f"/intents/{intent}/"))
    assert (
        "Nothing was done. If it were done now, the tool hook would be called." in said
    )
    assert "Replay it for good, in the admin" in said
    assert (len(peer.asked), fresh(desk, intent).status) == (calls, "FAILED")
    assert kinds(desk, intent)[-1] == "replay.completed"
    seller = enter(desk.house, Role.SELLER)
    refused = seller.post(f"/intents/{intent}/replay/", {"reason": "I want it."})
    assert refused.status_code == 403
    assert "Replay, dry" not in seller.get(f"/intents/{intent}/").text
    with tenant_scope(desk.tenant):
        assert Replay.objects.count() == 1


def test_nobody_acts_on_what_is_not_theirs(desk: Desk) -> None:
    """T4: not there; auditors are refused; a verb that there is none is not found."""
    intent = desk.propose("send_follow_up_email").pk
    auditor = enter(desk.house, Role.AUDITOR)
    assert auditor.post(f"/intents/{intent}/undo/").status_code == 403
    seller = enter(desk.house, Role.SELLER)
    assert seller.post(f"/intents/{intent}/explode/").status_code == 404
    assert (
        seller.get(f"/intents/{intent}/undo/")
        .headers["Location"]
        .endswith(f"/intents/{intent}/")
    )
    theirs = elsewhere(desk)
    with tenant_scope(desk.tenant):
        desk.account.owner_id = theirs.owner_id
        desk.account.save(update_fields=["owner"])
        before = Entry.objects.count()
    for verb in ("undo", "call-off", "approve", "reject", "done", "look"):
        assert seller.post(f"/intents/{intent}/{verb}/").status_code == 404
    assert fresh(desk, intent).status == "AWAITING_APPROVAL"
    with tenant_scope(desk.tenant):
        assert Entry.objects.count() == before
