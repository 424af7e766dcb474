"""Anybody proposes; what every layer says is done at once (D5, A1-A12)."""

from autonomy.execute import start
from autonomy.models import BudgetUse, Execution, Intent, Permit, Receipt, Verdict
from ledger.models import Entry
from ledger.scope import tenant_scope
from tests.autonomy.conftest import Desk


def test_what_is_allowed_gets_a_permit_and_takes_its_budget(desk: Desk) -> None:
    """A11, A12: a verdict of AUTO, one permit, one unit of budget, facts kept whole."""
    intent = desk.propose()
    with tenant_scope(desk.tenant):
        verdict = Verdict.objects.get(intent=intent)
        permit = Permit.objects.get(intent=intent)
        receipt = Receipt.objects.get()
        assert (verdict.decision, verdict.reason) == ("AUTO_EXECUTE", "ALLOWED")
        assert verdict.policy_clause == "allowlisted_low_risk"
        assert intent.status == Intent.Status.APPROVED
        assert (permit.source, permit.receipt_id) == ("POLICY", receipt.id)
        assert BudgetUse.objects.get().used == 1
        kinds = list(
            Entry.objects.filter(intent_id=intent.id)
            .order_by("number")
            .values_list("kind", flat=True)
        )
        assert kinds == [
            "intent.proposed",
            "intent.judged",
            "budget.consumed",
            "permit.minted",
        ]


def test_a_permit_starts_exactly_once(desk: Desk) -> None:
    """A12: spent by the claim that starts the execution; a second start finds none."""
    intent = desk.propose()
    with tenant_scope(desk.tenant):
        first = start(intent.id)
        second = start(intent.id)
        assert first.execution is not None
        assert (second.execution, second.reason) == (None, "NOT_APPROVED")
        assert Execution.objects.count() == 1
        execution = Execution.objects.get()
        assert execution.auto_executed
        assert execution.approval_source == "POLICY"
