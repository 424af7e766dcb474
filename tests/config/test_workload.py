"""U4: an operator sees what waits in the walk, how long, and what needs a person."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from uuid_utils.compat import uuid7

from autonomy import workload as loads
from autonomy.models import Intent, Run
from autonomy.rules.runs import Stage
from autonomy.workload import Workload, workload
from ledger.scope import system_scope, tenant_scope
from perception.accounts import add_account
from perception.models import Account
from perception.rules.roles import Role
from tests.conftest import House


@pytest.fixture
def account(house: House) -> Account:
    given = {"external_id": "acme", "name": "Acme"}
    with tenant_scope(house.tenant):
        by = house.caller(Role.ADMIN)
        return add_account(given, by=by, now=datetime.now(UTC))


def _run(account: Account, status: str, stage: Stage, **more: Any) -> Run:
    now = datetime.now(UTC)
    return Run.objects.create(
        tenant_id=account.tenant_id,
        account=account,
        trigger="SIGNAL_ARRIVED",
        key=str(uuid7()),
        status=status,
        stage=stage.value,
        **{"due_at": now, "created_at": now, "updated_at": now, **more},
    )


def _intent(account: Account, status: str, **more: Any) -> Intent:
    now = datetime.now(UTC)
    return Intent.objects.create(
        tenant_id=account.tenant_id,
        account=account,
        origin="agent",
        action_type="create_internal_note",
        parameters={},
        status=status,
        created_at=now,
        updated_at=now,
        **more,
    )


def _measured() -> Workload:
    return workload(now=datetime.now(UTC))


def test_what_waits_is_counted_by_stage(house: House, account: Account) -> None:
    """U4: what is over, parked or in doubt is no backlog."""
    before, now = _measured(), datetime.now(UTC)
    long_ago = now - timedelta(days=4000)
    with tenant_scope(house.tenant):
        _run(account, "RECEIVED", Stage.TRIGGER, created_at=long_ago, due_at=long_ago)
        _run(account, "DEFERRED", Stage.GATE, due_at=now + timedelta(hours=1))
        _run(account, "DECIDED", Stage.APPROVE)
        for status in ("DONE", "SKIPPED", "PARKED"):
            _run(account, status, Stage.EXECUTE)
        _intent(account, "APPROVED", due_at=now)
        _intent(account, "IN_DOUBT")
        _intent(account, "FAILED", given_up_at=now)
        _intent(account, "SUCCEEDED")
    after = _measured()
    more = {stage: after.backlog[stage] - before.backlog[stage] for stage in Stage}
    assert more == {
        Stage.TRIGGER: 1,
        Stage.GATE: 1,
        Stage.DECIDE: 0,
        Stage.APPROVE: 1,
        Stage.EXECUTE: 1,
    }
    assert after.parked - before.parked == 1
    assert after.given_up - before.given_up == 1
    assert after.in_doubt - before.in_doubt == 1
    age = timedelta(days=4000).total_seconds()
    for seconds in (after.oldest_seconds, after.relay_lag_seconds):
        assert age <= seconds < age + 3600
    with tenant_scope(house.tenant):
        Run.objects.filter(created_at=long_ago).update(status="DONE")
        Intent.objects.update(due_at=None)
    assert _measured().oldest_seconds < age


def test_status_and_metrics_show_it(house: House, account: Account) -> None:
    """U4: the command's words and the gauges say the same."""
    with tenant_scope(house.tenant):
        _run(account, "PARKED", Stage.DECIDE)
        _run(account, "DONE", Stage.EXECUTE)
        doubt = _intent(account, "IN_DOUBT")
    out = StringIO()
    call_command("status", "--json", stdout=out)
    seen = json.loads(out.getvalue())
    assert set(seen["backlog"]) == {stage.value for stage in Stage}
    assert seen["parked"] >= 1
    assert seen["in_doubt"] >= 1
    # What has ended is counted too.
    assert min(seen["runs"]["PARKED"], seen["runs"]["DONE"]) >= 1
    assert seen["intents"]["IN_DOUBT"] >= 1
    assert {"oldest_unfinished_seconds", "relay_lag_seconds", "given_up"} <= set(seen)
    told = StringIO()
    call_command("status", stdout=told)
    assert "oldest unfinished seconds" in told.getvalue()
    shown = Client().get("/metrics").content.decode()
    for line in (
        'autonomy_spine_backlog{stage="decide"}',
        "autonomy_spine_oldest_seconds",
        "autonomy_relay_lag_seconds",
        f"autonomy_spine_parked {float(seen['parked'])}",
        f"autonomy_spine_in_doubt {float(seen['in_doubt'])}",
    ):
        assert line in shown
    assert str(house.tenant) not in shown
    with tenant_scope(house.tenant):
        Intent.objects.filter(pk=doubt.pk).update(status="SUCCEEDED")


def test_counting_stops(
    house: House, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P8 in spirit: so much or more, however much more it is."""
    with tenant_scope(house.tenant):
        made = [_run(account, "RECEIVED", Stage.TRIGGER) for _ in range(5)]
    monkeypatch.setattr(loads, "MOST", 3)
    found = _measured().backlog
    assert sum(found[stage] for stage in Stage if stage is not Stage.EXECUTE) == 3
    with tenant_scope(house.tenant):
        Run.objects.filter(pk__in=[run.pk for run in made]).update(status="DONE")


def test_no_part_reads_a_whole_table(db: None) -> None:
    """P8: with scans of tables set aside, every part finds an index that fits it."""
    values = {"most": 10, "head": 5, "now": datetime.now(UTC)}
    with system_scope("explain"), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        cursor.execute(f"EXPLAIN {loads._WORKLOAD}", values)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    for table in ("autonomy_run", "autonomy_intent", "perception_signal"):
        assert f"Seq Scan on {table}" not in plan
    for index in (
        "run_open", "run_parked", "intent_open", "intent_given_up", "intent_in_doubt",
    ):  # fmt: skip
        assert index in plan
