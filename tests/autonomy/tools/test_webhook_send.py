"""X2, X3: an act told to another system: signed, known by its id, taken once."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from autonomy import perform as performing
from autonomy.errors import ToolStopped
from autonomy.models import Execution
from autonomy.perform import perform
from autonomy.registry import change_type
from autonomy.rules.answers import Meaning
from autonomy.tools import outside
from autonomy.tools.base import ABSENT, Job
from autonomy.tools.outside import Called, wire_for
from autonomy.tools.webhook import WebhookSend
from ledger.record import SYSTEM
from ledger.scope import tenant_scope
from perception import connectors
from perception.errors import ConfigRefused
from perception.models import Connector
from perception.outlets.outbound import deliver
from perception.outlets.registry import OUTLETS
from perception.rules.webhooks import Signed, is_signed, key_of
from perception.sources.base import SourceFailed, SourceRefuses
from tests.autonomy.conftest import Desk
from tests.autonomy.tools.peer import (
    SECRET,
    Integrator,
    approved,
    due,
)
from tests.autonomy.tools.postboxes import acting
from tests.conftest import NOW
from tests.perception.sources.servers import free_port, wire

KEY = "0198aaaa-0000-7000-8000-00000000000e"
HAND = WebhookSend()


class Killed(BaseException):
    """As abrupt as kill -9."""


class Receiver(Integrator):
    """One that knows a delivery by its webhook-id."""

    def take(self, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str]]:
        known = {**headers, "idempotency-key": headers["webhook-id"]}
        return super().take(known, body)


@pytest.fixture
def there(settings: Any) -> Iterator[Integrator]:
    made = Receiver()
    settings.EGRESS_ALLOW = (f"127.0.0.1:{made.port}",)
    try:
        yield made
    finally:
        made.close()


def job(url: str, **more: Any) -> Job:
    held: dict[str, Any] = {
        "key": KEY, "at": NOW, "attempt": 1, "config": {"url": url}, "secret": SECRET,
        "action_type": "create_internal_note", "parameters": {"text": "A note."},
        "ids": {"intent_id": KEY, "contact": None},
        "account": {"external_id": "acme"},
        "auto_executed": True, "approval_source": "policy", **more,
    }  # fmt: skip
    return Job(**held)


def sent(given: Job, seconds: float = 20) -> Called:
    return outside.act(HAND, given, wire_for(given, seconds), ABSENT)


def test_a_signed_cloud_event(there: Integrator) -> None:
    """X2: CloudEvents 1.0, signed as Standard Webhooks has it, with the act's key."""
    called = sent(job(there.url))
    assert called.said.meaning is Meaning.DONE, called.said
    assert called.told == {"webhook_id": KEY}
    ((headers, body),) = there.asked
    assert headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    given = Signed(
        message=headers["webhook-id"],
        timestamp=headers["webhook-timestamp"],
        signatures=headers["webhook-signature"],
        body=body,
    )
    assert is_signed(given, [SECRET], now=NOW, tolerance=timedelta(minutes=5))
    assert json.loads(body) == {
        "specversion": "1.0",
        "id": KEY,
        "source": "/autonomy",
        "type": "autonomy.act",
        "subject": "acme",
        "time": NOW.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": {
            "action_type": "create_internal_note",
            "parameters": {"text": "A note."},
            "ids": {"intent_id": KEY, "contact": None},
            "auto_executed": True,
            "approval_source": "policy",
        },
    }


def test_an_event_about_nothing_names_no_subject(there: Integrator) -> None:
    """CloudEvents: a subject is there, or it is not; it is never empty."""
    config = {"url": there.url, "source": "/eu/autonomy"}
    deliver(
        config, SECRET, id="a1", type="autonomy.alert", subject="", data={"burn": 2.5},
        at=NOW, wire=wire(),
    )  # fmt: skip
    (event,) = there.bodies()
    assert "subject" not in event
    assert (event["source"], event["data"]) == ("/eu/autonomy", {"burn": 2.5})


@pytest.mark.parametrize(
    ("answer", "meaning", "wait"),
    [
        (204, Meaning.DONE, None),
        (409, Meaning.DONE, None),
        (400, Meaning.REFUSED, None),
        (401, Meaning.REFUSED, None),
        (410, Meaning.REFUSED, None),
        (422, Meaning.REFUSED, None),
        ((429, {"Retry-After": "7"}), Meaning.WAIT, 7.0),
        (429, Meaning.WAIT, 5.0),
        ((503, {"Retry-After": "9"}), Meaning.WAIT, 9.0),
        (503, Meaning.AMBIGUOUS, None),
        (500, Meaning.AMBIGUOUS, None),
        (302, Meaning.AMBIGUOUS, None),
        (0, Meaning.AMBIGUOUS, None),
    ],
)
def test_what_is_answered_has_a_meaning(
    there: Integrator, answer: Any, meaning: Meaning, wait: float | None
) -> None:
    """X3: as with an integrator's URL; 409 is what was delivered already."""
    there.says(answer)
    called = sent(job(there.url))
    assert called.said.meaning is meaning, called.said
    assert called.said.wait == wait
    assert len(there.asked) == 1


