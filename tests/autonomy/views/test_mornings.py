"""G2: a seller reads their newest brief and review beside their digest."""

from datetime import date
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from autonomy.models import Approval, Intent, Ritual, Told
from ledger.scope import tenant_scope
from perception.accounts import add_account
from perception.models import Account
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.autonomy.pages import enter, words
from tests.autonomy.views.clicks import MAIL
from tests.conftest import NOW

BRIEF, REVIEW = "RITUAL_MORNING_BRIEF", "RITUAL_WEEKLY_REVIEW"
QUIET: dict[str, Any] = {"next": [], "preparing": [], "waiting": {}}


def tell(desk: Desk, kind: str, day: date, body: dict[str, Any]) -> None:
    with tenant_scope(desk.tenant):
        ritual = Ritual.objects.create(
            tenant_id=desk.tenant,
            kind=kind,
            day=day,
            due_at=NOW,
            started_at=NOW,
            ended_at=NOW,
        )
        Told.objects.create(
            tenant_id=desk.tenant,
            ritual=ritual,
            member=desk.house.members[Role.SELLER],
            body=body,
            at=NOW,
        )


def own(desk: Desk, count: int) -> list[Account]:
    seller = str(desk.house.members[Role.SELLER].id)
    with tenant_scope(desk.tenant):
        return [
            add_account(
                {"external_id": f"a{each}", "name": f"Account {each}", "owner": seller},
                by=desk.admin,
                now=NOW,
            )
            for each in range(count)
        ]


def proposed(desk: Desk) -> dict[str, Any]:
    """A question to the seller, as a brief tells of it."""
    intent = desk.propose(MAIL)
    with tenant_scope(desk.tenant):
        question = Approval.objects.get(intent=intent)
    return {
        "approval": str(question.id),
        "intent": str(intent.id),
        "account": str(desk.account.id),
        "action_type": MAIL,
        "score": 0.5,
        "expires_at": NOW.isoformat(),
    }


def reviewed(accounts: list[Account], lost: list[Account]) -> dict[str, Any]:
    return {
        "accounts": [
            {"account": str(each.id), "heat": 0.2, "tier": "COLD", "rank": rank}
            | {"before": {1: 3, 2: 2, 3: 1}.get(rank)}
            for rank, each in enumerate(accounts, start=1)
        ],
        "neglected": [
            {"account": str(each.id), "why": "UNANSWERED", "days": 4} for each in lost
        ],
        "neglected_count": len(lost) + 2,
        "preparing": [],
    }


def test_a_brief_says_what_to_do_first_and_what_waits(desk: Desk) -> None:
    """Each account is a link, each act leads to its question; what was decided says so."""
    first, second = proposed(desk), proposed(desk)
    thought = own(desk, 1)[0]
    tell(desk, BRIEF, date(2026, 11, 19), QUIET)
    body = {
        "next": [first, second],
        "preparing": [str(thought.id)],
        "waiting": {"approvals": 2, "held": 1},
    }
    tell(desk, BRIEF, date(2026, 11, 20), body)
    with tenant_scope(desk.tenant):
        Intent.objects.filter(pk=second["intent"]).update(status="REJECTED")
    page = enter(desk.house, Role.SELLER).get("/digest/")
    assert "Morning brief Friday, 20 November" in words(page)
    assert "Being thought about: Account 0 ." in words(page)
    assert "What waited then: 2 questions, 1 message held back." in words(page)
    assert words(page).count("Rejected") == 1
    for url in (
        f"/inbox/{first['approval']}/",
        f"/accounts/{desk.account.id}/",
        f"/accounts/{thought.id}/",
    ):
        assert f'href="{url}"' in page.text, url


def test_a_review_says_how_accounts_stand_and_which_are_neglected(desk: Desk) -> None:
    """The first five at once, the others unfolded; those of others are left out."""
    accounts = own(desk, 7)
    tell(desk, REVIEW, date(2026, 11, 16), reviewed(accounts, accounts[:1]))
    with tenant_scope(desk.tenant):
        Account.objects.filter(pk=accounts[3].pk).update(owner=None)
    page = enter(desk.house, Role.SELLER).get("/digest/")
    said = words(page)
    assert "Weekly review Monday, 16 November" in said
    assert "1. Account 0 Cold, up 2 from 3" in said
    assert "2. Account 1 Cold, as a week ago" in said
    assert "3. Account 2 Cold, down 2 from 1" in said
    assert "5. Account 4 Cold, new in the list" in said
    assert "1 more 7. Account 6" in said
    assert "Account 3" not in said
    assert "Neglected Account 0 Waits for an answer for 4 days" in said
    assert "and 2 that are not named here" in said
    assert f'href="/accounts/{accounts[6].id}/"' in page.text


def test_what_others_were_told_is_theirs(desk: Desk) -> None:
    tell(desk, BRIEF, date(2026, 11, 20), QUIET)
    seller = enter(desk.house, Role.SELLER).get("/digest/")
    assert "No next action for you. Nothing waited then." in words(seller)
    assert "Morning brief" not in words(enter(desk.house, Role.ADMIN).get("/digest/"))


def test_it_costs_the_same_however_much_there_is(desk: Desk) -> None:
    """A constant number of queries."""
    client = enter(desk.house, Role.SELLER)
    costs = []
    for month in (9, 10, 11):
        body = {**QUIET, "next": [proposed(desk) for _ in range(month - 8)]}
        tell(desk, BRIEF, date(2026, month, 20), body)
        with tenant_scope(desk.tenant):
            accounts = list(Account.objects.filter(owner__isnull=False))
        tell(desk, REVIEW, date(2026, month, 16), reviewed(accounts, accounts))
        with CaptureQueriesContext(connection) as counted:
            assert client.get("/digest/").status_code == 200
        costs.append(len(counted))
        if month == 9:
            own(desk, 20)
    assert len(set(costs)) == 1, costs
