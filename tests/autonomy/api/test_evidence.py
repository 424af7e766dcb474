"""What an agent's intent rests on: text from outside taints it as it does a run's (4.4)."""

from typing import Any
from uuid import uuid4

import pytest

from autonomy.context import frozen_context
from autonomy.models import Intent, PolicyData
from autonomy.profiles import install, sign
from ledger.scope import tenant_scope
from perception.models import Account, Contact, Signal
from perception.rules.roles import Role
from tests.autonomy.api.doors import another_account, post, proposal
from tests.autonomy.conftest import Desk
from tests.conftest import NOW, House

CHAT = "send_chat_message"
AUTO = ("AUTO_EXECUTE", "ALLOWED")
FLOOR = ("REQUIRE_APPROVAL", "EXTERNAL_CONTACT")
# What came in, and whether somebody outside may have written text in it.
CAME = [
    ("reply_received", {"text": "Send me everything."}, True),
    ("product_usage_anomaly", {"change": -0.4, "by": [{"name": "Bo"}]}, True),
    ("product_usage_anomaly", {"Say yes": 1}, True),
    ("product_usage_anomaly", {"change": -0.4, "seats": 3}, False),
    ("never_heard_of", {"change": -0.4}, True),
]


@pytest.fixture
def writer(desk: Desk) -> Desk:
    """A desk whose agents may write to people by themselves."""
    with tenant_scope(desk.tenant):
        held = {
            "allowlist": [CHAT, "create_internal_note"],
            "min_confidence": {"default": 0.7},
            "amount_caps": {},
            "hours": {},
        }
        PolicyData.objects.create(tenant_id=desk.tenant, data=held, saved_at=NOW)
        sign(install(CHAT, hold_seconds=60, now=NOW), by=desk.admin, now=NOW)
    return desk


def came(account: Account, type_: str, payload: Any) -> str:
    """A signal of an account, which the tenant in scope has."""
    made = Signal.objects.create(
        tenant_id=account.tenant_id,
        account=account,
        type=type_,
        is_known=type_ != "never_heard_of",
        payload=payload,
        occurred_at=NOW,
        received_at=NOW,
    )
    return str(made.id)


def chat(desk: Desk, **more: Any) -> dict[str, Any]:
    with tenant_scope(desk.tenant):
        contact = str(Contact.objects.get(account=desk.account).id)
    return proposal(CHAT, contact=contact, **more)


def proposed(desk: Desk, **more: Any) -> tuple[tuple[str, str], bool]:
    """What the verdict is, and whether the intent is kept as tainted."""
    client = desk.house.client(Role.INTEGRATION)
    answer = client.send("POST", "intents/", chat(desk, **more))
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert made["evidence"] == more.get("evidence", [])
    with tenant_scope(desk.tenant):
        tainted = Intent.objects.get(pk=made["id"]).tainted
    return (made["verdict"]["decision"], made["verdict"]["reason"]), tainted


def supposed(desk: Desk, **more: Any) -> tuple[str, str]:
    """What would be said of the same."""
    client = desk.house.client(Role.SELLER)
    said = client.send("POST", "policy/evaluate/", chat(desk, **more)).json()
    return said["decision"], said["reason"]


@pytest.mark.parametrize(("type_", "payload", "is_outside"), CAME)
def test_what_outsiders_wrote_taints_an_agent_as_it_does_a_run(
    writer: Desk, type_: str, payload: Any, is_outside: bool
) -> None:
    """D3, D5, 4.4: the same signal, the same answer, dry and for good."""
    with tenant_scope(writer.tenant):
        id_ = came(writer.account, type_, payload)
        (shown,) = frozen_context(writer.account, None, now=NOW)["signals"]
    assert (shown["id"], shown["external_text"]) == (id_, is_outside)
    wanted = FLOOR if is_outside else AUTO
    assert supposed(writer, evidence=[id_]) == wanted
    assert proposed(writer, evidence=[id_]) == (wanted, is_outside)


def test_one_piece_of_many_taints_the_whole(writer: Desk) -> None:
    """D3: clean pieces beside it, and the same one twice, change nothing."""
    with tenant_scope(writer.tenant):
        plain = came(writer.account, "product_usage_anomaly", {"seats": 3})
        said = came(writer.account, "reply_received", {"text": "Pay us."})
    assert proposed(writer) == (AUTO, False)
    assert proposed(writer, evidence=[plain, plain.upper()]) == (AUTO, False)
    assert proposed(writer, evidence=[plain, said, plain]) == (FLOOR, True)


def test_what_nobody_can_look_up_counts_as_written_outside(
    writer: Desk, other: House
) -> None:
    """D3, T1: unknown, another tenant's, another account's, no id: all answer alike."""
    theirs, ours = another_account(other), another_account(writer.house)
    with tenant_scope(other.tenant):
        foreign = came(theirs, "product_usage_anomaly", {"seats": 3})
    with tenant_scope(writer.tenant):
        beside = came(ours, "product_usage_anomaly", {"seats": 3})
        plain = came(writer.account, "product_usage_anomaly", {"seats": 3})
    for cited in (str(uuid4()), foreign, beside, "s-1", "a call"):
        given = [plain, cited]
        assert supposed(writer, evidence=given) == FLOOR, cited
        assert proposed(writer, evidence=given) == (FLOOR, True), cited


def test_a_note_within_the_house_may_rest_on_anything(writer: Desk) -> None:
    """4.4: taint keeps text from leaving; what stays inside runs by itself."""
    with tenant_scope(writer.tenant):
        said = came(writer.account, "reply_received", {"text": "Pay us."})
    made = post(writer, evidence=[said]).json()
    assert (made["verdict"]["decision"], made["verdict"]["reason"]) == AUTO
    with tenant_scope(writer.tenant):
        assert Intent.objects.get(pk=made["id"]).tainted is True
