"""P9, P10, T5: connectors over the API: made, changed, held open, given secrets."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ledger.models import Entry
from ledger.scope import tenant_scope
from perception import connectors
from perception.models import Connector
from perception.outlets.registry import OUTLETS
from perception.rules.roles import Role
from perception.sources.registry import SOURCES
from tests.conftest import House

SECRET = "s3cret/of the peer"
URL = "https://peer.example/items"
HTTP = {
    "kind": "http",
    "name": "Peer",
    "config": {"url": URL, "auth": "bearer"},
    "secret": SECRET,
}
WEBHOOK = {"kind": "webhook", "name": "Desk"}


def add(house: House, **more: Any) -> Any:
    answer = house.client(Role.ADMIN).send("POST", "connectors/", {**HTTP, **more})
    assert answer.status_code == 201, answer.json()
    return answer.json()


def rows(house: House) -> list[Connector]:
    with tenant_scope(house.tenant):
        return list(Connector.objects.order_by("id"))


def secrets(house: House) -> list[str]:
    with tenant_scope(house.tenant):
        return connectors.secrets_of(Connector.objects.get())


def entries(house: House) -> list[Entry]:
    with tenant_scope(house.tenant):
        return list(Entry.objects.filter(kind="setting.changed").order_by("number"))


def faults(answer: Any) -> dict[str, str]:
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")
    return {each["field"]: each["detail"] for each in answer.json()["errors"]}


def test_every_kind_says_what_a_form_has_to_ask(house: House) -> None:
    """U2, P9: title, schema and what the secret is, of every kind there is."""
    answer = house.client(Role.AUDITOR).send("GET", "connectors/kinds/")
    found = {each["kind"]: each for each in answer.json()["results"]}
    assert set(found) == set(Connector.Kind.values) == {"webhook", *SOURCES, *OUTLETS}
    for each in found.values():
        assert each["title"]
        Draft202012Validator.check_schema(each["schema"])
    assert found["lookup"]["reach"] == "ACCOUNT"
    assert found["webhook"]["reach"] == ""
    assert found["files"]["secret"] == ""
    assert "url" in found["http"]["schema"]["properties"]


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"config": {}}, "config", "'url' is a required property"),
        ({"config": {"url": URL, "no": 1}}, "config", "'no' was unexpected"),
        ({"config": {"url": URL, "auth": "magic"}}, "config.auth", "magic"),
        ({"config": {"url": URL, "pages": {"by": 3}}}, "config.pages.by", "3"),
        ({"kind": "lookup"}, "config.url", "{account}"),
        ({"config": 3}, "config", "dictionary"),
        ({"config": {str(n): 1 for n in range(33)}}, "config", "more than"),
        ({"caps": {"units_per_day": -1}}, "caps.units_per_day", "0"),
        ({"caps": {"rate_per_s": 0}}, "caps.rate_per_s", "0.01"),
        ({"caps": {"per_moon": 1}}, "caps.per_moon", "not known"),
        ({"kind": "fax"}, "kind", "fax"),
        ({"secret": "x" * 4097}, "secret", "4096"),
        ({"kind": "webhook", "secret": "short"}, "secret", ""),
    ],
)
def test_what_does_not_fit_is_said_at_its_place(
    house: House, given: Any, field: str, words: str
) -> None:
    """P9: 400 with the field's path and words; nothing is made or stated."""
    admin = house.client(Role.ADMIN)
    found = faults(admin.send("POST", "connectors/", {**HTTP, **given}))
    assert list(found) == [field]
    assert words in found[field]
    assert rows(house) == []
    assert entries(house) == []


def test_all_faults_of_a_configuration_are_said(house: House) -> None:
    config = {"auth": "magic", "user": 5}
    answer = house.client(Role.ADMIN).send(
        "POST", "connectors/", {**HTTP, "config": config}
    )
    assert set(faults(answer)) == {"config", "config.auth", "config.user"}


