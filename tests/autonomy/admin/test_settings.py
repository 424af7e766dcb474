"""Modes, opt-ins, budgets and action types: each form's write lands in the ledger."""

from typing import Any

import pytest
from django.test import Client

from autonomy import preview, registry
from autonomy.models import ActionRow, Budget, Mode, OptIn
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.admin.conftest import OWN_TYPE, member, stated
from tests.autonomy.conftest import Desk

HERE = "/admin/autonomy"


def newest(desk: Desk) -> Any:
    """The newest change of a setting."""
    entry = stated(desk.house, Kind.SETTING_CHANGED)[-1]
    assert entry.actor["id"] == str(desk.house.members[Role.ADMIN].id)
    return entry


def changes(desk: Desk) -> int:
    return len(stated(desk.house, Kind.SETTING_CHANGED))


def test_a_mode_is_set_changed_and_taken_away(desk: Desk, admin: Client) -> None:
    given = {"account": str(desk.account.id), "action_type": "send_email"}
    answer = admin.post(f"{HERE}/mode/add/", {**given, "mode": "APPROVAL"})
    assert answer.status_code == 302
    with tenant_scope(desk.tenant):
        row = Mode.objects.get(account=desk.account)
    assert newest(desk).data["after"] == {"mode": "APPROVAL"}
    assert newest(desk).subjects == {"account": str(desk.account.id)}
    path = f"{HERE}/mode/{row.pk}/change/"
    assert admin.post(path, {"mode": "AUTOPILOT"}).status_code == 302
    assert newest(desk).data["before"] == {"mode": "APPROVAL"}
    assert newest(desk).data["after"] == {"mode": "AUTOPILOT"}
    page = admin.get(path).content.decode()
    assert "<del>APPROVAL</del> → <ins>AUTOPILOT</ins>" in page
    assert "Acme · send email" in page
    assert f"Admin of {desk.house.slug}" in page
    assert "Take it away" in admin.get(f"{HERE}/mode/{row.pk}/unset/").content.decode()
    assert admin.post(f"{HERE}/mode/{row.pk}/unset/").status_code == 302
    assert newest(desk).data["before"] == {"mode": "AUTOPILOT"}
    with tenant_scope(desk.tenant):
        assert not Mode.objects.filter(account=desk.account).exists()


def test_a_wrong_mode_is_refused_at_its_field(desk: Desk, admin: Client) -> None:
    before = changes(desk)
    for given, said in (
        ({"mode": "FULL"}, "not one of the available choices"),
        ({"mode": "ASSIST", "action_type": "fly"}, "not one of the available choices"),
        ({"mode": "ASSIST", "account": str(desk.tenant)}, "not one of the available"),
        ({}, "This field is required"),
    ):
        answer = admin.post(f"{HERE}/mode/add/", given)
        assert answer.status_code == 200
        assert said in answer.content.decode()
    assert changes(desk) == before


def test_setting_a_scope_again_changes_it(desk: Desk, admin: Client) -> None:
    assert admin.post(f"{HERE}/mode/add/", {"mode": "ASSIST"}).status_code == 302
    assert newest(desk).data["before"] == {"mode": "AUTOPILOT"}
    with tenant_scope(desk.tenant):
        assert Mode.objects.get().mode == "ASSIST"
    before = changes(desk)
    assert admin.post(f"{HERE}/mode/add/", {"mode": "ASSIST"}).status_code == 302
    assert changes(desk) == before


def test_an_opt_in_says_who_and_when(desk: Desk, admin: Client) -> None:
    given = {"account": str(desk.account.id), "granted": "yes"}
    assert admin.post(f"{HERE}/optin/add/", given).status_code == 302
    with tenant_scope(desk.tenant):
        row = OptIn.objects.get()
        assert (row.granted, row.by_id) == (True, desk.house.members[Role.ADMIN].id)
    assert newest(desk).data["after"] == {"granted": True}
    path = f"{HERE}/optin/{row.pk}/change/"
    assert admin.post(path, {"granted": "perhaps"}).status_code == 200
    assert admin.post(path, {"granted": "no"}).status_code == 302
    assert newest(desk).data["before"] == {"granted": True}
    assert newest(desk).data["after"] == {"granted": False}
    assert "<del>yes</del> → <ins>no</ins>" in admin.get(path).content.decode()


