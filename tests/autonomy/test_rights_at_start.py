"""A12, H, X1: an approval holds at the start only if its giver could still give it."""

from typing import Any
from uuid import UUID

import pytest

from autonomy import decisions
from autonomy.execute import start
from autonomy.models import Approval, Execution, Intent, Permit
from autonomy.perform import perform
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception import tenants
from perception.models import Account, Membership, Person
from perception.rules.callers import Caller
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.conftest import NOW

ROUTINE, RISKY = "send_follow_up_email", "send_email"


def _approved(desk: Desk, action_type: str, by: Caller) -> UUID:
    """An intent that somebody allowed, and that has not started."""
    intent = desk.propose(action_type)
    with tenant_scope(desk.tenant):
        asked = Approval.objects.get(intent=intent)
        decisions.approve(asked.id, by=by)
        assert Intent.objects.get(pk=intent.pk).status == "APPROVED"
    return intent.id


def _asked_again(desk: Desk, intent: UUID, reason: str) -> None:
    """Nothing started; a person is asked, and the entry says why."""
    with tenant_scope(desk.tenant):
        assert Execution.objects.filter(intent_id=intent).count() == 0
        permit = Permit.objects.get(intent_id=intent)
        assert (permit.spent_at, permit.voided_at is None) == (None, False)
        row = Intent.objects.get(pk=intent)
        assert (row.status, row.due_at) == ("AWAITING_APPROVAL", None)
        open_ = Approval.objects.get(intent_id=intent, status="PENDING")
        entries = Entry.objects.filter(intent_id=intent).order_by("number")
        judged = entries.filter(kind="intent.judged").last()
        assert judged is not None
        assert judged.data["no_longer_holds"][0]["reason"] == reason
        asked = entries.filter(kind="approval.requested").last()
        assert asked is not None
        assert asked.data["reason"] == reason
        assert open_.payload_hash == asked.data["payload_hash"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"role": "SELLER"}, "APPROVER_LOST_RIGHT"),
        ({"role": "AUDITOR"}, "APPROVER_LOST_RIGHT"),
        ({"is_active": False}, "APPROVER_GONE"),
    ],
)
def test_an_approver_who_lost_the_right_approved_nothing(
    desk: Desk, change: dict[str, Any], reason: str
) -> None:
    """A12, H2: refused at the start with its own reason, and asked again."""
    intent = _approved(desk, RISKY, desk.house.caller(Role.APPROVER))
    with tenant_scope(desk.tenant):
        member = desk.house.members[Role.APPROVER].pk
        Membership.objects.filter(pk=member).update(**change)
    assert perform(intent, tenant=desk.tenant) == reason
    _asked_again(desk, intent, reason)
    with tenant_scope(desk.tenant):
        again = Approval.objects.get(intent_id=intent, status="PENDING")
        decisions.approve(again.id, by=desk.admin)
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"


def test_a_person_who_may_not_log_in_any_more_approved_nothing(desk: Desk) -> None:
    """A12, T2: the account of the person counts, not the membership alone."""
    intent = _approved(desk, RISKY, desk.house.caller(Role.APPROVER))
    with tenant_scope(desk.tenant):
        person = desk.house.members[Role.APPROVER].person_id
        Person.objects.filter(pk=person).update(is_active=False)
    assert perform(intent, tenant=desk.tenant) == "APPROVER_GONE"
    _asked_again(desk, intent, "APPROVER_GONE")


def _second_seller(desk: Desk) -> Membership:
    slug = desk.house.slug
    with tenant_scope(desk.tenant):
        return tenants.add_member(
            f"second@{slug}.example", "Second", Role.SELLER, now=NOW
        )


def test_a_seller_whose_account_went_to_another_approved_nothing(desk: Desk) -> None:
    """A12, H2: sellers decide for their own accounts."""
    intent = _approved(desk, ROUTINE, desk.house.caller(Role.SELLER))
    second = _second_seller(desk)
    with tenant_scope(desk.tenant):
        Account.objects.filter(pk=desk.account.pk).update(owner=second)
    assert perform(intent, tenant=desk.tenant) == "APPROVER_LOST_RIGHT"
    _asked_again(desk, intent, "APPROVER_LOST_RIGHT")


def test_whom_a_decision_was_handed_to_keeps_it(desk: Desk) -> None:
    """H1: a seller need not own the account that was handed over."""
    second = _second_seller(desk)
    by = Caller(tenant=desk.tenant, membership=second.id, role=Role.SELLER)
    intent = desk.propose(ROUTINE)
    with tenant_scope(desk.tenant):
        asked = Approval.objects.get(intent=intent)
        owner = desk.house.caller(Role.SELLER)
        decisions.delegate(asked.id, str(second.id), by=owner)
        decisions.approve(asked.id, by=by)
    assert perform(intent.id, tenant=desk.tenant) == "SUCCEEDED"


def test_what_is_blocked_by_now_is_not_asked_again(desk: Desk) -> None:
    """A: a lost right turns no BLOCK into a question."""
    intent = _approved(desk, RISKY, desk.house.caller(Role.APPROVER))
    desk.mode("DISABLED")
    with tenant_scope(desk.tenant):
        member = desk.house.members[Role.APPROVER].pk
        Membership.objects.filter(pk=member).update(is_active=False)
        begun = start(intent)
        assert begun.execution is None
        assert Intent.objects.get(pk=intent).status == "BLOCKED"
        assert Execution.objects.filter(intent_id=intent).count() == 0


def test_who_kept_the_right_starts_it(desk: Desk) -> None:
    """A12: a promoted approver approved all the same."""
    intent = _approved(desk, RISKY, desk.house.caller(Role.APPROVER))
    with tenant_scope(desk.tenant):
        member = desk.house.members[Role.APPROVER].pk
        Membership.objects.filter(pk=member).update(role="ADMIN")
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
