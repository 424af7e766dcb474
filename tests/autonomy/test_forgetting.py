"""L9: who is forgotten goes out of signals and acts, too; what was done stays done."""

import json
from typing import Any

import pytest
from django.test import Client

from autonomy.forgetting import forget_contact
from autonomy.models import (
    Approval,
    ContextField,
    Effect,
    Execution,
    Intent,
    Replay,
    Run,
)
from autonomy.perform import perform
from ledger.record import SYSTEM
from ledger.scope import tenant_scope
from ledger.verify import verify_tenant
from perception import connectors
from perception.errors import NoSuchContact
from perception.intake import receive
from perception.models import Contact, Delivery, Person, Signal
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.conftest import NOW

WORDS = {"text": "Ann (ANN@acme.example) was told. Annabel was not."}
BLOTTED = {"text": "erased (erased) was told. Annabel was not."}


@pytest.fixture
def told(desk: Desk) -> Desk:
    """A signal, a delivery and acts that name somebody; one of them waits for a person."""
    with tenant_scope(desk.tenant):
        payload = {"title": "Ann called", "of": ["ann", {"Ann": 3}]}
        signal = {"account": "acme", "type": "news", "payload": payload}
        receive([signal], by=SYSTEM, now=NOW)
        connector = connectors.add_webhook("Tickets", now=NOW)
        for body in (b'{"account": "Ann"}', b'{"account": "nobody"}'):
            Delivery.objects.create(
                tenant_id=desk.tenant, connector=connector, message=str(body),
                status="REFUSED", body=body, error="no 'Ann'", received_at=NOW,
            )  # fmt: skip
        Run.objects.create(
            tenant_id=desk.tenant, account=desk.account, trigger="SIGNAL_ARRIVED",
            key="k", status="DONE", stage="DECIDE", due_at=NOW, created_at=NOW,
            updated_at=NOW, context={"more": WORDS},
        )  # fmt: skip
        ContextField.objects.create(
            tenant_id=desk.tenant, account=desk.account, field="who", value="Ann",
            updated_at=NOW,
        )  # fmt: skip
        contact = str(Contact.objects.get().id)
    done = desk.propose(parameters=WORDS, contact=contact)
    assert perform(done.id, tenant=desk.tenant) == "SUCCEEDED"
    desk.propose(
        "send_email", parameters={"subject": "Ann", "body": "B"}, contact=contact
    )
    return desk


def forget(desk: Desk) -> None:
    with tenant_scope(desk.tenant):
        forget_contact(Contact.objects.get().id, by=SYSTEM, now=NOW)


def test_nothing_names_them_any_more(told: Desk) -> None:
    forget(told)
    with tenant_scope(told.tenant):
        assert Signal.objects.get(type="news").payload == {
            "title": "erased called",
            "of": ["erased", {"erased": 3}],
        }
        assert [
            bytes(each.body or b"") for each in Delivery.objects.order_by("id")
        ] == [
            b"",
            b'{"account": "nobody"}',
        ]
        assert Run.objects.get(key="k").context == {"more": BLOTTED}
        assert ContextField.objects.get().value == "erased"
        assert Effect.objects.get().data == BLOTTED
        done, waits = Intent.objects.order_by("id")
        assert (done.status, done.parameters) == ("SUCCEEDED", BLOTTED)
        assert waits.parameters == {"subject": "erased", "body": "B"}
    assert verify_tenant(told.tenant).findings == []


def test_names_are_found_however_json_writes_them(desk: Desk) -> None:
    """Quotation marks, backslashes and foreign letters, escaped or not."""
    name = 'Zoë "Zo" O\\Neil'
    with tenant_scope(desk.tenant):
        Contact.objects.update(name=name)
        payload = {"title": f"{name} called", name: 1}
        signal = {"account": "acme", "type": "news", "payload": payload}
        receive([signal], by=SYSTEM, now=NOW)
        connector = connectors.add_webhook("Tickets", now=NOW)
        for plain in (True, False):
            Delivery.objects.create(
                tenant_id=desk.tenant, connector=connector, message=str(plain),
                status="REFUSED", error="", received_at=NOW,
                body=json.dumps({"account": name}, ensure_ascii=plain).encode(),
            )  # fmt: skip
    forget(desk)
    with tenant_scope(desk.tenant):
        found = Signal.objects.get(type="news").payload
        assert found == {"title": "erased called", "erased": 1}
        bodies = Delivery.objects.values_list("body", flat=True)
        assert list(bodies) == [None, None]


