"""P9, T5: one page of a source is read to be looked at, and nothing of it is kept."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.accounts import add_account
from perception.models import Connector, Cursor, Interaction, Pull, PullUse, Signal
from perception.rules.roles import Role
from tests.conftest import NOW, House
from tests.perception.sources.servers import Said, Web, free_port

SECRET = "s3cret-of-the-peer"


def answer(path: str, headers: Any) -> Said:
    """Whoever is not let in is told what they said, as some do when they debug."""
    said = headers["Authorization"]
    if said != f"Bearer {SECRET}":
        return 401, {}, json.dumps({"you said": said}).encode()
    rows = [{"id": 1, "account": "acme"}, {"id": 2}]
    return 200, {}, json.dumps({"you": said, "at": path, "data": rows}).encode()


@pytest.fixture
def there(settings: Any) -> Iterator[Web]:
    settings.EGRESS_ALLOW = ("127.0.0.1",)
    made = Web(answer)
    yield made
    made.close()


@pytest.fixture
def connect(house: House, there: Web) -> Callable[..., str]:
    """Makes a connector of the house that reads there."""

    def make(**more: Any) -> str:
        config = {"url": there.url() + "items", "items": "data", "auth": "bearer"}
        given = {"kind": "http", "name": f"Peer {uuid4()}", "secret": SECRET}
        body = {**given, **more, "config": {**config, **more.get("config", {})}}
        made = house.client(Role.ADMIN).send("POST", "connectors/", body)
        assert made.status_code == 201, made.json()
        return str(made.json()["id"])

    return make


def attempt(house: House, id_: str) -> Any:
    found = house.client(Role.ADMIN).send("POST", f"connectors/{id_}/try/")
    assert found.status_code == 200, found.json()
    assert SECRET not in found.content.decode()
    return found.json()


@pytest.fixture(autouse=True)
def nothing_kept(house: House) -> Iterator[None]:
    """Whatever is tried: no signal, no cursor, no unit, no word in the ledger."""
    with tenant_scope(house.tenant):
        given = {"external_id": "acme", "name": "Acme"}
        add_account(given, by=house.caller(Role.ADMIN), now=NOW)
    yield
    with tenant_scope(house.tenant):
        for model in (Signal, Cursor, Interaction, Pull, PullUse):
            assert not model._default_manager.exists(), model
        kinds = set(Entry.objects.values_list("kind", flat=True))
        assert not {kind for kind in kinds if kind.startswith(("pull.", "signal."))}
        assert not Connector.objects.exclude(pulled_at=None).exists()


def test_it_says_what_came_and_what_was_said(
    house: House, connect: Callable[..., str], there: Web
) -> None:
    """P9: counts, notes, each exchange with its time, what is left, the breaker."""
    tried = attempt(house, connect())
    assert (tried["ok"], tried["error"], tried["signals"]) == (True, "", 1)
    assert tried["skipped"] == ["Item 2 names no account, or no type."]
    (said,) = tried["exchanged"]
    assert said["request"] == f"GET {there.url()}items"
    assert said["answer"].startswith("200 ")
    assert "Bearer …" in said["answer"]
    assert said["took_ms"] >= 0
    assert (tried["units_left"], tried["more"]) == (1000, False)
    assert tried["calls_left"] > 0
    assert tried["breaker"]["state"] == "CLOSED"


def test_a_bad_secret_is_said_without_it(
    house: House, connect: Callable[..., str], there: Web
) -> None:
    """T5: nor is the one that was given shown, though the other side repeats it."""
    bad = "not-the-one-they-know"
    tried = attempt(house, connect(secret=bad))
    assert tried["ok"] is False
    assert "does not accept the secret (401)" in tried["error"]
    assert bad not in json.dumps(tried)
    assert "Bearer …" in tried["exchanged"][0]["answer"]
    # A person looked; the breaker goes by pulls alone.
    assert tried["breaker"]["failures"] == 0


def test_what_cannot_be_reached_or_may_not_be_is_said(
    house: House, connect: Callable[..., str], settings: Any, there: Web
) -> None:
    nobody = attempt(house, connect(config={"url": f"http://127.0.0.1:{free_port()}/"}))
    assert (nobody["ok"], nobody["signals"]) == (False, 0)
    assert nobody["exchanged"][0]["answer"] == "no answer"
    settings.EGRESS_ALLOW = ()
    barred = attempt(house, connect())
    assert "EGRESS_ALLOW" in barred["error"]
    assert there.asked == []


def test_an_open_breaker_lets_nobody_try(
    house: House, connect: Callable[..., str], there: Web
) -> None:
    """P10: held open is held open."""
    id_ = connect()
    admin = house.client(Role.ADMIN)
    admin.send("PATCH", f"connectors/{id_}/breaker/", {"forced_open": True})
    tried = attempt(house, id_)
    assert tried["ok"] is False
    assert "is open" in tried["error"]
    assert (tried["breaker"]["state"], tried["exchanged"]) == ("OPEN", [])
    assert there.asked == []


def test_a_lookup_is_tried_with_the_account_added_last(
    house: House, connect: Callable[..., str], there: Web
) -> None:
    config = {"url": there.url() + "of/{account}"}
    tried = attempt(house, connect(kind="lookup", config=config))
    assert (tried["ok"], tried["signals"]) == (True, 2)
    assert there.asked[-1][0] == "/of/acme"


def test_a_secret_that_no_key_opens_is_said(
    house: House, connect: Callable[..., str], there: Web
) -> None:
    """T5: as after a key was lost; it is no fault of the page."""
    id_ = connect()
    with tenant_scope(house.tenant):
        Connector.objects.filter(pk=id_).update(sealed_secrets="of another house")
    tried = attempt(house, id_)
    assert "No live key" in tried["error"]
    assert there.asked == []


def test_what_delivers_by_itself_cannot_be_tried(house: House) -> None:
    """P9: 409 CANNOT_TRY."""
    admin = house.client(Role.ADMIN)
    made = admin.send("POST", "connectors/", {"kind": "webhook", "name": "Desk"}).json()
    tried = admin.send("POST", f"connectors/{made['id']}/try/")
    assert (tried.status_code, tried.json()["code"]) == (409, "CANNOT_TRY")
