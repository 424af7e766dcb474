"""G4: nothing is allowed that was not counted, whatever was read a moment before."""

from collections.abc import Callable
from typing import Any

import pytest

from autonomy import admission
from autonomy.models import DecisionUse, Run
from autonomy.rules.runs import Stage
from ledger.models import Entry
from ledger.scope import tenant_scope
from tests.autonomy.claims import claim, decisions, waiting
from tests.autonomy.conftest import Desk

PLENTY = admission.RUNS_PER_DAY * 4


@pytest.mark.parametrize("whose", ["tenant", "account"])
def test_who_comes_too_late_for_the_last_decision_is_not_let_through(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    """G3, G4: also where a tenant's own limit is above the shipped one."""
    desk = make_desk()
    key = {"tenant": desk.tenant, "account": desk.account.id}[whose]
    decisions(desk, a_day=PLENTY, of_an_account=PLENTY)
    run = waiting(desk, Stage.GATE)
    look = admission.look

    def before_the_other(*of: Any) -> Any:
        """What was seen; then somebody else takes the day's last decision."""
        said, row = look(*of) or ("", {})
        DecisionUse.objects.create(
            tenant_id=desk.tenant, key=key, day=row["day"], runs=PLENTY
        )
        return said, row

    monkeypatch.setattr(admission, "look", before_the_other)
    held = claim(run, Stage.GATE, tenant=desk.tenant)
    assert held is not None
    with tenant_scope(desk.tenant):
        assert admission.gate(held) is None
        row = Run.objects.get(pk=run)
        assert (row.status, row.gate_result) == ("SKIPPED", "SKIP")
        assert row.gate_reason == "BUDGET_EXHAUSTED"
        assert Entry.objects.get(run_id=run).data["result"] == "SKIP"
        counted = DecisionUse.objects.filter(runs__gt=0)
        assert list(counted.values_list("key", "runs")) == [(key, PLENTY)]
