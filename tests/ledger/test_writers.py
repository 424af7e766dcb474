"""L3, L4: many writers at once lose nothing and fork nothing; the sealer keeps up."""

import multiprocessing
import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from django.db import connection, connections

from ledger.models import Checkpoint, Entry, Leaf, Pending
from ledger.record import record, record_all
from ledger.scope import tenant_scope
from ledger.seal import seal_due, seal_tenant
from ledger.verify import verify_tenant
from tests.ledger.conftest import START, facts
from tests.races import alone, in_processes

WRITERS = 20
EACH = 40


def _write(tenant: UUID) -> None:
    for _ in range(EACH):
        with tenant_scope(tenant):
            record(facts(1)[0], now=START)


def _write_and_seal(tenant: UUID) -> None:
    _write(tenant)
    seal_tenant(tenant, now=START)


@pytest.mark.parametrize("work", [_write, _write_and_seal], ids=["write", "and seal"])
def test_twenty_writers_lose_and_fork_nothing(
    db: None, work: Callable[..., None]
) -> None:
    """L3: no lock per tenant on the way in, one tree on the way out."""
    tenant = uuid4()
    in_processes(WRITERS, work, tenant)
    while seal_tenant(tenant, now=START):
        pass
    with tenant_scope(tenant):
        assert Entry.objects.count() == Leaf.objects.count() == WRITERS * EACH
        places = list(
            Leaf.objects.order_by("sequence").values_list("sequence", flat=True)
        )
        assert places == list(range(WRITERS * EACH))
        assert not Pending.objects.exists()
    assert verify_tenant(tenant).findings == []


def test_an_entry_is_there_with_its_fact_or_not_at_all(db: None) -> None:
    """L3: the same transaction."""
    tenant = uuid4()

    def fail_after_stating() -> None:
        with tenant_scope(tenant):
            record_all(facts(3), now=START)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_stating()
    with tenant_scope(tenant):
        assert not Entry.objects.exists()
        assert not Pending.objects.exists()


def test_numbers_that_commit_late_are_sealed_too(db: None) -> None:
    """A lower number that commits after a higher one was sealed is not forgotten."""
    tenant = uuid4()
    slow = connections["default"].copy()
    with slow.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT set_config('app.tenant', %s, true)", [str(tenant)])
        cursor.execute(
            "INSERT INTO ledger_entry (id, tenant_id, at, kind, actor, subjects, data) "
            "VALUES (%s, %s, now(), 'signal.received', '{}', '{}', '{}')",
            [str(uuid4()), str(tenant)],
        )
        with tenant_scope(tenant):
            record_all(facts(2), now=START)
        assert seal_tenant(tenant, now=START) == 2
        cursor.execute("COMMIT")
    slow.close()
    assert seal_tenant(tenant, now=START) == 1
    with tenant_scope(tenant):
        by_place = list(
            Leaf.objects.order_by("sequence").values_list("number", flat=True)
        )
        assert by_place[2] < by_place[0]
        assert Checkpoint.objects.count() == 2
    assert verify_tenant(tenant).findings == []


def test_a_killed_sealer_leaves_all_or_nothing(db: None) -> None:
    """Kill -9 in the middle: the next one goes on, and the ledger is whole."""
    tenant = uuid4()
    with tenant_scope(tenant):
        record_all(facts(4000), now=START)
    connections.close_all()
    context = multiprocessing.get_context("fork")
    for pause in (0.02, 0.05, 0.1, 0.15):
        sealer = context.Process(
            target=alone, args=(lambda: seal_tenant(tenant, now=START),)
        )
        sealer.start()
        time.sleep(pause)
        sealer.kill()
        sealer.join()
    while seal_tenant(tenant, now=START):
        pass
    report = verify_tenant(tenant)
    assert (report.entries, report.findings) == (4000, [])


def _keep_writing(tenants: list[UUID], per_second: int, seconds: float) -> None:
    """Batches of 50 at a steady pace."""
    started, done = time.monotonic(), 0
    while (passed := time.monotonic() - started) < seconds:
        if done < passed * per_second:
            with tenant_scope(tenants[done // 50 % len(tenants)]):
                record_all(facts(50), now=datetime.now(UTC))
            done += 50
        else:
            time.sleep(0.005)


def _keep_up(seconds: float, per_second: int) -> float:
    """Two writers at full pace against one sealer; the longest wait that was seen."""
    tenants = [uuid4() for _ in range(5)]
    connections.close_all()
    context = multiprocessing.get_context("fork")
    writers = [
        context.Process(
            target=alone, args=(_keep_writing, tenants, per_second // 2, seconds)
        )
        for _ in range(2)
    ]
    for one in writers:
        one.start()
    worst = 0.0
    while any(one.is_alive() for one in writers):
        round_began = time.monotonic()
        seal_due(now=datetime.now(UTC))
        worst = max(worst, _oldest(tenants))
        time.sleep(max(0.0, 1 - (time.monotonic() - round_began)))
    for one in writers:
        one.join()
    seal_due(now=datetime.now(UTC))
    total = 0
    for tenant in tenants:
        with tenant_scope(tenant):
            assert not Pending.objects.exists()
            total += Leaf.objects.count()
    assert total >= per_second * seconds * 0.98
    return worst


def _oldest(tenants: list[UUID]) -> float:
    ages = [0.0]
    for tenant in tenants:
        with tenant_scope(tenant), connection.cursor() as cursor:
            cursor.execute(
                "SELECT extract(epoch FROM clock_timestamp() - min(e.at)) "
                "FROM ledger_pending p JOIN ledger_entry e USING (number)"
            )
            ages.append(float(cursor.fetchone()[0] or 0))
    return max(ages)


def test_sealing_keeps_up(db: None) -> None:
    """L4, short form: sealed while others write, and whole at the end.

    How far behind it falls is the long form's to say, on a machine of its own.
    """
    assert _keep_up(seconds=6, per_second=1000) < 20


@pytest.mark.long
def test_sealing_keeps_up_for_a_minute(db: None) -> None:
    """L4: 2,000 entries a second for 60 s on two cores with a lag below 2 s."""
    assert _keep_up(seconds=60, per_second=2000) < 2


def _seal_on(tenants: list[UUID], seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for tenant in tenants:
            seal_tenant(tenant, now=datetime.now(UTC))


def test_no_false_alarm_while_others_write_and_seal(db: None) -> None:
    """L6: a verification sees one moment, whatever goes on around it."""
    tenant = uuid4()
    connections.close_all()
    context = multiprocessing.get_context("fork")
    crew = [
        context.Process(target=alone, args=(_keep_writing, [tenant], 1000, 4.0)),
        context.Process(target=alone, args=(_seal_on, [tenant], 4.0)),
    ]
    for one in crew:
        one.start()
    seen = []
    while any(one.is_alive() for one in crew):
        report = verify_tenant(tenant)
        assert report.findings == []
        seen.append(report.entries)
    for one in crew:
        one.join()
    assert len(seen) > 3
    assert seen == sorted(seen)
    assert seen[-1] > 1000
