"""The spine against a chain of five no-ops: same pool, settings, broker. B1, B2, B4, B12.

Ratios say how many times the baseline is what the spine takes, so that more is better;
those of delays say how many times longer it takes. `SPINE_ROUNDS`, `SPINE_RUNS`,
`SPINE_PROBES` and `SPINE_COPIES` make it shorter or longer.
"""

import os
import random
import statistics
import sys
import time
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.conf import settings

from bench.parts import bare, history
from bench.parts.count import by_stage
from bench.parts.fleet import Fleet, servers_cpu, wait_for
from bench.parts.world import World, done, open_world

ROUNDS = int(os.environ.get("SPINE_ROUNDS", "5"))
RUNS = int(os.environ.get("SPINE_RUNS", "200"))
PROBES = int(os.environ.get("SPINE_PROBES", "30"))
SEED = int(os.environ.get("SEED", "20261121"))
WARM = 20


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What one lot of runs took: milliseconds for each, and delays when idle."""

    cpu: float
    servers: float
    wall: float
    delays: list[float]


class Bare:
    """The chain of five no-ops."""

    def __init__(self) -> None:
        self.fleet = Fleet(int(settings.REDIS_URL.rpartition("/")[2] or 0),
                           "-I", "bench.parts.bare")  # fmt: skip

    def lot(self, count: int) -> None:
        bare.forget()
        for _ in range(count):
            bare.publish(str(uuid4()))
        wait_for(lambda: bare.ended() == count, pause=0.001 if count == 1 else 0.02)

    def probe(self) -> float:
        began = time.perf_counter()
        self.lot(1)
        return time.perf_counter() - began


class Spine:
    """The product: from the rows of signals to acts that succeeded."""

    def __init__(self, number: int, world: World, **env: str) -> None:
        self.fleet = Fleet(number, "-I", "bench.parts.told", **env)
        self.world = world

    def lot(self, count: int) -> None:
        runs = self.world.post(count)
        wait_for(lambda: done(self.world, runs) == count)

    def probe(self) -> float:
        bare.forget()
        runs = self.world.post(1)
        wait_for(lambda: bare.ended() == 1, pause=0.001)
        took = time.perf_counter() - self.world.commits[-1]
        if done(self.world, runs) != 1:
            raise RuntimeError("a walk ended without its act")
        return took


def run() -> dict[str, Any]:
    """Figures of paired rounds, round by round; ratios are of CPU, then of wall."""
    dice, world = random.Random(SEED), open_world()
    stages = {name: dict(found) for name, found in by_stage(world).items()}
    kinds: dict[str, Any] = {
        "bare": Bare(),
        "stride": Spine(14, world),
        "literal": Spine(15, world, SPINE_STRIDE="1"),
    }
    try:
        rounds = [_round(kinds, dice) for _ in range(ROUNDS)]
    finally:
        for kind in kinds.values():
            kind.fleet.stop()
    return {
        "sizes": f"seed {SEED}, {ROUNDS} rounds, {RUNS} runs, {PROBES} probes",
        **_ratios(rounds),
        **{
            f"{stage}: {what}": count
            for stage, found in stages.items()
            for what, count in found.items()
        },
        **history.growth(open_world()),
    }


def _round(kinds: dict[str, Any], dice: random.Random) -> dict[str, Taken]:
    """Each kind once, in random order."""
    names = list(kinds)
    dice.shuffle(names)
    taken = {}
    for name in names:
        one = taken[name] = _taken(kinds[name], dice)
        said = f"{name}: {one.cpu:.2f} ms of CPU, {one.wall:.2f} ms of wall a run\n"
        sys.stderr.write(said)
    return taken


def _taken(kind: Any, dice: random.Random) -> Taken:
    with kind.fleet.relay() if isinstance(kind, Spine) else nullcontext():
        kind.lot(WARM)
        time.sleep(0.5)
        servers, cpu = servers_cpu(), kind.fleet.cpu()
        # The baseline's publisher is this process; the product's is its relay.
        mine, began = time.process_time(), time.perf_counter()
        kind.lot(RUNS)
        wall = time.perf_counter() - began
        mine = time.process_time() - mine if isinstance(kind, Bare) else 0.0
        cpu, servers = kind.fleet.cpu() - cpu + mine, servers_cpu() - servers
        delays = []
        for _ in range(PROBES):
            time.sleep(dice.uniform(0.05, 0.15))
            delays.append(kind.probe() * 1000)
    each = 1000 / RUNS
    return Taken(
        cpu=cpu * each, servers=servers * each, wall=wall * each, delays=delays
    )


def _ratios(rounds: list[dict[str, Taken]]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for name in ("stride", "literal"):
        for what in ("cpu", "wall"):
            figures[f"{name} to bare, {what}"] = _rounded(
                getattr(one["bare"], what) / getattr(one[name], what) for one in rounds
            )
    for name in ("bare", "stride", "literal"):
        for what in ("cpu", "servers", "wall"):
            figures[f"{name}: ms of {what}"] = _rounded(
                getattr(one[name], what) for one in rounds
            )
        for place in (50, 99):
            figures[f"{name}: ms to done, p{place}"] = round(_p(rounds, name, place), 2)
    for place in (50, 99):
        ratio = _p(rounds, "stride", place) / _p(rounds, "bare", place)
        figures[f"stride to bare, p{place}"] = round(ratio, 2)
    return figures


def _p(rounds: list[dict[str, Taken]], name: str, place: int) -> float:
    delays = [delay for one in rounds for delay in one[name].delays]
    return statistics.quantiles(delays, n=100, method="inclusive")[place - 1]


def _rounded(figures: Iterable[float]) -> list[float]:
    return [round(each, 3) for each in figures]
