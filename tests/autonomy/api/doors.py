"""What tests of the doors share: refusals read as they must be, and a plain proposal."""

from typing import Any

from autonomy.rules.catalogue import CORE
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.accounts import add_account
from perception.models import Account
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.conftest import NOW, House


def problem(response: Any) -> tuple[int, str]:
    """Status and code of a refusal of the right shape."""
    assert response["Content-Type"] == "application/problem+json", response.content
    body = response.json()
    assert body["status"] == response.status_code
    assert {"type", "title", "detail", "code"} <= set(body)
    assert "Traceback" not in response.content.decode()
    return response.status_code, body["code"]


def errors(response: Any) -> dict[str, str]:
    """The code at every field that was refused."""
    assert problem(response) == (400, "VALIDATION_ERROR")
    return {each["field"]: each["code"] for each in response.json()["errors"]}


def proposal(action_type: str = "create_internal_note", **more: Any) -> dict[str, Any]:
    """The body of a proposal that runs by itself at a desk."""
    core = CORE.get(action_type.strip().casefold())
    return {
        "account": "acme",
        "action_type": action_type,
        "parameters": dict(core.example) if core else {},
        "confidence": 0.9,
        **more,
    }


def post(desk: Desk, action_type: str = "create_internal_note", **more: Any) -> Any:
    """The answer to a proposal by an agent of the tenant."""
    client = desk.house.client(Role.INTEGRATION)
    return client.send("POST", "intents/", proposal(action_type, **more))


def entries(house: House, kind: str) -> list[Entry]:
    """The ledger's entries of a kind, oldest first."""
    with tenant_scope(house.tenant):
        return list(Entry.objects.filter(kind=kind).order_by("number"))


def another_account(house: House, external_id: str = "other", **more: Any) -> Account:
    """An account that the tenant's seller does not own."""
    with tenant_scope(house.tenant):
        return add_account(
            {
                "external_id": external_id,
                "name": "Other",
                "opportunities": [{"external_id": "x", "stage": "discovery"}],
                "contacts": [{"external_id": "x", "name": "Bo"}],
                **more,
            },
            by=house.caller(Role.ADMIN),
            now=NOW,
        )
