"""P1: what outside systems deliver, verified on raw bytes, kept once."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
import pytest

from ledger.models import Entry
from ledger.scope import tenant_scope
from perception import connectors, webhooks
from perception.accounts import add_account
from perception.models import Connector, Delivery, Signal
from perception.rules.roles import Role
from perception.rules.webhooks import secret_of, sign
from tests.conftest import NOW, Api, House
from tests.races import in_threads


class Sender:
    """An outside system that knows a connector's secret."""

    def __init__(self, house: House) -> None:
        self.house = house
        with tenant_scope(house.tenant):
            add_account(
                {"external_id": "acme", "name": "Acme"},
                by=house.caller(Role.ADMIN),
                now=NOW,
            )
            self.connector = connectors.add_webhook("Ticket desk", now=NOW)
            [self.secret] = connectors.secrets_of(self.connector)

    def send(self, body: Any = None, **how: Any) -> Any:
        raw = (
            body
            if isinstance(body, bytes)
            else orjson.dumps(item() if body is None else body)
        )
        at = how.get("at") or datetime.now(UTC)
        headers = sign(
            how.get("secret", self.secret),
            message=how.get("message", f"msg_{uuid4().hex}"),
            at=at,
            body=how.get("signed", raw),
        )
        path = f"webhooks/{how.get('to', self.connector.id)}/"
        return Api(None).send("POST", path, raw, **headers, **how.get("more", {}))

    def kept(self) -> list[Signal]:
        with tenant_scope(self.house.tenant):
            return list(Signal.objects.order_by("id"))

    def deliveries(self) -> int:
        with tenant_scope(self.house.tenant):
            return Delivery.objects.count()


def item(**more: Any) -> dict[str, Any]:
    return {"account": "acme", "type": "ticket_escalated", "payload": {}, **more}


@pytest.fixture
def sender(house: House) -> Sender:
    return Sender(house)


def test_a_signed_delivery_is_kept(sender: Sender) -> None:
    """P1: 202 with the first result; the connector is the source."""
    answer = sender.send(item(source="somebody else"))
    assert answer.status_code == 202
    [signal] = sender.kept()
    assert answer.json() == {
        "id": str(signal.id),
        "run_id": str(signal.run_id),
        "duplicate": False,
    }
    assert (signal.source, signal.connector_id) == ("Ticket desk", sender.connector.id)
    assert signal.entered_at is not None
    with tenant_scope(sender.house.tenant):
        [entry] = Entry.objects.filter(kind="signal.received")
    assert entry.actor == {"type": "system", "id": f"connector {sender.connector.id}"}
    assert entry.subjects["connector"] == str(sender.connector.id)


def test_a_list_answers_a_list(sender: Sender) -> None:
    """P1: the body of signals/, single or list."""
    answer = sender.send([item(), item(type="news")])
    assert answer.status_code == 202
    assert [each["id"] for each in answer.json()] == [
        str(each.id) for each in sender.kept()
    ]


def test_a_replay_gets_the_first_answer(sender: Sender) -> None:
    """P1: same id, later and signed anew, even with another body: nothing is made."""
    first = sender.send(message="msg_1", at=datetime.now(UTC) - timedelta(minutes=4))
    again = sender.send([item(type="news")] * 2, message="msg_1")
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == {**first.json(), "duplicate": True}
    assert (len(sender.kept()), sender.deliveries()) == (1, 1)
    assert sender.send(b"no json at all", message="msg_1").json() == again.json()
    assert sender.send([], message="msg_2").json() == []
    assert sender.send(message="msg_2").json() == []
    assert len(sender.kept()) == 1


def test_ids_of_two_connectors_are_apart(sender: Sender) -> None:
    """P1."""
    with tenant_scope(sender.house.tenant):
        other = connectors.add_webhook("Other desk", now=NOW)
        [secret] = connectors.secrets_of(other)
    sender.send(message="msg_1")
    answer = sender.send(message="msg_1", to=other.id, secret=secret)
    assert (answer.status_code, answer.json()["duplicate"]) == (202, False)
    assert len(sender.kept()) == 2


def test_twins_at_once_are_one(sender: Sender) -> None:
    """P1: concurrent deliveries of one id make one signal."""
    answers = in_threads(10, lambda _number: sender.send(message="msg_1"))
    assert {each.status_code for each in answers} == {202}
    assert len({each.json()["id"] for each in answers}) == 1
    assert sorted(each.json()["duplicate"] for each in answers) == [False] + [True] * 9
    assert (len(sender.kept()), sender.deliveries()) == (1, 1)


STRANGER = secret_of(b"s" * 24)


