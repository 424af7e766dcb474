"""G1, G3, G4: admission by rows; one of a hundred, and every ending stated."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from django.db.models.functions import Now

from autonomy import admission, runs
from autonomy.models import AccountPace, DecisionUse, Run, TriggerRow
from autonomy.rules.runs import RunStatus, Stage
from ledger.models import Entry
from ledger.record import SYSTEM
from ledger.scope import tenant_scope
from tests.autonomy.claims import claim, decisions, waiting
from tests.autonomy.conftest import Desk
from tests.races import in_threads


def _runs(desk: Desk, count: int, stage: Stage = Stage.TRIGGER) -> list[UUID]:
    return [waiting(desk, stage) for _ in range(count)]


def _walked(desk: Desk, run: UUID, stage: Stage) -> Stage | None:
    """One stage of one run, as a worker would take it."""
    held = claim(run, stage, tenant=desk.tenant, may=lambda _: False)
    assert held is not None
    step = admission.trigger if stage is Stage.TRIGGER else admission.gate
    with tenant_scope(desk.tenant):
        return step(held)


def test_a_signal_fires_and_is_let_through(desk: Desk) -> None:
    """G1, G4: stated both times; the run waits at decide."""
    run = waiting(desk)
    assert _walked(desk, run, Stage.TRIGGER) is Stage.GATE
    assert _walked(desk, run, Stage.GATE) is Stage.DECIDE
    with tenant_scope(desk.tenant):
        row = Run.objects.get(pk=run)
        assert (row.status, row.stage, row.gate_result) == (
            "TRIGGERED",
            "DECIDE",
            "ALLOW",
        )
        kinds = Entry.objects.filter(run_id=run).order_by("number")
        assert list(kinds.values_list("kind", flat=True)) == [
            "trigger.fired",
            "gate.judged",
        ]
        used = DecisionUse.objects.values_list("runs", flat=True)
        assert list(used) == [1, 1]


def test_a_second_signal_within_the_debounce_ends_as_skipped(desk: Desk) -> None:
    """G1: not fired is stated with its reason too."""
    first, second = _runs(desk, 2)
    assert _walked(desk, first, Stage.TRIGGER) is Stage.GATE
    assert _walked(desk, second, Stage.TRIGGER) is None
    with tenant_scope(desk.tenant):
        row = Run.objects.get(pk=second)
        assert (row.status, row.gate_reason) == ("SKIPPED", "DEBOUNCED")
        entry = Entry.objects.get(run_id=second)
        assert entry.kind == "trigger.held"


def test_a_hundred_at_the_gate_one_is_allowed(desk: Desk) -> None:
    """G3: atomic admission; one waits for the rest, and the rest are absorbed."""
    there = _runs(desk, 100, Stage.GATE)

    def walk(place: int) -> None:
        for run in there[place::20]:
            _gate(desk, run)

    in_threads(20, walk)
    with tenant_scope(desk.tenant):
        found = Run.objects.values_list("gate_result", "gate_reason")
        assert Counter(found) == {
            ("ALLOW", "ALLOWED"): 1,
            ("DEFER", "COOLDOWN"): 1,
            ("SKIP", "ABSORBED"): 98,
        }
        assert DecisionUse.objects.get(key=desk.account.id).runs == 1


def _gate(desk: Desk, run: UUID) -> None:
    _walked(desk, run, Stage.GATE)


def test_a_deferred_run_comes_once_more_and_then_ends(desk: Desk) -> None:
    """G4: DEFER retries once at its time, then skips."""
    first, second = _runs(desk, 2, Stage.GATE)
    _gate(desk, first)
    _gate(desk, second)
    assert claim(second, Stage.GATE, tenant=desk.tenant) is None
    with tenant_scope(desk.tenant):
        held_back = Run.objects.get(pk=second)
        assert (held_back.status, held_back.deferred) == ("DEFERRED", 1)
        Run.objects.filter(pk=second).update(due_at=Now())
    _gate(desk, second)
    with tenant_scope(desk.tenant):
        ended = Run.objects.get(pk=second)
        assert (ended.status, ended.gate_reason) == ("SKIPPED", "COOLDOWN")


def test_the_budget_of_decisions_is_never_overspent(
    make_desk: Callable[..., Desk],
) -> None:
    """G4, denial of wallet: ten threads on a budget of three admit three."""
    desk = make_desk()
    now = datetime.now(UTC)
    decisions(desk, a_day=3)
    with tenant_scope(desk.tenant):
        TriggerRow.objects.create(
            tenant_id=desk.tenant,
            type="SIGNAL_ARRIVED",
            debounce_s=0,
            cooldown_s=0,
            max_per_account_hour=100,
            max_per_tenant_hour=100_000,
            updated_at=now,
        )
    there = _runs(desk, 10, Stage.GATE)
    in_threads(10, lambda place: _gate(desk, there[place]))
    with tenant_scope(desk.tenant):
        found = Run.objects.values_list("gate_result", "gate_reason")
        assert Counter(found) == {
            ("ALLOW", "ALLOWED"): 3,
            ("SKIP", "BUDGET_EXHAUSTED"): 7,
        }
        assert DecisionUse.objects.get(key=desk.tenant).runs == 3


def test_what_fails_too_often_is_parked_and_sent_again_by_a_person(desk: Desk) -> None:
    """S5: attempts are counted at the claim; parked work is shown, and retried."""
    run = waiting(desk)
    for _ in range(5):
        held = claim(run, Stage.TRIGGER, tenant=desk.tenant)
        assert held is not None
        assert claim(run, Stage.TRIGGER, tenant=desk.tenant) is None
        with tenant_scope(desk.tenant):
            Run.objects.filter(pk=run).update(lease_until=None)
    assert claim(run, Stage.TRIGGER, tenant=desk.tenant) is None
    with tenant_scope(desk.tenant):
        parked = Run.objects.get(pk=run)
        assert parked.status == "PARKED"
        assert Entry.objects.get(run_id=run).kind == "run.parked"
        by = SYSTEM
        assert runs.retry(parked, by=by, now=datetime.now(UTC))
        assert not runs.retry(parked, by=by, now=datetime.now(UTC))
    assert _walked(desk, run, Stage.TRIGGER) is Stage.GATE


def test_a_stale_worker_moves_nothing(desk: Desk) -> None:
    """X1, S1: the fence of a later claim wins."""
    run = waiting(desk)
    stale = claim(run, Stage.TRIGGER, tenant=desk.tenant)
    with tenant_scope(desk.tenant):
        Run.objects.filter(pk=run).update(lease_until=None)
    fresh = claim(run, Stage.TRIGGER, tenant=desk.tenant)
    assert stale is not None
    assert fresh is not None
    with tenant_scope(desk.tenant):
        assert not runs.move(stale, RunStatus.SKIPPED, Stage.TRIGGER)
        assert runs.move(fresh, RunStatus.TRIGGERED, Stage.GATE)
        assert Run.objects.get(pk=run).status == "TRIGGERED"
        assert AccountPace.objects.count() == 0
