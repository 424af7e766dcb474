"""`manage.py reconcile` sends what is due, from a process that nobody else prepared."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import redis
from django.conf import settings

from tests.autonomy.claims import waiting
from tests.autonomy.conftest import Desk

ROOT = Path(__file__).parents[2]
# A broker of its own: what other tests left due is sent along.
BROKER = settings.REDIS_URL.rpartition("/")[0] + "/9"


def reconcile(broker: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "reconcile"],
        cwd=ROOT,
        env={**os.environ, "BROKER_URL": broker},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def sent(broker: "redis.Redis") -> str:
    """The bodies of what waits in front of the first stage."""
    bodies = b""
    for message in broker.lrange("trigger", 0, -1):
        bodies += base64.b64decode(message.partition(b'"body": "')[2].split(b'"')[0])
    return bodies.decode()


def test_what_is_due_is_sent_by_the_broker_of_the_house(desk: Desk) -> None:
    broker = redis.Redis.from_url(BROKER)
    broker.flushdb()
    run = waiting(desk)
    done = reconcile(BROKER)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(" sent\n")
    assert str(run) in sent(broker)
    broker.flushdb()


def test_a_broker_that_is_away_is_told_in_a_line(desk: Desk) -> None:
    waiting(desk)
    done = reconcile("redis://127.0.0.1:1/0")
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("The broker is away.")
