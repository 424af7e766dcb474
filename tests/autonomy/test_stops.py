"""A1, U2: the big red switch on every page, and what is stopped as everybody sees it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.core import signing
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from autonomy import stopped
from autonomy.models import KillSwitch
from autonomy.rules.switches import Scope
from autonomy.switchboard import Wanted, end_due, engage, release
from autonomy.views import stops
from ledger.clock import clock
from ledger.record import SYSTEM
from ledger.rules.kinds import Kind
from ledger.scope import PLATFORM, tenant_scope
from perception.accounts import add_account
from perception.models import Account, Membership, Person
from perception.rules.roles import Role
from tests.autonomy.admin.conftest import member, press, stated
from tests.autonomy.conftest import Desk
from tests.conftest import NOW

PAGES = ("/", "/autopilot/", "/plans/", "/stop/", "/admin/", "/admin/autonomy/mode/")


@pytest.fixture
def admin(desk: Desk) -> Client:
    return member(desk.house, Role.ADMIN)


@pytest.fixture
def seller(desk: Desk) -> Client:
    return member(desk.house, Role.SELLER)


def test_everything_is_stopped_from_any_page_and_everybody_sees_it(
    desk: Desk, admin: Client, seller: Client
) -> None:
    """A1: one POST; back to where one was; on the pages of all, with the reason."""
    for path in PAGES:
        page = admin.get(path).content.decode()
        assert 'id="stop-switch"' in page or path == "/stop/", path
        assert "Stopped:" not in page
    assert 'id="stop-switch"' not in seller.get("/").content.decode()
    given = {"scope": "tenant", "reason": "A wrong price.", "next": "/plans/?tab=ended"}
    answer = admin.post("/stop/", given)
    assert (answer.status_code, answer["Location"]) == (302, "/plans/?tab=ended")
    entry = stated(desk.house, Kind.SWITCH_ENGAGED)[0]
    assert entry.actor["id"] == str(desk.house.members[Role.ADMIN].id)
    assert entry.data == {"scope": "tenant", "target": "", "reason": "A wrong price."}
    for client, paths in ((admin, PAGES), (seller, ("/", "/plans/"))):
        for path in paths:
            page = client.get(path).content.decode()
            assert "Stopped: Everything here.</strong> A wrong price." in page, path
            assert page.count('class="st-one') == 1
    assert desk.propose().status == "BLOCKED"


@pytest.mark.parametrize("role", [each for each in Role if each is not Role.ADMIN])
def test_only_admins_stop_and_let_go(desk: Desk, role: Role) -> None:
    """H1: refused, and nothing happened."""
    client = member(desk.house, role)
    given = {"scope": "tenant", "reason": "No."}
    assert client.get("/stop/").status_code == 403
    assert client.post("/stop/", given).status_code == 403
    switch = press(desk, Scope.TENANT, "", "A test.")
    path = f"/stop/{switch.pk}/release/"
    assert client.post(path, {"reason": "Go on."}).status_code == 403
    assert len(stated(desk.house, Kind.SWITCH_ENGAGED)) == 1
    assert stated(desk.house, Kind.SWITCH_RELEASED) == []


def test_a_stop_of_less_names_its_target(desk: Desk, admin: Client) -> None:
    """A1: an account by its name; what is not there is refused, and what was written stays."""
    for given, said in (
        (
            {"scope": "account", "account": "Nobody", "reason": "x"},
            "No account is called",
        ),
        ({"scope": "account", "reason": "x"}, "Say which."),
        ({"scope": "tool", "tool": "hammer", "reason": "Kept."}, "Kept."),
        ({"scope": "tenant"}, "This field is required."),
        ({"scope": "global", "reason": "x"}, "not one of the available"),
        ({"scope": "tenant", "reason": "x", "ends": "7"}, "not one of the available"),
    ):
        answer = admin.post("/stop/", given)
        assert answer.status_code == 200
        assert said in answer.content.decode(), given
    assert stated(desk.house, Kind.SWITCH_ENGAGED) == []
    page = admin.get(f"/stop/?scope=account&target={desk.account.pk}").content.decode()
    assert 'value="Acme"' in page
    given = {"scope": "account", "account": "acme", "reason": "They asked."}
    assert admin.post("/stop/", {**given, "next": "//evil.example/"}).status_code == 302
    data = stated(desk.house, Kind.SWITCH_ENGAGED)[0].data
    assert (data["scope"], data["target"]) == ("account", str(desk.account.pk))
    for key in ("seller", "action_type", "tool", "connector"):
        page = admin.get("/stop/").content.decode()
        assert f'name="{key}"' in page


def test_two_accounts_of_one_name_are_not_mixed_up(desk: Desk, admin: Client) -> None:
    """A1: neither is stopped by a name that both have."""
    with tenant_scope(desk.tenant):
        twin = {"external_id": "acme-2", "name": "Acme", "owner": None}
        second = add_account(twin, by=desk.admin, now=NOW)
    given = {"scope": "account", "account": "Acme", "reason": "x"}
    assert "Several accounts" in admin.post("/stop/", given).content.decode()
    assert stated(desk.house, Kind.SWITCH_ENGAGED) == []
    page = admin.get(f"/stop/?scope=account&target={second.pk}").content.decode()
    assert f'value="{second.pk}"' in page
    given["account"] = str(second.pk)
    assert admin.post("/stop/", given).status_code == 302


def test_it_is_let_go_in_stages_from_the_banner(desk: Desk, admin: Client) -> None:
    """A1: with a reason; once more ends the hold."""
    switch = press(desk, Scope.TENANT, "", "A test.")
    path = f"/stop/{switch.pk}/release/"
    assert admin.get(path).status_code == 302
    admin.post(path, {"reason": " "})
    assert stated(desk.house, Kind.SWITCH_RELEASED) == []
    answer = admin.post(path, {"reason": "Mended.", "next": "/plans/"})
    assert answer["Location"] == "/plans/"
    page = admin.get("/plans/").content.decode()
    assert "Returning: Everything here." in page
    assert "End the wait" in page
    admin.post(path, {"reason": "All is well."})
    page = admin.get("/plans/").content.decode()
    assert "Returning" not in page
    assert "Everything of it starts again." in page or "Released" in page
    assert len(stated(desk.house, Kind.SWITCH_RELEASED)) == 2
    admin.post(path, {"reason": "Again."})
    assert "It was released at" in admin.get("/plans/").content.decode()


def test_a_stop_ends_when_it_was_to(desk: Desk, admin: Client) -> None:
    """A1: let go by the house, with a reason, in stages; before that, nothing."""
    given = {"scope": "tenant", "reason": "A freeze.", "ends": "60"}
    assert admin.post("/stop/", given).status_code == 302
    entry = stated(desk.house, Kind.SWITCH_ENGAGED)[0]
    assert entry.data["ends_at"]
    assert "<span>Until " in admin.get("/plans/").content.decode()
    now = clock()
    end_due(now=now + timedelta(minutes=59))
    assert stated(desk.house, Kind.SWITCH_RELEASED) == []
    end_due(now=now + timedelta(minutes=61))
    end_due(now=now + timedelta(minutes=62))
    released = stated(desk.house, Kind.SWITCH_RELEASED)
    assert [each.data["reason"] for each in released] == ["Its end was reached."]
    assert released[0].actor["type"] == "system"
    assert "Returning: Everything here." in admin.get("/plans/").content.decode()


def test_looking_again_costs_one_statement_and_no_session(
    desk: Desk, admin: Client
) -> None:
    """U2: live everywhere; what nobody pays for is asked for every second."""
    leave, seen = _pass(admin)
    stranger = Client()
    asked = {"X-Stops": leave, "X-Seen": seen}
    with CaptureQueriesContext(connection) as asked_for:
        answer = stranger.get("/stops/now/", headers=asked)
    assert (answer.status_code, answer.content) == (204, b"")
    assert len(asked_for) == 1
    assert not answer.cookies
    press(desk, Scope.ACTION_TYPE, "send_email", "A wrong template.")
    answer = admin.get("/stops/now/", headers=asked)
    assert "Action type “send email”" in answer.content.decode()
    assert "csrfmiddlewaretoken" in answer.content.decode()
    asked["X-Seen"] = answer.headers["X-Seen"]
    assert stranger.get("/stops/now/", headers=asked).status_code == 204


def test_a_pass_is_for_its_tenant_and_for_a_while(
    desk: Desk, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T1: what was not signed here, or long ago, tells nothing; a session gets a new one."""
    leave, _ = _pass(admin)
    press(desk, Scope.TENANT, "", "A secret reason.")
    forged = signing.dumps([str(desk.tenant), "x", "ADMIN"], salt="another")
    for bad in ("", "nonsense", leave[:-2], forged):
        answer = Client().get("/stops/now/", headers={"X-Stops": bad})
        assert (answer.status_code, answer.headers["X-Stops"]) == (204, "renew")
    monkeypatch.setattr(stops, "GOOD_FOR", timedelta(seconds=-1))
    answer = Client().get("/stops/now/", headers={"X-Stops": leave})
    assert answer.headers["X-Stops"] == "renew"
    answer = admin.get("/stops/")
    assert "A secret reason." in answer.content.decode()
    assert answer.headers["X-Stops"]
    assert Client().get("/stops/").status_code == 302


