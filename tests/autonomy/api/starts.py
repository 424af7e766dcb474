"""What tests of permits share: starting, and how a refusal looks everywhere (A12)."""

from typing import Any
from uuid import UUID

from django.db import connection

from autonomy.approve import look, question_about
from autonomy.execute import Start, start
from autonomy.models import BudgetUse, Execution, Intent, Permit, Receipt, Verdict
from autonomy.permits import draw_up
from autonomy.steering import withdraw_budget
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.conftest import NOW


def sql(desk: Desk, statement: str, *values: Any) -> None:
    """As the role that the house runs with, and nothing more."""
    with tenant_scope(desk.tenant), connection.cursor() as cursor:
        cursor.execute(statement, values)


def begin(desk: Desk, intent: UUID) -> Start:
    with tenant_scope(desk.tenant):
        return start(intent)


def status(desk: Desk, intent: UUID) -> str:
    with tenant_scope(desk.tenant):
        return Intent.objects.get(pk=intent).status


def used(desk: Desk) -> int:
    with tenant_scope(desk.tenant):
        return sum(BudgetUse.objects.values_list("used", flat=True))


def refused(desk: Desk, intent: UUID, wanted: str = "EXPIRED") -> str:
    """The reason for which nothing was started, with all that must have followed."""
    found = begin(desk, intent)
    assert found.execution is None
    assert status(desk, intent) == wanted
    assert used(desk) == 0
    with tenant_scope(desk.tenant):
        assert not Execution.objects.filter(intent_id=intent).exists()
        assert not Receipt.objects.filter(intent_id=intent, returned_at=None).exists()
        assert not Permit.objects.filter(
            intent_id=intent, voided_at=None, spent_at=None
        ).exists()
    return found.reason


def last(desk: Desk, kind: str) -> dict[str, Any]:
    with tenant_scope(desk.tenant):
        return dict(Entry.objects.filter(kind=kind).order_by("number").last().data)


def draw_again(desk: Desk, intent: UUID, **more: Any) -> None:
    """Another permit in the place of an intent's, sealed as the first one was."""
    with tenant_scope(desk.tenant):
        held = Intent.objects.get(pk=intent)
        first = Permit.objects.select_related("verdict").get(intent=held)
        first.delete()
        answer = look(question_about(held)).answer
        given = {"receipt": first.receipt_id, "approved_by": first.approved_by_id}
        draw_up(held, first.verdict, answer, **given, **more).save(force_insert=True)


def person_approves(desk: Desk, intent: UUID) -> None:
    """What the inbox does: a permit on the verdict that the person has seen."""
    approver = desk.house.members[Role.APPROVER].id
    with tenant_scope(desk.tenant):
        held = Intent.objects.get(pk=intent)
        answer = look(question_about(held)).answer
        row = Verdict.objects.get(intent=held)
        permit = draw_up(held, row, answer, receipt=None, approved_by=approver)
        permit.save(force_insert=True)
        Intent.objects.filter(pk=intent).update(status="APPROVED")


def unfund(desk: Desk) -> None:
    with tenant_scope(desk.tenant):
        row = desk.account.tenant.budget_set.get()
        withdraw_budget(row, by=desk.admin, now=NOW)
