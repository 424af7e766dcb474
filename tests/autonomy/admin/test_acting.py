"""Connectors that tools act through, on their pages: let, refused, greeted, taken back."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from autonomy.tools.hands import HANDS
from ledger.models import Entry
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from perception import connectors
from perception.admin.connector_words import ACTING
from perception.models import Connector
from perception.rules.acting import ACTS_AS
from perception.rules.roles import Role
from tests.autonomy.admin.conftest import member, stated
from tests.autonomy.conftest import Desk
from tests.perception.sources.servers import Said, Web, free_port

HERE = "/admin/perception/connector"
CHAT = {"name": "Team chat", "config_hold_s": "60", "rate_per_s": "5", "acts": "on"}
OUT = {
    "name": "Hub",
    "config_url": "https://hub.example/events",
    "config_source": "/autonomy",
    "rate_per_s": "5",
    "acts": "on",
}
CALENDAR = {
    "name": "Meetings",
    "config_url": "https://dav.example/sales/",
    "config_auth": "basic",
    "config_user": "sales",
    "config_header": "X-Api-Key",
    "config_timezone": "UTC",
    "config_days": "14",
    "config_ahead": "120",
    "units_per_day": "50",
    "rate_per_s": "5",
}


def told(client: Client, path: str, given: dict[str, Any] | None = None) -> str:
    answer = client.post(path, given or {}, follow=True)
    assert answer.status_code == 200, path
    return str(answer.content.decode())


def one(desk: Desk) -> Connector:
    with tenant_scope(desk.tenant):
        return Connector.objects.get()


@pytest.fixture
def there(settings: Any) -> Iterator[Web]:
    settings.EGRESS_ALLOW = ("127.0.0.1",)

    def answer(path: str, headers: Any) -> Said:
        raise AssertionError("nothing is sent to whom one only greets")

    made = Web(answer)
    yield made
    made.close()


def test_every_kind_that_acts_says_what_that_lets_tools_do() -> None:
    assert set(ACTING) == set(ACTS_AS)


def test_tools_act_through_one_calendar_that_a_person_chose(
    desk: Desk, admin: Client
) -> None:
    """X2: opt-in, stated, and only one for each thing that tools do."""
    page = admin.get(f"{HERE}/add/?kind=calendar").content.decode()
    assert "Tools act through it" in page
    assert 'name="acts"' in page
    assert 'name="acts"' not in admin.get(f"{HERE}/add/?kind=feed").content.decode()
    told(admin, f"{HERE}/add/?kind=calendar", CALENDAR)
    made = one(desk)
    assert made.acts_as == ""
    path = f"{HERE}/{made.pk}/change/"
    given = {**CALENDAR, "is_active": "on", "secret": ""}
    page = told(admin, path, {**given, "acts": "on"})
    assert one(desk).acts_as == "calendar"
    assert "<strong>Tools act through it.</strong>" in admin.get(path).content.decode()
    assert "tools act" in admin.get(f"{HERE}/").content.decode()
    second = {**CALENDAR, "name": "Second", "acts": "on"}
    page = told(admin, f"{HERE}/add/?kind=calendar", second)
    assert "Tools act through “Meetings” already" in page
    assert one(desk).acts_as == "calendar"
    told(admin, path, given)
    assert one(desk).acts_as == ""
    changes = [each.data["after"] for each in stated(desk.house, Kind.SETTING_CHANGED)]
    assert [each["acts"] for each in changes if "acts" in each] == [False, True, False]


def test_a_chat_is_added_greeted_and_taken_out_of_use(
    desk: Desk, admin: Client, there: Web
) -> None:
    """X2, P9: saying hello posts nothing; its address is a secret."""
    address = there.url() + "services/T000/B000/XXXXXXXX"
    page = told(admin, f"{HERE}/add/?kind=chat", {**CHAT, "secret": address})
    made = one(desk)
    assert (made.kind, made.acts_as) == ("chat", "chat")
    assert "ready" in page
    assert "units" not in page.lower()
    path = f"{HERE}/{made.pk}"
    page = told(admin, f"{path}/try/")
    assert "It answers." in page
    assert "XXXXXXXX" not in page
    gone = f"http://127.0.0.1:{free_port()}/services/T000/B000/YYYYYYYY"
    given = {**CHAT, "is_active": "on"}
    told(admin, f"{path}/change/", {**given, "secret": gone})
    page = told(admin, f"{path}/try/")
    assert "It did not work." in page
    assert "YYYYYYYY" not in page
    shown = desk.house.client(Role.ADMIN).send("POST", f"connectors/{made.pk}/try/")
    assert (shown.status_code, shown.json()["ok"]) == (200, False)
    page = told(admin, f"{path}/change/", {**CHAT, "acts": "on"})
    assert "out of use" in admin.get(f"{path}/change/").content.decode()
    assert not one(desk).is_active


def test_what_an_outbound_webhook_signs_with_is_made_shown_once_and_renewed(
    desk: Desk, admin: Client
) -> None:
    wrong = {**OUT, "secret": "hush"}
    assert "whsec_" in told(admin, f"{HERE}/add/?kind=outbound", wrong)
    wrong = {**OUT, "config_url": "https://me:pw@hub.example/"}
    page = told(admin, f"{HERE}/add/?kind=outbound", wrong)
    assert "holds no user and no password" in page
    with tenant_scope(desk.tenant):
        assert not Connector.objects.exists()
    page = told(admin, f"{HERE}/add/?kind=outbound", OUT)
    made = one(desk)
    first = connectors.secrets_of(made)[0]
    assert page.count(first) == 1
    path = f"{HERE}/{made.pk}"
    assert first not in admin.get(f"{path}/change/").content.decode()
    assert "the old one ends at once" in admin.get(f"{path}/rotate/").content.decode()
    page = told(admin, f"{path}/rotate/")
    live = connectors.secrets_of(one(desk))
    assert len(live) == 1
    assert live[0] != first
    assert page.count(live[0]) == 1
    with tenant_scope(desk.tenant):
        ledger = str([each.data for each in Entry.objects.all()])
    assert "whsec_" not in ledger


def test_an_auditor_looks_and_a_seller_does_not(desk: Desk, admin: Client) -> None:
    told(admin, f"{HERE}/add/?kind=outbound", OUT)
    path = f"{HERE}/{one(desk).pk}"
    auditor = member(desk.house, Role.AUDITOR)
    page = auditor.get(f"{path}/change/").content.decode()
    assert "hub.example" in page
    assert 'name="acts"' not in page
    assert auditor.post(f"{path}/try/").status_code == 403
    assert member(desk.house, Role.SELLER).get(f"{path}/change/").status_code == 403


def test_the_houses_tools_say_which_way_they_act(desk: Desk, admin: Client) -> None:
    """X3: what each does, whether it can be taken back, by which connector or by whom."""
    page = admin.get("/admin/autonomy/tool/").content.decode()
    for key in ("internal.brief", "mail.send", *HANDS):
        assert f">{key}</code>" in page, key
    assert f"{HERE}/add/?kind=chat" in page
    assert "a person does it" in page
    told(admin, f"{HERE}/add/?kind=outbound", OUT)
    page = admin.get("/admin/autonomy/tool/").content.decode()
    assert f"{HERE}/{one(desk).pk}/change/" in page
