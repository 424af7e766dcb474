"""P1, P2, S4: signals/, as integrators and readers meet it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from autonomy.models import Run
from config import rates
from ledger.scope import tenant_scope
from perception.accounts import add_account
from perception.models import Account, Signal
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.conftest import NOW, House
from tests.races import in_threads


def item(**more: Any) -> dict[str, Any]:
    return {"account": "acme", "type": "news", "payload": {"title": "A"}, **more}


def _post(desk: Desk, body: Any, role: Role = Role.INTEGRATION, **headers: str) -> Any:
    return desk.house.client(role).send("POST", "signals/", body, **headers)


def _count(desk: Desk) -> tuple[int, int]:
    with tenant_scope(desk.tenant):
        return Signal.objects.count(), Run.objects.count()


def test_one_signal(desk: Desk) -> None:
    """P1: 202 with id, run and whether it came before; the run is there."""
    answer = _post(desk, item(dedupe_key="k", source="feed"))
    assert answer.status_code == 202
    with tenant_scope(desk.tenant):
        signal, run = Signal.objects.get(), Run.objects.get()
    assert answer.json() == {
        "id": str(signal.id),
        "run_id": str(run.id),
        "duplicate": False,
    }
    assert run.signal_id == signal.id
    again = _post(desk, item(dedupe_key="k"))
    assert (again.status_code, again.json()) == (
        202,
        {**answer.json(), "duplicate": True},
    )
    assert _count(desk) == (1, 1)


def test_a_list_answers_a_list(desk: Desk) -> None:
    """P1."""
    answer = _post(desk, [item(), item(type="execution_outcome", payload={})])
    assert answer.status_code == 202
    assert [each["run_id"] is None for each in answer.json()] == [False, True]
    assert _count(desk) == (2, 1)
    assert _post(desk, []).json() == []


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ([item(), item(account="nobody")], 400, "1.account"),
        ([item(), item(payload="text")], 400, "1.payload"),
        ([item(), {"account": "acme"}], 400, "1.type"),
        (item(account="nobody"), 400, "account"),
        (item(payload={"title": 5}), 400, "payload.title"),
        (item(payload={"text": "x" * 70_000}), 400, "payload"),
        (item(occurred_at="tomorrow"), 400, "occurred_at"),
        (item(occurred_at="2099-01-01T00:00:00Z"), 400, "occurred_at"),
        (item(tenant_id=str(uuid4())), 400, "tenant_id"),
        (item(caused_by=str(uuid4())), 400, "caused_by"),
        ("text", 400, None),
        (b"{", 400, None),
        ([item()] * 1001, 400, None),
        (item(payload={"text": "x" * 5_000_000}), 413, None),
    ],
)
def test_bad_input(desk: Desk, body: Any, status: int, field: str | None) -> None:
    """P2: a clear refusal; of a list nothing is kept."""
    answer = _post(desk, body)
    assert answer.status_code == status
    problem = answer.json()
    assert (problem["status"], bool(problem["detail"])) == (status, True)
    if field is not None:
        assert field in [error["field"] for error in problem["errors"]]
    assert _count(desk) == (0, 0)


def test_a_thousand_at_once(desk: Desk) -> None:
    """P1: few statements, however many signals."""
    client = desk.house.client(Role.INTEGRATION)
    client.send("GET", "me/")
    with CaptureQueriesContext(connection) as queries:
        answer = client.send("POST", "signals/", [item() for _ in range(1000)])
    assert answer.status_code == 202
    assert len(answer.json()) == 1000
    assert len(queries) < 20
    assert _count(desk) == (1000, 1000)


def test_a_hundred_posts_of_one_key(desk: Desk) -> None:
    """P1: 100 concurrent posts, one signal, one run, the same answer for all."""
    answers = []
    for _ in range(4):
        answers += in_threads(25, lambda _number: _post(desk, item(dedupe_key="same")))
    assert {each.status_code for each in answers} == {202}
    assert len({(each.json()["id"], each.json()["run_id"]) for each in answers}) == 1
    assert sum(not each.json()["duplicate"] for each in answers) == 1
    assert _count(desk) == (1, 1)


def test_an_idempotency_key_repeats_the_answer(desk: Desk) -> None:
    """U3."""
    first = _post(desk, item(), idempotency_key="i1")
    again = _post(desk, item(), idempotency_key="i1")
    assert first.json() == again.json()
    assert _count(desk) == (1, 1)


def test_a_full_tenant_gets_429(desk: Desk, monkeypatch: Any) -> None:
    """S4: with Retry-After; nothing of it is kept."""
    monkeypatch.setattr(settings, "MAX_BACKLOG", 1)
    _post(desk, [item(), item()])
    answer = _post(desk, item())
    assert (answer.status_code, answer["Retry-After"]) == (429, "5")
    assert answer.json()["code"] == "TOO_BUSY"
    assert _count(desk) == (2, 2)


def test_signals_are_taken_while_redis_is_down(desk: Desk, monkeypatch: Any) -> None:
    """S4, law 5."""
    monkeypatch.setattr(settings, "REDIS_URL", "redis://127.0.0.1:1/0")
    rates._limiter.cache_clear()
    try:
        assert _post(desk, item()).status_code == 202
    finally:
        rates._limiter.cache_clear()
    assert _count(desk) == (1, 1)


def test_whoever_listens_is_woken(desk: Desk) -> None:
    """S2: once the signal is committed, and not for a repetition."""
    listener = psycopg2.connect(settings.APP_URL)
    listener.autocommit = True
    with listener.cursor() as cursor:
        cursor.execute("LISTEN autonomy_work")
        _post(desk, item(dedupe_key="k"))
        cursor.execute("SELECT 1")
        assert len(listener.notifies) == 1
        _post(desk, item(dedupe_key="k"))
        _post(desk, item(account="nobody"))
        cursor.execute("SELECT 1")
        assert len(listener.notifies) == 1
    listener.close()


# --- Reading -------------------------------------------------------------------------


def test_who_sees_what(desk: Desk) -> None:
    """T2: sellers see those of their accounts; integrations read nothing."""
    with tenant_scope(desk.tenant):
        add_account({"external_id": "b", "name": "Nobody's"}, by=desk.admin, now=NOW)
    mine = _post(desk, item()).json()["id"]
    other = _post(desk, item(account="b")).json()["id"]
    seen = {
        role: [
            each["id"]
            for each in desk.house.client(role)
            .send("GET", "signals/")
            .json()["results"]
        ]
        for role in (Role.SELLER, Role.APPROVER, Role.ADMIN, Role.AUDITOR)
    }
    assert seen.pop(Role.SELLER) == [mine]
    assert all(ids == [other, mine] for ids in seen.values())
    seller = desk.house.client(Role.SELLER)
    assert seller.send("GET", f"signals/{mine}/").status_code == 200
    assert seller.send("GET", f"signals/{other}/").status_code == 404
    integration = desk.house.client(Role.INTEGRATION)
    assert integration.send("GET", "signals/").status_code == 403
    assert _post(desk, item(), role=Role.SELLER).status_code == 403
    assert _count(desk) == (2, 2)


def test_another_tenants_signals_are_not_there(desk: Desk, other: House) -> None:
    """T1."""
    mine = _post(desk, item()).json()["id"]
    foreign = other.client(Role.ADMIN)
    assert foreign.send("GET", f"signals/{mine}/").status_code == 404
    assert foreign.send("GET", "signals/").json()["results"] == []
    assert foreign.send("POST", "signals/", item()).status_code == 400


def test_the_shape_and_the_filters(desk: Desk) -> None:
    """CONTRACT: references are named by the noun and hold its id."""
    made = _post(desk, item(source="feed", dedupe_key="k")).json()
    _post(desk, item(type="never heard of"))
    admin = desk.house.client(Role.ADMIN)
    shown = admin.send("GET", f"signals/{made['id']}/").json()
    assert {
        name: shown[name]
        for name in ("account", "run", "type", "is_known", "source", "dedupe_key",
                     "payload", "connector", "caused_by", "depth")
    } == {
        "account": str(desk.account.id), "run": made["run_id"], "type": "news",
        "is_known": True, "source": "feed", "dedupe_key": "k",
        "payload": {"title": "A"}, "connector": None, "caused_by": None, "depth": 0,
    }  # fmt: skip
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    for query, count in {
        f"account={desk.account.id}": 2,
        f"account={uuid4()}": 0,
        "type=News": 1,
        "type=Never-Heard-Of": 1,
        "is_known=false": 1,
        f"created_after={soon}": 0,
        f"created_before={soon}": 2,
        f"run={made['run_id']}": 1,
        "limit=1": 1,
    }.items():
        page = admin.send("GET", f"signals/?{query}")
        assert (page.status_code, len(page.json()["results"])) == (200, count), query
    assert admin.send("GET", "signals/?account=nobody").status_code == 400


def test_heat_is_shown_at_once(desk: Desk) -> None:
    """P4."""
    _post(desk, [item(), item()])
    with tenant_scope(desk.tenant):
        account = Account.objects.get()
    assert (account.heat_tier, account.heat_score) == ("HOT", 0.65)


def test_the_document_says_one_or_many(db: None) -> None:
    """U3."""
    house_schema = _schema()
    for path in ("/api/v1/signals/", "/api/v1/webhooks/{id}/"):
        operation = house_schema["paths"][path]["post"]
        body = operation["requestBody"]["content"]["application/json"]["schema"]
        assert "oneOf" in json.dumps(_resolved(house_schema, body))
        assert "202" in operation["responses"]


def _schema() -> Any:
    return json.loads(Client().get("/api/schema/?format=json").content)


def _resolved(schema: Any, body: Any) -> Any:
    name = body.get("$ref", "").rpartition("/")[2]
    return schema["components"]["schemas"].get(name, body)
