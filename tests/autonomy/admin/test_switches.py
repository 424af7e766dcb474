"""Kill switches and what was walked, in the pages."""

from django.test import Client

from autonomy.execute import start
from autonomy.models import Execution, KillSwitch
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.admin.conftest import stated
from tests.autonomy.conftest import Desk

HERE = "/admin/autonomy"
STOP = f"{HERE}/killswitch/add/"


def test_a_stop_is_asked_twice_then_holds_then_is_released(
    desk: Desk, admin: Client
) -> None:
    assert "Nothing is stopped." in admin.get(f"{HERE}/killswitch/").content.decode()
    given = {"scope": "action_type", "action_type": "send_email", "reason": "Wrong."}
    asked = admin.post(STOP, given).content.decode()
    assert "Stop this now?" in asked
    assert "Action type “send email”" in asked
    assert stated(desk.house, Kind.SWITCH_ENGAGED) == []
    answer = admin.post(STOP, {**given, "agreed": "yes"})
    assert answer.status_code == 302
    entry = stated(desk.house, Kind.SWITCH_ENGAGED)[0]
    assert entry.data == {
        "scope": "action_type",
        "target": "send_email",
        "reason": "Wrong.",
    }
    assert entry.actor["id"] == str(desk.house.members[Role.ADMIN].id)
    with tenant_scope(desk.tenant):
        switch = KillSwitch.objects.get()
    path = f"{HERE}/killswitch/{switch.pk}"
    page = admin.get(f"{path}/change/").content.decode()
    assert "ENGAGED" in page
    assert f"/api/v1/kill-switches/{switch.pk}/certificate/" in page
    for anywhere in ("mode", "intent", "actionrow", "bundle/add"):
        page = admin.get(f"{HERE}/{anywhere}/").content.decode()
        assert "Stopped: Action type “send email”." in page
    assert admin.post(f"{path}/release/", {"hold_seconds": 60}).status_code == 200
    answer = admin.post(f"{path}/release/", {"reason": "Mended.", "hold_seconds": 60})
    assert answer.status_code == 302
    page = admin.get(f"{path}/change/").content.decode()
    assert "RETURNING" in page
    assert "End the hold" in page
    assert admin.post(f"{path}/release/", {"reason": "All good."}).status_code == 302
    page = admin.get(f"{path}/change/").content.decode()
    assert "RELEASED" in page
    assert "End the hold" not in page
    assert len(stated(desk.house, Kind.SWITCH_RELEASED)) == 2
    assert admin.get(f"{path}/release/").status_code == 302


def test_a_stop_needs_what_and_why(desk: Desk, admin: Client) -> None:
    for given, said in (
        ({"scope": "account", "reason": "x"}, "Say which."),
        ({"scope": "tenant"}, "This field is required."),
        ({"scope": "global", "reason": "x"}, "not one of the available choices"),
        ({"reason": "x"}, "This field is required."),
        (
            {"scope": "tool", "tool": "hammer", "reason": "x"},
            "not one of the available",
        ),
        (
            {"scope": "account", "account": str(desk.tenant), "reason": "x"},
            "not one of the available",
        ),
    ):
        answer = admin.post(STOP, {**given, "agreed": "yes"})
        assert answer.status_code == 200
        assert said in answer.content.decode(), given
    assert stated(desk.house, Kind.SWITCH_ENGAGED) == []


def test_every_scope_can_be_stopped(desk: Desk, admin: Client) -> None:
    seller = desk.house.members[Role.SELLER]
    for scope, target in (
        ("tenant", ""),
        ("account", str(desk.account.id)),
        ("seller", str(seller.id)),
        ("action_type", "draft_email"),
        ("tool", "mail.send"),
        ("connector", "mail"),
        ("plan_type", "RENEWAL_DEFENSE"),
    ):
        given = {"scope": scope, scope: target, "reason": "Stop.", "agreed": "yes"}
        assert admin.post(STOP, given).status_code == 302
        data = stated(desk.house, Kind.SWITCH_ENGAGED)[-1].data
        assert (data["scope"], data["target"]) == (scope, target)
    page = admin.get(f"{HERE}/killswitch/").content.decode()
    for said in (
        "Everything here",
        "“Acme”",
        f"“Seller of {desk.house.slug}",
        "“mail”",
        "“Defend a renewal”",
    ):
        assert said in page


def test_an_intent_shows_every_layer(desk: Desk, admin: Client) -> None:
    intent = desk.propose("send_email", rationale="<b>They asked.</b>")
    page = admin.get(f"{HERE}/intent/{intent.pk}/change/").content.decode()
    assert "asks a person" in page
    assert page.count('<th scope="row" class="gv-keep">') == 10
    assert "It would run alone, if" in page or "It was not judged" not in page
    assert f"/api/v1/intents/{intent.pk}/explanation/" in page
    assert "&lt;b&gt;They asked.&lt;/b&gt;" in page
    assert admin.post(f"{HERE}/intent/{intent.pk}/change/").status_code == 403


def test_what_was_done_leads_back_to_why(desk: Desk, admin: Client) -> None:
    intent = desk.propose()
    with tenant_scope(desk.tenant):
        start(intent.id)
        act = Execution.objects.get()
    page = admin.get(f"{HERE}/execution/{act.pk}/change/").content.decode()
    assert f"/admin/autonomy/intent/{intent.pk}/change/" in page
    assert f"/api/v1/executions/{act.pk}/explanation/" in page
    found = admin.get(f"{HERE}/execution/", {"q": str(intent.pk)}).content.decode()
    assert "create internal note" in found
    nothing = admin.get(f"{HERE}/execution/", {"q": "nonsense"}).content.decode()
    assert "Nothing fits what was asked for." in nothing
    page = admin.get(f"{HERE}/intent/{intent.pk}/change/").content.decode()
    assert f"/admin/autonomy/execution/{act.pk}/change/" in page
