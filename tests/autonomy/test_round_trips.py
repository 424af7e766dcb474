"""How often a stage asks the database: counted, so that it cannot grow unseen."""

from collections import Counter
from uuid import UUID

import pytest
from django.conf import settings
from django.db import IntegrityError

from autonomy import pipeline, runs
from autonomy.models import Intent, Outcome
from autonomy.pipeline import LOOKS
from autonomy.rows import Writes
from autonomy.rules.runs import Stage
from bench.parts.count import Counts, by_stage, counted
from bench.parts.world import World, done, open_world
from ledger.models import Entry
from ledger.record import Fact
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from tests.autonomy.claims import waiting
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


def test_a_literal_message_asks_once(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a stage looks at comes with its claim, and all that it writes with the commit;
    what is to be done is sent by its own id.
    """
    monkeypatch.setattr(settings, "SPINE_STRIDE", 1)
    world = open_world(accounts=2)
    by_message(world)
    found = by_message(world)
    assert found == [{"queries": 1, "commits": 1, "round_trips": 2}] * 5
    with tenant_scope(world.tenant):
        assert Intent.objects.filter(status="SUCCEEDED").count() == 2


def by_message(world: World) -> list[Counts]:
    """The counts of each of five messages of one signal, in this process."""
    (run,), found = world.post(1), [Counter[str]() for _ in range(5)]
    acts: list[UUID] = []
    for stage, counts in zip(list(Stage)[:4], found, strict=False):
        with counted(counts):
            held = pipeline.walk(run, stage, tenant=world.tenant, may=nowhere)
        acts = held.approved if held else []
    with counted(found[4]):
        pipeline.act(acts[0], tenant=world.tenant)
    return found


def test_who_comes_late_takes_nothing_with_what_it_looks_at(desk: Desk) -> None:
    """A claim that finds nothing looks at nothing, whatever it is to look at."""
    for stage in list(Stage)[:4]:
        run = waiting(desk, stage)
        with tenant_scope(desk.tenant):
            held = runs.claim(
                run, stage, tenant=desk.tenant, may=nowhere, look=LOOKS[stage]
            )
            assert held is not None
        with tenant_scope(desk.tenant):
            again = runs.claim(
                run, stage, tenant=desk.tenant, may=nowhere, look=LOOKS[stage]
            )
            assert again is None


def nowhere(stage: Stage) -> bool:
    return False


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
