"""Next, Inbox and Autopilot: who sees what, what a click does, and what a page costs."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from autonomy.models import Execution, Intent, Run
from autonomy.pipeline import act
from autonomy.propose import propose
from ledger.scope import tenant_scope
from perception.models import Signal
from perception.pages import POLICY
from perception.rules.roles import Role
from tests.autonomy.conftest import AGENT, Desk
from tests.autonomy.test_feed import asked_about, elsewhere, in_doubt, parked
from tests.autonomy.views.clicks import MAIL, PAGES, answer, enter, held, read
from tests.conftest import NOW, House

# What is said of the layers of what ran alone, and of what a person is asked about.
ALONE = (
    "All 10 layers let it run, none tighter than the others: "
    "Kill switches, Kind of act, Stage of the deal, Safety floor, "
    "Can be taken back, Mode, Rituals and plans, Contact rules, Your policy, Budget."
)
TIGHTEST = "The tightest of 10 layers: Safety floor, Contact rules and Your policy."
ASKED = (
    f"{TIGHTEST} Lets it run: Kill switches, Kind of act, Stage of the deal, "
    "Can be taken back, Mode, Rituals and plans, Budget."
)


@pytest.fixture
def mail(desk: Desk) -> UUID:
    """A message that waits for the seller."""
    return asked_about(desk, desk.propose(MAIL, rationale="They asked for a summary."))


def test_a_card_says_what_why_and_until_when(desk: Desk) -> None:
    """U1, H1: everything that a decision needs; “Why?”, and what would let it run."""
    with tenant_scope(desk.tenant):
        signal = Signal.objects.create(
            tenant_id=desk.tenant,
            account=desk.account,
            type="email_reply",
            payload={},
            occurred_at=NOW,
            received_at=NOW,
        )
    intent = desk.propose(
        MAIL, rationale="They asked for it.", evidence=[str(signal.id), "a call"]
    )
    page = enter(desk.house, Role.SELLER).get("/")
    for said in (
        "Send a follow-up e-mail",
        "Here is what we agreed on.",
        "They asked for it.",
        "email reply (20 Nov), a call.",
        "Very sure",
        "Low risk",
        "from now",
        "Why?",
        "It would run by itself if",
        f"/intents/{intent.id}/",
        f"/accounts/{desk.account.id}/",
        "Approve",
        "Bad timing",
        "In an hour",
    ):
        assert said in page.text, said
    assert page.headers["Content-Security-Policy"] == POLICY


@pytest.mark.parametrize("path", PAGES)
def test_why_tells_what_every_layer_said(desk: Desk, path: str) -> None:
    """U1, A2: which of the ten let it run, and which was the tightest."""
    act(desk.propose().id, tenant=desk.tenant)
    asked = desk.propose(MAIL)
    client = enter(desk.house, Role.SELLER)
    page = client.get(path).text
    why = page.partition('<details class="why" id="why-')[2].partition("</details>")[0]
    assert (ALONE if path == "/autopilot/" else ASKED) in why
    assert TIGHTEST in client.get(f"/intents/{asked.pk}/").text


def test_others_see_nothing_and_readers_change_nothing(
    desk: Desk, mail: UUID, other: House
) -> None:
    """T4, H1: 404 for what is somebody else's, 403 for those who only read."""
    account = elsewhere(desk)
    with tenant_scope(desk.tenant):
        theirs = propose(
            desk.given(MAIL), account, origin="agent", by=AGENT, member=None, now=NOW
        )
    hidden = asked_about(desk, theirs)
    for client in (enter(desk.house, Role.SELLER), enter(other, Role.ADMIN)):
        assert "Theirs" not in client.get("/").text
        assert client.get(f"/inbox/{hidden}/").status_code == 404
        assert client.get(f"/inbox/{hidden}/edit/").status_code == 404
        sent = {"payload_hash": read(desk, hidden).payload_hash}
        assert client.post(f"/inbox/{hidden}/approve/", sent).status_code == 404
    auditor = enter(desk.house, Role.AUDITOR)
    for path in PAGES:
        page = auditor.get(path)
        assert page.status_code == 200
        assert 'action="/inbox/' not in page.text
    assert answer(auditor, mail, "approve").status_code == 403
    integration = enter(desk.house, Role.INTEGRATION)
    for path in PAGES:
        assert integration.get(path).status_code == 403
        assert Client().get(path).headers["Location"].startswith("/login/")
    assert read(desk, mail).status == read(desk, hidden).status == "PENDING"


def test_where_one_is_sent_back_to_is_here(desk: Desk) -> None:
    client = enter(desk.house, Role.SELLER)
    for to, here in (("/inbox/?type=x", "/inbox/?type=x"), ("//evil.example/", "/")):
        asked = asked_about(desk, desk.propose(MAIL))
        sent = client.post(
            f"/inbox/{asked}/reject/", {"cause": "idea", "next": to}
        ).headers["Location"]
        assert sent == here


