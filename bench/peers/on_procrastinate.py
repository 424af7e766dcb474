"""Procrastinate: five tasks, each of which defers the next, a row for each.

As its documentation advises for speed: asynchronous workers that hear of jobs by NOTIFY,
several jobs at once, and many jobs deferred in one statement.
"""

# mypy: disable-error-code="import-not-found,misc,untyped-decorator"

import asyncio
from typing import Any

from procrastinate import App, PsycopgConnector
from psycopg_pool import AsyncConnectionPool

from bench.peers.governed import (
    ADVANCE,
    APPEND,
    CONNECTIONS,
    LOCK,
    STEPS,
    lots,
    play,
    row,
)

AT_ONCE = 5


def _app(database: str) -> App:
    return App(connector=PsycopgConnector(conninfo=database, max_size=CONNECTIONS))


async def _take(pool: Any, run: str, place: int) -> None:
    async with pool.connection() as connection, connection.cursor() as cursor:
        await cursor.execute(LOCK, (run,))
        state, head = await cursor.fetchone()
        if state == place:
            data, digest = row(run, place, head)
            await cursor.execute(ADVANCE, (place + 1, digest, run))
            await cursor.execute(APPEND, (run, place, data, digest))


def _with_tasks(database: str, pool: Any) -> App:
    app = _app(database)
    tasks: list[Any] = []

    def task(place: int) -> Any:
        async def step(run: str) -> None:
            await _take(pool, run, place)
            if place + 1 < len(STEPS):
                await tasks[place + 1].defer_async(run=run)

        return app.task(name=STEPS[place])(step)

    tasks += [task(place) for place in range(len(STEPS))]
    return app


def prepare(database: str) -> None:
    with _app(database).open() as app:
        app.schema_manager.apply_schema()


def work(database: str) -> None:
    async def run() -> None:
        pool = AsyncConnectionPool(database, max_size=CONNECTIONS, open=False)
        async with pool, _with_tasks(database, pool).open_async() as app:
            await app.run_worker_async(concurrency=AT_ONCE, listen_notify=True)

    asyncio.run(run())


def publish(database: str) -> None:
    async def run() -> None:
        async with _app(database).open_async() as app:
            first = app.configure_task(STEPS[0])
            for runs in lots():
                await first.batch_defer_async(*({"run": run} for run in runs))

    asyncio.run(run())


if __name__ == "__main__":
    play(prepare=prepare, work=work, publish=publish)
