"""Watching: a tick with 1,000 due of 10,000 and of 1,000,000 accounts, and idle. B8.

Beside it the way that it replaces: an entry of the timetable for each account.
"""

import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from statistics import median
from typing import Any, cast
from uuid import UUID, uuid4

import psycopg2
from django.conf import settings
from django.db import connection
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks
from django_celery_beat.schedulers import DatabaseScheduler

from autonomy.opening import open_tenant
from config.celery import app
from ledger.scope import system_scope, tenant_scope
from perception import vault
from perception.models import Connector, Tenant
from perception.rules.pulls import Reason
from perception.scheduler import tick
from perception.sources.base import Asked, Found, Reach, Source, Wire
from perception.sources.registry import SOURCES

ROUNDS, IDLE_TICKS = 7, 100
TENANTS, DUE = 20, 1000
SMALL, LARGE = 10_000, int(os.environ.get("WATCH_LARGE", "1000000"))
ENTRIES = (1_000, 10_000, 50_000)
KIND = "bench"
FAST = 1_000_000


class Still:
    """A source for each account; nobody reads it here."""

    kind, title, secret, reach = KIND, "Bench", "", Reach.ACCOUNT
    schema: Mapping[str, Any] = {}

    def pull(self, asked: Asked, wire: Wire) -> Found:
        return Found(cursor={})


def run() -> dict[str, Any]:
    """Medians: the same tenants with few accounts, then with many."""
    cast(dict[str, Source], SOURCES)[KIND] = Still()
    admin = psycopg2.connect(settings.DATABASE_GIVEN_URL)
    admin.autocommit = True
    fair = [_tenant() for _ in range(TENANTS)]
    one = [_tenant()]
    try:
        with admin.cursor() as cursor:
            cursor.execute(_QUIET, [KIND, FAST])
            found = _watching(cursor, fair, one)
            _drop(cursor, fair + one)
    finally:
        admin.close()
        del cast(dict[str, Source], SOURCES)[KIND]
    found |= _beat()
    return {
        "sizes": f"{ROUNDS} rounds, {DUE:,} due of {SMALL:,} and {LARGE:,} accounts",
        **{name: round(figure, 3) for name, figure in (found | _ratios(found)).items()},
    }


def _ratios(found: dict[str, float]) -> dict[str, float]:
    wide, reload = found["tick_1m_20_tenants_ms"], found["beat_50k_reload_ms"]
    return {
        "1m_to_10k_20_tenants": wide / found["tick_10k_20_tenants_ms"],
        "1m_to_10k_1_tenant": (
            found["tick_1m_1_tenant_ms"] / found["tick_10k_1_tenant_ms"]
        ),
        "beat_50k_reload_to_find": reload / found["find_1m_20_tenants_ms"],
        "beat_50k_reload_to_tick": reload / wide,
        "beat_50k_reload_to_idle": reload / found["idle_ms"],
    }


def _watching(cursor: Any, fair: list[UUID], one: list[UUID]) -> dict[str, float]:
    found: dict[str, float] = {}
    idle: list[float] = []
    cpu: list[float] = []
    held = 0
    for name, accounts in (("10k", SMALL), ("1m", LARGE)):
        # Half of all accounts belong to the one tenant, the rest to the twenty.
        for tenants in (fair, one):
            each = accounts // 2 // len(tenants)
            before = held // 2 // len(tenants)
            for tenant in tenants:
                cursor.execute(_ACCOUNTS, [str(tenant), before + 1, each])
        held = accounts
        cursor.execute("VACUUM ANALYZE perception_account")
        took: dict[str, list[float]] = {"20_tenants": [], "1_tenant": []}
        finding: dict[str, list[float]] = {"20_tenants": [], "1_tenant": []}
        idle.clear()
        cpu.clear()
        for _ in range(ROUNDS):
            for label, tenants in (("20_tenants", fair), ("1_tenant", one)):
                _make_due(cursor, tenants)
                finding[label].append(_took(partial(_find, tenants)))
                took[label].append(_took(_tick_due))
        for _ in range(IDLE_TICKS):
            began = time.process_time()
            idle.append(_took(_tick_idle))
            cpu.append((time.process_time() - began) * 1000)
        for label, times in took.items():
            found[f"tick_{name}_{label}_ms"] = median(times)
            found[f"find_{name}_{label}_ms"] = median(finding[label])
    return {**found, "idle_ms": median(idle), "idle_cpu_ms": median(cpu)}


def _tenant() -> UUID:
    now = datetime.now(UTC)
    tenant = open_tenant(f"bench-{uuid4().hex[:8]}", "Bench", timezone="UTC", now=now)
    with tenant_scope(tenant):
        Tenant.objects.filter(pk=tenant).update(pull_units_per_day=FAST)
        Connector.objects.create(
            tenant_id=tenant,
            kind=KIND,
            name="Bench",
            sealed_secrets=vault.seal("[]"),
            units_per_day=FAST,
            rate_per_s=FAST,
        )
    return tenant