def test_doubts_are_settled_from_the_inbox(desk: Desk) -> None:
    """X3: what happened, what is known; a person says how it ended, once."""
    execution = in_doubt(desk)
    client = enter(desk.house, Role.SELLER)
    page = client.get("/inbox/").text
    assert "Nobody knows whether it was done" in page
    assert "What we know: The tool did not answer." in page
    url = f"/inbox/doubts/{execution.pk}/done/"
    assert "Settled" in client.post(url, {"reason": "I saw it."}, follow=True).text
    again = client.post(f"/inbox/doubts/{execution.pk}/missing/", follow=True)
    assert "Nothing about this execution is in doubt any more." in again.text
    assert client.post(f"/inbox/doubts/{execution.pk}/maybe/").status_code == 404
    with tenant_scope(desk.tenant):
        assert Execution.objects.get().status == "SUCCEEDED"


def test_what_is_held_back_is_pulled_back(desk: Desk) -> None:
    """X7: until it goes out."""
    intent = held(desk)
    client = enter(desk.house, Role.SELLER)
    assert "goes out" in client.get("/inbox/?kind=held").text
    url = f"/inbox/held/{intent.pk}/undo/"
    assert "Pulled back" in client.post(url, follow=True).text
    assert "already" in client.post(url, follow=True).text
    with tenant_scope(desk.tenant):
        assert Intent.objects.get().status == "CANCELLED"


def test_runs_that_stopped_are_an_admins_to_retry(desk: Desk) -> None:
    run = parked(desk)
    url = f"/inbox/runs/{run.pk}/retry/"
    assert "Stopped" not in enter(desk.house, Role.SELLER).get("/inbox/").text
    assert enter(desk.house, Role.APPROVER).post(url).status_code == 403
    assert "TimeoutError" in enter(desk.house, Role.AUDITOR).get("/inbox/").text
    admin = enter(desk.house, Role.ADMIN)
    assert "The run goes on" in admin.post(url, follow=True).text
    assert "already" in admin.post(url, follow=True).text
    with tenant_scope(desk.tenant):
        assert Run.objects.get().status != "PARKED"


def test_what_ran_alone_is_listed_by_day_and_taken_back(desk: Desk) -> None:
    """U1, X4: with the reason, and until when it can be undone."""
    intent = desk.propose()
    act(intent.id, tenant=desk.tenant)
    client = enter(desk.house, Role.SELLER)
    page = client.get("/autopilot/").text
    for said in ("Today", "Write an internal note", "can be undone until", "Why?"):
        assert said in page, said
    with tenant_scope(desk.tenant):
        execution = Execution.objects.get()
    url = f"/autopilot/{execution.pk}/undo/"
    assert enter(desk.house, Role.AUDITOR).post(url).status_code == 403
    given = {"reason": "Wrong account"}
    assert "It was taken back" in client.post(url, given, follow=True).text
    again = client.post(url, follow=True)
    assert "It was taken back already." in again.text
    said = rf"{desk.house.members[Role.SELLER].person} took it back on [^:]+:\d\d: "
    assert re.search(f"{said}“Wrong account.”", again.text)
    with tenant_scope(desk.tenant):
        assert Intent.objects.get().status == "UNDONE"


def test_the_timeline_is_filtered(desk: Desk) -> None:
    act(desk.propose().id, tenant=desk.tenant)
    client = enter(desk.house, Role.APPROVER)
    today = datetime.now(UTC).date()
    title = "Write an internal note</a>"
    for query, is_there in (
        ("account=acm", True),
        (f"account={desk.account.id}", True),
        ("account=nobody", False),
        ("type=create_internal_note", True),
        ("type=draft_email", False),
        (f"day={today - timedelta(days=9)}", False),
        ("day=nonsense&after=nonsense", True),
    ):
        page = client.get(f"/autopilot/?{query}").text
        assert (title in page) is is_there, query


def _grow(desk: Desk) -> None:
    """One more of everything that the three pages show."""
    desk.propose(MAIL, evidence=["a call"])
    desk.propose("send_email")
    act(desk.propose().id, tenant=desk.tenant)
    in_doubt(desk)
    held(desk)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_costs_the_same_however_much_there_is(desk: Desk, path: str) -> None:
    """U1: a constant number of queries, and a page that weighs little."""
    client = enter(desk.house, Role.ADMIN)
    costs = []
    for _ in range(3):
        _grow(desk)
        with CaptureQueriesContext(connection) as counted:
            assert client.get(path).status_code == 200
        costs.append(len(counted))
    assert costs[1] == costs[2], costs


@pytest.mark.parametrize("path", PAGES)
def test_full_pages_weigh_little(desk: Desk, path: str) -> None:
    """With style and scripts, as they are sent: below 150 KB."""
    for _ in range(11):
        act(desk.propose().id, tenant=desk.tenant)
        desk.propose(MAIL, rationale="They asked. " * 12)
    page = enter(desk.house, Role.SELLER).get(path)
    assert page.text.count("data-card") == (8 if path == "/autopilot/" else 5)
    files = set(re.findall(r'(?:href|src)="/static/([^"]+)"', page.text))
    found = [Path(str(finders.find(name))) for name in files]
    assert {"house.css", "house.js", "keys.js"} <= files
    assert len(page.content) + sum(each.stat().st_size for each in found) < 150_000
