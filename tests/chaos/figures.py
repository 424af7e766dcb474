"""What an installation uses: memory, files, connections, keys, rows that wait."""

import os
import random
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

import psycopg2
import redis

from config.embedded import endpoints
from tests.walks.running import Running

Sample = dict[str, float]
QUEUES = ("house", "trigger", "gate", "decide", "approve", "execute", "pull")
HOT = ("autonomy_run", "autonomy_intent", "perception_signal", "ledger_pending")
# What the database says of itself, all in one look.
SEEN = f"""
SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
  (SELECT coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0)
   FROM pg_stat_activity WHERE backend_type = 'client backend'
     AND pid <> pg_backend_pid()),
  (SELECT coalesce(extract(epoch FROM max(clock_timestamp() - state_change)), 0)
   FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'),
  (SELECT count(*) FROM perception_signal WHERE entered_at IS NULL)
  + (SELECT count(*) FROM ledger_pending),
  (SELECT coalesce(sum(n_dead_tup), 0) FROM pg_stat_user_tables
   WHERE relname IN {HOT})
"""
NAMES = ("connections", "oldest_transaction", "idle_in_transaction", "waiting", "dead")


class Figures:
    """Samples of one installation, taken beside a test until it is over."""

    def __init__(self, running: Running, every: float) -> None:
        self.running, self.every = running, every
        self.samples: list[Sample] = []
        self.over = threading.Event()
        self.began = time.monotonic()
        self.thread = threading.Thread(target=self._keep_looking, daemon=True)

    def __enter__(self) -> "Figures":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()

    def _keep_looking(self) -> None:
        while not self.over.wait(self.every):
            with suppress(psycopg2.Error, redis.RedisError):
                self.samples.append(self.look())

    def look(self) -> Sample:
        found = {"at": time.monotonic() - self.began, **self._processes()}
        (row,) = self.running.sql(SEEN)
        found |= dict(zip(NAMES, map(float, row), strict=True))
        return found | self._redis()

    def _processes(self) -> Sample:
        """Memory and files of the house by kind; Postgres is not ours to bound."""
        found: Sample = {"memory": 0.0, "files": 0.0, "processes": 0.0}
        for pid in self.running.pids(""):
            # Whoever ends meanwhile is left out.
            with suppress(OSError):
                found["memory"] += _own_memory(pid)
                found["files"] += len(os.listdir(f"/proc/{pid}/fd"))
                found["processes"] += 1
        return found

    def _redis(self) -> Sample:
        with redis.Redis.from_url(endpoints(self.running.var).redis_url) as server:
            said: Any = server.info("memory")
            lengths = sum(int(server.llen(queue)) for queue in QUEUES)
            return {
                "keys": float(server.dbsize()),
                "redis_memory": float(said["used_memory"]),
                "queued": float(lengths),
                "unacked": float(server.hlen("unacked")),
            }

    def of(self, name: str) -> list[tuple[float, float]]:
        """Moments and values, after the first third: that is for warming up."""
        kept = self.samples[len(self.samples) // 3 :]
        return [(each["at"], each[name]) for each in kept]

    def most(self, name: str) -> float:
        return max(value for _, value in self.of(name))

    def slope(self, name: str) -> float:
        return slope(self.of(name))


def _own_memory(pid: int) -> int:
    """Bytes that a process shares with nobody."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return (
        sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
        * 1024
    )


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Theil and Sen's: the median of what each two of them say, a second."""
    pairs = [
        (later - value) / (then - at)
        for place, (at, value) in enumerate(points)
        for then, later in points[place + 1 :]
        if then > at
    ]
    if len(pairs) > 50_000:
        pairs = random.Random(0).sample(pairs, 50_000)
    return median(pairs) if pairs else 0.0
