"""X1, X2, X3: mails from the permit to the server, whatever happens on the way."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from autonomy import perform as performing
from autonomy.models import Effect, Execution
from autonomy.perform import perform
from ledger.scope import tenant_scope
from perception.models import Contact
from tests.autonomy.conftest import Desk
from tests.autonomy.tools.peer import approved, due
from tests.autonomy.tools.postboxes import (
    FINE,
    USER,
    Postbox,
    acting,
    config,
    postbox,
    scripted,
)

LETS = (FINE, FINE, FINE, b"354 go\r\n")


class Killed(BaseException):
    """As abrupt as kill -9."""


@pytest.fixture
def box(settings: Any) -> Iterator[Postbox]:
    settings.EGRESS_ALLOW = ("127.0.0.1",)
    with postbox() as made:
        yield made


def about(desk: Desk, **more: Any) -> Any:
    """A mail to Ann that a person has approved."""
    with tenant_scope(desk.tenant):
        ann = Contact.objects.get(external_id="c1")
    return approved(desk, "send_email", contact=ann, **more)


def test_from_the_permit_to_the_server(desk: Desk, box: Postbox) -> None:
    """X1, X2: one mail, whatever is repeated; nothing about people in the records."""
    acting(desk, "smtp", config(box.port, user=USER))
    box.is_closed = True
    intent = about(desk)
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    assert perform(intent, tenant=desk.tenant) == "NOTHING"
    (envelope,), (mail,) = box.sent, box.mails
    assert envelope.rcpt_tos == ["ann@acme.example"]
    assert mail["Message-ID"] == f"<{intent}@own.example>"
    with tenant_scope(desk.tenant):
        execution = Execution.objects.get(intent_id=intent)
        assert not Effect.objects.exists()
    assert execution.outcome is not None
    assert execution.outcome["message_id"] == f"<{intent}@own.example>"
    assert "ann@acme.example" not in json.dumps(execution.outcome)


def test_without_a_server_a_person_is_asked(desk: Desk) -> None:
    """X2: nothing acts through a connector that is not there."""
    intent = about(desk)
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    with tenant_scope(desk.tenant):
        assert Effect.objects.get().kind == "manual_task"


def test_what_was_lost_after_the_dot_goes_to_a_person(
    desk: Desk, settings: Any
) -> None:
    """X3: never a second mail."""
    settings.EGRESS_ALLOW = ("127.0.0.1",)
    with scripted(*LETS, b"") as (port, told):
        acting(desk, "smtp", config(port))
        intent = about(desk)
        assert perform(intent, tenant=desk.tenant) == "IN_DOUBT"
        due(desk, intent)
        assert perform(intent, tenant=desk.tenant) == "NOTHING"
    assert told.heard.count(b".\r\n") == 1


def test_killed_after_the_mail_it_is_not_sent_again(
    desk: Desk, box: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X1, X3: the call went out, nothing says how it ended: a person looks."""
    acting(desk, "smtp", config(box.port))
    intent = about(desk)

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(performing, "_recorded", die)
        with pytest.raises(Killed):
            perform(intent, tenant=desk.tenant)
    due(desk, intent)
    assert perform(intent, tenant=desk.tenant) == "IN_DOUBT"
    assert len(box.sent) == 1


def test_who_is_put_off_comes_again(desk: Desk, box: Postbox) -> None:
    """X3: greylisting is no refusal, and no doubt."""
    acting(desk, "smtp", config(box.port))
    box.says["RCPT"] = "451 4.7.1 come again"
    intent = about(desk)
    assert perform(intent, tenant=desk.tenant) == "WAITS"
    box.says.clear()
    due(desk, intent)
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    assert len(box.sent) == 1


def test_an_erased_person_is_not_written_to(desk: Desk, box: Postbox) -> None:
    """L: nothing is left to write to, and nothing is sent."""
    acting(desk, "smtp", config(box.port))
    intent = about(desk)
    with tenant_scope(desk.tenant):
        Contact.objects.filter(external_id="c1").update(email="", name="")
    assert perform(intent, tenant=desk.tenant) == "FAILED"
    assert box.sent == []
