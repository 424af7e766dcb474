"""S1-S9, X1: killed workers, a wiped broker, a crashed database: nothing lost or twice."""

import os
import random
import re
import signal
import statistics
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import redis

from config.embedded import endpoints
from tests import trials
from tests.chaos.story import Story
from tests.walks.running import Running, free_port, installation

PROCESSES = ("gunicorn", "config.celery:app worker", " beat ", "manage.py relay")
SINK_TYPE = "create_follow_up_task"
RECOVERED_WITHIN = 30


class Sink:
    """An integrator's system: it applies each key once, and sometimes hangs up after."""

    def __init__(
        self, seed: int, *, host: str = "127.0.0.1", takes: float = 0.0
    ) -> None:
        self.applied: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        # Who called for each key, and when anybody called last.
        self.hands: dict[str, set[str]] = defaultdict(set)
        self.heard: dict[str, float] = {}
        self.dice = random.Random(seed)
        self.host, self.port, self.takes = host, free_port(), takes
        sink = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                key = self.headers["Idempotency-Key"]
                sink.calls[key] += 1
                sink.hands[key].add(self.client_address[0])
                sink.heard[self.client_address[0]] = time.monotonic()
                known = key in sink.applied
                if not known:
                    sink.applied[key] += 1
                time.sleep(sink.takes)
                if sink.dice.random() < 0.1:
                    # Applied, and nobody hears of it.
                    self.connection.close()
                    return
                self.send_response(409 if known else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *words: Any) -> None:
                """Nothing: the test counts."""

        self.server = ThreadingHTTPServer((host, self.port), Door)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Storm(Story):
    """One installation under fire, with a seller's accounts and an integrator's sink."""

    def __init__(self, running: Running, sink: Sink, seed: int) -> None:
        super().__init__(running)
        self.sink = sink
        self.dice = random.Random(seed)
        self.struck: list[tuple[str, datetime]] = []

    def bind_sink(self) -> None:
        """Follow-up tasks go to the sink."""
        tool = {
            "key": "sink",
            "url": f"http://{self.sink.host}:{self.sink.port}/",
            "secret": "whsec_" + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB",
            "effect": "KEYED",
            "undo": True,
            "timeout_s": 3,
            "rate_per_s": 1000,
        }
        self.ask("POST", "tools/", tool)
        self.change(f"action-types/{SINK_TYPE}/", {"tool": "sink"})

    def post_signals(self, count: int, seconds: float) -> None:
        """One after the other; each is sent again until somebody accepts it."""
        pause = seconds / count
        for number in range(count):
            began = time.monotonic()
            self.post_signal(number)
            time.sleep(max(0.0, pause - (time.monotonic() - began)))

    def kill_somebody(self) -> bool:
        pids = self.running.pids(self.dice.choice(PROCESSES))
        if not pids:
            return False
        os.kill(self.dice.choice(pids), signal.SIGKILL)
        return True

    def wipe_redis(self) -> bool:
        redis.Redis.from_url(endpoints(self.running.var).redis_url).flushall()
        return True

    def crash_postgres(self) -> bool:
        status = self.running.manage("services", "status")
        found = re.findall(r"postgres +running, pid (\d+)", status)
        if found:
            os.kill(int(found[0]), signal.SIGKILL)
        return bool(found)

    def trouble(self, kills: int, wipes: int, crashes: int, seconds: float) -> None:
        """Faults in random order, spread over the time; each finds its victim."""
        faults = [self.kill_somebody] * kills + [self.wipe_redis] * wipes
        self.dice.shuffle(faults)
        for place in range(crashes):
            faults.insert(
                (place + 1) * len(faults) // (crashes + 1), self.crash_postgres
            )
        self.spread(faults, seconds)

    def spread(self, faults: Sequence[Callable[[], bool]], seconds: float) -> None:
        for fault in faults:
            began = time.monotonic()
            self.strike(fault)
            left = seconds / len(faults) - (time.monotonic() - began)
            time.sleep(max(0.0, left))

    def strike(self, fault: Callable[[], bool]) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            at = datetime.now(UTC)
            try:
                if fault():
                    self.struck.append((fault.__name__, at))
                    return
            except (redis.RedisError, AssertionError, OSError):
                # The victim was down already: it comes back.
                pass
            time.sleep(0.2)

    def recoveries(self) -> list[float]:
        """Seconds from each fault until the next act ends, as far as work was left."""
        rows = self.running.sql(
            "SELECT finished_at FROM autonomy_execution "
            "WHERE finished_at IS NOT NULL ORDER BY 1"
        )
        ended = [row[0] for row in rows]
        following = [next((e for e in ended if e > at), None) for _, at in self.struck]
        return [
            (after - at).total_seconds()
            for (_, at), after in zip(self.struck, following, strict=True)
            if after is not None
        ]

    def delays(self) -> list[float]:
        """From each signal to the last of its acts, in seconds."""
        rows = self.running.sql(
            "SELECT extract(epoch FROM max(e.finished_at) - min(s.received_at)) "
            "FROM perception_signal s JOIN autonomy_intent i ON i.run_id = s.run_id "
            "JOIN autonomy_execution e ON e.intent_id = i.id "
            "WHERE s.dedupe_key LIKE 'chaos %' GROUP BY s.id"
        )
        return [float(row[0]) for row in rows]

    def lost(self, signals: int) -> int:
        """Accepted, and without an end."""
        ended = self.ends()
        return signals - ended.get("DONE", 0) - ended.get("SKIPPED", 0)

    def duplicates(self) -> int:
        """Effects at the sink, or executions, beyond one for each intent."""
        applied = sum(count - 1 for count in self.sink.applied.values())
        return applied + self.one(
            "SELECT count(*) - count(DISTINCT intent_id) FROM autonomy_execution"
        )

    def assert_sink_agrees(self) -> None:
        """What it applied is what is recorded as done, no more and no less."""
        rows = self.running.sql(
            "SELECT intent_id::text FROM autonomy_execution "
            f"WHERE action_type = '{SINK_TYPE}' AND status = 'SUCCEEDED'"
        )
        assert set(self.sink.applied) == {row[0] for row in rows}


