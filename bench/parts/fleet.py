"""Real worker processes on a broker of their own, and what they cost the machine."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import redis
from django.conf import settings

from config.embedded.place import place_of
from config.embedded.processes import living

ROOT = Path(__file__).resolve().parents[2]
TICKS = os.sysconf("SC_CLK_TCK")
WORKERS = 2
PATIENCE = 120
WORKER = (
    "-m", "celery", "--quiet", "-A", "config.celery:app", "worker", "--concurrency",
    f"{WORKERS}", "--without-mingle", "--without-gossip", "--loglevel", "WARNING",
)  # fmt: skip


class Fleet:
    """Two worker processes, on one number of the Redis; a relay joins for a while."""

    def __init__(self, number: int, *more: str, **env: str) -> None:
        address = settings.REDIS_URL.rpartition("/")[0]
        self.broker = redis.Redis.from_url(f"{address}/{number}")
        self.broker.flushdb()
        self.env = {**os.environ, **env, "BROKER_URL": f"{address}/{number}"}
        self.env["VAR_DIR"] = str(settings.VAR_DIR)
        self.processes = [self._start(*WORKER, *more)]

    def cpu(self) -> float:
        """Seconds of user and system time that all of its processes took so far."""
        return cpu_of(self.processes)

    @contextmanager
    def relay(self) -> Iterator[None]:
        """The product's relay, sending what is due to this fleet."""
        process = self._start("manage.py", "relay")
        self.processes.append(process)
        try:
            yield
        finally:
            self.processes.remove(process)
            end(process)

    def stop(self) -> None:
        for process in self.processes:
            end(process)

    def _start(self, *words: str) -> "subprocess.Popen[bytes]":
        log = settings.VAR_DIR / "log" / "bench.log"
        with log.open("ab") as said:
            return subprocess.Popen(
                [sys.executable, *words],
                cwd=ROOT, env=self.env, start_new_session=True, stdout=said, stderr=said,
            )  # fmt: skip


def cpu_of(processes: "Iterable[subprocess.Popen[bytes]]") -> float:
    """Seconds of processes that lead sessions, and of all in them, ended ones too."""
    sessions = {process.pid for process in processes}
    return sum(
        own + (ended if pid in sessions else 0.0)
        for pid, _, session, own, ended in _table()
        if session in sessions
    )


def servers_cpu() -> float:
    """The same of the embedded Postgres and Redis."""
    place = place_of(settings.VAR_DIR)
    mains = {pid for name in ("postgres", "redis") for pid in living(place, name)}
    return sum(
        own + (ended if pid in mains else 0.0)
        for pid, parent, _, own, ended in _table()
        if pid in mains or parent in mains
    )


def wait_for(
    is_so: Callable[[], bool], *, pause: float = 0.02, patience: float = PATIENCE
) -> None:
    until = time.monotonic() + patience
    while not is_so():
        if time.monotonic() > until:
            raise TimeoutError("the fleet does not get there")
        time.sleep(pause)


def _table() -> Iterator[tuple[int, int, int, float, float]]:
    """Process, parent, session, its own seconds, those of its ended children."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            words = (folder / "stat").read_text().rpartition(")")[2].split()
            own = (int(words[11]) + int(words[12])) / TICKS
            ended = (int(words[13]) + int(words[14])) / TICKS
            yield int(folder.name), int(words[1]), int(words[3]), own, ended


def end(process: "subprocess.Popen[bytes]") -> None:
    """Ask it to stop, and see that it and what it started is gone."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
