"""A11, A12: a start on a later day than the approval, and after a kill switch."""

from collections.abc import Callable

import pytest

from autonomy.models import BudgetUse, Receipt
from autonomy.rules.switches import Scope
from autonomy.switchboard import Wanted, engage, release
from ledger.models import Entry
from ledger.scope import tenant_scope
from tests.autonomy.api.starts import (
    begin,
    last,
    sql,
    status,
    unfund,
    used,
)
from tests.autonomy.conftest import AGENT, Desk
from tests.conftest import NOW


def test_a_kill_switch_makes_it_wait_and_nobody_is_asked_again(desk: Desk) -> None:
    """A1: neither lost nor asked again; it starts after the release, during the hold."""
    intents = [desk.propose().id, *desk.approved(1)]
    with tenant_scope(desk.tenant):
        wanted = Wanted(scope=Scope.TENANT, target="", reason="A drill.")
        switch = engage(wanted, by=AGENT, now=NOW)
    for intent in intents:
        for _ in range(2):
            assert begin(desk, intent).reason == "STOPPED"
            assert status(desk, intent) == "APPROVED"
    with tenant_scope(desk.tenant):
        judged = Entry.objects.filter(kind="intent.judged").count()
        release(switch.id, "Over.", by=AGENT)
    for intent in intents:
        assert begin(desk, intent).execution is not None
    with tenant_scope(desk.tenant):
        assert Entry.objects.filter(kind="intent.judged").count() == judged
    assert used(desk) == 1


def yesterday(desk: Desk) -> None:
    """As if what was approved had been approved on the day before."""
    sql(desk, "UPDATE autonomy_receipt SET day = day - 1")
    sql(desk, "UPDATE autonomy_budgetuse SET day = day - 1")


def test_a_start_on_a_later_day_consumes_anew(desk: Desk) -> None:
    """A11: a receipt covers one day; yesterday gets back what it did not use."""
    intent = desk.propose()
    yesterday(desk)
    assert begin(desk, intent.id).execution is not None
    with tenant_scope(desk.tenant):
        days = list(BudgetUse.objects.order_by("day").values_list("used", flat=True))
        receipts = Receipt.objects.order_by("consumed_at")
        returned = [receipt.returned_at is not None for receipt in receipts]
    assert (days, returned) == ([0, 1], [True, False])
    assert last(desk, "budget.returned")["reason"] == "DAY_OVER"


@pytest.mark.parametrize("how", ["exhausted", "withdrawn", "none left"])
def test_a_later_day_without_budget_sends_it_back(
    make_desk: Callable[..., Desk], how: str
) -> None:
    """A11."""
    desk = make_desk(limit=1)
    intent = desk.propose()
    yesterday(desk)
    match how:
        case "exhausted":
            assert desk.propose().status == "APPROVED"
        case "withdrawn":
            unfund(desk)
        case _:
            desk.budget(0)
    reason = "NO_BUDGET" if how == "withdrawn" else "BUDGET_EXHAUSTED"
    assert begin(desk, intent.id).reason == reason
    assert status(desk, intent.id) == "AWAITING_APPROVAL"
    assert used(desk) == (1 if how == "exhausted" else 0)
