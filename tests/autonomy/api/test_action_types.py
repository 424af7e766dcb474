"""action-types/: what each type is, tightened by admins, and types of one's own (A2)."""

import socket
from threading import Thread
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from autonomy.models import ActionRow, Intent
from autonomy.rules.catalogue import CORE
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.api.doors import entries, errors, post, problem
from tests.autonomy.conftest import Desk
from tests.conftest import House

FIELDS = {
    "key", "tier", "risk_level", "external_contact", "touches", "reversal",
    "idempotent", "schema", "example", "tool", "min_confidence", "verdict", "reason",
}  # fmt: skip
OWN: dict[str, Any] = {
    "key": "send_gift_card",
    "tier": "AUTONOMOUS",
    "risk_level": "LOW",
    "external_contact": False,
    "reversal": "INVERSE",
    "idempotent": True,
    "tool": "internal.task",
    "schema": {"type": "object"},
    "example": {},
}


def listed(house: House, query: str = "") -> list[dict[str, Any]]:
    answer = house.client(Role.SELLER).send("GET", f"action-types/{query}")
    assert answer.status_code == 200
    assert set(answer.json()) == {"results", "next", "previous"}
    return list(answer.json()["results"])


def change(house: House, key: str, body: dict[str, Any], **headers: str) -> Any:
    admin = house.client(Role.ADMIN)
    if not headers:
        headers = {"If_Match": admin.send("GET", f"action-types/{key}/")["ETag"]}
    return admin.send("PUT", f"action-types/{key}/", body, **headers)


def rows(house: House) -> int:
    with tenant_scope(house.tenant):
        return ActionRow.objects.count()


def test_the_catalogue(house: House) -> None:
    """A2: every type, each with the whole shape and what guardrails say of it."""
    found = listed(house)
    assert [each["key"] for each in found] == list(CORE)
    assert all(set(each) == FIELDS for each in found)
    by_verdict = {
        verdict: {each["key"] for each in listed(house, f"?verdict={verdict}")}
        for verdict in ("AUTO_EXECUTE", "REQUIRE_APPROVAL", "BLOCK")
    }
    assert [len(keys) for keys in by_verdict.values()] == [10, 21, 7]
    assert by_verdict["BLOCK"] == {
        key for key, each in CORE.items() if each.traits.tier == "HARD_STOP"
    }
    assert "send_follow_up_email" in by_verdict["REQUIRE_APPROVAL"]


def test_what_is_allowed_at_a_stage(house: House) -> None:
    """A2, A3: in a gated stage nothing runs by itself; hard stops stay what they are."""
    for stage in ("evaluation", "negotiation", "closed_won", "closed_lost"):
        assert listed(house, f"?stage={stage}&verdict=AUTO_EXECUTE") == []
        assert len(listed(house, f"?stage={stage}&verdict=BLOCK")) == 7
    assert len(listed(house, "?stage=discovery&verdict=AUTO_EXECUTE")) == 10
    (note,) = (
        each
        for each in listed(house, "?stage=somewhere")
        if each["key"] == "create_internal_note"
    )
    assert (note["verdict"], note["reason"]) == ("REQUIRE_APPROVAL", "UNKNOWN_STAGE")
    refused = house.client(Role.ADMIN).send("GET", "action-types/?verdict=MAYBE")
    assert errors(refused) == {"verdict": "INVALID_CHOICE"}


def test_a_tier_is_tightened_with_the_tag_in_hand(desk: Desk) -> None:
    """A2: effective at once; stated with before and after."""
    body = {"tier": "APPROVAL_REQUIRED"}
    key = "create_internal_note"
    admin = desk.house.client(Role.ADMIN)
    tag = admin.send("GET", f"action-types/{key}/")["ETag"]
    missing = admin.send("PUT", f"action-types/{key}/", body)
    assert problem(missing) == (428, "MATCH_REQUIRED")
    assert problem(change(desk.house, key, body, If_Match='"x"')) == (412, "STALE")
    assert rows(desk.house) == 0
    done = change(desk.house, " Create_Internal_Note ", body, If_Match=tag)
    assert (done.status_code, done.json()["tier"]) == (200, "APPROVAL_REQUIRED")
    assert done["ETag"] == admin.send("GET", f"action-types/{key}/")["ETag"] != tag
    assert problem(change(desk.house, key, body, If_Match=tag)) == (412, "STALE")
    assert post(desk).json()["verdict"]["reason"] == "APPROVAL_TIER"
    entry = entries(desk.house, "setting.changed")[-1]
    assert entry.actor["id"] == str(desk.house.members[Role.ADMIN].id)
    assert (
        entry.data["key"],
        entry.data["before"]["tier"],
        entry.data["after"]["tier"],
    ) == (
        key,
        "AUTONOMOUS",
        "APPROVAL_REQUIRED",
    )


