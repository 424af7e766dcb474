"""What the document refuses, the doors refuse too, and nothing happens."""

from typing import Any

import pytest
from django.test import Client

from ledger.scope import tenant_scope
from perception import connectors
from perception.models import Account, Connector
from perception.rules.roles import Role
from tests.config.test_doors import problem
from tests.conftest import Api, House


@pytest.fixture
def admin(house: House) -> Api:
    return house.client(Role.ADMIN)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"external_id": 5, "name": "Acme"}, "external_id"),
        ({"external_id": True, "name": "Acme"}, "external_id"),
        ({"external_id": "a", "name": 1.5}, "name"),
        ({"external_id": "a", "name": "A", "owner": 7}, "owner"),
    ],
)
def test_a_value_of_another_type_is_refused(
    admin: Api, house: House, body: dict[str, Any], field: str
) -> None:
    """U3: a number is no text, and is not made one."""
    refused = admin.send("POST", "accounts/", body)
    assert problem(refused) == (400, "VALIDATION_ERROR")
    assert [each["field"] for each in refused.json()["errors"]] == [field]
    with tenant_scope(house.tenant):
        assert not Account.objects.exists()


@pytest.mark.parametrize("given", ["yes", 1, 0, "true"])
def test_only_true_and_false_are_switches(admin: Api, given: Any) -> None:
    """U3."""
    tag = admin.send("GET", "settings/")["ETag"]
    refused = admin.send("PATCH", "settings/", {"four_eyes": given}, If_Match=tag)
    assert problem(refused) == (400, "VALIDATION_ERROR")
    assert admin.send("GET", "settings/")["ETag"] == tag


@pytest.mark.parametrize(
    ("target", "status"),
    [("12.50", 201), (12.5, 201), (12, 201), ("", 400), ("1e3", 400), (" 5", 400),
     ("٣", 400), (True, 400), ("NaN", 400)],
)  # fmt: skip
def test_amounts_are_numbers_or_their_digits(
    admin: Api, target: Any, status: int
) -> None:
    """U3."""
    body = {"type": "pipeline", "target": target, "start": "2099-01-01",
            "end": "2099-02-01"}  # fmt: skip
    answer = admin.send("POST", "goals/", body)
    assert answer.status_code == status, answer.content


@pytest.mark.parametrize(
    "query",
    ["accounts/?limit=", "accounts/?limit=0", "accounts/?limit=-1",
     "accounts/?limit=all", "accounts/?limit=1.5", "accounts/?created_after=",
     "executions/?auto_executed=", "executions/?auto_executed=5",
     "feed/inbox/?account=", "action-types/?verdict=", "approvals/oversight/?from="],
)  # fmt: skip
def test_a_query_that_says_nothing_is_refused(admin: Api, query: str) -> None:
    """U3: whoever names a filter and leaves it empty wanted something else."""
    assert problem(admin.send("GET", query)) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("query", ["accounts/?limit=1000", "accounts/?limit=007"])
def test_a_long_page_is_made_shorter(admin: Api, query: str) -> None:
    assert admin.send("GET", query).status_code == 200


@pytest.mark.parametrize(
    "key", ["", "é", "a\tb", "x" * 256], ids=["empty", "accent", "tab", "long"]
)
def test_a_key_is_printable_ascii(admin: Api, house: House, key: str) -> None:
    """T6: as the document has it."""
    body = {"external_id": "a", "name": "A"}
    refused = admin.send("POST", "accounts/", body, Idempotency_Key=key)
    assert problem(refused) == (400, "BAD_IDEMPOTENCY_KEY")
    with tenant_scope(house.tenant):
        assert not Account.objects.exists()


def test_a_breaker_that_is_told_nothing_stays(admin: Api, house: House) -> None:
    """An empty PATCH changes nothing, and says how things are."""
    body = {"kind": "webhook", "name": "w"}
    made = admin.send("POST", "connectors/", body).json()
    path = f"connectors/{made['id']}/breaker/"
    before = admin.send("GET", path).json()
    assert admin.send("PATCH", path, {}).json() == before


def test_a_secret_whose_key_is_gone_is_replaced(admin: Api, house: House) -> None:
    """What cannot be opened is no reason to keep it."""
    body = {"kind": "webhook", "name": "w"}
    made = admin.send("POST", "connectors/", body).json()
    with tenant_scope(house.tenant):
        Connector.objects.filter(pk=made["id"]).update(sealed_secrets="broken")
    answer = admin.send("POST", f"connectors/{made['id']}/rotate/", {})
    assert answer.status_code == 200
    with tenant_scope(house.tenant):
        held = Connector.objects.get(pk=made["id"])
        assert connectors.secrets_of(held) == [answer.json()["secret"]]


def test_what_is_changed_is_changed_with_its_tag_in_hand(db: None) -> None:
    """U3: every PUT and PATCH, but for breakers: they are switches that move by
    themselves, and whoever holds one open has no time to lose.
    """
    document = Client().get("/api/schema/?format=json").json()
    without = {
        path
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in ("put", "patch") and "428" not in operation["responses"]
    }
    assert without == {
        "/api/v1/connectors/{id}/breaker/",
        "/api/v1/tools/{key}/breaker/",
    }


def test_the_document_says_what_is_needed(db: None) -> None:
    """U3: If-Match where it is insisted on, and bodies that know their fields."""
    document = Client().get("/api/schema/?format=json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            named = {each["name"]: each for each in operation.get("parameters", ())}
            assert ("428" in operation["responses"]) is ("If-Match" in named), path
            assert named.get("If-Match", {"required": True})["required"]
            assert ("Idempotency-Key" in named) is (method == "post"), path
            assert "cursor" not in named or "404" in operation["responses"], path
            told = operation["responses"]["401"]["headers"]
            assert told["WWW-Authenticate"]["required"]