def test_a_budget_is_set_used_and_withdrawn(desk: Desk, admin: Client) -> None:
    given = {"limit_per_day": 4, "decay_percent": 10, "account": str(desk.account.id)}
    assert admin.post(f"{HERE}/budget/add/", given).status_code == 302
    assert newest(desk).data["after"]["limit_per_day"] == 4
    with tenant_scope(desk.tenant):
        row = Budget.objects.get(account=desk.account)
    desk.propose()
    page = admin.get(f"{HERE}/budget/").content.decode()
    assert "1 of 4" in page
    assert "width:25%" in page
    path = f"{HERE}/budget/{row.pk}"
    changed = {"limit_per_day": 2, "decay_percent": 10}
    assert admin.post(f"{path}/change/", changed).status_code == 302
    assert newest(desk).data["before"]["limit_per_day"] == 4
    assert newest(desk).data["after"]["limit_per_day"] == 2
    assert admin.post(f"{path}/withdraw/").status_code == 302
    assert newest(desk).data["after"] == {"is_active": False}
    page = admin.get(f"{path}/change/").content.decode()
    assert "withdrawn" in page
    assert "Withdraw this budget" not in page


def test_a_wrong_budget_is_refused(desk: Desk, admin: Client) -> None:
    before = changes(desk)
    seller = str(desk.house.members[Role.SELLER].id)
    for given, said in (
        ({"limit_per_day": -1}, "greater than or equal to 0"),
        ({"limit_per_day": 1, "decay_percent": 101}, "less than or equal to 100"),
        ({"limit_per_day": 1, "each": "seller", "seller": seller}, "Give either this"),
    ):
        answer = admin.post(f"{HERE}/budget/add/", {"decay_percent": 0, **given})
        assert answer.status_code == 200
        assert said in answer.content.decode()
    assert changes(desk) == before


def test_a_type_is_tightened_and_never_loosened(desk: Desk, admin: Client) -> None:
    path = f"{HERE}/actionrow/draft_email/change/"
    given = {"tier": "APPROVAL_REQUIRED", "tool": "mail.send", "min_confidence": "0.9"}
    assert admin.post(path, given).status_code == 302
    data = newest(desk).data
    assert (data["setting"], data["key"]) == ("action_type", "draft_email")
    assert data["before"]["tier"] == "AUTONOMOUS"
    assert data["after"] == {
        "tier": "APPROVAL_REQUIRED",
        "tool": "mail.send",
        "min_confidence": 0.9,
    }
    before = changes(desk)
    answer = admin.post(path, {**given, "tier": "AUTONOMOUS"})
    assert answer.status_code == 200
    assert "a tier may only become stricter" in answer.content.decode()
    assert admin.post(path, {**given, "min_confidence": "1.5"}).status_code == 200
    assert changes(desk) == before
    page = admin.get(path).content.decode()
    assert "tier: <del>AUTONOMOUS</del> → <ins>APPROVAL_REQUIRED</ins>" in page
    with tenant_scope(desk.tenant):
        assert registry.one_type("draft_email").min_confidence == 0.9
    assert "changed here" in admin.get(f"{HERE}/actionrow/").content.decode()
    assert admin.get(f"{HERE}/actionrow/fly_to_mars/change/").status_code == 302


def form_of(**more: Any) -> dict[str, Any]:
    """The form of a type of one's own, filled in."""
    given = {
        name: value for name, value in OWN_TYPE.items() if value not in (False, [])
    }
    given |= {"schema": '{"type": "object"}', "example": "{}", "external_contact": "on"}
    return {**given, **more}


