"""A11: a budget is never overspent, by however many processes, killed or not."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from autonomy import budget
from autonomy.models import BudgetUse, Intent, Permit, Receipt, Verdict
from autonomy.rows import Writes
from autonomy.rules.facts import BudgetLine
from ledger.models import Entry
from ledger.record import Fact
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from tests import trials
from tests.autonomy.conftest import Desk
from tests.races import FORK, in_processes, started

LIMIT = 10


def _propose_together(desk: Desk, barrier: Any) -> None:
    barrier.wait(60)
    desk.propose()


def _fifty_processes(desk: Desk) -> None:
    in_processes(50, _propose_together, desk, FORK.Barrier(50))
    with tenant_scope(desk.tenant):
        assert BudgetUse.objects.get().used == LIMIT
        assert Receipt.objects.filter(returned_at=None).count() == LIMIT
        assert Permit.objects.count() == LIMIT
        approved = Intent.objects.filter(status="APPROVED").count()
        waiting = Intent.objects.filter(status="AWAITING_APPROVAL").count()
        assert (approved, waiting) == (LIMIT, 50 - LIMIT)
        reasons = Verdict.objects.exclude(decision="AUTO_EXECUTE")
        assert set(reasons.values_list("reason", flat=True)) == {"BUDGET_EXHAUSTED"}
    trials.record("budgets", trials=1, seed=None, processes=approved + waiting)


def test_fifty_processes_on_a_budget_of_ten_get_ten(
    make_desk: Callable[..., Desk],
) -> None:
    _fifty_processes(make_desk(limit=LIMIT))


def test_all_rows_that_apply_are_taken_or_none(make_desk: Callable[..., Desk]) -> None:
    """The tenant has 100 left, the account 3: three acts, three units of each."""
    desk = make_desk(limit=100)
    desk.budget(3, account=desk.account.id)
    desk.budget(50, each="seller", action_type="create_internal_note")
    in_processes(12, _propose_together, desk, FORK.Barrier(12))
    with tenant_scope(desk.tenant):
        assert list(BudgetUse.objects.values_list("used", flat=True)) == [3, 3, 3]
        assert Receipt.objects.count() == 3
        trials.record("budgets", trials=1, seed=None, processes=Intent.objects.count())


def test_an_empty_budget_takes_back_what_was_written_with_it(desk: Desk) -> None:
    """All of it, and nothing that the transaction wrote before or writes after."""
    intent, now = desk.propose(), datetime.now(UTC)
    subjects = {"intent": intent.id}
    line = BudgetLine(
        budget=str(uuid4()), key=str(desk.tenant), scope="tenant", limit=0, used=0
    )
    with tenant_scope(desk.tenant):
        before = Fact(kind=Kind.OUTCOME_RECORDED, subjects=subjects)
        Writes().state([before], now=now).ride()
        with_it = Fact(kind=Kind.BUDGET_CONSUMED, subjects=subjects)
        assert not budget.consume(
            [line],
            intent=intent.id,
            day=now.date(),
            receipt=uuid4(),
            after=Writes().state([with_it], now=now),
        )
        after = Fact(kind=Kind.INTENT_RETRACTED, subjects=subjects)
        Writes().state([after], now=now).ride()
    with tenant_scope(desk.tenant):
        found = Entry.objects.filter(intent_id=intent.id).order_by("id")
        kinds = list(found.values_list("kind", flat=True))
    assert kinds.count("budget.consumed") == 1  # that of the proposal itself
    assert kinds[-2:] == ["outcome.recorded", "intent.retracted"]


def _propose_for_ever(desk: Desk) -> None:
    while True:
        desk.propose()


def _killed_processes(desk: Desk, dice: random.Random, seed: int) -> None:
    for _ in range(4):
        crew = started(6, _propose_for_ever, desk)
        for one in crew:
            time.sleep(dice.uniform(0.005, 0.06))
            one.kill()
        for one in crew:
            one.join(30)
        with tenant_scope(desk.tenant):
            used = sum(BudgetUse.objects.values_list("used", flat=True))
            assert used <= LIMIT
            assert used == Receipt.objects.filter(returned_at=None).count()
            assert used == Permit.objects.count()
            assert used == Intent.objects.filter(status="APPROVED").count()
        trials.record(
            "budgets", trials=1, seed=seed, processes=len(crew), kills=len(crew)
        )
    desk_is_usable = desk.propose()
    assert desk_is_usable.status in ("APPROVED", "AWAITING_APPROVAL")


@pytest.mark.parametrize("number", [1, 2, 3])
def test_killed_processes_leave_usage_equal_to_what_they_did(
    make_desk: Callable[..., Desk], number: int
) -> None:
    """Kill -9 in between: never more than the limit, and used = permits that stand."""
    seed = trials.seed(0) + number
    _killed_processes(make_desk(limit=LIMIT), random.Random(seed), seed)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_races_for_a_budget_again_and_again(make_desk: Callable[..., Desk]) -> None:
    """A11: twenty rounds of fifty processes; thirty of six that are killed, four times."""
    for _ in range(20):
        _fifty_processes(make_desk(limit=LIMIT))
    seed = trials.seed()
    dice = random.Random(seed)
    for _ in range(30):
        _killed_processes(make_desk(limit=LIMIT), dice, seed)
