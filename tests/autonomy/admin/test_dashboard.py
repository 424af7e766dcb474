"""The first page of the admin: what waits, what is stuck, what ran alone, what it cost."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from autonomy import overview
from autonomy.admin.chart import chart, percent
from autonomy.admin.life import length
from autonomy.models import Approval, Execution, Intent, Run, Tool
from autonomy.overview import Day, days
from autonomy.pipeline import act
from ledger.clock import clock
from ledger.scope import tenant_scope
from perception import pulse
from perception.models import Account, Person
from perception.rules.roles import Role
from tests.autonomy.admin.conftest import alert, fill, member, parked, simulated, tool
from tests.autonomy.conftest import Desk
from tests.conftest import House

BERLIN = ZoneInfo("Europe/Berlin")


def test_an_empty_tenant_is_told_how_to_begin(house: House) -> None:
    """U2: nothing is there yet; every card says what must happen for it to be."""
    page = member(house, Role.ADMIN).get("/admin/").content.decode()
    for said in (
        "Welcome. This is how it begins",
        "Connect a source",
        "Nothing was done in the last 14 days.",
        "Nothing is stuck, in doubt or left alone.",
        "Nobody is asked anything just now.",
        "No budget is set: a person is asked each time.",
        "Try a setting on last week",
    ):
        assert said in page, said


def test_it_tells_what_waits_and_what_is_stuck(desk: Desk, admin: Client) -> None:
    """U2: by risk, the oldest first; what needs a hand leads to where it is given."""
    done = desk.propose()
    act(done.id, tenant=desk.tenant)
    desk.propose("send_follow_up_email")
    desk.propose("send_proposal")
    parked(desk, error="The synthesizer was <cut> off.")
    alert(desk, tool(desk).key)
    with tenant_scope(desk.tenant):
        Tool.objects.update(forced_open=True)
        asked = Approval.objects.filter(status="PENDING").earliest("id")
    page = admin.get("/admin/").content.decode()
    for said in (
        "1 parked run",
        "status__exact=PARKED",
        "The synthesizer was &lt;cut&gt; off.",
        "Breaker of tool gift-shop is open",
        "objective missed",
        f"/admin/autonomy/approval/{asked.pk}/change/",
        "1 of 1</strong>",
        "act in 7 days, the week before: no acts",
        "1 of 100, 99 left",
        "verify_ledger --tenant",
        "Lately in the ledger",
    ):
        assert said in page, said


def test_a_simulation_tells_how_many_would_have_run_alone(
    desk: Desk, admin: Client
) -> None:
    """A13: the newest one's figures."""
    desk.propose()
    desk.propose("send_follow_up_email")
    row = simulated(desk)
    page = admin.get("/admin/").content.decode()
    assert "acts would have run alone" in page
    assert f"/admin/autonomy/simulation/{row.pk}/change/" in page


def test_figures_are_for_those_that_oversee(governed: Desk) -> None:
    """H1: admins and auditors; approvers are led to what waits for them."""
    for role in (Role.ADMIN, Role.AUDITOR):
        page = member(governed.house, role).get("/admin/").content.decode()
        assert "Lately in the ledger" in page
    page = member(governed.house, Role.APPROVER).get("/admin/").content.decode()
    assert "Lately in the ledger" not in page
    assert "What waits for you is in your inbox" in page
    assert member(governed.house, Role.SELLER).get("/admin/").status_code == 403


def test_whoever_keeps_the_house_sees_its_processes(db: None) -> None:
    """U4: a superuser without a tenant reads no tenant's figures."""
    email = f"root-{uuid4()}@house.example"
    root = Person.objects.create_superuser(email, "correct horse battery")
    client = Client()
    client.force_login(root)
    pulse.beat("relay", now=clock() - timedelta(minutes=3))
    pulse.beat("beat", now=clock())
    page = client.get("/admin/").content.decode()
    assert "silent for 3 minutes" in page
    assert "alive" in page
    assert "/admin/autonomy/job/" in page
    assert "Waiting for people" not in page


def test_one_tenant_tells_nothing_of_another(
    make_desk: Callable[..., Desk],
) -> None:
    """T1: two tenants; each reads its own."""
    full, empty = make_desk(), make_desk()
    fill(full)
    page = member(empty.house, Role.ADMIN).get("/admin/").content.decode()
    assert "parked run" not in page
    assert "Nobody is asked anything just now." in page


def test_it_costs_the_same_however_much_there_is(desk: Desk, admin: Client) -> None:
    """U1: twice the rows, as many queries."""
    counts = []
    for key in ("send_email", "draft_email"):
        desk.propose()
        desk.propose("send_follow_up_email")
        parked(desk)
        desk.budget(5, action_type=key)
        admin.get("/admin/")
        with CaptureQueriesContext(connection) as asked:
            assert admin.get("/admin/").status_code == 200
        counts.append(len(asked))
    assert counts[0] == counts[1]
    assert counts[0] < 32