def test_what_cannot_be_sent_is_not(there: Integrator, settings: Any) -> None:
    """X3: without a key, without a way, or with nobody there."""
    for secret in ("", "no key", "whsec_eA=="):
        called = sent(job(there.url, secret=secret))
        assert called.said.meaning is Meaning.REFUSED
    settings.EGRESS_ALLOW = ()
    assert sent(job(there.url)).said.meaning is Meaning.FORBIDDEN
    settings.EGRESS_ALLOW = ("127.0.0.1",)
    gone = f"http://127.0.0.1:{free_port()}/"
    assert sent(job(gone)).said.meaning is Meaning.UNREACHED
    given = job(there.url)
    with pytest.raises(ToolStopped):
        HAND.restore(given, wire_for(given, 20), ABSENT, ABSENT)
    assert there.asked == []


def test_a_greeting_delivers_nothing(there: Integrator, settings: Any) -> None:
    """Connected to, and left again."""
    outbound = OUTLETS["outbound"]
    outbound.greet({"url": there.url}, SECRET, wire())
    with pytest.raises(SourceRefuses):
        outbound.greet({"url": there.url}, "no key", wire())
    settings.EGRESS_ALLOW = ("127.0.0.1",)
    with pytest.raises(SourceFailed):
        outbound.greet({"url": f"http://127.0.0.1:{free_port()}/"}, SECRET, wire())
    assert there.asked == []


def test_its_secret_is_made_and_replaced(desk: Desk) -> None:
    """A connector that signs has a key from the start; one that is none is refused."""
    given = {"kind": "outbound", "name": "Out", "config": {"url": "https://x.example/"}}
    with tenant_scope(desk.tenant):
        made = connectors.add(given, by=SYSTEM, now=NOW)
        (first,) = connectors.secrets_of(made)
        second = connectors.rotate(made, by=SYSTEM, now=NOW)
        assert connectors.secrets_of(Connector.objects.get(pk=made.pk)) == [second]
    assert made.acts_as == "webhook"
    assert first != second
    assert key_of(first)
    assert key_of(second)
    with tenant_scope(desk.tenant):
        for call in (
            lambda: connectors.rotate(made, by=SYSTEM, now=NOW, secret="no key"),
            lambda: connectors.add(
                {**given, "name": "b", "secret": "no key"}, by=SYSTEM, now=NOW
            ),
        ):
            with pytest.raises(ConfigRefused):
                call()
        assert Connector.objects.filter(kind="outbound").count() == 1
        assert connectors.secrets_of(Connector.objects.get(pk=made.pk)) == [second]


def told(desk: Desk, url: str) -> Any:
    """A note that is told to another system."""
    acting(desk, "outbound", {"url": url}, SECRET)
    with tenant_scope(desk.tenant):
        change_type(
            "create_internal_note", {"tool": "webhook.send"}, by=desk.admin, now=NOW
        )
    return approved(desk)


def test_from_the_permit_to_the_receiver(desk: Desk, there: Integrator) -> None:
    """X1, X3: broken off after its effect, it is delivered again under the same id."""
    there.says(0, 409)
    intent = told(desk, there.url)
    assert perform(intent, tenant=desk.tenant) == "WAITS"
    due(desk, intent)
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    assert perform(intent, tenant=desk.tenant) == "NOTHING"
    assert there.effects == {str(intent): 1}
    assert [each["subject"] for each in there.bodies()] == ["acme", "acme"]
    with tenant_scope(desk.tenant):
        outcome = Execution.objects.get(intent_id=intent).outcome or {}
    assert outcome["webhook_id"] == str(intent)
    assert SECRET not in json.dumps(outcome)


def test_killed_after_the_call_it_is_delivered_under_the_same_id(
    desk: Desk, there: Integrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X1, X3: whoever comes next asks again with the key."""
    intent = told(desk, there.url)

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(performing, "_recorded", die)
        with pytest.raises(Killed):
            perform(intent, tenant=desk.tenant)
    due(desk, intent)
    there.says(409)
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    assert there.effects == {str(intent): 1}
