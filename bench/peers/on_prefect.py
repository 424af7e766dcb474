"""Prefect: a flow of five tasks, recorded by its server.

Runs are handed to two processes that call the flow, which is the cheapest way that it
has: a deployment would start a process for each. As its documentation advises for speed:
nothing is cached or persisted, logs stay here, and the server shows and schedules nothing.
The server keeps its records in SQLite, as it does by itself: on Postgres it needs pg_trgm,
which the embedded one has not. The steps commit in the same Postgres as everybody's.
"""

# mypy: disable-error-code="import-not-found,misc,untyped-decorator"

import os
import sys
import time
import urllib.request
from contextlib import suppress
from typing import Any

from bench.peers.governed import STEPS, lots, play, take

PATIENCE = 120


def serve(database: str) -> None:
    """The server, in place of this process."""
    words = ("server", "start", "--no-ui", "--no-scheduler", "--no-late-runs")
    port = os.environ["PREFECT_API_URL"].rpartition(":")[2].partition("/")[0]
    more = ("--analytics-off", "--host", "127.0.0.1", "--port", port)
    os.execv(sys.executable, (sys.executable, "-m", "prefect", *words, *more))


def prepare(database: str) -> None:
    """The server makes its tables itself."""


def _wait() -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with suppress(OSError):
            urllib.request.urlopen(f"{os.environ['PREFECT_API_URL']}/health", timeout=5)
            return
        time.sleep(0.2)


def _flow(connection: Any) -> Any:
    from prefect import flow, task  # noqa: PLC0415  only where it is needed
    from prefect.cache_policies import NO_CACHE  # noqa: PLC0415

    def of(place: int) -> Any:
        @task(name=STEPS[place], cache_policy=NO_CACHE, persist_result=False)
        def step(run: str) -> None:
            with connection.transaction(), connection.cursor() as cursor:
                take(cursor, run, place)

        return step

    tasks = [of(place) for place in range(len(STEPS))]

    @flow(name="governed", persist_result=False, log_prints=False)
    def governed(run: str) -> None:
        for each in tasks:
            each(run)

    return governed


def work(database: str) -> None:
    from psycopg import Connection  # noqa: PLC0415  not in the server

    _wait()
    with Connection.connect(database) as connection:
        connection.autocommit = True
        governed = _flow(connection)
        for runs in lots():
            for run in runs:
                governed(run)


if __name__ == "__main__":
    play(prepare=prepare, serve=serve, work=work)