def test_days_are_the_tenants_and_those_that_are_over_are_counted_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """U2: a day ends at midnight in Berlin, and is kept; today is counted each time."""
    now = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
    at = [
        datetime(2026, 11, 19, 22, 59, tzinfo=UTC),
        datetime(2026, 11, 19, 23, 1, tzinfo=UTC),
        datetime(2026, 11, 21, 8, 0, tzinfo=UTC),
    ]
    _acts(desk, at)
    with tenant_scope(desk.tenant):
        found = {each.day: each for each in days(zone=BERLIN, now=now)}
        assert len(found) == overview.DAYS
        for day in (19, 20, 21):
            one = found[date(2026, 11, day)]
            assert (one.acts, one.alone) == (1, 1)
        Execution.objects.filter(started_at=at[2]).update(auto_executed=False)
        with CaptureQueriesContext(connection) as asked:
            again = {each.day: each for each in days(zone=BERLIN, now=now)}
    assert again[date(2026, 11, 20)] == found[date(2026, 11, 20)]
    assert again[date(2026, 11, 21)].alone == 0
    assert len(asked) == 1
    assert "2026-11-20" not in asked[0]["sql"]
    monkeypatch.setattr(cache, "get_many", lambda keys: {})
    with tenant_scope(desk.tenant):
        assert days(zone=BERLIN, now=now) == list(again.values())


def test_a_chart_says_the_same_in_words() -> None:
    """U1: for whoever does not see it; nothing is divided by nothing."""
    first = date(2026, 11, 1)
    week = [Day(day=first + timedelta(days=n), acts=4, alone=3) for n in range(7)]
    quiet = [Day(day=each.day - timedelta(days=7), acts=0, alone=0) for each in week]
    drawn = chart([*quiet, *week])
    assert drawn.said == (
        "In the last 7 days 21 of 28 acts ran alone, 75 %; in the 7 days before, no acts."
    )
    assert (drawn.rate, drawn.of) == ("75 %", "of 28 acts")
    assert all(bar.top >= 0 and bar.alone_tall <= bar.tall for bar in drawn.bars)
    assert drawn.bars[-1].tall == drawn.base
    assert chart(quiet).is_empty
    few = chart([*week, Day(day=first, acts=2, alone=2), *quiet[1:]])
    assert (few.rate, few.of) == ("2 of 2", "acts")
    assert few.said == (
        "In the last 7 days 2 of 2 acts ran alone; in the 7 days before, "
        "75 % of 28 acts."
    )
    assert [percent(0, 0), percent(1, 1), percent(3, 4), percent(4, 5)] == [
        "no acts", "1 of 1", "3 of 4", "80 %",
    ]  # fmt: skip
    assert [length(timedelta(seconds=n)) for n in (1, 61, 7200, 200_000)] == [
        "1 second", "1 minute", "2 hours", "2 days",
    ]  # fmt: skip


@pytest.mark.long
def test_ten_thousand_that_wait_and_many_that_ran_cost_little(
    desk: Desk, admin: Client
) -> None:
    """U1: what is open is counted to an end; what is over is counted once."""
    with tenant_scope(desk.tenant):
        account = Account.objects.get()
        now = clock()
        plain = desk.propose("send_follow_up_email")
        verdict = plain.verdicts.get()
        values = {
            "tenant_id": desk.tenant, "account": account, "origin": "agent",
            "action_type": "send_follow_up_email", "parameters": {}, "created_at": now,
            "updated_at": now, "status": "PROPOSED",
        }  # fmt: skip
        intents = Intent.objects.bulk_create(Intent(**values) for _ in range(10_000))
        Approval.objects.bulk_create(
            Approval(
                tenant_id=desk.tenant, intent=each, verdict=verdict, account=account,
                payload_hash="x", requires_role="APPROVER", asked_at=now,
                expires_at=now + timedelta(days=1),
            )
            for each in intents
        )  # fmt: skip
        Run.objects.bulk_create(
            Run(
                tenant_id=desk.tenant, account=account, trigger="SIGNAL_ARRIVED",
                key=uuid4().hex, status="PARKED", stage="DECIDE", due_at=now,
                created_at=now, updated_at=now,
            )
            for _ in range(10_000)
        )  # fmt: skip
    page = admin.get("/admin/").content.decode()
    assert "10,000 or more parked runs" in page
    assert "10,000 " in page


def _acts(desk: Desk, at: list[datetime]) -> None:
    for each in at:
        intent = desk.propose()
        act(intent.id, tenant=desk.tenant)
        with tenant_scope(desk.tenant):
            Execution.objects.filter(intent=intent).update(started_at=each)
