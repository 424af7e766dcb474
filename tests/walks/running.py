"""A whole installation of its own, started as a newcomer starts it."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any

import psycopg2

from config.embedded import endpoints
from tests.lanes import SESSION

ROOT = Path(__file__).parents[2]


class Running:
    """The real thing, started as `make run` starts it."""

    def __init__(self, var: Path, port: int, **env: str) -> None:
        self.var, self.port = var, port
        self.log = var.parent / "run.log"
        kept = ("PATH", "HOME", "LANG")
        self.env = {name: os.environ[name] for name in kept if name in os.environ}
        self.env |= {"VAR_DIR": str(var), "PORT": str(port), "TICK_SECONDS": "1"}
        self.env |= env
        self.words: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        began = time.monotonic()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "config.supervise", *self.words],
                cwd=ROOT,
                env=self.env,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.wait_for(lambda: self.ask("/readyz")[0] == 200, 180)
        return time.monotonic() - began

    def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(40) == 0, self.log.read_text()[-2000:]

    def ask(self, path: str, **headers: str) -> tuple[int, bytes]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", headers=headers
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
                return answer.status, answer.read()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read()
        except (OSError, HTTPException):
            return 0, b""

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> None:
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, self.log.read_text()[-3000:]
            time.sleep(0.1)

    def manage(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def pids(self, word: str) -> list[int]:
        """Processes of this run whose command line holds a word."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                mine = (
                    f"VAR_DIR={self.var}".encode() in (entry / "environ").read_bytes()
                )
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if mine and word in line:
                found.append(int(entry.name))
        return sorted(found)

    def sql(self, statement: str) -> list[Any]:
        connection = psycopg2.connect(endpoints(self.var).superuser_url())
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall()
        finally:
            connection.close()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _copy(one: Running) -> None:
    """Begin with servers that all lanes of this session migrated once."""
    kept = Path(tempfile.gettempdir()) / f"prepared-{SESSION}"
    kept.mkdir(mode=0o755, exist_ok=True)
    with (kept / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (kept / "done").exists():
            subprocess.run(
                [sys.executable, "-m", "config.prepare"],
                cwd=ROOT, env={**one.env, "VAR_DIR": str(kept / "var")}, check=True,
            )  # fmt: skip
            (kept / "done").touch()
    # With its owners, and with what is where.
    subprocess.run(["cp", "-a", str(kept / "var"), str(one.var)], check=True)


@contextmanager
def installation(*, is_new: bool = False, **env: str) -> Iterator[Running]:
    """One that is gone afterwards, whatever happened. Its database was migrated before,
    unless it `is_new`.
    """
    room = Path(tempfile.mkdtemp(prefix="walk-"))
    room.chmod(0o755)
    one = Running(room / "var", free_port(), **env)
    try:
        if not is_new:
            _copy(one)
        yield one
    finally:
        if one.process is not None and one.process.poll() is None:
            one.process.kill()
            one.process.wait()
        subprocess.run(
            [sys.executable, "manage.py", "services", "down"],
            cwd=ROOT, env=one.env, check=False, capture_output=True,
        )  # fmt: skip
        shutil.rmtree(room, ignore_errors=True)
