"""N1, N3, N6, O2: what is learned by itself, tenant by tenant; what is missing is told."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from autonomy.learning import daily, evaluating
from autonomy.models import Evaluation, Intent, Ranking
from config.operate.jobs import DOERS
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.faults import Faults
from tests.autonomy.conftest import Desk
from tests.autonomy.learning.seller import seller_at
from tests.conftest import NOW

DAY = timedelta(days=1)


@pytest.fixture
def desks(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> list[Desk]:
    """Two tenants, and no others."""
    found = [make_desk(), make_desk()]
    tenants = [each.tenant for each in found]
    monkeypatch.setattr(daily, "_tenants", lambda: tenants)
    return found


def statuses(desk: Desk) -> list[str]:
    with tenant_scope(desk.tenant):
        rows = Ranking.objects.order_by("made_at", "id")
        return list(rows.values_list("status", flat=True))


def test_a_model_every_four_weeks_is_tried_and_none_promoted(desks: list[Desk]) -> None:
    """N3, N5: once there is enough; three are tried at once, the oldest goes; stated as
    the system's.
    """
    first, second = desks
    seller_at(first, accounts=5, seed=2).live(NOW - 160 * DAY, 20)
    faults = Faults()

    def fit(at: Any) -> int:
        return daily.fit_all(now=at, horizon=DAY, broke=faults)

    begin = NOW - 120 * DAY
    assert [fit(begin), fit(begin), fit(begin + 27 * DAY)] == [1, 0, 0]
    assert statuses(first) == ["SHADOW"]
    seller_at(second, accounts=1, seed=2).live(NOW - 160 * DAY, 20)
    made = [fit(begin + number * daily.APART) for number in (1, 2, 3)]
    assert made == [1, 1, 1]
    assert statuses(first) == ["RETIRED", "SHADOW", "SHADOW", "SHADOW"]
    assert (statuses(second), faults.count) == ([], 0)
    with tenant_scope(first.tenant):
        moves = Entry.objects.filter(kind="model.moved").order_by("number")
        assert {each.actor["type"] for each in moves} == {"system"}
        assert [each.data["after"] for each in moves][:2] == ["CANDIDATE", "SHADOW"]


def test_reports_are_written_once_a_day_and_one_fault_is_its_own(
    desks: list[Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """O2, N6: of tenants where something was chosen; the others are served all the same."""
    first, second = desks
    for each in desks:
        seller_at(each, accounts=2, seed=2).live(NOW - 30 * DAY, 3)
    right = evaluating.evaluate

    def breaks(*, now: Any) -> Any:
        row = right(now=now)
        if row.tenant_id == first.tenant:
            raise ValueError("ann@acme.example")
        return row

    monkeypatch.setattr(evaluating, "evaluate", breaks)
    faults = Faults()
    assert daily.evaluate_all(now=NOW, broke=faults) == 1
    assert (faults.count, faults.first) == (1, "ValueError")
    monkeypatch.undo()
    monkeypatch.setattr(daily, "_tenants", lambda: [each.tenant for each in desks])
    assert daily.evaluate_all(now=NOW + DAY / 24) == 1
    assert daily.evaluate_all(now=NOW + DAY / 24) == 0
    assert daily.evaluate_all(now=NOW + DAY) == 2
    counts = []
    for each in desks:
        with tenant_scope(each.tenant):
            counts.append(Evaluation.objects.count())
    assert counts == [2, 2]
    assert second.tenant != first.tenant


def test_what_has_no_outcome_is_a_fault_of_the_house(desks: list[Desk]) -> None:
    """N1: a gap shows at the job, with how many; none is silent."""
    first, second = desks
    intent = first.propose()
    other = second.propose()
    with tenant_scope(first.tenant):
        Intent.objects.filter(pk=intent.pk).update(
            status="FAILED", updated_at=NOW - DAY
        )
    with tenant_scope(second.tenant):
        Intent.objects.filter(pk=other.pk).update(
            status="BLOCKED", updated_at=NOW - DAY
        )
    found = DOERS["outcome_reconciliation"](NOW)
    assert not isinstance(found, int)
    assert (found.count, found.broken) == (2, 1)
    assert found.error == "1 without an outcome"


def test_what_there_is_no_time_for_is_said(
    desks: list[Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """O2: it does not run into the next tick, and does not pretend."""
    monkeypatch.setattr(daily, "SECONDS", 0.0)
    found = DOERS["ranking_evaluation"](NOW)
    assert not isinstance(found, int)
    assert (found.count, found.broken, found.error) == (0, 1, "TimeUp")