@pytest.mark.parametrize(
    ("key", "tier"),
    [
        ("send_email", "AUTONOMOUS"),
        ("commit_pricing", "AUTONOMOUS"),
        ("commit_pricing", "APPROVAL_REQUIRED"),
    ],
)
def test_a_tier_is_never_loosened(house: House, key: str, tier: str) -> None:
    """A2: also not back to what it was once tightened."""
    assert problem(change(house, key, {"tier": tier})) == (409, "LOOSENS_TIER")
    assert rows(house) == 0
    assert change(house, "draft_email", {"tier": "HARD_STOP"}).status_code == 200
    again = change(house, "draft_email", {"tier": "APPROVAL_REQUIRED"})
    assert problem(again) == (409, "LOOSENS_TIER")


def test_a_minimum_of_ones_own_only_raises(desk: Desk) -> None:
    """A10: of two minimums the higher counts."""
    assert (
        change(desk.house, "draft_email", {"min_confidence": 0.95}).status_code == 200
    )
    assert post(desk, "draft_email").json()["verdict"]["reason"] == "CONFIDENCE_LOW"
    assert change(desk.house, "draft_email", {"min_confidence": 0.1}).status_code == 200
    low = post(desk, "draft_email", confidence=0.69).json()
    assert low["verdict"]["reason"] == "CONFIDENCE_LOW"


def test_without_a_tool_a_person_does_it(desk: Desk) -> None:
    """A6, A12."""
    assert change(desk.house, "draft_email", {"tool": ""}).status_code == 200
    assert post(desk, "draft_email").json()["verdict"]["reason"] == "NO_TOOL"


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"tier": "FREE"}, "tier", "INVALID_CHOICE"),
        ({"tool": "rm -rf"}, "tool", "INVALID_CHOICE"),
        ({"min_confidence": 1.1}, "min_confidence", "MAX_VALUE"),
        ({"risk_level": "LOW"}, "risk_level", "UNKNOWN_FIELD"),
        ({"reversal": "INVERSE"}, "reversal", "UNKNOWN_FIELD"),
        ({"external_contact": False}, "external_contact", "UNKNOWN_FIELD"),
    ],
)
def test_nothing_else_of_a_type_is_changed(
    house: House, body: dict[str, Any], field: str, code: str
) -> None:
    """A2: the core catalogue is frozen."""
    assert errors(change(house, "draft_email", body, If_Match="*")) == {field: code}
    assert rows(house) == 0


def test_types_that_are_not_there(house: House) -> None:
    admin = house.client(Role.ADMIN)
    for method, body in (("GET", None), ("PUT", {"tier": "HARD_STOP"})):
        refused = admin.send(method, "action-types/launch_rocket/", body, If_Match="*")
        assert problem(refused) == (404, "NO_SUCH_ACTION_TYPE")


