"""Everything sealed at rest moves to the newest key, and nothing is lost on the way."""

import json
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.core.management import call_command

from autonomy.models import Tool
from autonomy.tools.binding import add_tool
from config import rekeying
from ledger.models import Entry
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from perception import connectors, vault
from perception.errors import SealBroken
from perception.models import Connector
from perception.rules.roles import Role
from tests.conftest import NOW, House

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
POSTED = {"kind": "webhook", "name": "CRM"}


def _furnish(house: House) -> Any:
    """One of everything that is sealed, and the answer that a key repeats."""
    given = {
        "key": "shop", "url": "https://shop.example/act", "secret": SECRET,
        "effect": "KEYED", "undo": False, "timeout_s": 5.0, "rate_per_s": 2.0,
    }  # fmt: skip
    with tenant_scope(house.tenant):
        add_tool(given, by=house.caller(Role.ADMIN), now=NOW)
        for number in range(5):
            connectors.add_webhook(f"Webhook {number}", now=NOW)
    return _ask(house)


def _ask(house: House) -> Any:
    admin = house.client(Role.ADMIN)
    return admin.send("POST", "connectors/", POSTED, Idempotency_Key="k")


def _told(house: House) -> list[Any]:
    with tenant_scope(house.tenant):
        rows = Entry.objects.filter(kind=Kind.SETTING_CHANGED).order_by("number")
        said = [row.data["after"] for row in rows]
    return [each for each in said if "sealed_with" in each]


def test_rows_move_to_the_newest_key(
    house: House,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Two keys: afterwards the new one alone opens all; asked again, nothing moves."""
    monkeypatch.setattr(rekeying, "AT_ONCE", 2)
    first, old = _furnish(house), tuple(settings.FIELD_KEYS)
    assert first.status_code == 201
    settings.FIELD_KEYS = (Fernet.generate_key().decode(), *old)
    rekeying.rotate(tenant=house.tenant, now=NOW)
    told = _told(house)
    assert [(each["column"], each["rows"]) for each in told] == [
        ("connector.sealed_secrets", 2),
        ("connector.sealed_secrets", 2),
        ("connector.sealed_secrets", 2),
        ("tool.sealed_secret", 1),
        ("idempotencykey.body", 1),
    ]
    assert all("gAAAA" not in json.dumps(each) for each in told)
    settings.FIELD_KEYS = settings.FIELD_KEYS[:1]
    with tenant_scope(house.tenant):
        assert vault.unseal(Tool.objects.get().sealed_secret) == SECRET
        live = [connectors.secrets_of(each)[0] for each in Connector.objects.all()]
    assert len(set(live)) == 6
    assert _ask(house).json() == first.json()
    capsys.readouterr()
    call_command("rotate_keys", tenant=house.slug, json=True)
    assert [each["resealed"] for each in json.loads(capsys.readouterr().out)] == [0] * 3
    assert _told(house) == told
    settings.FIELD_KEYS = (*old, *settings.FIELD_KEYS)
    rekeying.rotate(tenant=house.tenant, now=NOW)


def test_what_no_live_key_opens_is_counted_and_left(
    house: House, settings: LazySettings, capsys: pytest.CaptureFixture[str]
) -> None:
    with tenant_scope(house.tenant):
        good = connectors.add_webhook("Good", now=NOW)
        lost = connectors.add_webhook("Lost", now=NOW)
        stranger = Fernet(Fernet.generate_key()).encrypt(b"[]").decode()
        Connector.objects.filter(pk=lost.pk).update(sealed_secrets=stranger)
    settings.FIELD_KEYS = (Fernet.generate_key().decode(), *settings.FIELD_KEYS)
    with pytest.raises(SystemExit):
        call_command("rotate_keys", tenant=house.slug)
    assert "1 that no live key opens" in capsys.readouterr().out
    with tenant_scope(house.tenant):
        kept = Connector.objects.get(pk=lost.pk)
        assert kept.sealed_secrets == stranger
        with pytest.raises(SealBroken):
            connectors.secrets_of(kept)
        settings.FIELD_KEYS = settings.FIELD_KEYS[:1]
        assert connectors.secrets_of(Connector.objects.get(pk=good.pk))
