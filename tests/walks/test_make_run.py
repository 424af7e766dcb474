"""A newcomer starts it; things die; it goes on; Ctrl-C leaves nothing."""

import json
import os
import re
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
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from config.embedded import endpoints

ROOT = Path(__file__).parents[2]


class Running:
    """The real thing, started as `make run` starts it."""

    def __init__(self, var: Path, port: int) -> None:
        self.var, self.port = var, port
        self.log = var.parent / "run.log"
        kept = ("PATH", "HOME", "LANG")
        self.env = {name: os.environ[name] for name in kept if name in os.environ}
        self.env |= {"VAR_DIR": str(var), "PORT": str(port), "TICK_SECONDS": "1"}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        began = time.monotonic()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "config.supervise"],
                cwd=ROOT,
                env=self.env,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.wait_for(lambda: self.ask("/readyz")[0] == 200, 90)
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
        except OSError:
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


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    room = Path(tempfile.mkdtemp(prefix="walk-"))
    room.chmod(0o755)
    one = Running(room / "var", free_port())
    try:
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


@pytest.mark.timeout(400)
def test_the_life_of_an_installation(running: Running) -> None:
    """First start, a look around, deaths of every kind, a stop, a second start."""
    first = running.start()
    _a_newcomer_looks_around(running)
    _an_export_is_written_by_a_worker(running)
    _idle_senders_hold_nobody_up(running)
    for process in (
        "gunicorn",
        "config.celery:app worker",
        " beat ",
        "manage.py relay",
    ):
        _kill_all(running, process)
    _postgres_dies(running)
    running.manage("verify_ledger")
    running.stop()
    assert running.pids("") == []
    second = running.start()
    assert second < 20
    running.manage("verify_ledger")
    running.manage("doctor")
    running.stop()
    assert running.pids("") == []
    sys.stdout.write(f"first start {first:.1f} s, second start {second:.1f} s\n")


def _a_newcomer_looks_around(running: Running) -> None:
    running.wait_for(lambda: "admin@demo-1.example" in running.log.read_text(), 10)
    assert f"http://127.0.0.1:{running.port}" in running.log.read_text()
    status, page = running.ask("/login/")
    assert status == 200
    assert b'name="login"' in page
    assert b'name="password"' in page
    assert running.ask("/api/v1/accounts/")[0] == 401
    assert running.ask("/api/docs/")[0] == 200
    token = _token(running, "seller")
    accounts = json.loads(running.ask("/api/v1/accounts/", **token)[1])
    assert len(accounts["results"]) == 20
    running.manage("doctor")


def _token(running: Running, role: str) -> dict[str, str]:
    text = running.manage("token", "create", "--tenant", "demo-1", "--role", role)
    return {"Authorization": f"Bearer {text.strip()}"}


def _an_export_is_written_by_a_worker(running: Running) -> None:
    token = _token(running, "auditor") | {"Content-Type": "application/json"}
    body = {
        "from": "2026-01-01T00:00:00Z",
        "to": "2026-12-31T00:00:00Z",
        "format": "csv",
    }
    request = urllib.request.Request(
        f"http://127.0.0.1:{running.port}/api/v1/exports/",
        data=json.dumps(body).encode(),
        headers=token,
    )
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
        export = json.loads(answer.read())["id"]

    def is_done() -> bool:
        shown = json.loads(running.ask(f"/api/v1/exports/{export}/", **token)[1])
        return str(shown["status"]) == "COMPLETED"

    running.wait_for(is_done, 30)
    status, file = running.ask(f"/api/v1/exports/{export}/download/", **token)
    assert status == 200
    assert file.startswith(b'"sequence","number"')


def _idle_senders_hold_nobody_up(running: Running) -> None:
    """More half-sent bodies than there are threads: they are given up in time."""
    idle = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(24)]
    for one in idle:
        one.sendall(b"POST /api/v1/accounts/ HTTP/1.1\r\nHost: localhost\r\n")
        one.sendall(b"Content-Length: 100\r\n\r\nx")
    running.wait_for(lambda: running.ask("/livez")[0] == 200, 40)
    for one in idle:
        one.close()
    running.wait_for(lambda: running.ask("/readyz")[0] == 200, 30)


def _kill_all(running: Running, word: str) -> None:
    before = running.pids(word)
    assert before, word
    for pid in before:
        os.kill(pid, signal.SIGKILL)

    def is_back() -> bool:
        now = running.pids(word)
        return (
            bool(now)
            and not set(now) & set(before)
            and running.ask("/readyz")[0] == 200
        )

    running.wait_for(is_back, 40)


def _postgres_dies(running: Running) -> None:
    """The database is gone and comes back; processes find it again by themselves."""
    status = running.manage("services", "status")
    (pid,) = re.findall(r"postgres +running, pid (\d+)", status)
    os.kill(int(pid), signal.SIGKILL)

    def is_back() -> bool:
        found = re.findall(
            r"postgres +running, pid (\d+)", running.manage("services", "status")
        )
        return bool(found) and found != [pid] and running.ask("/readyz")[0] == 200

    running.wait_for(is_back, 40)
    running.wait_for(lambda: _sealed_after_crash(running), 40)


def _sealed_after_crash(running: Running) -> bool:
    token = _token(running, "admin")
    entry = json.loads(running.ask("/api/v1/ledger/?limit=1", **token)[1])["results"][0]
    time.sleep(1.5)
    return running.ask(f"/api/v1/ledger/{entry['id']}/proof/", **token)[0] == 200
