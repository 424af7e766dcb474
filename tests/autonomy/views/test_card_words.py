"""What a card says: each sentence once, what a thing is called, in whose time it is."""

import pytest

from autonomy.models import Approval, Intent
from ledger.scope import tenant_scope
from perception.models import Signal, Tenant
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.autonomy.views.clicks import MAIL, enter
from tests.conftest import NOW

TICKET = "A critical support ticket was escalated."
NEAR = "The renewal is 56 days away."
TAINT = (
    "It draws on text from outside your company that may mislead, "
    "so nothing of it goes out before a person has checked it."
)


def escalated(desk: Desk, payload: dict[str, object]) -> Intent:
    """A message about a ticket, told in the same words as its reason."""
    with tenant_scope(desk.tenant):
        signal = Signal.objects.create(
            tenant_id=desk.tenant,
            account=desk.account,
            type="ticket_escalated",
            payload=payload,
            occurred_at=NOW,
            received_at=NOW,
        )
    words = {"subject": "Your ticket", "body": f"{TICKET} We look at it."}
    return desk.propose(
        MAIL,
        parameters=words,
        rationale=f"{TICKET} {NEAR}",
        evidence=[str(signal.id)],
    )


@pytest.mark.parametrize("path", ["/", "/inbox/"])
def test_a_card_says_each_sentence_once(desk: Desk, path: str) -> None:
    """U1: the reason leaves out what the act itself says."""
    escalated(desk, {})
    page = enter(desk.house, Role.SELLER).get(path).text
    assert [page.count(said) for said in (TICKET, NEAR)] == [1, 1]


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"subject": "Export  <fails>"}, "ticket escalated “Export &lt;fails&gt;” (20"),
        ({"title": "Kick-off", "subject": ""}, "ticket escalated “Kick-off” (20 Nov)"),
        ({"title": "x" * 200}, f"ticket escalated “{'x' * 79}…” (20 Nov)"),
        ({"subject": {"not": "words"}}, "ticket escalated (20 Nov)"),
        ({}, "ticket escalated (20 Nov)"),
    ],
)
def test_a_card_names_what_it_rests_on(
    desk: Desk, payload: dict[str, object], said: str
) -> None:
    """U1: a ticket by its subject, a meeting by its title."""
    asked = escalated(desk, payload)
    client = enter(desk.house, Role.SELLER)
    with tenant_scope(desk.tenant):
        question = Approval.objects.get(intent=asked)
    for path in ("/", "/inbox/", f"/inbox/{question.pk}/"):
        assert said in client.get(path).text, path


def test_a_card_says_that_it_draws_on_outside_text(desk: Desk) -> None:
    """O4: in words that a seller understands."""
    intent = escalated(desk, {})
    client = enter(desk.house, Role.SELLER)
    assert TAINT not in client.get("/").text
    with tenant_scope(desk.tenant):
        Intent.objects.filter(pk=intent.pk).update(tainted=True)
    assert client.get("/").text.count(TAINT) == 1


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_every_page_says_in_whose_time_it_is(desk: Desk, zone: str) -> None:
    """U1: the tenant's on its pages, UTC in the lists of the admin."""
    asked = escalated(desk, {})
    with tenant_scope(desk.tenant):
        Tenant.objects.filter(pk=desk.tenant).update(timezone=zone)
    client = enter(desk.house, Role.ADMIN)
    said = f"Times are in {zone}."
    for path in (
        "/", "/inbox/", "/autopilot/", "/accounts/", "/goals/", "/plans/", "/digest/",
        "/settings/notifications/", f"/intents/{asked.pk}/", "/admin/",
    ):  # fmt: skip
        assert client.get(path).text.count(said) == 1, path
    for path in ("/admin/ledger/entry/", "/admin/autonomy/approval/", "/auth/2fa/"):
        assert client.get(path).text.count("Times are in UTC.") == 1, path


def test_both_lists_of_questions_say_whose_they_count(desk: Desk) -> None:
    """U2: everybody's on the admin's first page, one's own in the Inbox."""
    escalated(desk, {})
    client = enter(desk.house, Role.ADMIN)
    board, inbox = client.get("/admin/").text, client.get("/inbox/").text
    assert "Questions to everybody in the tenant; yours are in" in board
    assert 'href="/inbox/">your Inbox</a>' in board
    assert "What waits for everybody stands in" in inbox
    assert 'href="/admin/#db-waiting">the admin pages</a>' in inbox
    for role in (Role.SELLER, Role.APPROVER, Role.AUDITOR):
        assert "#db-waiting" not in enter(desk.house, role).get("/inbox/").text
    board = enter(desk.house, Role.AUDITOR).get("/admin/").text
    assert 'href="/inbox/">your Inbox</a> shows them, too.' in board