def test_caps_are_set_one_by_one(house: House) -> None:
    """P6, P7."""
    made = add(house, caps={"units_per_day": 7})
    assert made["caps"] == {"units_per_day": 7, "rate_per_s": 10.0}
    admin, path = house.client(Role.ADMIN), f"connectors/{made['id']}/"
    tag = admin.send("GET", path)["ETag"]
    changed = admin.send("PATCH", path, {"caps": {"rate_per_s": 0.5}}, If_Match=tag)
    assert changed.json()["caps"] == {"units_per_day": 7, "rate_per_s": 0.5}
    stated = entries(house)[-1].data
    assert (stated["before"], stated["after"]) == (
        {"rate_per_s": 10.0},
        {"rate_per_s": 0.5},
    )


def test_a_secret_is_sealed_and_never_shown(house: House) -> None:
    """T5: neither by any door, nor in the ledger, nor in the row."""
    made = add(house)
    admin = house.client(Role.ADMIN)
    path = f"connectors/{made['id']}/"
    assert made["secret"] == ""
    rotated = admin.send("POST", f"{path}rotate/", {"secret": f"{SECRET} two"})
    assert rotated.json() == {"secret": ""}
    assert rotated["Cache-Control"] == "no-store"
    assert secrets(house) == [f"{SECRET} two"]
    shown = [
        json.dumps(made),
        *(admin.send("GET", each).content.decode()
          for each in ("connectors/", path, f"{path}deliveries/", f"{path}breaker/",
                       "ledger/", "connectors/kinds/")),
        *(json.dumps([each.data, each.subjects]) for each in entries(house)),
        rows(house)[0].sealed_secrets,
    ]  # fmt: skip
    assert not any(SECRET in each for each in shown)
    assert entries(house)[-1].data["after"] == {"secret": "rotated", "live": 1}


def test_rotating_asks_for_what_the_source_issued(house: House) -> None:
    """T5: nobody makes up another system's password."""
    made = add(house)
    admin, path = house.client(Role.ADMIN), f"connectors/{made['id']}/rotate/"
    assert set(faults(admin.send("POST", path, {}))) == {"secret"}
    assert set(faults(admin.send("POST", path, {"secret": ""}))) == {"secret"}
    assert secrets(house) == [SECRET]
    assert len(entries(house)) == 1


def test_a_webhooks_secret_is_made_and_shown_once(house: House) -> None:
    """P1, T5: the one before stays live, unless it leaked."""
    admin = house.client(Role.ADMIN)
    made = admin.send("POST", "connectors/", WEBHOOK).json()
    assert made["secret"].startswith("whsec_")
    path = f"connectors/{made['id']}/"
    assert "secret" not in admin.send("GET", path).json()
    newer = admin.send("POST", f"{path}rotate/", {}).json()["secret"]
    assert secrets(house) == [newer, made["secret"]]
    assert set(faults(admin.send("POST", f"{path}rotate/", {"secret": "no"}))) == {
        "secret"
    }
    last = admin.send("POST", f"{path}rotate/", {"keep_old": False}).json()["secret"]
    assert secrets(house) == [last]


def test_a_connector_changes_only_with_its_tag_in_hand(house: House) -> None:
    """U3: 428 without, 412 stale; what moves by itself changes no tag."""
    made = add(house)
    admin, path = house.client(Role.ADMIN), f"connectors/{made['id']}/"
    tag = admin.send("GET", path)["ETag"]
    change = {"name": "Other", "is_active": False}
    assert admin.send("PATCH", path, change).status_code == 428
    with tenant_scope(house.tenant):
        Connector.objects.update(last_error="moved by itself")
    assert admin.send("GET", path)["ETag"] == tag
    done = admin.send("PATCH", path, change, If_Match=tag)
    assert (done.status_code, done.json()["name"]) == (200, "Other")
    assert done.json()["is_active"] is False
    assert admin.send("PATCH", path, change, If_Match=tag).status_code == 412
    tag = done["ETag"]
    bad = admin.send("PATCH", path, {"config": {"url": 3}}, If_Match=tag)
    assert set(faults(bad)) == {"config.url"}
    kind = admin.send("PATCH", path, {"kind": "feed"}, If_Match=tag)
    assert set(faults(kind)) == {"kind"}
    assert admin.send("GET", path)["ETag"] == tag
    stated = entries(house)[-1].data
    assert stated["before"] == {"name": "Peer", "is_active": True}
    assert len(entries(house)) == 2


