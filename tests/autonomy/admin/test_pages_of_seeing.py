"""Accounts and settings on their pages, in words; what acts left behind, to read."""

import re
from typing import Any

from django.test import Client

from autonomy.models import Effect
from autonomy.perform import perform
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from perception.models import Tenant
from perception.rules.roles import Role
from tests.autonomy.admin.conftest import member, stated
from tests.autonomy.conftest import Desk
from tests.autonomy.tools.peer import approved


def _fields(page: str) -> dict[str, Any]:
    """What a browser would send back of the settings as they are shown."""
    found = dict(re.findall(r'<input[^>]* name="(\w+)"[^>]* value="([^"]*)"', page))
    for name, options in re.findall(
        r'<select[^>]* name="(\w+)".*?>(.*?)</select>', page, re.DOTALL
    ):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        found[name] = chosen[1] if chosen else ""
    return {
        name: value
        for name, value in found.items()
        if not name.startswith(("_", "csrf")) and name != "four_eyes"
    }


def test_how_often_accounts_are_looked_at_is_set_on_the_page(
    desk: Desk, admin: Client
) -> None:
    """P5, P6: minutes in place of seconds; what is not touched stays as it is."""
    path = f"/admin/perception/tenant/{desk.tenant}/change/"
    page = admin.get(path).content.decode()
    given = _fields(page)
    assert given["cadence_COLD_every_s"] == "4320"
    assert given["pull_units_per_day"] == "10000"
    assert admin.post(path, given).status_code == 302
    with tenant_scope(desk.tenant):
        assert Tenant.objects.get().cadence == {}
    before = len(stated(desk.house, Kind.SETTING_CHANGED))
    wrong = {**given, "cadence_WARM_every_s": "120", "cadence_WARM_up_to_s": "60"}
    assert "or more." in admin.post(path, wrong).content.decode()
    wrong = {**given, "cadence_HOT_every_s": "1"}
    assert "greater than or equal to 5" in admin.post(path, wrong).content.decode()
    assert len(stated(desk.house, Kind.SETTING_CHANGED)) == before
    change = {
        **given,
        "cadence_WARM_every_s": "120",
        "cadence_WARM_up_to_s": "150.5",
        "pull_units_per_day": "50",
    }
    assert admin.post(path, change).status_code == 302
    with tenant_scope(desk.tenant):
        kept = Tenant.objects.get()
    row = {"every_s": 7200, "up_to_s": 9030, "depth": "SHALLOW"}
    assert (kept.cadence, kept.pull_units_per_day) == ({"WARM": row}, 50)
    newest = stated(desk.house, Kind.SETTING_CHANGED)[-1].data
    assert newest["before"] == {"cadence": {}, "pull_units_per_day": 10_000}
    shown = member(desk.house, Role.AUDITOR).get(path).content.decode()
    assert "Warm every 120 min" in shown


def test_an_account_is_told_in_words(desk: Desk, admin: Client) -> None:
    path = f"/admin/perception/account/{desk.account.pk}/change/"
    page = admin.get(path).content.decode()
    for words in ("Next look", "Heat now", "negotiation", "that of the tenant"):
        assert words in page, words
    for raw in ("heat_score", "Heat tier", "Deep at", "Next poll at"):
        assert raw not in page, raw
    assert "nobody" not in page


def test_a_brief_is_read_on_its_page_with_where_each_line_is_from(
    desk: Desk, admin: Client
) -> None:
    """X2: sections, sources and rules; other effects show what they hold."""
    given = {"title": "Before <b>Friday</b>", "focus": "What about the renewal?"}
    perform(approved(desk, "create_briefing", given), tenant=desk.tenant)
    perform(approved(desk, "create_follow_up_task"), tenant=desk.tenant)
    perform(approved(desk, "send_proposal"), tenant=desk.tenant)
    with tenant_scope(desk.tenant):
        of = dict(Effect.objects.values_list("kind", "id"))
    here = "/admin/autonomy/effect"
    listed = admin.get(f"{here}/").content.decode()
    assert "Before &lt;b&gt;Friday&lt;/b&gt;" in listed
    assert "Call about the renewal" in listed
    narrowed = admin.get(f"{here}/?kind__exact=brief").content.decode()
    assert "Call about the renewal" not in narrowed
    page = admin.get(f"{here}/{of['brief']}/change/").content.decode()
    for words in (
        "Where it stands",
        "Deal o1: discovery.",
        "Asked for: “What about the renewal?”",
        "rule first brief",
        "Suggested questions",
    ):
        assert words in page, words
    page = admin.get(f"{here}/{of['task']}/change/").content.decode()
    assert "Call about the renewal" in page
    page = admin.get(f"{here}/{of['manual_task']}/change/").content.decode()
    assert "please do it by hand" in page
    auditor = member(desk.house, Role.AUDITOR)
    assert auditor.get(f"{here}/{of['brief']}/change/").status_code == 200
    for role in (Role.SELLER, Role.APPROVER):
        assert member(desk.house, role).get(f"{here}/").status_code == 403
