"""How much a run costs after a long history, counted in buffers. B12."""

import os
from typing import Any

from django.db import connection, connections

from bench.parts.count import walk
from bench.parts.world import ACCOUNTS, World
from ledger.scope import tenant_scope

COPIES = int(os.environ.get("SPINE_COPIES", "60"))
MEASURED = 50
# In the order of their references.
TABLES = (
    "perception_signal", "autonomy_run", "autonomy_synthesizercall", "autonomy_intent",
    "autonomy_verdict", "autonomy_receipt", "autonomy_permit", "autonomy_execution",
    "autonomy_effect", "autonomy_outcome",
)  # fmt: skip
IDS = (
    "id", "signal_id", "run_id", "intent_id", "verdict_id", "receipt_id", "permit_id",
    "execution_id", "caused_by",
)  # fmt: skip
TEXTS = ("key", "dedupe_key")

_COLUMNS = """
SELECT column_name FROM information_schema.columns
WHERE table_name = %s ORDER BY ordinal_position
"""
# Older than whatever is there, as their ids sort before.
_ID = "('0100' || substr(md5({name}::text || n), 5))::uuid"
_TOUCHED = """
SELECT coalesce(sum(hits + reads), 0)::bigint
FROM pg_stat_get_backend_io(pg_backend_pid())
WHERE object = 'relation'
"""


def growth(world: World) -> dict[str, Any]:
    """Buffers touched for each run, before and after more rows than a year leaves."""
    for run in world.post(ACCOUNTS):
        walk(run, world)
    _analyse()
    before, rows = _buffers(world), _copied(world)
    _analyse()
    after = _buffers(world)
    return {
        "buffers: rows of history": rows,
        "buffers: a run before": before,
        "buffers: a run after": after,
        "buffers: after to before": round(after / before, 2),
    }


def _buffers(world: World) -> int:
    runs = world.post(MEASURED)
    for run in runs[:5]:
        walk(run, world)
    began = _touched()
    for run in runs[5:]:
        walk(run, world)
    return round((_touched() - began) / (MEASURED - 5))


def _touched() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(_TOUCHED)
        found: int = cursor.fetchone()[0]
    return found


def _copied(world: World) -> int:
    """Every row of the walked runs again and again, with ids of its own."""
    rows = 0
    for table in TABLES:
        with tenant_scope(world.tenant), connection.cursor() as cursor:
            cursor.execute(_COLUMNS, [table])
            names = [name for (name,) in cursor.fetchall()]
            values = ", ".join(_copy(name) for name in names)
            quoted = ", ".join(f'"{name}"' for name in names)
            cursor.execute(
                f"INSERT INTO {table} ({quoted}) SELECT {values} FROM {table} m, "
                "generate_series(1, %s) AS n WHERE m.tenant_id = %s",
                [COPIES, world.tenant],
            )
            rows += cursor.rowcount
    return rows


def _copy(name: str) -> str:
    if name in IDS:
        return _ID.format(name=f'm."{name}"')
    if name in TEXTS:
        return f"""CASE WHEN m."{name}" = '' THEN '' ELSE m."{name}" || ' ' || n END"""
    return f'm."{name}"'


def _analyse() -> None:
    """What the servers do by themselves, a little later."""
    with connections["owner"].cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"ANALYZE {table}")
    connections["owner"].close()
