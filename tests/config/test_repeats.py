"""T5, U3: an answer that is kept to be repeated is kept as any secret: sealed."""

from typing import Any

import orjson
import pytest
from cryptography.fernet import Fernet

from ledger.scope import tenant_scope
from perception.models import Connector, IdempotencyKey
from perception.rules.roles import Role
from tests.conftest import House

CONNECTOR = {"kind": "webhook", "name": "CRM", "config": {}}
TOOL = {
    "key": "hook",
    "url": "https://hook.example/act",
    "secret": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3",
    "effect": "KEYED",
    "timeout_s": 2.0,
    "rate_per_s": 10.0,
}
ACCOUNT = {"external_id": "crm-1", "name": "Acme of the repeats"}


def _kept(house: House) -> bytes:
    """Everything that the table holds of answers, as whoever dumps it sees it."""
    with tenant_scope(house.tenant):
        rows = IdempotencyKey.objects.values_list("body", "headers")
        return b"".join(bytes(body) + orjson.dumps(more) for body, more in rows)


def _twice(house: House, path: str, body: Any) -> tuple[Any, Any]:
    """The same request two times over."""
    admin = house.client(Role.ADMIN)
    first, again = (
        admin.send("POST", path, body, Idempotency_Key=f"k {path}") for _ in range(2)
    )
    assert first.status_code in (200, 201)
    assert again["Idempotent-Replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again["Content-Type"] == first["Content-Type"]
    return first.json(), again.json()


def test_a_secret_that_is_shown_once_is_kept_sealed(house: House) -> None:
    """T5: made, and made anew; the repeat still shows it to whoever asked."""
    made, _ = _twice(house, "connectors/", CONNECTOR)
    rotated, _ = _twice(house, f"connectors/{made['id']}/rotate/", {})
    kept = _kept(house)
    for secret in (made["secret"], rotated["secret"]):
        assert len(secret) > 20
        assert secret.encode() not in kept
        assert secret.removeprefix("whsec_").encode() not in kept
    with tenant_scope(house.tenant):
        assert Connector.objects.count() == 1


@pytest.mark.parametrize(("path", "body"), [("accounts/", ACCOUNT), ("tools/", TOOL)])
def test_every_answer_is_kept_the_same_way(
    house: House, path: str, body: dict[str, Any]
) -> None:
    """T5: one mechanism, whatever a door says today or later."""
    answer, _ = _twice(house, path, body)
    kept = _kept(house)
    assert str(answer.get("id") or answer["key"]).encode() not in kept
    assert str(body.get("name") or body["url"]).encode() not in kept


def test_answers_of_an_earlier_version_are_repeated_as_they_are(house: House) -> None:
    """S7: rows written before a rollout hold their bytes in clear."""
    admin = house.client(Role.ADMIN)
    first = admin.send("POST", "accounts/", ACCOUNT, Idempotency_Key="old")
    with tenant_scope(house.tenant):
        IdempotencyKey.objects.update(body=first.content)
    again = admin.send("POST", "accounts/", ACCOUNT, Idempotency_Key="old")
    assert (again.status_code, again.content) == (201, first.content)


def test_keys_change_while_answers_are_kept(house: House, settings: Any) -> None:
    """T5: the key before opens it; without it nothing is done again, and nothing shown."""
    admin = house.client(Role.ADMIN)

    def ask() -> Any:
        return admin.send("POST", "connectors/", CONNECTOR, Idempotency_Key="k")

    first, old = ask(), tuple(settings.FIELD_KEYS)
    settings.FIELD_KEYS = (Fernet.generate_key().decode(), *old)
    assert ask().content == first.content
    settings.FIELD_KEYS = settings.FIELD_KEYS[:1]
    lost = ask()
    assert (lost.status_code, lost.json()["code"]) == (409, "ANSWER_LOST")
    assert first.json()["secret"].encode() not in lost.content
    settings.FIELD_KEYS = old
    with tenant_scope(house.tenant):
        assert Connector.objects.count() == 1