def test_names_are_taken_once(house: House) -> None:
    made = add(house)
    add(house, name="Second")
    admin = house.client(Role.ADMIN)
    again = admin.send("POST", "connectors/", HTTP)
    assert (again.status_code, again.json()["code"]) == (409, "CONNECTOR_THERE")
    path = f"connectors/{made['id']}/"
    tag = admin.send("GET", path)["ETag"]
    renamed = admin.send("PATCH", path, {"name": "Second"}, If_Match=tag)
    assert (renamed.status_code, renamed.json()["code"]) == (409, "CONNECTOR_THERE")
    assert [row.name for row in rows(house)] == ["Peer", "Second"]


def test_a_breaker_is_seen_held_open_and_let_go(house: House) -> None:
    """P10: state visible and resettable, and stated."""
    path = f"connectors/{add(house)['id']}/breaker/"
    admin = house.client(Role.ADMIN)
    assert house.client(Role.AUDITOR).send("GET", path).json() == {
        "state": "CLOSED", "failures": 0, "opened_at": None,
        "probe_until": None, "forced_open": False,
    }  # fmt: skip
    held = admin.send("PATCH", path, {"forced_open": True})
    assert (held.json()["state"], held.json()["forced_open"]) == ("OPEN", True)
    assert admin.send("PATCH", path, {"state": "CLOSED"}).status_code == 400
    assert admin.send("PATCH", path, {}).json() == held.json()
    assert rows(house)[0].forced_open
    assert admin.send("PATCH", path, {"forced_open": False}).json()["state"] == "CLOSED"
    with tenant_scope(house.tenant):
        moved = Entry.objects.filter(kind="breaker.moved").order_by("number")
        assert [each.data["after"] for each in moved] == ["OPEN (FORCED)", "CLOSED"]


@pytest.mark.parametrize(
    ("method", "path", "roles"),
    [
        ("GET", "connectors/", {Role.ADMIN, Role.AUDITOR}),
        ("GET", "connectors/kinds/", {Role.ADMIN, Role.AUDITOR}),
        ("POST", "connectors/", {Role.ADMIN}),
        ("GET", "connectors/{id}/", {Role.ADMIN, Role.AUDITOR}),
        ("PATCH", "connectors/{id}/", {Role.ADMIN}),
        ("POST", "connectors/{id}/rotate/", {Role.ADMIN}),
        ("POST", "connectors/{id}/try/", {Role.ADMIN}),
        ("GET", "connectors/{id}/breaker/", {Role.ADMIN, Role.AUDITOR}),
        ("PATCH", "connectors/{id}/breaker/", {Role.ADMIN}),
    ],
)
def test_who_may_do_what(house: House, method: str, path: str, roles: Any) -> None:
    """T3: the others are refused before anything is looked at."""
    made = house.client(Role.ADMIN).send("POST", "connectors/", WEBHOOK).json()
    path = path.replace("{id}", made["id"])
    for role in set(Role) - roles:
        assert house.client(role).send(method, path, {}).status_code == 403
    for role in roles:
        assert house.client(role).send(method, path, {}).status_code != 403
    assert house.client(None).send(method, path, {}).status_code == 401


def test_another_tenants_connector_is_not_there(house: House, other: House) -> None:
    """T1: 404 at every door, and nothing changes."""
    id_ = add(house)["id"]
    stranger = other.client(Role.ADMIN)
    for method, rest, body in (
        ("GET", "", None), ("PATCH", "", {"name": "Mine"}),
        ("POST", "rotate/", {"secret": "mine"}), ("POST", "try/", None),
        ("GET", "breaker/", None), ("PATCH", "breaker/", {"forced_open": True}),
        ("GET", "deliveries/", None),
    ):  # fmt: skip
        answer = stranger.send(method, f"connectors/{id_}/{rest}", body, If_Match='"x"')
        assert answer.status_code == 404, (method, rest)
    assert stranger.send("GET", "connectors/").json()["results"] == []
    (row,) = rows(house)
    assert (row.name, row.forced_open) == ("Peer", False)
    assert secrets(house) == [SECRET]
