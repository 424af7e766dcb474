"""S6, S9: RabbitMQ in the place of Redis keeps the same laws: killed, silent, emptied."""

import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
import redis
from kombu.exceptions import OperationalError

from config.embedded import endpoints
from tests import trials
from tests.chaos.rabbit import Rabbit, why_not
from tests.chaos.siege import count, holds, is_ended, seconds, tell
from tests.chaos.test_spine import Sink, Storm
from tests.walks.running import Running, installation

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "here"),
]
# Longer than a lease, so that what was sent is due once more.
SILENT_SECONDS = 8.0


class RabbitStorm(Storm):
    """A storm over a house whose messages go by RabbitMQ."""

    def __init__(self, running: Running, sink: Sink, seed: int, broker: Rabbit) -> None:
        super().__init__(running, sink, seed)
        self.broker = broker
        self.purged = 0

    def kill_broker(self) -> bool:
        self.broker.kill()
        time.sleep(self.dice.uniform(0, 3))
        self.broker.start()
        self.running.wait_for(self.broker.answers, 60)
        return True

    def silence_broker(self) -> bool:
        self.broker.falls_silent()
        time.sleep(SILENT_SECONDS)
        self.broker.speaks_again()
        return True

    def purge_queues(self) -> bool:
        try:
            self.purged += self.broker.purge()
        except OperationalError as error:
            raise OSError from error
        return True

    def wait_for_hands(self) -> None:
        """Until a worker has done what came by the broker."""
        self.wait_for_life("worker")


@pytest.fixture
def broker() -> Iterator[Rabbit]:
    one = Rabbit()
    try:
        one.start()
        yield one
    finally:
        one.end()


@contextmanager
def _storm(broker: Rabbit, seed: int, **env: str) -> Iterator[RabbitStorm]:
    sink = Sink(seed)
    env |= {"BROKER_URL": broker.url, "EGRESS_ALLOW": f"127.0.0.1:{sink.port}"}
    with installation(**env) as running:
        running.wait_for(broker.answers, 60)
        running.start()
        storm = RabbitStorm(running, sink, seed, broker)
        storm.prepare(accounts=100)
        storm.bind_sink()
        yield storm
        running.stop()


def _faults(storm: RabbitStorm) -> list[Any]:
    some = count("KILLS", 20)
    faults = [storm.kill_somebody] * some
    faults += [storm.purge_queues] * max(1, some // 5)
    faults += [storm.kill_broker] * max(1, some // 7)
    faults += [storm.silence_broker] * max(1, some // 10)
    faults += [storm.crash_postgres]
    random.Random(storm.dice.random()).shuffle(faults)
    return faults


def _in_redis(running: Running) -> set[str]:
    """What lies in Redis, without the names of whom it is about."""
    with redis.Redis.from_url(endpoints(running.var).redis_url) as server:
        return {key.decode().partition(":")[0] for key in server.scan_iter()}


@pytest.mark.timeout(3600)
def test_the_story_of_chaos_by_rabbitmq(broker: Rabbit) -> None:
    """Signals while everybody is killed, the broker too; then everything is counted."""
    seed = trials.seed()
    lasting, signals = seconds("SIEGE_MINUTES", 5), count("SIGNALS", 2000)
    with _storm(broker, seed) as storm:
        nemesis = threading.Thread(
            target=storm.spread, args=(faults := _faults(storm), lasting), daemon=True
        )
        nemesis.start()
        storm.post_signals(signals, lasting)
        nemesis.join()
        is_ended(storm)
        struck = Counter(name for name, _ in storm.struck)
        tell(
            "rabbitmq", tried=signals, seed=seed,
            broken=storm.lost(signals) + storm.duplicates(),
            **struck, purged=storm.purged,
        )  # fmt: skip
        assert struck == Counter(fault.__name__ for fault in faults)
        sys.stdout.write(f"{holds(storm, signals)}\n")
        storm.running.wait_for(lambda: not any(broker.lengths().values()), 60)
        assert _in_redis(storm.running) <= {"autonomy"}


@pytest.mark.timeout(900)
def test_silence_stops_nothing_that_needs_no_messages(broker: Rabbit) -> None:
    """S4: while RabbitMQ says nothing, signals are taken, the ledger is sealed, relay and
    beat live on; a probe and the doctor say what is away.
    """
    with _storm(broker, seed := trials.seed()) as storm:
        running = storm.running
        assert running.ask("/healthz")[0] == 200
        running.wait_for(lambda: running.ask("/readyz")[0] == 200, 60)
        broker.falls_silent()
        took = storm.post_together(range(60), accounts=20)
        waiting = "SELECT count(*) FROM ledger_pending"
        running.wait_for(lambda: storm.one(waiting) == 0, 60)
        for process in ("relay", "beat"):
            storm.wait_for_life(process)
        status, body = running.ask("/healthz")
        assert (status, orjson.loads(body)["checks"]["redis"]) == (503, "ok")
        assert orjson.loads(body)["checks"]["broker"].startswith("unreachable")
        broker.speaks_again()
        is_ended(storm)
        storm.wait_for_hands()
        tell("rabbitmq-silence", tried=60, seed=seed, slowest=max(took))
        holds(storm, 60)
        assert running.ask("/healthz")[0] == 200
        assert "ended with code" not in running.log.read_text()
