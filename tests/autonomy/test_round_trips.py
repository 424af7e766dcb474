"""How often a stage asks the database: counted, so that it cannot grow unseen."""

from uuid import UUID

import pytest
from django.db import IntegrityError

from autonomy.models import Intent, Outcome
from autonomy.rows import Writes
from bench.parts.count import by_stage
from bench.parts.world import done, open_world
from ledger.models import Entry
from ledger.record import Fact
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from tests.autonomy.conftest import Desk
from tests.conftest import NOW


def test_a_run_asks_only_so_often(db: None) -> None:
    """A run needs at most so many round trips, and two commits: what needs the database
    alone with its claim, the decision with its verdict and the act of the house.
    """
    world = open_world(accounts=2)
    by_stage(world)
    found = by_stage(world)
    stages = [name for name in found if name not in ("between", "whole")]
    assert stages == ["trigger", "gate", "decide", "approve", "execute"]
    assert found["whole"]["commits"] == 2
    assert found["whole"]["round_trips"] <= 5
    assert found["whole"]["savepoints"] == 0
    with tenant_scope(world.tenant):
        runs = list(Intent.objects.values_list("run_id", flat=True))
    assert done(world, [run for run in runs if run]) == 2


def outcome(desk: Desk, intent: UUID) -> Outcome:
    return Outcome(
        tenant_id=desk.tenant,
        intent_id=intent,
        account=desk.account,
        action_type="create_internal_note",
        taxonomy="EXECUTION_SUCCEEDED",
        cause="execution",
        at=NOW,
    )


def test_rows_are_written_together_and_in_order(desk: Desk) -> None:
    """Rows, changes and facts go out as one; what is there already stays."""
    intent = desk.propose()
    with tenant_scope(desk.tenant):
        intent.parameters = {"text": "é € 'quoted' %s", "n": [1, None, 2.5]}
        fact = Fact(kind=Kind.OUTCOME_RECORDED, subjects={"intent": intent.id})
        writes = Writes().insert(outcome(desk, intent.id))
        writes.insert(outcome(desk, intent.id), unless_there=True)
        writes.state([fact], now=NOW).update(intent, "parameters")
        assert writes.send() == 1
        intent.refresh_from_db()
        assert intent.parameters == {"text": "é € 'quoted' %s", "n": [1, None, 2.5]}
        assert Outcome.objects.filter(intent=intent).count() == 1
        entries = Entry.objects.filter(kind=Kind.OUTCOME_RECORDED, intent_id=intent.id)
        assert entries.count() == 1


def test_one_that_fails_takes_all_of_them_back(desk: Desk) -> None:
    intent = desk.propose()
    with tenant_scope(desk.tenant):
        writes = Writes().insert(outcome(desk, intent.id), outcome(desk, intent.id))
    with pytest.raises(IntegrityError), tenant_scope(desk.tenant):
        writes.send()
    with tenant_scope(desk.tenant):
        assert not Outcome.objects.filter(intent=intent).exists()
