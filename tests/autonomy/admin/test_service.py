"""X6 on its pages: figures, bars, objectives by the verb, alerts."""

from django.contrib.admin.utils import quote
from django.test import Client
from django.utils import timezone

from autonomy import service
from autonomy.admin.service import bars
from autonomy.models import Objective
from autonomy.rules.answers import Meaning, Said
from ledger.models import Entry
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.admin.conftest import alert, member, stated, tool
from tests.autonomy.conftest import Desk

LIST = "/admin/autonomy/objective/"
ALERTS = "/admin/autonomy/sloalert/"
WELL = Said(meaning=Meaning.DONE, detail="", status=200)
GIVEN = {
    "latency_ms": "1000",
    "latency_percent": "95",
    "success_percent": "99.5",
    "is_active": "on",
}


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return str(answer.content.decode())


def test_a_tenant_without_calls_is_told_so(desk: Desk, admin: Client) -> None:
    shown = page(admin, LIST)
    assert "No tool was called in the last day." in shown
    assert "mail.send/change/" in shown
    assert "No alert has opened yet." in page(admin, ALERTS)


def test_figures_stand_on_the_list_and_the_tools_page(
    desk: Desk, admin: Client
) -> None:
    now = timezone.now()
    with tenant_scope(desk.tenant):
        for _ in range(40):
            service.count("mail.send", WELL, 1400.0, now)
    shown = page(admin, LIST)
    assert "no alert" in shown
    assert "40 calls in the last day, 0 failed; at most 40 an hour" in shown
    assert shown.count("1.5 s") == 3
    one = page(admin, f"{LIST}mail.send/change/")
    assert "The last five minutes" in one
    assert one.count("1.5 s") >= 9


def test_an_objective_is_set_and_remembered(desk: Desk, admin: Client) -> None:
    """U2: by the verb, so before and after are stated."""
    key = tool(desk, "gift_5fshop").key
    path = f"{LIST}{quote(key)}/change/"
    assert f"{quote(key)}/change/" in page(admin, LIST)
    assert "Nothing was changed so far." in page(admin, path)
    for wrong in (
        {"latency_ms": "17"}, {"latency_percent": "100"}, {"success_percent": "1"},
    ):  # fmt: skip
        assert admin.post(path, {**GIVEN, **wrong}).status_code == 200
    with tenant_scope(desk.tenant):
        assert not Objective.objects.exists()
    assert admin.post(path, GIVEN).status_code == 302
    with tenant_scope(desk.tenant):
        aim = service.objective(key)
    assert (aim.latency_ms, aim.latency_percent, aim.success_percent) == (
        1000, 95, 99.5,
    )  # fmt: skip
    shown = page(admin, path)
    assert "5000" in shown
    assert "1000" in shown
    (entry,) = [
        each
        for each in stated(desk.house, Kind.SETTING_CHANGED)
        if each.data.get("setting") == "objective"
    ]
    assert entry.data["key"] == key
    assert admin.get(f"{LIST}nobody/change/").status_code == 302


def test_an_alert_stands_where_it_is_looked_for(desk: Desk, admin: Client) -> None:
    row = alert(desk, tool(desk).key)
    shown = page(admin, LIST)
    assert "fails too often" in shown
    assert "Alert: gift-shop, success" in page(admin, f"{LIST}gift-shop/change/")
    assert "Alert" not in page(admin, f"{LIST}mail.send/change/").split("History")[1]
    listed = page(admin, f"{ALERTS}?state=open")
    assert "gift-shop" in listed
    assert "100 and 100" in listed
    assert "gift-shop" in page(admin, f"{ALERTS}{row.pk}/change/")
    assert "Nothing fits" in page(admin, f"{ALERTS}?state=over")


def test_an_auditor_reads_and_changes_nothing(desk: Desk) -> None:
    client = member(desk.house, Role.AUDITOR)
    key = tool(desk).key
    assert "gift-shop" in page(client, LIST)
    path = f"{LIST}{key}/change/"
    page(client, path)
    with tenant_scope(desk.tenant):
        before = Entry.objects.count()
    assert client.post(path, GIVEN).status_code == 403
    with tenant_scope(desk.tenant):
        assert not Objective.objects.exists()
        assert Entry.objects.count() == before


def test_bars_show_what_there_is() -> None:
    """The smallest number is still to be seen, and nothing is drawn of nothing."""
    assert "no calls" in bars([(0, 0)] * 24)
    drawn = bars([(1000, 1), *[(0, 0)] * 23])
    assert drawn.count('height="24"') == 2
    assert 'height="2" style="fill: #dc2626"' in drawn
