"""Connectors of every kind on their pages: made from their schema, tried, looked after."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from ledger.models import Entry
from ledger.scope import tenant_scope
from perception import connectors, guards, interactions
from perception.accounts import add_account
from perception.admin.connector_words import kinds
from perception.models import Connector, Delivery, Signal
from perception.outlets.registry import OUTLETS
from perception.rules.acting import may_act
from perception.rules.roles import Role
from perception.sources.base import Met
from perception.sources.registry import SOURCES
from tests.autonomy.admin.conftest import member
from tests.autonomy.conftest import Desk
from tests.conftest import House
from tests.perception.test_webhooks import Sender, item

HERE = "/admin/perception/connector"
CAPS = {"units_per_day": "50", "rate_per_s": "5"}
FEED = {
    "name": "Press",
    "config_url": "https://news.example/feed",
    "config_account": "acme",
    "config_type": "news",
    "config_auth": "bearer",
    "config_header": "X-Api-Key",
    "secret": "hush-hush",
    **CAPS,
}


def _told(client: Client, path: str, given: dict[str, Any] | None = None) -> str:
    answer = client.post(path, given or {}, follow=True)
    assert answer.status_code == 200, path
    return str(answer.content.decode())


def _one(desk: Desk) -> Connector:
    with tenant_scope(desk.tenant):
        return Connector.objects.get()


@pytest.mark.parametrize("kind", [each["kind"] for each in kinds()])
def test_every_kind_has_a_form_with_its_fields(admin: Client, kind: str) -> None:
    """P9: whatever a schema says, its page can be shown."""
    page = admin.get(f"{HERE}/add/?kind={kind}").content.decode()
    assert 'id="id_name"' in page
    assert ("What is read" in page) == (kind in SOURCES)
    assert ("Where it leads" in page) == (kind in OUTLETS)
    assert ("Tools act through it" in page) == may_act(kind)
    # Only senders of webhooks are named by it; what is read is named by its kind.
    named = "its signals name it as their source"
    assert (named in page) == (kind == Connector.Kind.WEBHOOK)
    assert (f"its signals name “{kind}” as their source" in page) == (kind in SOURCES)


def test_a_source_is_made_changed_and_keeps_its_secret(
    desk: Desk, admin: Client
) -> None:
    """P9, U2: only what differs from what is there by itself is kept."""
    assert "RSS, Atom" in admin.get(f"{HERE}/add/").content.decode()
    for wrong, said in (
        ({"config_url": "ftp://x"}, "holds no user and no password"),
        (
            {"config_url": "http://me:pw@x.example/feed"},
            "holds no user and no password",
        ),
        (
            {"config_url": "http://x.example\\@y.example"},
            "holds no user and no password",
        ),
        ({"config_account": "", "config_names": ""}, "Give account or names."),
        ({"config_names": '{"a": '}, "Line 1, column"),
        ({"config_names": "[]"}, "It has to begin with {"),
        ({"config_names": '{"Acme": 5}'}, "Acme: 5 is not of type"),
        ({"units_per_day": "-1"}, "greater than or equal to 0"),
    ):
        assert said in _told(admin, f"{HERE}/add/?kind=feed", {**FEED, **wrong}), wrong
    with tenant_scope(desk.tenant):
        assert not Connector.objects.exists()
    page = _told(admin, f"{HERE}/add/?kind=feed", FEED)
    made = _one(desk)
    assert made.config == {
        "url": "https://news.example/feed", "account": "acme", "auth": "bearer",
    }  # fmt: skip
    assert (made.kind, made.units_per_day, made.rate_per_s) == ("feed", 50, 5.0)
    assert "hush-hush" not in page
    given = {**FEED, "is_active": "on", "secret": "", "config_account": "acme-2"}
    _told(admin, f"{HERE}/{made.pk}/change/", given)
    kept = _one(desk)
    assert (kept.config["account"], connectors.secrets_of(kept)) == (
        "acme-2", ["hush-hush"],
    )  # fmt: skip
    _told(admin, f"{HERE}/{made.pk}/change/", {**given, "secret": "newer"})
    assert connectors.secrets_of(_one(desk)) == ["newer"]
    with tenant_scope(desk.tenant):
        assert "newer" not in str([each.data for each in Entry.objects.all()])


def test_a_source_is_tried_held_back_and_let_go(
    desk: Desk, admin: Client, settings: LazySettings, tmp_path: Path
) -> None:
    """P9, P10: trying keeps nothing; a breaker is held and let go."""
    settings.DROP_DIR = tmp_path
    folder = tmp_path / str(desk.tenant) / "crm"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("account,stage\nacme,discovery\n,none\n")
    given = {"name": "Drop", "config_folder": "crm", "config_type": "crm_update"}
    columns = {
        f"config_{name}_column": name for name in ("account", "email", "type", "time")
    }
    _told(admin, f"{HERE}/add/?kind=files", {**given, **columns, **CAPS})
    path = f"{HERE}/{_one(desk).pk}"
    page = _told(admin, f"{path}/try/")
    assert "It works." in page
    assert "One page would have brought 1 signal and 0 interactions" in page
    assert "the row names no account" in page
    assert "Read folder crm" in page
    with tenant_scope(desk.tenant):
        assert not Signal.objects.exists()
    assert "held back by a person" in _told(admin, f"{path}/hold/")
    assert "It is asked again." in _told(admin, f"{path}/release/")
    assert not guards.breaker_of(_one(desk)).forced_open
    assert "It was not read yet." in admin.get(f"{path}/change/").content.decode()


def test_a_refused_delivery_is_taken_again_and_starts_its_run(house: House) -> None:
    """P1: once its fault is mended; signals go on their way as those that are posted."""
    sender, admin = Sender(house), member(house, Role.ADMIN)
    assert sender.send(item(account="later"), message="m1").status_code == 400
    path = f"{HERE}/{sender.connector.pk}"
    with tenant_scope(house.tenant):
        refused = Delivery.objects.get()
    again = f"{path}/deliveries/{refused.pk}/again/"
    assert again in admin.get(f"{path}/change/").content.decode()
    assert "no account" in _told(admin, again)
    with tenant_scope(house.tenant):
        assert not Signal.objects.filter(connector=sender.connector.pk).exists()
        given = {"external_id": "later", "name": "Later"}
        add_account(given, by=house.caller(Role.ADMIN), now=timezone.now())
    page = _told(admin, again)
    assert "It was taken." in page
    assert "a new signal" in page
    assert again not in page
    with tenant_scope(house.tenant):
        kept = Signal.objects.get(connector=sender.connector.pk)
        assert kept.entered_at is not None


def test_only_admins_act(desk: Desk, admin: Client) -> None:
    _told(admin, f"{HERE}/add/?kind=feed", FEED)
    made, client = _one(desk), member(desk.house, Role.AUDITOR)
    path = f"{HERE}/{made.pk}"
    page = client.get(f"{path}/change/").content.decode()
    assert "https://news.example/feed" in page
    assert 'class="gv-button' not in page
    assert client.get(f"{HERE}/add/").status_code == 403
    for door in ("try", "hold", "release", "rotate", f"deliveries/{made.pk}/again"):
        assert client.post(f"{path}/{door}/").status_code == 403, door
    assert not _one(desk).forced_open


def test_an_account_shows_who_met_whom(desk: Desk, admin: Client) -> None:
    met = Met(
        external_id="m", channel="email", direction="in", at=timezone.now(),
        emails=["c@acme.example"], subject="<b>Hello</b>", text="We should talk.",
    )  # fmt: skip
    with tenant_scope(desk.tenant):
        now = timezone.now()
        interactions.keep([(desk.account.id, met)], connector=None, now=now)
    page = admin.get(f"/admin/perception/account/{desk.account.pk}/change/")
    shown = page.content.decode()
    assert "We should talk." in shown
    assert "&lt;b&gt;Hello&lt;/b&gt;" in shown