@pytest.mark.parametrize(
    "how",
    [
        {"secret": STRANGER},
        {"signed": b"{}"},
        {"to": uuid4()},
        {"at": datetime(2020, 1, 1, tzinfo=UTC)},
        {"at": datetime(2100, 1, 1, tzinfo=UTC)},
        {"message": "m" * 256},
        {"body": b"no json", "secret": STRANGER},
    ],
)
def test_whatever_is_wrong_the_answer_is_the_same(
    sender: Sender, how: dict[str, Any]
) -> None:
    """RELIABILITY 4.3: nobody learns whether the connector is there."""
    answer = sender.send(**how)
    assert (answer.status_code, answer["Content-Type"]) == (
        401,
        "application/problem+json",
    )
    assert answer["WWW-Authenticate"] == 'Webhook realm="autonomy"'
    assert answer.json() == {
        "type": "urn:autonomy:problem:not-signed",
        "title": "Unauthorized",
        "status": 401,
        "detail": "No live secret of such a connector signed this, or it is too old.",
        "code": "NOT_SIGNED",
    }
    assert (sender.kept(), sender.deliveries()) == ([], 0)


@pytest.mark.parametrize("seconds", [-290, 290])
def test_the_window_is_five_minutes(sender: Sender, seconds: int) -> None:
    """P1."""
    near = datetime.now(UTC) + timedelta(seconds=seconds)
    far = datetime.now(UTC) + timedelta(seconds=seconds * 1.1)
    assert sender.send(at=near).status_code == 202
    assert sender.send(at=far).status_code == 401
    assert len(sender.kept()) == 1


def test_without_headers(sender: Sender) -> None:
    """P1."""
    path = f"webhooks/{sender.connector.id}/"
    assert Api(None).send("POST", path, item()).status_code == 401
    assert Api(None).send("GET", path).status_code == 405
    assert sender.kept() == []


def test_a_token_changes_nothing(sender: Sender, other: House) -> None:
    """T1: the connector names the tenant, whoever else is logged in."""
    more = {"authorization": f"Bearer {other.tokens[Role.ADMIN]}"}
    assert sender.send(more=more).status_code == 202
    assert sender.send(more=more, secret=STRANGER).status_code == 401
    assert len(sender.kept()) == 1


def test_a_connector_that_is_switched_off(sender: Sender) -> None:
    """P1."""
    with tenant_scope(sender.house.tenant):
        Connector.objects.filter(pk=sender.connector.pk).update(is_active=False)
    assert sender.send().status_code == 401
    assert sender.kept() == []


def test_compressed_bodies_are_refused(sender: Sender) -> None:
    """RELIABILITY 4.3."""
    answer = sender.send(more={"content_encoding": "gzip"})
    assert answer.status_code == 415
    assert sender.kept() == []


def test_a_bad_body_is_refused_and_may_come_again(sender: Sender) -> None:
    """P2: 400 names the place; the id is not used up."""
    answer = sender.send([item(), item(account="nobody")], message="msg_1")
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["1.account"]
    assert sender.send(b"{no json", message="msg_1").status_code == 400
    assert (sender.kept(), sender.deliveries()) == ([], 1)
    assert sender.send(message="msg_1").status_code == 202


def test_a_body_that_is_too_large(sender: Sender) -> None:
    """RELIABILITY 4.1."""
    answer = sender.send(item(payload={"text": "x" * 300_000}))
    assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")
    assert sender.kept() == []


def test_rotation_loses_no_delivery(sender: Sender) -> None:
    """P1: two live secrets; the third ends the first, a leak ends the old at once."""
    admin = sender.house.client(Role.ADMIN)
    path = f"connectors/{sender.connector.id}/rotate/"
    second = admin.send("POST", path, {}).json()["secret"]
    assert sender.send().status_code == 202
    assert sender.send(secret=second).status_code == 202
    third = STRANGER
    given = admin.send("POST", path, {"secret": third})
    assert (given.status_code, given.json()) == (200, {"secret": ""})
    assert sender.send().status_code == 401
    assert sender.send(secret=second).status_code == 202
    fourth = admin.send("POST", path, {"keep_old": False}).json()["secret"]
    assert sender.send(secret=third).status_code == 401
    assert sender.send(secret=fourth).status_code == 202
    assert len(sender.kept()) == 4


def test_failures_are_throttled_and_good_deliveries_are_not(sender: Sender) -> None:
    """RELIABILITY 4.3: per connector; knowing an address shuts nobody out."""
    codes = [sender.send(secret=STRANGER).status_code for _ in range(22)]
    assert codes == [401] * 20 + [429] * 2
    refused = sender.send(secret=STRANGER)
    assert refused["Retry-After"] == "60"
    assert sender.send().status_code == 202
    assert sender.send(secret=STRANGER, to=uuid4()).status_code == 401


