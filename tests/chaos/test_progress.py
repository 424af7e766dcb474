"""S4, S5: a worker that consumes no more, and lives on, is begun anew."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis
from django.conf import settings
from kombu import Connection

from bench.parts.fleet import wait_for
from config import progress
from config.celery import app
from config.crew import members
from config.operate.tasks import pulse
from config.progress import CODE, Progress
from tests.chaos.test_beats import WORKER

ROOT = Path(__file__).parents[2]
BROKER = settings.REDIS_URL.rpartition("/")[0] + "/8"


@pytest.fixture
def broker(db: None) -> Iterator["redis.Redis"]:
    found = redis.Redis.from_url(BROKER)
    found.flushdb()
    yield found
    found.flushdb()


@contextmanager
def working(broker: "redis.Redis", *more: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker that has taken all that waited."""
    process = subprocess.Popen(
        [*WORKER, *more],
        cwd=ROOT,
        env={**os.environ, "BROKER_URL": BROKER},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        send()
        wait_for(lambda: broker.llen("house") == 0)
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def send() -> None:
    with Connection(BROKER) as line:
        pulse.apply_async(connection=line, retry=False)


@pytest.mark.timeout(180)
def test_a_worker_that_falls_deaf_is_begun_anew(broker: "redis.Redis") -> None:
    with working(broker, "-I", "tests.chaos.impatient,tests.chaos.deaf") as deaf:
        # Idle for longer than its patience, and deaf from then on; nothing waits.
        time.sleep(8)
        assert deaf.poll() is None
        send()
        wait_for(lambda: deaf.poll() is not None)
        assert deaf.returncode == CODE
        assert broker.llen("house") == 1
        wait_for(lambda: not members(deaf.pid))
    with working(broker):
        assert broker.llen("house") == 0


@pytest.mark.timeout(180)
def test_a_worker_that_stood_still_goes_on(broker: "redis.Redis") -> None:
    """As a machine that slept: what came meanwhile is no proof of anything."""
    with working(broker, "-I", "tests.chaos.impatient") as worker:
        worker.send_signal(signal.SIGSTOP)
        for _ in range(20):
            send()
        time.sleep(6)
        worker.send_signal(signal.SIGCONT)
        wait_for(lambda: broker.llen("house") == 0)
        time.sleep(2)
        assert worker.poll() is None


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whether a worker would have ended."""
    found: list[str] = []
    monkeypatch.setattr(progress, "end", lambda: found.append("ended"))
    return found


FREE, FULL = 0, 2


@pytest.mark.parametrize(
    ("waiting", "held", "nothing_for", "ends"),
    [
        (0, FREE, 1000, False),
        (0, FULL, 1000, False),
        (1, FREE, 29, False),
        (1, FREE, 31, True),
        (1, FULL, 89, False),
        (1, FULL, 91, True),
    ],
)
def test_what_is_taken_for_stuck(
    waiting: int, held: int, nothing_for: float, ends: bool, ended: list[str]
) -> None:
    watched = Progress(app)
    watched.since -= nothing_for
    watched.look(waiting=waiting, held=held)
    assert bool(ended) is ends


def test_something_taken_or_nothing_waiting_is_progress(ended: list[str]) -> None:
    watched = Progress(app)
    watched.since -= 1000
    watched.made(sender=None)
    watched.look(waiting=5, held=FREE)
    watched.since -= 1000
    watched.look(waiting=0, held=FREE)
    watched.look(waiting=5, held=FREE)
    assert ended == []


def test_a_broker_that_is_away_is_no_fault_of_the_worker() -> None:
    away = SimpleNamespace(
        connection_for_read=lambda: Connection("redis://127.0.0.1:1/0"),
        amqp=SimpleNamespace(queues=SimpleNamespace(consume_from={"house": None})),
    )
    assert progress._waiting(away) == 0
