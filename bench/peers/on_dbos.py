"""DBOS: a workflow of five steps, started through its queue, with a row for each.

As its documentation advises for speed: a client enqueues, a worker takes several
workflows at once, and no span is exported. Each step commits on a pooled connection of its
own and then DBOS its row; with steps as transactions of a data source, in which both
commit together, a run took twice as much.
"""

# mypy: disable-error-code="import-not-found,misc,untyped-decorator"

import threading
from typing import Any

from dbos import DBOS, DBOSClient
from psycopg_pool import ConnectionPool

from bench.peers.governed import CONNECTIONS, STEPS, lots, play, take

QUEUE, VERSION = "bench", "1"
# The queue is asked ten times a second: who waits for a first workflow waits for less.
POLLING, AT_ONCE = 0.1, 10


def _launched(database: str) -> Any:
    DBOS(
        config={
            "name": "bench",
            "system_database_url": database,
            "application_version": VERSION,
            "sys_db_pool_size": CONNECTIONS,
            "log_level": "WARNING",
            "enable_otlp": False,
        }
    )
    pool = ConnectionPool(database, min_size=1, max_size=CONNECTIONS, open=True)

    def step(run: str, place: int) -> None:
        with pool.connection() as connection, connection.cursor() as cursor:
            take(cursor, run, place)

    @DBOS.workflow(name="governed")
    def governed(run: str) -> None:
        for place, name in enumerate(STEPS):
            DBOS.run_step({"name": name}, step, run, place)

    DBOS.listen_queues([QUEUE])
    DBOS.launch()
    DBOS.register_queue(QUEUE, worker_concurrency=AT_ONCE, polling_interval_sec=POLLING)
    return pool


def prepare(database: str) -> None:
    with _launched(database):
        DBOS.destroy()


def work(database: str) -> None:
    with _launched(database):
        threading.Event().wait()


def publish(database: str) -> None:
    client = DBOSClient(system_database_url=database)
    options = {"workflow_name": "governed", "queue_name": QUEUE, "app_version": VERSION}
    for runs in lots():
        for run in runs:
            client.enqueue({**options, "workflow_id": run}, run)


if __name__ == "__main__":
    play(prepare=prepare, work=work, publish=publish)
