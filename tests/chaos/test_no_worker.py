"""S4: nobody takes what beat sends; it stops sending, and goes on when somebody does."""

import os
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from subprocess import Popen
from typing import Any

import orjson
import pytest
import redis

from config import embedded
from tests.chaos.test_beats import BEAT, WORKER
from tests.walks.running import ROOT, Running, installation

PULSE = "operate.pulse"
# Pulses without a tick between them, where most come as often, after which none comes.
HUSH = 3
# A job is due, and the tick that runs jobs was sent last the day before yesterday.
DUE = (
    "UPDATE autonomy_job SET next_at = clock_timestamp() - interval '1 day'"
    " WHERE name = 'pattern_scan' RETURNING 1",
    "UPDATE django_celery_beat_periodictask SET interval_id = (SELECT interval_id FROM"
    " django_celery_beat_periodictask WHERE name = 'forget old notices'),"
    " last_run_at = clock_timestamp() - interval '2 days' WHERE name = 'run jobs'"
    " RETURNING 1",
    "UPDATE django_celery_beat_periodictasks SET last_update = clock_timestamp()"
    " RETURNING 1",
)
RAN = "SELECT 1 FROM autonomy_job WHERE ended_at IS NOT NULL"


@contextmanager
def _process(running: Running, words: Sequence[str]) -> Iterator[None]:
    """One of this installation, gone afterwards."""
    with running.log.open("ab") as log:
        process = Popen(
            words, cwd=ROOT, env=running.env, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Waiting:
    """What lies in the broker, and since which pulse nothing else was added."""

    def __init__(self, server: redis.Redis) -> None:
        self.server = server
        self.count, self.since = -1, 0

    def tasks(self) -> Counter[str]:
        messages: Any = self.server.lrange("house", 0, -1)
        return Counter(orjson.loads(each)["headers"]["task"] for each in messages)

    def is_hushed(self) -> bool:
        tasks = self.tasks()
        count = tasks.total() - tasks[PULSE]
        if count != self.count:
            self.count, self.since = count, tasks[PULSE]
        return tasks[PULSE] - self.since >= HUSH


@pytest.mark.timeout(480)
def test_ticks_that_nobody_takes_do_not_pile_up() -> None:
    """Without a worker pulses alone go on, so that one is noticed although the broker
    was emptied; then a tick of once a day that fell due meanwhile is sent at once.
    """
    with ExitStack() as stack:
        running = stack.enter_context(installation())
        embedded.up(running.var)
        url = embedded.endpoints(running.var).redis_url
        server = stack.enter_context(redis.Redis.from_url(url))
        stack.enter_context(_process(running, BEAT))
        waiting = Waiting(server)
        running.wait_for(waiting.is_hushed, 120)

        for statement in DUE:
            assert running.sql(statement) == [(1,)]
        before = waiting.tasks()
        running.wait_for(lambda: waiting.tasks()[PULSE] > before[PULSE], 120)
        assert {**waiting.tasks(), PULSE: 0} == {**before, PULSE: 0}

        server.delete("house")
        stack.enter_context(_process(running, WORKER))
        running.wait_for(lambda: running.sql(RAN) == [(1,)], 120)