def test_a_type_of_ones_own(desk: Desk, other: House) -> None:
    """A2: beside the core, of this tenant alone, and judged like any other."""
    admin = desk.house.client(Role.ADMIN)
    made = admin.send("POST", "action-types/", OWN)
    assert (made.status_code, set(made.json())) == (201, FIELDS)
    assert made.json()["verdict"] == "AUTO_EXECUTE"
    assert post(desk, "Send_Gift_Card").json()["verdict"]["reason"] == "TENANT_POLICY"
    assert len(listed(desk.house)) == len(CORE) + 1
    assert len(listed(other)) == len(CORE)
    for key in ("send_gift_card", "draft_email"):
        again = admin.send("POST", "action-types/", {**OWN, "key": key})
        assert problem(again) == (409, "ALREADY_REGISTERED")
    tightened = change(desk.house, "send_gift_card", {"tier": "HARD_STOP"})
    assert tightened.json()["verdict"] == "BLOCK"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"key": "Gift"}, "key"),
        ({"key": "1gift"}, "key"),
        ({"key": "x" * 65}, "key"),
        ({"tier": "FREE"}, "tier"),
        ({"risk_level": "NONE"}, "risk_level"),
        ({"touches": ["heart"]}, "touches.0"),
        ({"reversal": "MAGIC"}, "reversal"),
        ({"schema": {"type": "string"}}, "schema"),
        ({"schema": {"type": "objekt"}}, "schema"),
        (
            {"schema": {"type": "object", "properties": {"a": {"pattern": "("}}}},
            "schema",
        ),
        ({"auto": True}, "auto"),
    ],
)
def test_a_type_that_is_none(house: House, body: dict[str, Any], field: str) -> None:
    refused = house.client(Role.ADMIN).send("POST", "action-types/", {**OWN, **body})
    assert set(errors(refused)) == {field}
    assert rows(house) == 0


def test_an_example_must_fit(house: House) -> None:
    """A2: refused, and the type is not left behind."""
    body = {**OWN, "schema": {"type": "object", "required": ["amount"]}}
    refused = house.client(Role.ADMIN).send("POST", "action-types/", body)
    assert problem(refused) == (400, "WRONG_PARAMETERS")
    assert rows(house) == 0
    assert entries(house, "setting.changed") == []


@pytest.mark.parametrize("pointer", ["#/nowhere", "#", "other.json", "urn:x:y"])
def test_a_schema_that_points_nowhere(house: House, pointer: str) -> None:
    """A2: refused in words when it is given, and not at every proposal after."""
    body = {**OWN, "schema": {"type": "object", "$ref": pointer}}
    refused = house.client(Role.ADMIN).send("POST", "action-types/", body)
    assert refused.status_code == 400, refused.content
    assert rows(house) == 0


@pytest.mark.filterwarnings("ignore:Automatically retrieving:DeprecationWarning")
def test_a_schema_never_makes_the_house_call_somewhere(house: House) -> None:
    """4.5: no request leaves for where a tenant's schema points."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)
        listener = Thread(target=_listen, args=(server, heard))
        listener.start()
        pointer = f"http://127.0.0.1:{server.getsockname()[1]}/latest/meta-data/"
        body = {**OWN, "schema": {"type": "object", "$ref": pointer}}
        house.client(Role.ADMIN).send("POST", "action-types/", body)
        listener.join()
    assert heard == []


def _listen(server: socket.socket, heard: list[bytes]) -> None:
    try:
        caller, _ = server.accept()
    except TimeoutError:
        return
    with caller:
        heard.append(caller.recv(1000))
        caller.sendall(b"HTTP/1.0 200 OK\r\n\r\n{}")


def test_the_catalogue_costs_the_same_with_many_own_types(house: House) -> None:
    admin, counts = house.client(Role.ADMIN), []
    for number in range(6):
        body = {**OWN, "key": f"own_{number}"}
        assert admin.send("POST", "action-types/", body).status_code == 201
        if number in (0, 5):
            with CaptureQueriesContext(connection) as seen:
                admin.send("GET", "action-types/")
            counts.append(len(seen))
    assert counts[0] == counts[1]


def test_only_admins_change_types(desk: Desk) -> None:
    """T2."""
    for role in (Role.SELLER, Role.APPROVER, Role.AUDITOR, Role.INTEGRATION):
        client = desk.house.client(role)
        for method, path, body in (
            ("POST", "action-types/", OWN),
            ("PUT", "action-types/draft_email/", {"tier": "HARD_STOP"}),
        ):
            refused = client.send(method, path, body, If_Match="*")
            assert problem(refused) == (403, "PERMISSION_DENIED")
    assert rows(desk.house) == 0
    with tenant_scope(desk.tenant):
        assert not Intent.objects.exists()
