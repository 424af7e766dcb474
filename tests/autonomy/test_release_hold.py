"""A5, A6: outreach that a signed profile lets out is held back before it leaves."""

from datetime import timedelta

from autonomy.approve import approve
from autonomy.models import Execution, Intent, PolicyData
from autonomy.perform import perform
from autonomy.profiles import install, sign
from autonomy.rules.catalogue import CORE
from ledger.scope import tenant_scope
from perception.models import Contact
from tests.autonomy.conftest import Desk
from tests.autonomy.tools.peer import due
from tests.conftest import NOW

CHAT = "send_chat_message"
HELD = 3600


def test_it_waits_for_its_release(desk: Desk) -> None:
    """A5: approved by policy, and nothing starts until the hold is over."""
    with tenant_scope(desk.tenant):
        held = {
            "allowlist": [CHAT],
            "min_confidence": {"default": 0.7},
            "amount_caps": {},
            "hours": {},
        }
        PolicyData.objects.create(tenant_id=desk.tenant, data=held, saved_at=NOW)
        made = install(CHAT, hold_seconds=HELD, now=NOW)
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
            created_at=NOW,
            updated_at=NOW,
        )
        judged = approve(intent)
        assert judged.verdict.decision == "AUTO_EXECUTE", judged.verdict.reason
        row = Intent.objects.get(pk=intent.pk)
        assert (row.status, row.judged_at) == ("APPROVED", judged.answer.at)
        assert row.due_at == judged.answer.at + timedelta(seconds=HELD)
    assert perform(intent.id, tenant=desk.tenant) == "WAITS"
    with tenant_scope(desk.tenant):
        assert not Execution.objects.filter(intent_id=intent.id).exists()
    due(desk, intent.id)
    assert perform(intent.id, tenant=desk.tenant) == "SUCCEEDED"


def test_nothing_else_is_held(desk: Desk) -> None:
    """What reaches nobody outside starts at once."""
    intent = desk.propose()
    with tenant_scope(desk.tenant):
        row = Intent.objects.get(pk=intent.pk)
        assert (row.status, row.due_at) == ("APPROVED", row.judged_at)
