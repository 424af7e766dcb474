"""How much of a stage's CPU is the ledger: the same runs walked without stating. B7."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from unittest import mock
from uuid import UUID

from uuid_utils.compat import uuid7

from bench.parts.count import walk
from bench.parts.fleet import servers_cpu
from bench.parts.world import World, open_world
from ledger.models import Entry
from ledger.record import Fact
from ledger.scope import tenant_scope

RUNS = int(os.environ.get("LEDGER_RUNS", "100"))
WARM = 10
# Where facts become statements.
DOORS = ("autonomy.rows.stating", "ledger.record.stating")


def share(rounds: int) -> list[float]:
    """Percent of the CPU of a walk, the servers' with it, round by round."""
    world = open_world()
    _walked(world, WARM)
    with _silent():
        _walked(world, WARM, stated=False)
    shares = []
    for _ in range(rounds):
        with _silent():
            silent = _walked(world, RUNS, stated=False)
        shares.append(round(100 * (1 - silent / _walked(world, RUNS)), 2))
    return shares


def _walked(world: World, count: int, *, stated: bool = True) -> float:
    runs = world.post(count)
    cpu, servers = time.process_time(), servers_cpu()
    for run in runs:
        walk(run, world)
    took = time.process_time() - cpu + servers_cpu() - servers
    if _is_stated(world, runs) is not stated:
        raise RuntimeError("the ledger cannot be told from the rest of a stage")
    return took


def _is_stated(world: World, runs: list[UUID]) -> bool:
    with tenant_scope(world.tenant):
        return Entry.objects.filter(run_id__in=runs).exists()


@contextmanager
def _silent() -> Iterator[None]:
    """Facts are thrown away unread; a statement that does nothing has their place."""

    def nothing(
        facts: Sequence[Fact], *, now: datetime
    ) -> tuple[list[str], list[Any], list[UUID]]:
        return ["SELECT 1"], [], [UUID(str(uuid7())) for _ in facts]

    with mock.patch(DOORS[0], nothing), mock.patch(DOORS[1], nothing):
        yield
