"""The product's whole walk beside its peers, five governed steps each, in one run. B3.

Each takes its turn alone: its processes are started, warmed up, measured and ended, in an
order that is drawn anew for every round. CPU is that of all of its processes, with its
publisher's; that of the servers stands beside it. Ratios say how many times of the
product's a peer takes. `RIVAL_ROUNDS` and `RIVAL_RUNS` make it shorter or longer.
"""

import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

from bench.parts.fleet import servers_cpu
from bench.parts.ratios import Taken, to_the_first
from bench.parts.rival import PEERS, Failed, Rival, versions
from bench.parts.world import World, open_world
from bench.spine import Bare, Spine
from ledger.models import Entry
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from ledger.seal import seal_tenant
from ledger.verify import verify_tenant

ROUNDS = int(os.environ.get("RIVAL_ROUNDS", "5"))
RUNS = int(os.environ.get("RIVAL_RUNS", "200"))
SEED = int(os.environ.get("SEED", "20261121"))
WARM = 40
# What is written about a run after its last row belongs to the run.
SETTLES = 0.3
PRODUCT, BARE = "product", "bare chain"
STATED = (
    Kind.TRIGGER_FIRED,
    Kind.GATE_JUDGED,
    Kind.RUN_DECIDED,
    Kind.INTENT_JUDGED,
    Kind.EXECUTION_SUCCEEDED,
)


class House:
    """The product, or the bare chain: a fleet for each turn."""

    def __init__(self, world: World | None) -> None:
        self.world, self.runs = world, 0
        self.one: Any = None

    @contextmanager
    def at_work(self) -> Iterator[None]:
        self.one = one = Spine(14, self.world) if self.world else Bare()
        try:
            with one.fleet.relay() if self.world else nullcontext():
                yield
        finally:
            one.fleet.stop()

    def cpu(self) -> float:
        """The publisher of the bare chain is this process; the product's is its relay."""
        mine = 0.0 if self.world else time.process_time()
        return float(self.one.fleet.cpu() + mine)

    def lot(self, count: int) -> int:
        self.one.lot(count)
        self.runs += count
        return count

    def check(self) -> int:
        """Every run stated all of its stages, and the ledger is whole as it was signed."""
        if self.world is None:
            return self.runs
        while seal_tenant(self.world.tenant, now=datetime.now(UTC)):
            pass
        if found := verify_tenant(self.world.tenant).findings:
            raise Failed(f"the ledger is not whole: {found[0]}")
        with tenant_scope(self.world.tenant):
            for kind in STATED:
                said = Entry.objects.filter(kind=kind).values("run_id").distinct()
                if said.count() != self.runs:
                    raise Failed(f"{kind} was stated for {said.count()} of {self.runs}")
        return self.runs

    def drop(self) -> None:
        """Its tenant stays, as ledgers do."""


def run() -> dict[str, Any]:
    """Every round's ratios; a peer that fails has the reason in their place."""
    dice, failed = random.Random(SEED), dict[str, str]()
    kinds = _kinds(failed)
    try:
        rounds = [_round(kinds, dice, failed) for _ in range(ROUNDS)]
        checked = {name: _checked(name, kind, failed) for name, kind in kinds.items()}
    finally:
        for kind in kinds.values():
            kind.drop()
    names = [PRODUCT, BARE, *(kind.name for kind in PEERS)]
    return {
        "sizes": f"seed {SEED}, {ROUNDS} rounds, {RUNS} runs, Prefect a twentieth of them",
        **{f"{name}: version": version for name, version in versions().items()},
        **to_the_first(rounds, names, failed),
        **{f"{name}: runs checked": count for name, count in checked.items() if count},
    }


def _kinds(failed: dict[str, str]) -> dict[str, Any]:
    kinds: dict[str, Any] = {PRODUCT: House(open_world()), BARE: House(None)}
    for kind in PEERS:
        try:
            kinds[kind.name] = Rival(kind)
        except (Failed, OSError) as problem:
            _fails(kind.name, problem, failed)
    return kinds


def _round(
    kinds: dict[str, Any], dice: random.Random, failed: dict[str, str]
) -> dict[str, Taken]:
    """Each once, in random order; only the product has to succeed."""
    names = [name for name in kinds if name not in failed]
    dice.shuffle(names)
    taken = {}
    for name in names:
        try:
            one = taken[name] = _taken(kinds[name])
        except (Failed, TimeoutError, OSError) as problem:
            if name == PRODUCT:
                raise
            _fails(name, problem, failed)
            continue
        said = f"{one.cpu:.2f} ms of CPU, {one.servers:.2f} of servers', {one.wall:.2f}"
        sys.stderr.write(f"{name}: {said} of wall a run\n")
    return taken


def _taken(kind: Any) -> Taken:
    with kind.at_work():
        kind.lot(WARM)
        time.sleep(SETTLES)
        servers, cpu, began = servers_cpu(), kind.cpu(), time.perf_counter()
        count = kind.lot(RUNS)
        wall = time.perf_counter() - began
        time.sleep(SETTLES)
        cpu, servers = kind.cpu() - cpu, servers_cpu() - servers
    each = 1000 / count
    return Taken(cpu=cpu * each, servers=servers * each, wall=wall * each)


def _checked(name: str, kind: Any, failed: dict[str, str]) -> int:
    if name in failed:
        return 0
    try:
        count: int = kind.check()
    except Failed as problem:
        if name == PRODUCT:
            raise
        _fails(name, problem, failed)
        return 0
    return count


def _fails(name: str, problem: Exception, failed: dict[str, str]) -> None:
    failed[name] = str(problem) or type(problem).__name__
    sys.stderr.write(f"{name} failed: {failed[name]}\n")
