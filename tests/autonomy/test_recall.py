"""What a plan has on its way is called off with it (R2): whatever has not started."""

from collections.abc import Callable
from datetime import timedelta

from autonomy import decisions
from autonomy.execute import start
from autonomy.models import (
    Approval,
    BudgetUse,
    Execution,
    Intent,
    Permit,
    Receipt,
    Undo,
)
from autonomy.perform import perform
from autonomy.retract import retract
from ledger.models import Entry
from ledger.scope import tenant_scope
from tests.autonomy.conftest import Desk
from tests.autonomy.steps import PLANS, approver, called_off, fresh, let_run, submitted


def kinds(desk: Desk, intent: Intent) -> list[str]:
    with tenant_scope(desk.tenant):
        rows = Entry.objects.filter(intent_id=intent.id).order_by("number")
        return list(rows.values_list("kind", flat=True))


def test_a_question_is_taken_back(desk: Desk) -> None:
    """R2: nobody can answer it any more, and it is stated."""
    intent = submitted(desk)
    (done,) = called_off(desk, intent)
    assert (done.intent, done.step) == (intent.id, intent.step_id)
    assert done.before == "AWAITING_APPROVAL"
    kept = fresh(intent)
    assert (kept.status, kept.heard) == ("CANCELLED", "CANCELLED")
    with tenant_scope(desk.tenant):
        asked = Approval.objects.get(intent=intent)
        assert (asked.status, asked.decided_by_id) == ("WITHDRAWN", None)
        withdrawn = Entry.objects.get(intent_id=intent.id, kind="approval.withdrawn")
        assert withdrawn.data == {"reason": "RECALLED"}
        assert withdrawn.actor == PLANS.stated()
        assert withdrawn.plan_id == intent.plan_id
        retracted = Entry.objects.get(intent_id=intent.id, kind="intent.retracted")
        assert retracted.data == {"reason": "The plan is paused."}
        assert not Permit.objects.exists()
        assert not Undo.objects.exists()


def test_a_suggestion_is_taken_back(desk: Desk) -> None:
    """R2: what was merely proposed, in ASSIST, too."""
    desk.mode("ASSIST")
    intent = submitted(desk)
    assert intent.status == "PROPOSED"
    assert [each.before for each in called_off(desk, intent)] == ["PROPOSED"]
    assert fresh(intent).status == "CANCELLED"


def test_what_was_allowed_gives_everything_back(desk: Desk) -> None:
    """R2, A11: its permit is void, its budget is there again, and it cannot start."""
    let_run(desk)
    first, second = submitted(desk), submitted(desk)
    with tenant_scope(desk.tenant):
        assert BudgetUse.objects.get().used == 2
    assert len(called_off(desk, first, second)) == 2
    for intent in (first, second):
        assert fresh(intent).status == "CANCELLED"
        assert fresh(intent).due_at is None
        assert kinds(desk, intent)[-2:] == ["intent.retracted", "budget.returned"]
        assert perform(intent.id, tenant=desk.tenant) == "NOTHING"
    with tenant_scope(desk.tenant):
        assert BudgetUse.objects.get().used == 0
        assert not Receipt.objects.filter(returned_at=None).exists()
        assert not Permit.objects.filter(voided_at=None).exists()
        assert not Execution.objects.exists()
        # That budget came back is stated of the receipt that was given back.
        for intent in (first, second):
            fact = Entry.objects.get(intent_id=intent.id, kind="budget.returned")
            receipt = Receipt.objects.get(intent_id=intent.id)
            assert fact.subjects["receipt"] == str(receipt.id)


def test_what_a_person_allowed_is_called_off_too(desk: Desk) -> None:
    intent = submitted(desk)
    with tenant_scope(desk.tenant):
        asked = Approval.objects.get(intent=intent)
        decisions.approve(asked.id, by=approver(desk))
    assert [each.before for each in called_off(desk, intent)] == ["APPROVED"]
    with tenant_scope(desk.tenant):
        # It was decided, and stays so.
        assert Approval.objects.get(intent=intent).status == "APPROVED"
        assert start(intent.id).reason == "NOT_APPROVED"


def test_what_is_under_way_or_over_is_left_alone(desk: Desk) -> None:
    """R2: it runs to its end, and is read when it does."""
    let_run(desk)
    over, under_way, doubted = (submitted(desk) for _ in range(3))
    perform(over.id, tenant=desk.tenant)
    with tenant_scope(desk.tenant):
        assert start(under_way.id).execution
        Intent.objects.filter(pk=doubted.pk).update(status=Intent.Status.IN_DOUBT)
    said = [kinds(desk, each) for each in (over, under_way, doubted)]
    assert called_off(desk, over, under_way, doubted) == []
    assert [fresh(each).status for each in (over, under_way, doubted)] == [
        "SUCCEEDED",
        "EXECUTING",
        "IN_DOUBT",
    ]
    assert [kinds(desk, each) for each in (over, under_way, doubted)] == said


def test_twice_is_once(desk: Desk) -> None:
    intent = submitted(desk)
    called_off(desk, intent)
    said = kinds(desk, intent)
    assert called_off(desk, intent) == called_off(desk) == []
    assert kinds(desk, intent) == said


def test_budgets_of_two_days_come_back_to_their_days(desk: Desk) -> None:
    """A11: what was taken yesterday is yesterday's."""
    let_run(desk)
    first, second = submitted(desk), submitted(desk)
    with tenant_scope(desk.tenant):
        use = BudgetUse.objects.get()
        kept = BudgetUse(
            tenant_id=use.tenant_id,
            budget_id=use.budget_id,
            key=use.key,
            day=use.day - timedelta(days=1),
            used=1,
        )
        kept.save(force_insert=True)
        BudgetUse.objects.filter(pk=use.pk).update(used=1)
        Receipt.objects.filter(intent_id=first.id).update(uses=[kept.id])
    called_off(desk, first, second)
    with tenant_scope(desk.tenant):
        assert list(BudgetUse.objects.values_list("used", flat=True)) == [0, 0]


def test_whom_a_person_calls_off_is_news(desk: Desk) -> None:
    """A recall is the plan's own doing; a person's is not."""
    let_run(desk)
    recalled, retracted = submitted(desk), submitted(desk)
    called_off(desk, recalled)
    with tenant_scope(desk.tenant):
        retract(retracted.id, by=PLANS, member=None, reason="No.")
    assert fresh(recalled).heard == "CANCELLED"
    assert (fresh(retracted).status, fresh(retracted).heard) == (
        "CANCELLED",
        "APPROVED",
    )


def test_what_is_another_tenants_is_out_of_reach(
    desk: Desk, make_desk: Callable[..., Desk]
) -> None:
    """T1: nothing of anybody else is called off."""
    intent = submitted(desk)
    stranger = make_desk()
    assert called_off(stranger, intent) == []
    assert fresh(intent).status == "AWAITING_APPROVAL"