def test_old_deliveries_are_forgotten_after_a_month(sender: Sender) -> None:
    """RELIABILITY 4.3: senders repeat for days."""
    sender.send(message="msg_1")
    now = datetime.now(UTC)
    webhooks.forget(now=now + timedelta(days=30))
    assert sender.deliveries() == 1
    webhooks.forget(now=now + timedelta(days=32))
    assert sender.deliveries() == 0


# --- connectors/ ---------------------------------------------------------------------


def test_a_connector_is_added_and_its_secret_shown_once(house: House) -> None:
    """T5."""
    admin = house.client(Role.ADMIN)
    made = admin.send(
        "POST", "connectors/", {"kind": "webhook", "name": "Desk", "config": {"a": 1}}
    )
    assert (made.status_code, made["Cache-Control"]) == (201, "no-store")
    secret = made.json()["secret"]
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret[6:])) == 24
    page = admin.send("GET", "connectors/")
    assert secret not in page.content.decode()
    [listed] = page.json()["results"]
    assert listed == {k: v for k, v in made.json().items() if k != "secret"}
    with tenant_scope(house.tenant):
        assert secret not in Connector.objects.get().sealed_secrets
        entries = Entry.objects.filter(kind="setting.changed")
        assert secret not in str([entry.data for entry in entries])
    again = admin.send("POST", "connectors/", {"kind": "webhook", "name": "Desk"})
    assert (again.status_code, again.json()["code"]) == (409, "CONNECTOR_THERE")


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("webhook", {}),
        ("outbound", {"url": "https://hub.example/events"}),
        ("http", {"url": "https://feed.example/items"}),
    ],
)
def test_a_secret_that_was_sent_does_not_come_back(
    house: House, kind: str, config: dict[str, Any]
) -> None:
    """T5: neither when a connector is added, nor when it gets another one."""
    admin = house.client(Role.ADMIN)
    body = {"kind": kind, "name": "Desk", "config": config, "secret": STRANGER}
    made = admin.send("POST", "connectors/", body)
    assert (made.status_code, made.json()["secret"]) == (201, "")
    assert STRANGER not in made.content.decode()
    with tenant_scope(house.tenant):
        assert connectors.secrets_of(Connector.objects.get()) == [STRANGER]
    other = "whsec_" + base64.b64encode(b"x" * 24).decode()
    path = f"connectors/{made.json()['id']}/rotate/"
    turned = admin.send("POST", path, {"secret": other})
    assert (turned.status_code, turned.json()) == (200, {"secret": ""})
    with tenant_scope(house.tenant):
        assert connectors.secrets_of(Connector.objects.get())[0] == other


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "pigeon", "name": "A"}, "kind"),
        ({"kind": "webhook"}, "name"),
        ({"kind": "webhook", "name": "A", "secret": "short"}, "secret"),
        ({"kind": "webhook", "name": "A", "tenant": "x"}, "tenant"),
        ({"kind": "webhook", "name": "A", "config": {"a": "x" * 9000}}, "config"),
    ],
)
def test_a_connector_that_cannot_be(
    house: House, body: dict[str, Any], field: str
) -> None:
    answer = house.client(Role.ADMIN).send("POST", "connectors/", body)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    with tenant_scope(house.tenant):
        assert Connector.objects.count() == 0


def test_a_connector_is_changed_with_its_etag(sender: Sender) -> None:
    """U3."""
    admin = sender.house.client(Role.ADMIN)
    path = f"connectors/{sender.connector.id}/"
    tag = admin.send("GET", path)["ETag"]
    assert admin.send("PATCH", path, {"is_active": False}).status_code == 428
    changed = admin.send("PATCH", path, {"is_active": False}, if_match=tag)
    assert (changed.status_code, changed.json()["is_active"]) == (200, False)
    assert admin.send("PATCH", path, {"name": "B"}, if_match=tag).status_code == 412
    assert sender.send().status_code == 401


def test_deliveries_are_listed(sender: Sender, other: House) -> None:
    """P1."""
    answer = sender.send(message="msg_1")
    path = f"connectors/{sender.connector.id}/deliveries/"
    [listed] = sender.house.client(Role.AUDITOR).send("GET", path).json()["results"]
    assert (listed["message"], listed["answer"]) == ("msg_1", answer.json())
    assert other.client(Role.ADMIN).send("GET", path).status_code == 404
    assert sender.house.client(Role.SELLER).send("GET", path).status_code == 403