@pytest.mark.parametrize("change", ["removed", "locked out", "another role"])
def test_a_pass_ends_with_what_its_person_was(
    desk: Desk, admin: Client, change: str
) -> None:
    """H1: at once, not when it expires; not even that nothing has changed is told."""
    leave, seen = _pass(admin)
    press(desk, Scope.TENANT, "", "A secret reason.")
    asked = {"X-Stops": leave, "X-Seen": seen}
    with tenant_scope(desk.tenant):
        held = Membership.objects.filter(pk=desk.house.members[Role.ADMIN].pk)
        if change == "locked out":
            Person.objects.filter(memberships__in=held).update(is_active=False)
        else:
            left = {"removed": {"is_active": False}, "another role": {"role": "SELLER"}}
            held.update(**left[change])
    for headers in (asked, {"X-Stops": leave}):
        with CaptureQueriesContext(connection) as asked_for:
            answer = Client().get("/stops/now/", headers=headers)
        assert (answer.status_code, answer.headers["X-Stops"]) == (204, "renew")
        assert "X-Seen" not in answer.headers
        assert len(asked_for) == 1
    again = admin.get("/stops/")
    if change == "another role":
        assert "Let it go" not in again.content.decode()
        renewed = {"X-Stops": again.headers["X-Stops"]}
        assert Client().get("/stops/now/", headers=renewed).status_code == 200
    else:
        assert again.status_code == (403 if change == "removed" else 302)
        assert "X-Stops" not in again.headers


