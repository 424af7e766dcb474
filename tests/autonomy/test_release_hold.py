"""A5, A6: what reaches a customer is held back before it leaves, whoever let it out."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from autonomy import decisions
from autonomy.approve import approve
from autonomy.models import Approval, Execution, Intent, PolicyData
from autonomy.perform import perform
from autonomy.profiles import install, sign
from autonomy.rules.catalogue import CORE
from ledger.scope import tenant_scope
from perception.models import Contact
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.autonomy.tools.peer import due
from tests.autonomy.tools.postboxes import acting, config
from tests.conftest import NOW

CHAT = "send_chat_message"
HELD = 3600


def let_out(desk: Desk, hold_seconds: int) -> Any:
    """A chat message that a signed profile lets out, judged."""
    with tenant_scope(desk.tenant):
        held = {
            "allowlist": [CHAT],
            "min_confidence": {"default": 0.7},
            "amount_caps": {},
            "hours": {},
        }
        PolicyData.objects.create(tenant_id=desk.tenant, data=held, saved_at=NOW)
        made = install(CHAT, hold_seconds=hold_seconds, now=NOW)
        sign(made, by=desk.admin, now=NOW)
        intent = Intent.objects.create(
            tenant_id=desk.tenant,
            account=desk.account,
            contact=Contact.objects.get(external_id="c1"),
            origin="signal",
            action_type=CHAT,
            parameters=dict(CORE[CHAT].example),
            confidence=0.9,
            status=Intent.Status.PROPOSED,
            # Whoever walks would go on at once.
            dispatched_at=NOW,
            created_at=NOW,
            updated_at=NOW,
        )
        judged = approve(intent)
        assert judged.verdict.decision == "AUTO_EXECUTE", judged.verdict.reason
        return Intent.objects.get(pk=intent.pk)


def test_it_waits_for_its_release(desk: Desk) -> None:
    """A5: approved by policy, and nothing starts until the hold is over."""
    row = let_out(desk, HELD)
    assert row.status == "APPROVED"
    assert row.due_at == row.judged_at + timedelta(seconds=HELD)
    assert row.dispatched_at is None
    assert perform(row.id, tenant=desk.tenant) == "WAITS"
    with tenant_scope(desk.tenant):
        assert not Execution.objects.filter(intent_id=row.id).exists()
    due(desk, row.id)
    assert perform(row.id, tenant=desk.tenant) == "SUCCEEDED"


@pytest.mark.parametrize(
    ("given", "profile", "held"),
    [({"hold_s": 600}, 30, 600), ({"hold_s": 30}, 600, 600), ({}, 0, 60)],
)
def test_by_policy_the_longer_hold_counts(
    desk: Desk, given: Any, profile: int, held: int
) -> None:
    """A5: the profile's hold, or that of what the message leaves by."""
    acting(desk, "chat", given, "https://chat.example/hook")
    row = let_out(desk, profile)
    assert row.due_at == row.judged_at + timedelta(seconds=held)


def decided(desk: Desk, action_type: str = "send_email") -> UUID:
    """What a person has just allowed."""
    with tenant_scope(desk.tenant):
        ann = Contact.objects.get(external_id="c1")
    intent = desk.propose(action_type, contact=str(ann.id))
    with tenant_scope(desk.tenant):
        asked = Approval.objects.get(intent_id=intent.id, status="PENDING")
        decisions.approve(asked.id, by=desk.house.caller(Role.APPROVER))
    return intent.id


@pytest.mark.parametrize(
    ("given", "held"), [({}, 60), ({"hold_s": 900}, 900), ({"hold_s": 0}, 0)]
)
def test_what_a_person_let_out_can_be_pulled_back_too(
    desk: Desk, given: Any, held: int
) -> None:
    """A6: the connector's hold counts from the decision on; 0 holds nothing."""
    acting(desk, "smtp", config(9, **given), "")
    intent = decided(desk)
    with tenant_scope(desk.tenant):
        row = Intent.objects.get(pk=intent)
        at = Approval.objects.get(intent_id=intent).decided_at
    assert at is not None
    assert (row.status, row.due_at) == ("APPROVED", at + timedelta(seconds=held))
    if held:
        assert perform(intent, tenant=desk.tenant) == "WAITS"
        with tenant_scope(desk.tenant):
            assert not Execution.objects.filter(intent_id=intent).exists()


def test_without_a_way_out_nothing_is_held(desk: Desk) -> None:
    """X2: a task for a person, or an act that leaves by another way, starts at once."""
    before = decided(desk)
    acting(desk, "smtp", config(9), "")
    after = decided(desk, "modify_account_plan")
    with tenant_scope(desk.tenant):
        for intent in (before, after):
            at = Approval.objects.get(intent_id=intent).decided_at
            assert Intent.objects.get(pk=intent).due_at == at


def test_nothing_else_is_held(desk: Desk) -> None:
    """What reaches nobody outside starts at once."""
    intent = desk.propose()
    with tenant_scope(desk.tenant):
        row = Intent.objects.get(pk=intent.pk)
        assert (row.status, row.due_at) == ("APPROVED", row.judged_at)
