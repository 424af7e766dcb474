"""A page of the feed, of a million rows, beside that of a plain DRF serializer. B9.

Both through gunicorn as the product runs it, asked by the same clients, in random order
for every round. The feed knows who asks and holds the tenant's fence; the plain view does
neither. `FEED_ROWS`, `FEED_ROUNDS` and `FEED_REQUESTS` make it shorter or longer.
"""

import json
import os
import random
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg2
from django.conf import settings

from bench.parts.count import walk
from bench.parts.ratios import of_pages
from bench.parts.served import CLIENTS, Headers, ask, flood, served
from bench.parts.world import World, open_world
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from perception.tenants import add_member
from perception.tokens import issue

ROWS = int(os.environ.get("FEED_ROWS", "1000000"))
ROUNDS = int(os.environ.get("FEED_ROUNDS", "5"))
REQUESTS = int(os.environ.get("FEED_REQUESTS", "800"))
SEED = int(os.environ.get("SEED", "20261121"))
# A member may ask so often; so many of them are never told to wait.
MEMBERS = 20
PAGE, WALKED, WARM = 50, 100, 80
# Ids of copies are below it, those of what was walked above.
BEHIND = "01010000-0000-0000-0000-000000000000"
FEED, PLAIN = "/api/v1/feed/autopilot/", "/{tenant}/"


def run() -> dict[str, Any]:
    """Requests a second and the slowest hundredth, round by round, and their ratios."""
    dice, world = random.Random(SEED), open_world()
    for each in world.post(WALKED):
        walk(each, world)
    headers = _members(world)
    copied(world, ROWS)
    try:
        rounds = _rounds(world, headers, dice)
    finally:
        forgotten(world)
    return {
        "sizes": f"seed {SEED}, {ROUNDS} rounds, {REQUESTS} requests, "
        f"{CLIENTS} clients, {ROWS:,} rows",
        **of_pages(rounds),
    }


def _rounds(world: World, headers: list[Headers], dice: random.Random) -> list[Any]:
    with (
        served("config.wsgi:application") as ours,
        served("bench.parts.plain_wsgi:application") as theirs,
    ):
        ours.wait("/healthz")
        path = PLAIN.format(tenant=world.tenant)
        theirs.wait(path)
        kinds = {
            "feed": (ours.port, FEED, headers),
            "plain": (theirs.port, path, [Headers()]),
        }
        _compare(*kinds.values())
        return [_round(kinds, dice) for _ in range(ROUNDS)]


def _round(kinds: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    names = list(kinds)
    dice.shuffle(names)
    taken = {}
    for name in names:
        port, path, headers = kinds[name]
        flood(port, path, headers, WARM)
        began = time.perf_counter()
        took = flood(port, path, headers, REQUESTS)
        rate = len(took) / (time.perf_counter() - began)
        slow = statistics.quantiles(took, n=100, method="inclusive")[98] * 1000
        taken[name] = (rate, slow)
        sys.stderr.write(f"{name}: {rate:.0f} requests/s, p99 {slow:.1f} ms\n")
    return taken


def _compare(*kinds: Any) -> None:
    """Both show the same fifty rows."""
    shown = []
    for port, path, headers in kinds:
        status, body = ask(port, path, headers[0])
        rows = json.loads(body)["results"] if status == 200 else []
        shown.append([row["id"] for row in rows])
    if len(shown[0]) != PAGE or shown[0] != shown[1]:
        raise RuntimeError("the two pages do not show the same rows")


def _members(world: World) -> list[Headers]:
    """Admins, who see every account, each with a token."""
    now = datetime.now(UTC)
    found = []
    with tenant_scope(world.tenant):
        for _ in range(MEMBERS):
            email = f"{uuid4().hex[:8]}@{world.tenant}.example"
            member = add_member(email, "Admin", Role.ADMIN, now=now)
            token = issue(member, days=1, now=now)
            found.append({"authorization": f"Bearer {token}"})
    return found


def copied(world: World, rows: int) -> None:
    """Executions as they were walked, again and again, until there are so many."""
    with _unfenced() as cursor:
        for table, changes in COPIED.items():
            cursor.execute(_COLUMNS, [table])
            names = [name for (name,) in cursor.fetchall()]
            quoted = ", ".join(f'"{name}"' for name in names)
            values = ", ".join(changes.get(name, f'm."{name}"') for name in names)
            cursor.execute(
                f"INSERT INTO {table} ({quoted}) SELECT {values} FROM {table} m, "
                "generate_series(1, %s) AS n WHERE m.tenant_id = %s",
                [rows // WALKED, str(world.tenant)],
            )
            cursor.execute(f"VACUUM ANALYZE {table}")


def forgotten(world: World) -> None:
    """The copies are gone again, so that whatever follows is not measured with them."""
    with _unfenced() as cursor:
        for table in COPIED:
            cursor.execute(
                f"DELETE FROM {table} WHERE tenant_id = %s AND id < %s",
                [str(world.tenant), BEHIND],
            )
            cursor.execute(f"VACUUM ANALYZE {table}")


@contextmanager
def _unfenced() -> Iterator[Any]:
    """They refer to each other as the walked ones do: nothing has to be checked."""
    line = psycopg2.connect(settings.DATABASE_GIVEN_URL)
    line.autocommit = True
    try:
        with line.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            yield cursor
    finally:
        line.close()


def _again(column: str) -> str:
    """Older than what was walked, as their ids sort before."""
    return f"""('0100' || substr(md5(m."{column}"::text || n), 5))::uuid"""


COPIED = {
    "autonomy_intent": {"id": _again("id")},
    "autonomy_permit": {"id": _again("id"), "intent_id": _again("intent_id")},
    "autonomy_execution": {
        "id": _again("id"),
        "intent_id": _again("intent_id"),
        "permit_id": _again("permit_id"),
    },
}
_COLUMNS = """
SELECT column_name FROM information_schema.columns
WHERE table_name = %s AND is_generated = 'NEVER' ORDER BY ordinal_position
"""