def _make_due(cursor: Any, tenants: list[UUID]) -> None:
    """A thousand accounts that were read before, drawn from all over."""
    ids = [str(tenant) for tenant in tenants]
    cursor.execute(
        "DELETE FROM perception_pull WHERE tenant_id = ANY(%s::uuid[])", [ids]
    )
    for tenant in ids:
        cursor.execute(_DUE, [tenant, tenant, DUE // len(tenants)])


def _find(tenants: list[UUID]) -> None:
    """What of a tick is finding and taking; the rest is work on what was found."""
    with system_scope("bench"), connection.cursor() as cursor:
        cursor.execute("SELECT perception_due_tenants(now())")
        due = [row[0] for row in cursor.fetchall()]
        found = 0
        for tenant in due:
            cursor.execute(_TAKE, [str(tenant), DUE // len(tenants)])
            found += len(cursor.fetchall())
    if found != DUE:
        raise RuntimeError(f"{found} were found")


def _tick_due() -> None:
    done = tick(now=datetime.now(UTC), most=DUE)
    if (done.looked, done.admitted) != (DUE, DUE):
        raise RuntimeError(f"{done} in place of {DUE} {Reason.ADMITTED}")


def _tick_idle() -> None:
    if tick(now=datetime.now(UTC)).looked:
        raise RuntimeError("something was due")


def _drop(cursor: Any, tenants: list[UUID]) -> None:
    ids = [str(tenant) for tenant in tenants]
    for table in ("pull", "account"):
        cursor.execute(
            f"DELETE FROM perception_{table} WHERE tenant_id = ANY(%s::uuid[])", [ids]
        )
    cursor.execute("VACUUM perception_account")


def _beat() -> dict[str, float]:
    """An entry for each account: what a change of the timetable costs, and a tick."""
    hour, _ = IntervalSchedule.objects.get_or_create(
        every=3600, period=IntervalSchedule.SECONDS
    )
    found = {}
    now = datetime.now(UTC)
    name = f"bench-{uuid4().hex[:8]}"
    try:
        made = 0
        for size in ENTRIES:
            PeriodicTask.objects.bulk_create(
                [
                    PeriodicTask(
                        name=f"{name}-{number}",
                        task="operate.pulse",
                        interval=hour,
                        last_run_at=now,
                    )
                    for number in range(made, size)
                ],
                batch_size=5000,
            )
            made = size
            label = f"beat_{size // 1000}k"
            reloads, idle = _beat_ticks()
            found[f"{label}_reload_ms"] = median(reloads)
            found[f"{label}_idle_cpu_ms"] = median(idle)
    finally:
        # At once: Django's way would state a change for every entry.
        with connection.cursor() as cursor:
            cursor.execute(_FORGET, [f"{name}-%"])
    return found


def _beat_ticks() -> tuple[list[float], list[float]]:
    scheduler = DatabaseScheduler(app=app)
    scheduler.tick()
    reloads, idle = [], []
    for _ in range(5):
        PeriodicTasks.update_changed()
        reloads.append(_took(scheduler.tick))
        for _ in range(10):
            began = time.process_time()
            scheduler.tick()
            idle.append((time.process_time() - began) * 1000)
    return reloads, idle


def _took(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


# Whoever else was made here is not due, and nothing waits for the rate.
_QUIET = """
UPDATE perception_account SET next_poll_at = NULL WHERE next_poll_at IS NOT NULL;
UPDATE perception_connector SET next_pull_at = NULL WHERE next_pull_at IS NOT NULL;
INSERT INTO perception_kindrate (kind, rate_per_s) VALUES (%s, %s)
ON CONFLICT (kind) DO NOTHING
"""
_TAKE = "SELECT account FROM perception_take_due(%s, now(), %s)"
_FORGET = "DELETE FROM django_celery_beat_periodictask WHERE name LIKE %s"
_ACCOUNTS = """
INSERT INTO perception_account (id, tenant_id, external_id, name, lifecycle, timezone,
    heat_score, heat_tier, heat_at, next_poll_at, seen_at, created_at, updated_at)
SELECT gen_random_uuid(), %s, 'n' || n, 'Account', 'PROSPECT', '', 0.2, 'COLD',
    now() - interval '1 day', now() + interval '1 day' + random() * interval '5 days',
    now() - interval '1 day', now(), now()
FROM generate_series(%s, %s) AS n
"""
_DUE = """
UPDATE perception_account SET next_poll_at = now() - interval '1 second'
WHERE tenant_id = %s AND id IN (
    SELECT id FROM perception_account WHERE tenant_id = %s ORDER BY random() LIMIT %s)
"""