def test_a_seller_is_not_told_of_accounts_of_others(
    desk: Desk, seller: Client, admin: Client
) -> None:
    """H1: a stop of an account names it to whoever may see that account."""
    with tenant_scope(desk.tenant):
        other = {"external_id": "o", "name": "Other & Co", "owner": None}
        account = add_account(other, by=desk.admin, now=NOW)
    press(desk, Scope.ACCOUNT, str(account.pk), "They asked.")
    press(desk, Scope.ACCOUNT, str(desk.account.pk), "So did they.")
    mine, all_ = (each.get("/").content.decode() for each in (seller, admin))
    assert "“Acme”" in mine
    assert "Other" not in mine
    assert "They asked." not in mine
    assert "Other &amp; Co" in all_
    leave, _ = _pass(seller)
    shown = Client().get("/stops/now/", headers={"X-Stops": leave}).content.decode()
    assert "Acme" in shown
    assert "Other" not in shown


def test_what_stops_the_house_is_said_in_every_tenant(
    desk: Desk, admin: Client
) -> None:
    """A1: operators stop everything; an admin reads it and cannot let it go."""
    with _house_stopped():
        page = admin.get("/").content.decode()
        assert "Stopped: Everything in the house." in page
        assert "Let it go" not in page
    assert "Everything in the house" not in admin.get("/").content.decode()


def test_a_board_that_is_not_there_is_said_to_stop(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A1: unreadable counts as on, and nobody is told otherwise."""
    monkeypatch.setattr(
        stopped, "_BOARDS", "SELECT now(), '[]', NULL FROM (SELECT %s) x"
    )
    page = admin.get("/").content.decode()
    assert "The kill switches cannot be read" in page


def test_the_banner_costs_the_same_however_much_is_stopped(
    desk: Desk, admin: Client
) -> None:
    """U1: a constant number of queries."""
    counts = []
    for _ in range(2):
        for key in ("send_email", "draft_email"):
            press(desk, Scope.ACTION_TYPE, key, "x")
        press(desk, Scope.ACCOUNT, str(desk.account.pk), "x")
        with CaptureQueriesContext(connection) as asked:
            assert admin.get("/stop/").status_code == 200
        counts.append(len(asked))
    assert counts[0] == counts[1]
    with tenant_scope(desk.tenant):
        assert KillSwitch.objects.count() == 6
        assert Account.objects.count() == 1


def _pass(client: Client) -> tuple[str, str]:
    answer: Any = client.get("/stops/")
    return answer.headers["X-Stops"], answer.headers["X-Seen"]


@contextmanager
def _house_stopped() -> Iterator[None]:
    wanted = Wanted(scope=Scope.GLOBAL, target="", reason="An outage.")
    with tenant_scope(PLATFORM):
        switch = engage(wanted, by=SYSTEM, now=clock())
    try:
        yield
    finally:
        with tenant_scope(PLATFORM):
            release(switch.pk, "Over.", by=SYSTEM, hold=timedelta(0))
