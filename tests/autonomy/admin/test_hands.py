"""Tools, triggers, the budget of decisions and connectors on their pages."""

import re
from typing import Any

from django.test import Client

from autonomy import pacing
from autonomy.models import Tool
from ledger.models import Entry
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from perception import connectors, guards, vault
from perception.models import Connector
from perception.rules.roles import Role
from tests.autonomy.admin.conftest import SECRET, member, stated, tool
from tests.autonomy.conftest import Desk

HERE = "/admin/autonomy"
CONNECTORS = "/admin/perception/connector"
OTHER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SHOP = {
    "key": "shop",
    "url": "https://shop.example/act",
    "secret": SECRET,
    "effect": "KEYED",
    "timeout_s": "5",
    "rate_per_s": "2",
}
WINDOWS = {
    "enabled": "on",
    "debounce_s": "30",
    "cooldown_s": "600",
    "max_per_account_hour": "4",
    "max_per_tenant_hour": "100",
}


def told(client: Client, path: str, given: dict[str, Any] | None = None) -> str:
    answer = client.post(path, given or {}, follow=True)
    assert answer.status_code == 200, path
    return str(answer.content.decode())


def test_a_tools_secret_goes_in_and_never_comes_out(desk: Desk, admin: Client) -> None:
    for wrong, said in (
        ({"url": "ftp://shop.example"}, "A URL begins with https"),
        ({"url": "https://me:you@shop.example"}, "holds no user"),
        ({"secret": "abc"}, "whsec_"),
        ({"key": "internal.note"}, "is the house&#x27;s own"),
    ):
        assert said in told(admin, f"{HERE}/tool/add/", {**SHOP, **wrong}), wrong
    with tenant_scope(desk.tenant):
        assert not Tool.objects.exists()
    told(admin, f"{HERE}/tool/add/", SHOP)
    with tenant_scope(desk.tenant):
        made = Tool.objects.get()
    path = f"{HERE}/tool/{made.pk}/change/"
    page = admin.get(path).content.decode()
    assert "Nothing yet: bind an action type to it." in page
    assert "whsec_C2F" not in page
    given = {**SHOP, "rate_per_s": "3", "secret": ""}
    told(admin, path, given)
    with tenant_scope(desk.tenant):
        kept = Tool.objects.get()
    assert (kept.rate_per_s, vault.unseal(kept.sealed_secret)) == (3.0, SECRET)
    told(admin, path, {**given, "secret": OTHER})
    page = admin.get(path).content.decode()
    assert "replaced" in page
    assert OTHER not in page
    with tenant_scope(desk.tenant):
        assert vault.unseal(Tool.objects.get().sealed_secret) == OTHER
    assert len(stated(desk.house, Kind.SETTING_CHANGED)) >= 3


def test_a_tool_of_ones_own_can_be_bound_on_the_page_of_a_type(
    desk: Desk, admin: Client
) -> None:
    tool(desk)
    path = f"{HERE}/actionrow/create_briefing/change/"
    given = {"tier": "AUTONOMOUS", "tool": "gift-shop", "min_confidence": ""}
    told(admin, path, given)
    with tenant_scope(desk.tenant):
        made = Tool.objects.get()
    page = admin.get(f"{HERE}/tool/{made.pk}/change/").content.decode()
    assert "create briefing" in page
    told(admin, path, {**given, "min_confidence": "0.8"})
    assert "0.8" in admin.get(path).content.decode()


def test_a_breaker_is_held_open_and_reset(desk: Desk, admin: Client) -> None:
    """P10: and both are stated."""
    made = tool(desk)
    path = f"{HERE}/tool/{made.pk}"
    page = admin.get(f"{path}/change/").content.decode()
    assert "closed: calls go out" in page
    assert "Reset the breaker" not in page
    assert (
        "No call goes out until you reset it."
        in admin.get(f"{path}/hold/").content.decode()
    )
    assert stated(desk.house, Kind.BREAKER_MOVED) == []
    page = told(admin, f"{path}/hold/")
    assert "held open by a person" in page
    page = told(admin, f"{path}/reset/")
    assert "Calls go out again." in page
    assert "Breaker of gift-shop" in page
    moved = stated(desk.house, Kind.BREAKER_MOVED)
    assert [entry.data["after"] for entry in moved] == ["OPEN (FORCED)", "CLOSED"]
    with tenant_scope(desk.tenant):
        assert not guards.breaker_of(Tool.objects.get()).forced_open