def test_a_type_of_ones_own_is_added(desk: Desk, admin: Client) -> None:
    answer = admin.post(f"{HERE}/actionrow/add/", form_of(touches=["price"]))
    assert answer.status_code == 302
    with tenant_scope(desk.tenant):
        made = registry.one_type("send_gift_card")
        declared: Any = ActionRow.objects.get().declared
    assert declared["touches"] == ["price"]
    assert (made.traits.tier, made.traits.external_contact) == (
        "APPROVAL_REQUIRED",
        True,
    )
    assert newest(desk).data["before"] is None
    assert newest(desk).data["key"] == "send_gift_card"
    page = admin.get(f"{HERE}/actionrow/").content.decode()
    assert "send gift card" in page
    assert "your own" in page


def test_a_wrong_type_is_refused_at_its_field(desk: Desk, admin: Client) -> None:
    before = changes(desk)
    object_of = '{{"type": "object", "properties": {{"a": {}}}}}'.format
    for wrong, said in (
        ({"key": "Send It"}, "Enter a valid value"),
        ({"key": "send_email"}, "There is an action type of this key already."),
        ({"schema": "{"}, "Enter a valid JSON"),
        ({"schema": '{"type": "array"}'}, "Parameters are an object"),
        ({"schema": '{"type": "object", "required": 1}'}, "is not of type"),
        ({"schema": object_of('{"$ref": "http://10.0.0.1/"}')}, "without $ref"),
        (
            {"schema": object_of('{"pattern": "("}'), "example": '{"a": "b"}'},
            "is not a 'regex'",
        ),
        ({"example": "[1]"}, "Write an object"),
        (
            {"schema": object_of('{"type": "string"}'), "example": '{"a": 1}'},
            "is not of type",
        ),
    ):
        answer = admin.post(f"{HERE}/actionrow/add/", form_of(**wrong))
        assert answer.status_code == 200
        assert said in answer.content.decode().replace("&#x27;", "'"), wrong
    assert changes(desk) == before


def test_a_preview_takes_only_the_newest_of_many(
    desk: Desk, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.propose("send_email")
    for _ in range(2):
        desk.propose()
    monkeypatch.setattr(preview, "MOST", 2)
    found = admin.post(f"{HERE}/mode/preview/", {"mode": "DISABLED"}).content.decode()
    assert "0 of the last 2 acts would have run alone (today’s setting: 2)" in found
    assert "Last week holds more; these are the newest, since" in found


def test_a_preview_tells_what_last_week_would_have_been(
    desk: Desk, admin: Client
) -> None:
    path = f"{HERE}/mode/preview/"
    empty = admin.post(path, {"mode": "ASSIST"}).content.decode()
    assert "Nothing was proposed in the last seven days" in empty
    for _ in range(3):
        desk.propose()
    desk.propose("send_email")
    before = changes(desk)
    found = admin.post(path, {"mode": "ASSIST"}).content.decode()
    assert "0 of last week’s 4 acts would have run alone" in found
    assert "(today’s setting: 3)" in found
    with tenant_scope(desk.tenant):
        budget = Budget.objects.get()
    limit = {"limit_per_day": 2, "decay_percent": 0}
    found = admin.post(f"{HERE}/budget/{budget.pk}/preview/", limit).content.decode()
    assert "2 of last week’s 4 acts would have run alone" in found
    wrong = admin.post(f"{HERE}/budget/preview/", {"limit_per_day": "many"})
    assert "Acts a day: Enter a whole number." in wrong.content.decode()
    assert changes(desk) == before
    with tenant_scope(desk.tenant):
        assert Mode.objects.get().mode == "AUTOPILOT"
        assert Budget.objects.get().limit_per_day == 100
    assert member(desk.house, Role.AUDITOR).post(path).status_code == 403
