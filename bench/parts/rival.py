"""A peer at work: its own database, its own processes, runs handed over and checked."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg2
from django.conf import settings

from bench.parts.fleet import ROOT, WORKERS, cpu_of, end, wait_for
from bench.parts.served import free_port
from bench.peers.governed import TABLES, is_whole

PYTHON = ROOT / ".venv-bench" / "bin" / "python"
PATIENCE = 300
# What it says besides goes to its log; of that, the last line tells why it failed.
QUIET = {
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "LANGSMITH_TRACING": "false",
}


class Failed(Exception):
    """A peer could not be measured; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A peer, and what its processes do."""

    name: str
    module: str
    # What it is installed as.
    package: str
    # How many of its runs one lot has of those of the others: it may be slow.
    share: float = 1.0
    # Whether it is told of runs by a publisher, or its workers get them handed over.
    publishes: bool = False
    serves: bool = False


PEERS = (
    Kind(name="DBOS", module="on_dbos", package="dbos", publishes=True),
    Kind(name="LangGraph", module="on_langgraph", package="langgraph"),
    Kind(
        name="Procrastinate",
        module="on_procrastinate",
        package="procrastinate",
        publishes=True,
    ),
    Kind(
        name="Prefect", module="on_prefect", package="prefect", share=0.05, serves=True
    ),
)


class Rival:
    """One peer: made ready once, its processes started for each of its turns."""

    def __init__(self, kind: Kind) -> None:
        self.kind, self.processes = kind, list[Any]()
        self.log = settings.VAR_DIR / "log" / f"bench-{kind.module}.log"
        self.url = _database(f"bench_{kind.module}")
        self._line = psycopg2.connect(self.url)
        self._line.autocommit = True
        self._handed: list[Any] = []
        self._publisher: Any = None
        shutil.rmtree(home := settings.VAR_DIR / "prefect", ignore_errors=True)
        self.env = {
            **{
                name: os.environ[name]
                for name in ("PATH", "HOME")
                if name in os.environ
            },
            **QUIET,
            "PREFECT_HOME": str(home),
            "PREFECT_API_URL": f"http://127.0.0.1:{free_port()}/api",
        }
        self.log.write_bytes(b"")
        done = self._started("prepare")
        if done.wait(PATIENCE):
            raise Failed(self._why())

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Its processes, of which nothing is left afterwards."""
        try:
            if self.kind.serves:
                self.processes.append(self._started("serve"))
            workers = [self._started("work") for _ in range(WORKERS)]
            self.processes += workers
            self._handed = workers
            if self.kind.publishes:
                self._publisher = self._started("publish")
                self.processes.append(self._publisher)
            yield
        finally:
            for process in reversed(self.processes):
                end(process)
            self.processes.clear()

    def cpu(self) -> float:
        return cpu_of(self.processes)

    def lot(self, count: int) -> int:
        """So many runs of its share, from being told of to the last row."""
        runs = self._opened(count)
        self._hand(runs)
        wait_for(self._is_done, patience=PATIENCE)
        return len(runs)

    def _opened(self, count: int) -> list[str]:
        """Runs that wait in its database; whoever made them is not measured."""
        runs = [
            str(uuid4()) for _ in range(max(WORKERS, round(count * self.kind.share)))
        ]
        self._ask("INSERT INTO run (id) SELECT unnest(%s::uuid[])", [runs])
        return runs

    def _hand(self, runs: list[str]) -> None:
        to = [self._publisher] if self.kind.publishes else self._handed
        try:
            for place, process in enumerate(to):
                process.stdin.write(json.dumps(runs[place :: len(to)]).encode() + b"\n")
                process.stdin.flush()
        except OSError as problem:
            raise Failed(self._why()) from problem

    def check(self) -> int:
        """Every run has its five rows, each linked to the one before; how many runs."""
        found: dict[str, list[tuple[int, str, str]]] = {}
        for run, *entry in self._ask(_ROWS):
            found.setdefault(run, []).append((entry[0], entry[1], entry[2]))
        runs = self._ask("SELECT id::text, head FROM run")
        broken = [
            run for run, head in runs if not is_whole(run, head, found.get(run, []))
        ]
        if broken:
            raise Failed(f"{len(broken)} of {len(runs)} runs are not whole")
        return len(runs)

    def drop(self) -> None:
        self._line.close()
        _drop(f"bench_{self.kind.module}")

    def _is_done(self) -> bool:
        if any(process.poll() is not None for process in self.processes):
            raise Failed(self._why())
        return not self._ask("SELECT 1 FROM run WHERE state < 5 LIMIT 1")

    def _ask(self, statement: str, values: Any = None) -> Any:
        with self._line.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def _started(self, role: str) -> "subprocess.Popen[bytes]":
        if not PYTHON.exists():
            raise Failed("its environment is not there: `make bench` makes it")
        words = (str(PYTHON), "-m", f"bench.peers.{self.kind.module}", role, self.url)
        with self.log.open("ab") as said:
            return subprocess.Popen(
                words, cwd=ROOT, env=self.env, start_new_session=True,
                stdin=subprocess.PIPE, stdout=said, stderr=said,
            )  # fmt: skip

    def _why(self) -> str:
        said = [
            line for line in self.log.read_text(errors="replace").splitlines() if line
        ]
        return said[-1].strip()[:200] if said else "it ended and said nothing"


def versions() -> dict[str, str]:
    """Which of the peers are installed."""
    asked = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"
    found = {}
    for kind in PEERS:
        if PYTHON.exists():
            words = [str(PYTHON), "-c", asked, kind.package]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            found[kind.name] = done.stdout.strip() or "not installed"
    return found


def _database(name: str) -> str:
    """A new database of the same server."""
    _drop(name)
    _admin(f'CREATE DATABASE "{name}"')
    url = _url(name)
    with psycopg2.connect(url) as line, line.cursor() as cursor:
        cursor.execute(TABLES)
    line.close()
    return url


def _drop(name: str) -> None:
    _admin(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _admin(statement: str) -> None:
    line = psycopg2.connect(_url("postgres"))
    line.autocommit = True
    try:
        with line.cursor() as cursor:
            cursor.execute(statement)
    finally:
        line.close()


def _url(name: str) -> str:
    given: str = settings.DATABASE_GIVEN_URL
    front, _, rest = given.rpartition("/")
    return f"{front}/{name}{''.join(rest.partition('?')[1:])}"


_ROWS = "SELECT run::text, place, data, hash FROM entry ORDER BY run, place"
