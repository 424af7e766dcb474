"""Days that pass within a test, and everything in the database passing with them."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, transaction

from autonomy.models import Approval, BudgetUse, Execution, Intent
from autonomy.perform import perform
from autonomy.propose import propose
from config.worlds.time import virtual_time
from ledger.clock import clock
from ledger.prepared import prepared
from ledger.scope import system_scope, tenant_scope
from tests.autonomy.conftest import AGENT, Desk, swept
from tests.races import in_threads

DAY = timedelta(days=1)
ALL_TIMES = """
SELECT clock_timestamp(), now(), statement_timestamp(), transaction_timestamp()
"""


def proposed(desk: Desk) -> Intent:
    with tenant_scope(desk.tenant):
        given = desk.given("create_internal_note")
        return propose(
            given, desk.account, origin="agent", by=AGENT, member=None, now=clock()
        )


def stands(intent: Intent) -> str:
    with tenant_scope(intent.tenant_id):
        return str(Intent.objects.values_list("status", flat=True).get(pk=intent.pk))


def test_three_days_of_a_tenant(make_desk: Callable[..., Desk]) -> None:
    """P3, A2: each day has a budget of its own; a question that nobody answers ends."""
    desk = make_desk(limit=1)
    with virtual_time() as time:
        first = time.now()
        asked = []
        for day in range(3):
            act, other = proposed(desk), proposed(desk)
            assert perform(act.id, tenant=desk.tenant) == "SUCCEEDED"
            assert other.status == "AWAITING_APPROVAL"
            asked.append(other)
            with tenant_scope(desk.tenant):
                started = Execution.objects.get(intent=act).started_at
                assert abs(started - first - day * DAY) < timedelta(hours=1)
                assert BudgetUse.objects.count() == day + 1
            time.pass_(DAY)
        # The first was asked three days ago; that is how long it may wait.
        swept(time.now())
        assert [stands(each) for each in asked] == [
            "EXPIRED", "AWAITING_APPROVAL", "AWAITING_APPROVAL",
        ]  # fmt: skip
        with tenant_scope(desk.tenant):
            ended = Approval.objects.get(intent=asked[0])
            assert ended.asked_at < first + timedelta(hours=1)
    assert abs(clock() - first) < timedelta(hours=1)


def test_everything_that_tells_the_time_follows(desk: Desk) -> None:
    """Statements, prepared ones, functions, roles, new connections; and all come back."""
    statement = "SELECT clock_timestamp(), now()"

    def asked() -> list[float]:
        """How many days from now it is, in every way to ask."""
        with connection.cursor() as cursor:
            cursor.execute(ALL_TIMES)
            found = list(cursor.fetchone())
            cursor.execute(prepared(statement))
            found += cursor.fetchone()
            cursor.execute("SELECT (autonomy_pace(%s, %s, 'x')->>'at')::timestamptz",
                           [desk.tenant, desk.account.id])  # fmt: skip
            found += cursor.fetchone()
            cursor.execute("SELECT pg_catalog.clock_timestamp()")
            (real,) = cursor.fetchone()
        return [round((each - real) / DAY, 1) for each in [*found, clock()]]

    def in_scope() -> set[float]:
        with tenant_scope(desk.tenant):
            return set(asked())

    def as_the_system(_: int) -> set[float]:
        with system_scope("probe virtual time"), connection.cursor() as cursor:
            cursor.execute(ALL_TIMES)
            found = cursor.fetchone()
            cursor.execute("SELECT pg_catalog.clock_timestamp()")
            (real,) = cursor.fetchone()
            return {round((each - real) / DAY, 1) for each in found}

    assert in_scope() == {0.0}
    with virtual_time() as time:
        assert in_scope() == {0.0}
        time.pass_(2 * DAY)
        assert in_scope() == {2.0}
        time.move_to(time.now() + 5 * DAY)
        assert in_scope() == as_the_system(0) == {7.0}
        assert in_threads(1, as_the_system) == [{7.0}]
        connection.close()
        assert in_scope() == {7.0}
        with transaction.atomic(), pytest.raises(RuntimeError):
            time.pass_(DAY)
    assert in_scope() == as_the_system(0) == {0.0}
