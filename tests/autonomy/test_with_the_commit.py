"""G4, A10: the last of what others wait for is taken with the commit, or nothing stands."""

from collections import Counter
from collections.abc import Callable
from threading import Barrier, get_ident
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, connection

from autonomy import admission, pipeline
from autonomy.models import DecisionUse, Intent, Run
from autonomy.rows import Writes, is_refused
from autonomy.rules.gate import judge_cost
from autonomy.rules.runs import Stage
from autonomy.rules.triggers import Trigger
from ledger.models import Entry
from ledger.riding.base import Line
from ledger.scope import tenant_scope
from tests.autonomy.claims import FREE, decisions, waiting
from tests.autonomy.conftest import Desk
from tests.conftest import NOW
from tests.races import in_threads


def walk(desk: Desk, run: UUID, *stages: Stage) -> None:
    may = set(stages or Stage).__contains__
    pipeline.walk(run, Stage.TRIGGER, tenant=desk.tenant, may=may)


def test_the_last_decision_of_the_day_is_one_runs(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both saw one left. Whoever commits second has nothing of it kept, asks, and is told
    in the words of the gate that none is left.
    """
    desk = make_desk()
    decisions(desk, a_day=1)
    monkeypatch.setattr(admission, "SHIPPED", dict.fromkeys(Trigger, FREE))
    # Of two triggers, as runs of one wait for each other at its pace.
    kinds = ("SIGNAL_ARRIVED", "PATTERN_DETECTED")
    runs = [waiting(desk, trigger=kind) for kind in kinds]
    barrier = Barrier(2)
    looked: Counter[int] = Counter()

    def judged(*words: Any, **more: Any) -> Any:
        looked[get_ident()] += 1
        if looked[get_ident()] == 1:
            barrier.wait(30)
        return judge_cost(*words, **more)

    monkeypatch.setattr(admission, "judge_cost", judged)
    in_threads(2, lambda place: walk(desk, runs[place], Stage.GATE))
    assert sorted(looked.values()) == [1, 2]
    with tenant_scope(desk.tenant):
        found = Run.objects.values_list("gate_result", "gate_reason", "error")
        assert Counter(found) == {
            ("ALLOW", "ALLOWED", ""): 1,
            ("SKIP", "BUDGET_EXHAUSTED", ""): 1,
        }
        assert set(DecisionUse.objects.values_list("runs", flat=True)) == {1}
        # Each fired and was judged once, whatever was taken back.
        told = Entry.objects.exclude(run_id=None).values_list("kind", flat=True)
        assert Counter(told) == {"trigger.fired": 2, "gate.judged": 2}


def test_whoever_dies_before_the_commit_has_taken_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is on its way, and nothing is there."""

    class Killed(BaseException):
        pass

    def dies(line: Line) -> None:
        raise Killed

    run = waiting(desk)
    with monkeypatch.context() as patch:
        patch.setattr(Line, "commit", dies)
        with pytest.raises(Killed):
            walk(desk, run, Stage.GATE)
    connection.close()
    with tenant_scope(desk.tenant):
        row = Run.objects.get(pk=run)
        assert (row.stage, row.status, row.attempts) == ("TRIGGER", "RECEIVED", 0)
        assert not DecisionUse.objects.exists()
        assert not Entry.objects.filter(run_id=run).exists()
    walk(desk, run)
    with tenant_scope(desk.tenant):
        assert Run.objects.get(pk=run).status == "DONE"


def test_what_does_not_hold_takes_all_of_it_back(desk: Desk) -> None:
    intent = desk.propose()
    intent.rationale = "Written before it."
    with pytest.raises(DatabaseError) as refused, tenant_scope(desk.tenant):
        Writes().update(intent, "rationale").insist("%s > 1", [1])
    assert is_refused(refused.value)
    # The line is whole: whoever comes next need not connect anew.
    assert not connection.errors_occurred
    with tenant_scope(desk.tenant):
        assert Intent.objects.get(pk=intent.pk).rationale != "Written before it."
        Writes().update(intent, "rationale").insist("%s > 1", [2])
    with tenant_scope(desk.tenant):
        assert Intent.objects.get(pk=intent.pk).rationale == "Written before it."


def test_another_failure_is_no_refusal(desk: Desk) -> None:
    """What is broken is put off and counted, not tried again at once."""
    with pytest.raises(DatabaseError) as broken, tenant_scope(desk.tenant):
        Writes().insist("1 / %s > 0", [0])
    assert not is_refused(broken.value)
    assert not is_refused(ValueError("not of the database"))


def test_a_budget_that_is_empty_is_said_of_the_day(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run whose gate was refused once goes on as any other does: the next day."""
    desk = make_desk()
    decisions(desk, a_day=1)
    monkeypatch.setattr(admission, "SHIPPED", dict.fromkeys(Trigger, FREE))
    first, second = waiting(desk), waiting(desk)
    walk(desk, first)
    walk(desk, second)
    with tenant_scope(desk.tenant):
        assert Run.objects.get(pk=second).gate_reason == "BUDGET_EXHAUSTED"
        assert DecisionUse.objects.get(key=desk.tenant).runs == 1
        entry = Entry.objects.get(run_id=second, kind="gate.judged")
        assert entry.at > NOW
