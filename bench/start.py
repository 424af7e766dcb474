"""From the start of a process until it takes work: a worker, and the web. B11.

`START_ROUNDS` makes it shorter or longer.
"""

import os
import time
from typing import Any

from bench.parts.fleet import Fleet, wait_for
from bench.parts.served import served

ROUNDS = int(os.environ.get("START_ROUNDS", "7"))
NUMBER = 13


def run() -> dict[str, Any]:
    """Seconds, round by round, the two in turns."""
    rounds = [(_worker(), _web()) for _ in range(ROUNDS)]
    return {
        "sizes": f"{ROUNDS} rounds",
        "worker: seconds until it listens": [round(one, 3) for one, _ in rounds],
        "web: seconds until it answers": [round(one, 3) for _, one in rounds],
    }


def _worker() -> float:
    """Until it waits at its queues for messages."""
    began = time.perf_counter()
    fleet = Fleet(NUMBER)
    try:
        wait_for(lambda: _listens(fleet), pause=0.01)
        return time.perf_counter() - began
    finally:
        fleet.stop()


def _listens(fleet: Fleet) -> bool:
    clients: list[dict[str, Any]] = fleet.broker.client_list()
    return any(
        each["db"] == str(NUMBER) and each["cmd"].lower() == "brpop" for each in clients
    )


def _web() -> float:
    """Until it says that its database and its Redis answer."""
    began = time.perf_counter()
    with served("config.wsgi:application") as web:
        web.wait("/healthz")
        return time.perf_counter() - began
