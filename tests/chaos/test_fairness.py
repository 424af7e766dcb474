"""S3: a tenant that sends far more than its share delays itself, and nobody else."""

import statistics
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.walks.doors import Tenant, tenants
from tests.walks.running import Running, installation

# Nothing of what is proposed here waits for people.
UNHAPPY = {"type": "reply_received", "payload": {"sentiment": "negative"}}
# What nobody notices, however quiet it was before.
UNNOTICED = 2.0


@pytest.fixture
def running() -> Iterator[Running]:
    with installation() as one:
        one.start()
        yield one
        one.stop()


@pytest.fixture
def neighbours(running: Running) -> list[Tenant]:
    """A loud tenant and a quiet one, both free to act."""
    both = tenants(running, 2, 20)
    for each in both:
        each.free()
    return both


def _signal(tenant: Tenant, name: str, number: int) -> Mapping[str, Any]:
    account = tenant.accounts[number % len(tenant.accounts)]
    return {**UNHAPPY, "account": account, "dedupe_key": f"{name} {number}"}


def _one_by_one(
    tenant: Tenant, name: str, count: int, every: float
) -> dict[str, float]:
    """Post signals, one at a time; the moment before each, by its id."""
    began = time.monotonic()
    posted = {}
    for number in range(count):
        time.sleep(max(0.0, began + number * every - time.monotonic()))
        at = time.time()
        (received,) = tenant.post(_signal(tenant, name, number))
        posted[received["id"]] = at
    return posted


def _flood(tenant: Tenant, count: int, seconds: float) -> None:
    """So many signals within so many seconds, a tenth of them at a time."""
    began, part = time.monotonic(), count // 10
    for turn in range(10):
        time.sleep(max(0.0, began + turn * seconds / 10 - time.monotonic()))
        numbers = range(turn * part, (turn + 1) * part)
        tenant.post(*(_signal(tenant, "flood", number) for number in numbers))


def _ends(tenant: Tenant) -> dict[str, float]:
    """When the last act of each signal was done, by the signal's id."""
    return {
        str(signal): float(at)
        for signal, at in tenant.rows(
            "SELECT r.signal_id, extract(epoch FROM max(e.finished_at))"
            " FROM autonomy_run r JOIN autonomy_intent i ON i.run_id = r.id"
            " JOIN autonomy_execution e ON e.intent_id = i.id"
            " WHERE r.{me} AND e.status = 'SUCCEEDED' GROUP BY 1"
        )
    }


def _p95(posted: Mapping[str, float], ends: Mapping[str, float]) -> float:
    """From POST to executed; every one of them was."""
    waits = [ends[id_] - at for id_, at in posted.items()]
    return statistics.quantiles(waits, n=20, method="inclusive")[-1]


def _neighbours(
    pair: list[Tenant], *, loud: int, within: float, quiet: int, every: float
) -> dict[str, float]:
    """The quiet one's p95 alone, and beside the loud one; how long that one needed."""
    noisy, calm = pair
    alone = _one_by_one(calm, "alone", quiet, every)
    calm.running.wait_for(calm.is_done, 60)
    began = time.time()
    noise = threading.Thread(target=_flood, args=(noisy, loud, within))
    noise.start()
    beside = _one_by_one(calm, "beside", quiet, every)
    noise.join()
    calm.running.wait_for(lambda: calm.is_done() and noisy.is_done(), 600)
    ends, drained = _ends(calm), _ends(noisy)
    assert len(drained) == loud
    return {
        "alone": _p95(alone, ends),
        "beside": _p95(beside, ends),
        "drained": max(drained.values()) - began,
        "last": max(beside.values()) - began,
    }


@pytest.mark.timeout(400)
def test_a_loud_neighbour_delays_itself(neighbours: list[Tenant]) -> None:
    """S3: two hundred signals at once beside a dozen, one by one."""
    found = _neighbours(neighbours, loud=200, within=0, quiet=12, every=0.3)
    sys.stdout.write(f"{found}\n")
    # Who stood in one queue with all of it would wait for half of it.
    share = found["drained"] / 4
    assert found["beside"] <= max(UNNOTICED, 3 * found["alone"], share), found


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_two_thousand_signals_beside_one_a_second(neighbours: list[Tenant]) -> None:
    """S3: as long as the backlog lasts, and after."""
    found = _neighbours(neighbours, loud=2000, within=10, quiet=60, every=1)
    sys.stdout.write(f"{found}\n")
    assert found["beside"] <= max(UNNOTICED, 3 * found["alone"]), found