def test_a_triggers_windows_are_set_and_remembered(desk: Desk, admin: Client) -> None:
    """G1: adjustable for each type; before and after are stated."""
    path = f"{HERE}/triggerrow/SIGNAL_ARRIVED/change/"
    assert "Something happened at an account." in admin.get(path).content.decode()
    wrong = told(admin, path, {**WINDOWS, "debounce_s": "-1"})
    assert "greater than or equal to 0" in wrong
    told(admin, path, WINDOWS)
    told(admin, path, {**WINDOWS, "enabled": ""})
    with tenant_scope(desk.tenant):
        held = pacing.trigger("SIGNAL_ARRIVED")
    assert (held["enabled"], held["debounce_s"], held["cooldown_s"]) == (False, 30, 600)
    page = admin.get(f"{HERE}/triggerrow/").content.decode()
    assert page.count("changed here") == 1
    page = admin.get(path).content.decode()
    assert "signal arrived" in page
    manual = admin.get(f"{HERE}/triggerrow/MANUAL/change/").content.decode()
    assert "Nothing was changed so far." in manual
    assert admin.get(f"{HERE}/triggerrow/NONE/change/").status_code == 302


def test_the_budget_of_decisions_is_one_page(desk: Desk, admin: Client) -> None:
    """G4: what a day may take, and what today has used."""
    answer = admin.get(f"{HERE}/decisionbudget/", follow=True)
    path = answer.redirect_chain[-1][0]
    assert "0 of 50,000" in answer.content.decode()
    given = {"runs_per_day": "200", "runs_per_account_day": "5", "cost_per_day": "2.5"}
    told(admin, path, given)
    with tenant_scope(desk.tenant):
        assert pacing.decision_budget() == {
            "runs_per_day": 200,
            "runs_per_account_day": 5,
            "cost_per_day": 2.5,
        }
    assert "0 of 200" in admin.get(path).content.decode()
    (entry,) = [
        each
        for each in stated(desk.house, Kind.SETTING_CHANGED)
        if each.data.get("setting") == "decision_budget"
    ]
    assert entry.data["before"]["runs_per_day"] == 50_000


def test_a_connectors_secret_is_shown_once(desk: Desk, admin: Client) -> None:
    """P2: added, shut out, given a new secret; what it delivered is listed."""
    page = told(admin, f"{CONNECTORS}/add/", {"name": "CRM"})
    (secret,) = re.findall(r"whsec_[A-Za-z0-9+/=]+", page)
    with tenant_scope(desk.tenant):
        made = Connector.objects.get()
        assert connectors.secrets_of(made) == [secret]
    path = f"{CONNECTORS}/{made.pk}"
    page = admin.get(f"{path}/change/").content.decode()
    assert secret not in page
    assert f"/api/v1/webhooks/{made.pk}/" in page
    assert "Nothing was delivered yet." in page
    assert "of this name already" in told(admin, f"{CONNECTORS}/add/", {"name": "CRM"})
    page = told(admin, f"{path}/rotate/", {"keep_old": "on"})
    (newer,) = re.findall(r"whsec_[A-Za-z0-9+/=]+", page)
    with tenant_scope(desk.tenant):
        assert connectors.secrets_of(Connector.objects.get()) == [newer, secret]
    told(admin, f"{path}/rotate/", {})
    with tenant_scope(desk.tenant):
        assert len(connectors.secrets_of(Connector.objects.get())) == 1
    told(admin, f"{path}/change/", {"name": "CRM of sales"})
    with tenant_scope(desk.tenant):
        held = Connector.objects.get()
        assert (held.name, held.is_active) == ("CRM of sales", False)
        last = Entry.objects.filter(kind=Kind.SETTING_CHANGED).latest("number")
    assert last.data["after"] == {"name": "CRM of sales", "is_active": False}
    assert secret not in str(last.data)


def test_an_auditor_reads_connectors_and_changes_none(desk: Desk) -> None:
    client = member(desk.house, Role.AUDITOR)
    admin = member(desk.house, Role.ADMIN)
    told(admin, f"{CONNECTORS}/add/", {"name": "CRM"})
    with tenant_scope(desk.tenant):
        made = Connector.objects.get()
        before = Entry.objects.count()
    path = f"{CONNECTORS}/{made.pk}"
    page = client.get(f"{path}/change/")
    assert page.status_code == 200
    assert 'class="gv-button' not in page.content.decode()
    for door in ("change", "rotate"):
        answer = client.post(f"{path}/{door}/", {"name": "Mine", "keep_old": ""})
        assert answer.status_code == 403
    assert client.post(f"{CONNECTORS}/add/", {"name": "Mine"}).status_code == 403
    with tenant_scope(desk.tenant):
        assert Connector.objects.get().name == "CRM"
        assert Entry.objects.count() == before
