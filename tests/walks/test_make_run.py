"""A newcomer starts it; things die; it goes on; Ctrl-C leaves nothing."""

import json
import os
import re
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from tests.walks.running import Running, installation


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with installation(is_new=True) as one:
        yield one


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
    assert second < 60
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