@contextmanager
def _storm(seed: int) -> Iterator[Storm]:
    sink = Sink(seed)
    with installation(EGRESS_ALLOW=f"127.0.0.1:{sink.port}") as running:
        running.start()
        storm = Storm(running, sink, seed)
        storm.prepare(accounts=100)
        storm.bind_sink()
        yield storm
        running.stop()


def under_fire(
    signals: int, kills: int, wipes: int, crashes: int, *, seconds: float, seed: int
) -> float:
    """Signals and faults at the same time; then everything is counted.

    Says how soon after a fault the next act ended, at the 95th percentile.
    """
    sys.stdout.write(f"seed {seed}\n")
    with _storm(seed) as storm:
        running = storm.running
        nemesis = threading.Thread(
            target=storm.trouble, args=(kills, wipes, crashes, seconds)
        )
        nemesis.start()
        storm.post_signals(signals, seconds)
        nemesis.join()
        running.wait_for(storm.is_quiet, 300)
        running.wait_for(lambda: running.ask("/readyz")[0] == 200, 120)
        struck = Counter(name for name, _ in storm.struck)
        recoveries, delays = _figures(storm.recoveries()), _figures(storm.delays())
        sys.stdout.write(
            f"faults {dict(struck)}\nlost {storm.lost(signals)}, "
            f"duplicates {storm.duplicates()}\n"
            f"from a fault to the next end: {recoveries}\n"
            f"from a signal to its last act: {delays}\n"
        )
        trials.record(
            "storm",
            trials=signals,
            violations=storm.lost(signals) + storm.duplicates(),
            seed=seed,
            kills=struck["kill_somebody"],
            wipes=struck["wipe_redis"],
            crashes=struck["crash_postgres"],
            repeats=sum(storm.sink.calls.values()) - len(storm.sink.applied),
        )
        assert struck == {
            "kill_somebody": kills, "wipe_redis": wipes, "crash_postgres": crashes,
        }  # fmt: skip
        storm.assert_nothing_lost(signals)
        storm.assert_nothing_twice()
        storm.assert_sink_agrees()
        assert storm.duplicates() == 0
        storm.assert_budgets_exact()
        sys.stdout.write(f"{storm.seal()}\n")
        return recoveries["p95"]


def _figures(seconds: Sequence[float]) -> dict[str, float]:
    return {
        "p50": round(statistics.median(seconds), 2),
        "p95": round(statistics.quantiles(seconds, n=20)[-1], 2),
        "max": round(max(seconds), 2),
    }


@pytest.mark.timeout(600)
def test_five_hundred_signals_under_fire() -> None:
    """Thirty kills, three wipes, two crashes of the database; times are only shown."""
    under_fire(500, 30, 3, 2, seconds=45, seed=trials.seed(20261121))


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_six_thousand_signals_under_fire() -> None:
    """S9, P10: three hundred kills, thirty wipes, eighteen crashes."""
    recovered = under_fire(6000, 300, 30, 18, seconds=900, seed=trials.seed())
    assert recovered <= RECOVERED_WITHIN