@pytest.mark.parametrize(
    "body",
    [
        b'{"text": "Hello\\nAnn called"}',
        b'{"text": "Soon \\u2013Ann"}',
        b'{"mail": "ann\\u0040acme.example"',
        b"Hello\nAnn",
    ],
)
def test_deliveries_hide_nobody_behind_escapes(desk: Desk, body: bytes) -> None:
    """However another program writes JSON, and where it breaks off."""
    with tenant_scope(desk.tenant):
        Delivery.objects.create(
            tenant_id=desk.tenant, connector=connectors.add_webhook("Tickets", now=NOW),
            message="m", status="REFUSED", body=body, received_at=NOW,
            error=("Ann " * 125)[:500],
        )  # fmt: skip
    forget(desk)
    with tenant_scope(desk.tenant):
        row = Delivery.objects.get()
    assert (row.body, row.error) == (None, ("erased " * 125)[:500])


def test_what_went_wrong_names_nobody_either(told: Desk) -> None:
    """Answers of tools, and why an act was gone through again."""
    with tenant_scope(told.tenant):
        act = Intent.objects.order_by("id")[0]
        for rows in (Run.objects.all(), Intent.objects.all(), Execution.objects.all()):
            rows.update(error="No mailbox ann@acme.example.")
        Replay.objects.create(
            tenant_id=told.tenant, account=told.account, intent=act, asked_at=NOW,
            reason="Ann asked.", error="Ann?", result={"parameters": WORDS},
        )  # fmt: skip
    forget(told)
    with tenant_scope(told.tenant):
        found = {
            error
            for model in (Run, Intent, Execution)
            for error in model.objects.values_list("error", flat=True)
        }
        assert found == {"No mailbox erased."}
        replay = Replay.objects.get()
    assert (replay.reason, replay.error) == ("erased asked.", "erased?")
    assert replay.result == {"parameters": BLOTTED}


def test_an_open_act_is_not_started_by_a_yes_to_other_words(told: Desk) -> None:
    """A6: what was asked about is no longer what would be done."""
    with tenant_scope(told.tenant):
        asked = Approval.objects.get(status="PENDING")
    forget(told)
    approver = told.house.client(Role.APPROVER)
    body = {"payload_hash": asked.payload_hash}
    answer = approver.send("POST", f"approvals/{asked.id}/approve/", body)
    assert answer.status_code == 409, answer.content
    with tenant_scope(told.tenant):
        assert Intent.objects.get(pk=asked.intent_id).status != "APPROVED"


def test_the_page_reaches_as_far(told: Desk) -> None:
    """U2: the button of an admin is this verb."""
    admin = Client()
    admin.force_login(Person.objects.get(pk=told.house.members[Role.ADMIN].person_id))
    with tenant_scope(told.tenant):
        id_ = Contact.objects.get().id
    page = admin.post(f"/admin/perception/contact/{id_}/erase/", follow=True)
    assert b"Erased" in page.content
    with tenant_scope(told.tenant):
        assert Effect.objects.get().data == BLOTTED


def test_again_and_elsewhere_nothing_changes(told: Desk, make_desk: Any) -> None:
    """T1: another tenant's people are not there; twice is as once."""
    forget(told)
    with tenant_scope(told.tenant):
        assert forget_contact(Contact.objects.get().id, by=SYSTEM, now=NOW) == 0
        mine = Contact.objects.get().id
    other = make_desk()
    with tenant_scope(other.tenant), pytest.raises(NoSuchContact):
        forget_contact(mine, by=SYSTEM, now=NOW)
    with tenant_scope(other.tenant):
        assert Contact.objects.get().name == "Ann"
