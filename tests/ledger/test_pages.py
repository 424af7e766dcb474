"""L: a page of a million entries costs what a page of fifty costs."""

import re
import sys
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger.api import entries, entries_about
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.conftest import House

MILLION = 1_000_000

FILL = """
INSERT INTO ledger_entry (id, tenant_id, at, kind, actor, subjects, data)
SELECT gen_random_uuid(), %(tenant)s, timestamptz '2026-01-01' + n * interval '1 second',
       'signal.received', '{"type": "system", "id": "x"}',
       jsonb_build_object('account', (ARRAY[%(a)s, %(b)s])[1 + n %% 2]), '{}'
FROM generate_series(1, %(count)s) AS n
"""


LEAVES = """
INSERT INTO ledger_leaf (tenant_id, sequence, number, hash)
SELECT tenant_id, row_number() OVER (ORDER BY number) - 1, number, sha256(''::bytea)
FROM ledger_entry WHERE tenant_id = %s
"""


def plan_of(query: Any) -> str:
    sql, params = query.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) {sql}",
            params,
        )
        return "\n".join(row[0] for row in cursor.fetchall())


def buffers(plan: str) -> int:
    """Pages that running the statement touched; planning is not counted."""
    running = plan.partition("Planning:")[0]
    return sum(map(int, re.findall(r"(?:hit|read)=(\d+)", running.splitlines()[1])))


@pytest.fixture
def million(house: House, superuser: Any) -> Iterator[tuple[House, UUID, UUID]]:
    """A tenant with a million entries; triggers off, as nothing is to be sealed."""
    busy, other = uuid4(), uuid4()
    tenant = str(house.tenant)
    with superuser.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            FILL, {"tenant": tenant, "a": str(busy), "b": str(other), "count": MILLION}
        )
        # Each has its place in the tree: beside a tiny table of leaves the planner
        # would rightly read all of it, depending on who analysed it last.
        cursor.execute(LEAVES, [tenant])
        cursor.execute("ANALYZE ledger_entry")
        cursor.execute("ANALYZE ledger_leaf")
    yield house, busy, other
    with superuser.cursor() as cursor:
        for table in ("entry", "leaf", "pending"):
            cursor.execute(f"DELETE FROM ledger_{table} WHERE tenant_id = %s", [tenant])
        cursor.execute("VACUUM ANALYZE ledger_entry")
        cursor.execute("VACUUM ANALYZE ledger_leaf")


def test_a_page_of_a_million_entries_comes_from_an_index(
    million: tuple[House, UUID, UUID], other: House, capsys: Any
) -> None:
    """For the tenant with a million, and for its neighbour with a handful."""
    house, busy, _ = million
    plans = {}
    with tenant_scope(house.tenant):
        plans["all"] = plan_of(entries().order_by("-number")[:51])
        plans["account"] = plan_of(
            entries_about("account", busy).order_by("-number")[:51]
        )
        plans["rare kind"] = plan_of(
            entries().filter(kind="tenant.created").order_by("-number")[:51]
        )
        plans["nothing"] = plan_of(entries_about("run", busy).order_by("-number")[:51])
    with tenant_scope(other.tenant):
        plans["neighbour"] = plan_of(entries().order_by("-number")[:51])
    with capsys.disabled():
        sys.stdout.write(
            "\n" + "\n\n".join(f"{k}\n{v}" for k, v in plans.items()) + "\n"
        )
    for name, plan in plans.items():
        assert "Index Scan" in plan, name
        assert "Seq Scan" not in plan, name
        assert buffers(plan) < 400, f"{name}\n{plan}"
    auditor = house.client(Role.AUDITOR)
    first = auditor.send("GET", "ledger/?limit=50").json()
    with CaptureQueriesContext(connection) as seen:
        second = auditor.get(first["next"])
    assert len(second.json()["results"]) == 50
    assert len(seen) <= 6
