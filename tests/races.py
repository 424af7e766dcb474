"""Run something many times at once, in threads or in real processes."""

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connections

FORK = multiprocessing.get_context("fork")


def in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    """All start together; what they return comes back in order."""
    barrier = Barrier(count)

    def run(number: int) -> Any:
        try:
            barrier.wait(30)
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def in_processes(count: int, work: Callable[..., None], *args: object) -> None:
    """Run in real processes, each with a connection of its own; all must end well."""
    crew = started(count, work, *args)
    for one in crew:
        one.join(120)
    assert [one.exitcode for one in crew] == [0] * count


def started(count: int, work: Callable[..., None], *args: object) -> list[Any]:
    """Real processes that are under way, to be joined or killed."""
    connections.close_all()
    crew = [FORK.Process(target=alone, args=(work, *args)) for _ in range(count)]
    for one in crew:
        one.start()
    return crew


def alone(work: Callable[..., None], *args: object) -> None:
    """The body of a forked process: nothing of its parent's connections."""
    connections.close_all()
    work(*args)
    connections.close_all()
    os._exit(0)
