"""R11: a tick costs what is due, however many plans there are besides."""

import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg2
import pytest
from django.conf import settings
from django.db import connection

from ledger.clock import clock
from plans.orchestrator import tick
from tests.plans.conftest import ESCALATE, NOTE, Course

pytestmark = pytest.mark.usefixtures("alone")
FEW = 1000
MOST_RATIO = 1.3
SOURCES = {
    "account": "perception_account",
    "plan": "plans_plan",
    "intent": "autonomy_intent",
    "step": "plans_step",
}
# Ids that begin with a time, as all of the house's do: neighbours are near each other.
_ID = """(lpad(to_hex({kind} * 16777216::bigint + n), 12, '0')
    || '7000' || '8000' || substr(md5(n || '-{salt}'), 1, 12))::uuid"""
_COPY = """
INSERT INTO {table} SELECT (jsonb_populate_record(t, jsonb_build_object({changed}))).*
FROM {table} t, generate_series(%(since)s, %(until)s) AS n WHERE t.id = %(id)s
"""
_MOVE = """
UPDATE plans_plan p SET status = %(to)s, contract = t.contract,
    approved_at = t.approved_at, activated_at = t.activated_at,
    due_at = clock_timestamp() + interval '200 days'
FROM plans_plan t WHERE t.id = %(plan)s AND p.tenant_id = t.tenant_id AND p.status = %(now)s
"""
_DUE = """
UPDATE plans_plan SET due_at = clock_timestamp() WHERE id IN (
    SELECT id FROM plans_plan WHERE tenant_id = %s AND status = 'ACTIVE' AND id <> %s
    ORDER BY md5(id::text) LIMIT %s)
"""
_TOUCHED = """
SELECT coalesce(sum(hits + reads), 0)::bigint
FROM pg_stat_get_backend_io(pg_backend_pid()) WHERE object = 'relation'
"""


class Fleet:
    """A tenant whose plans are copies of one that has come half of its way."""

    def __init__(self, course: Course) -> None:
        self.course = course
        later = {**ESCALATE, "earliest": clock() + timedelta(days=20)}
        self.plan = course.look(course.active(NOTE, later))
        course.perform(self.plan)
        course.look(self.plan)
        assert course.statuses(self.plan) == ["AUTO_EXECUTED", "PENDING"]
        self.size = 1

    def grow(self, to: int) -> None:
        """By the tables' owner, through every trigger: drafts, approved, made active."""
        owner = psycopg2.connect(settings.OWNER_URL)
        with owner, owner.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('app.tenant', %s, true)", [str(self.course.tenant)]
            )
            self._copy(cursor, to)
            for now, then in (("DRAFT", "APPROVED"), ("APPROVED", "ACTIVE")):
                named = {"plan": str(self.plan.pk), "now": now, "to": then}
                cursor.execute(_MOVE, named)
                assert cursor.rowcount == to - self.size
        owner.close()
        self.size = to
        _settled()

    def _copy(self, cursor: Any, to: int) -> None:
        (done, ahead), (act,) = (
            self.course.steps(self.plan),
            self.course.intents(self.plan),
        )
        account, plan = str(self.course.account.pk), str(self.plan.pk)
        draft = {
            "status": "'DRAFT'", "approved_at": "NULL::timestamptz",
            "contract": "NULL::jsonb",
        }  # fmt: skip
        self._rows(cursor, to, "account", account, {}, {"external_id": "'a' || n"})
        self._rows(cursor, to, "plan", plan, {"account_id": "account"}, draft)
        ids = {"account_id": "account", "plan_id": "plan", "step_id": "step"}
        self._rows(cursor, to, "intent", str(act.pk), ids, {})
        here = {"plan_id": "plan", "step_id": "step"}
        for step, more in ((done, {"intent_id": "intent"}), (ahead, {})):
            kinds = {**here, **more}
            self._rows(cursor, to, "step", str(step.pk), kinds, {}, salt=step.place)

    def _rows(
        self,
        cursor: Any,
        to: int,
        kind: str,
        id_: str,
        ids: dict[str, str],
        values: dict[str, str],
        *,
        salt: int = 0,
    ) -> None:
        found = {
            "id": _id(kind, salt),
            **{name: _id(each, salt) for name, each in ids.items()},
            **values,
        }
        changed = ", ".join(f"'{name}', {value}" for name, value in found.items())
        statement = _COPY.format(table=SOURCES[kind], changed=changed)
        named = {"since": self.size, "until": to - 1, "id": id_}
        cursor.execute(statement, named)
        assert cursor.rowcount == to - self.size

    def ticked(self, due: int) -> int:
        """Buffers that one tick touches with so many due."""
        self._become_due(due)
        before = _touched()
        assert tick(now=clock()).looked == due
        return _touched() - before

    def _become_due(self, due: int) -> None:
        superuser = psycopg2.connect(settings.DATABASE_GIVEN_URL)
        with superuser, superuser.cursor() as cursor:
            named = [str(self.course.tenant), str(self.plan.pk), due]
            cursor.execute(_DUE, named)
            assert cursor.rowcount == due
        superuser.close()
        _settled()


def _id(kind: str, salt: int) -> str:
    # Only steps have several to a plan.
    salted = salt if kind == "step" else 0
    number = list(SOURCES).index(kind) * 2 + salted + 1
    return _ID.format(kind=number, salt=number)


def _settled() -> None:
    """What the servers do by themselves, a little later."""
    superuser = psycopg2.connect(settings.DATABASE_GIVEN_URL)
    superuser.autocommit = True
    with superuser.cursor() as cursor:
        for table in SOURCES.values():
            cursor.execute(f"VACUUM ANALYZE {table}")
    superuser.close()


def _touched() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(_TOUCHED)
        found: int = cursor.fetchone()[0]
    return found


LONG = [pytest.mark.long, pytest.mark.timeout(1800)]


@pytest.mark.parametrize(
    ("many", "due"), [(5_000, 50), pytest.param(100_000, 500, marks=LONG)]
)
def test_a_tick_costs_what_is_due(
    make_course: Callable[..., Course], many: int, due: int
) -> None:
    """R11: so many due among very many touch hardly more than as many among a few."""
    fleet = Fleet(make_course())
    fleet.grow(FEW)
    # Whatever a connection reads once, it has read then.
    fleet.ticked(due)
    few = fleet.ticked(due)
    fleet.grow(many)
    found = fleet.ticked(due)
    said = f"buffers: {few} with {FEW} plans, {found} with {many}"
    sys.stderr.write(f"{said}\n")
    assert found / few <= MOST_RATIO, said
