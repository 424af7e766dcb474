"""`make run` keeps its processes alive, and leaves none behind."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from config import supervise

ROOT = Path(supervise.__file__).resolve().parent.parent
MANAGE = """
import json
logins = {"seller": {"email": "seller@demo-1.example", "password": "open-sesame"}}
print(json.dumps({"tenants": [{"slug": "demo-1", "logins": logins}]}, indent=1))
"""
WEB = """
import http.server, os, pathlib
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *args):
        pass
pathlib.Path("web.pid").write_text(str(os.getpid()))
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"""
# A pool: one child in the same group, one in a group of its own, both deaf.
WORKER = """
import os, pathlib, signal, sys, time
pids = [os.getpid()]
for own_group in (False, True):
    pid = os.fork()
    if pid == 0:
        if own_group:
            os.setpgid(0, 0)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(300)
    pids.append(pid)
pathlib.Path("worker.pid.new").write_text(" ".join(map(str, pids)))
os.rename("worker.pid.new", "worker.pid")
print("working with", sys.argv[1], flush=True)
time.sleep(300)
"""
PROCFILE = """
# what runs
release: python -c "print('released')"
web: python web.py
worker: python worker.py $WORKER_CONCURRENCY
"""


class Run:
    """One supervisor in a folder with a small product of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None
        for name, text in (
            ("Procfile", PROCFILE),
            ("manage.py", MANAGE),
            ("web.py", WEB),
            ("worker.py", WORKER),
        ):
            (folder / name).write_text(text)

    def start(self, **changes: str) -> subprocess.Popen[bytes]:
        env = {
            **os.environ,
            "VAR_DIR": str(self.folder / "var"),
            "PORT": str(self.port),
            "WEB_BIND": "127.0.0.1",
            "WORKER_CONCURRENCY": "3",
            "DEBUG": "on",
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
            "REDIS_URL": "redis://127.0.0.1:1/0",
            **changes,
        }
        command = [sys.executable, "-m", "config.supervise", "--folder", self.folder]
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=env, stdout=output, stderr=output
            )
        return self.process

    def said(self) -> str:
        return (self.folder / "output").read_text()

    def pids(self, name: str) -> list[int]:
        file = self.folder / f"{name}.pid"
        return [int(word) for word in file.read_text().split()] if file.exists() else []

    def start_and_wait(self) -> subprocess.Popen[bytes]:
        process = self.start()
        wait(lambda: "Ctrl-C" in self.said() and bool(self.pids("worker")))
        return process


def wait(until: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.fixture
def run() -> Iterator[Run]:
    folder = Path(tempfile.mkdtemp(prefix="autonomy-test-"))
    folder.chmod(0o755)
    it = Run(folder)
    yield it
    if it.process and it.process.poll() is None:
        it.process.terminate()
        it.process.wait(30)
    for pid in (*it.pids("web"), *it.pids("worker")):
        if alive(pid):
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder)


def test_says_where_and_stops_all(run: Run) -> None:
    process = run.start_and_wait()
    said = run.said()
    for text in (
        "release | released",
        "worker  | working with 3",
        f"http://127.0.0.1:{run.port}/admin/",
        f"http://127.0.0.1:{run.port}/api/docs/",
        "seller  seller@demo-1.example  open-sesame",
        "token create --tenant demo-1",
    ):
        assert text in said
    assert "\033" not in said
    everyone = [*run.pids("web"), *run.pids("worker")]
    assert len(everyone) == 4
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert not any(map(alive, everyone))


def _came_back(run: Run, before: list[int]) -> bool:
    return run.pids("worker") not in (before, [])


def test_killed_process_comes_back_alone(run: Run) -> None:
    """However often it is killed, it is back soon: only failures are given time."""
    run.start_and_wait()
    web = run.pids("web")
    for times in (1, 2, 3):
        before = run.pids("worker")
        os.kill(before[0], signal.SIGKILL)
        wait(partial(_came_back, run, before))
        assert not any(map(alive, before))
        said = run.said()
        assert said.count("worker  | ended with code -9; again in 0.5 s") == times
    assert run.pids("web") == web


def test_pause_grows(run: Run) -> None:
    (run.folder / "worker.py").write_text("raise SystemExit(3)")
    run.start()
    wait(lambda: "again in 2 s" in run.said())
    assert "ended with code 3; again in 0.5 s" in run.said()
    assert "ended with code 3; again in 1 s" in run.said()


def test_killed_supervisor_takes_its_processes_down(run: Run) -> None:
    process = run.start_and_wait()
    leaders = [run.pids("web")[0], run.pids("worker")[0]]
    process.kill()
    process.wait()
    wait(lambda: not any(map(alive, leaders)))


@pytest.mark.parametrize(
    ("line", "code"), [("exit 7", 7), ("kill -9 $$", 137), ("sh -c 'exit 4'", 4)]
)
def test_failed_release_stops(run: Run, line: str, code: int) -> None:
    text = PROCFILE.replace("python -c \"print('released')\"", f'sh -c "{line}"')
    (run.folder / "Procfile").write_text(text.replace("$$", "\\$\\$"))
    assert run.start().wait(10) == code
    assert run.pids("web") == []
    assert "nothing is started" in run.said()


def test_failed_seed_stops(run: Run) -> None:
    (run.folder / "manage.py").write_text("raise SystemExit('no database')")
    assert run.start().wait(10) == 1
    assert "seed    | no database" in run.said()
    assert run.pids("web") == []


def test_signal_during_release(run: Run) -> None:
    text = "import os, pathlib, time; pathlib.Path('web.pid').write_text(str(os.getpid())); time.sleep(60)"
    (run.folder / "Procfile").write_text(
        f'release: python -c "{text}"\nworker: sleep 9\n'
    )
    process = run.start()
    wait(lambda: run.pids("web"))
    process.terminate()
    assert process.wait(10) == 0
    assert not alive(run.pids("web")[0])
    assert run.pids("worker") == []


def test_second_run_of_a_folder(run: Run) -> None:
    first = run.start_and_wait()
    assert run.start(PORT=str(run.port + 1)).wait(10) == 2
    assert (
        run.said()
        .splitlines()[-1]
        .startswith("autonomy: `make run` is already running")
    )
    assert first.poll() is None
    first.terminate()
    assert first.wait(10) == 0


def test_taken_address(run: Run) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", run.port))
        holder.listen()
        assert run.start().wait(10) == 2
    assert f"127.0.0.1:{run.port} cannot be served" in run.said()
    assert run.said().count("\n") == 1


def test_wrong_setting(run: Run) -> None:
    assert run.start(PORT="many").wait(10) == 2
    assert run.said().startswith("autonomy: PORT is 'many'")
    assert run.said().count("\n") == 1


def test_embedded_servers_live_as_long_as_the_run(run: Run) -> None:
    process = run.start(DATABASE_URL="", REDIS_URL="")
    wait(lambda: "Ctrl-C" in run.said())
    servers = [
        int((run.folder / "var" / file).read_text().split("\n")[0])
        for file in ("postgres/postmaster.pid", "redis/redis.pid")
    ]
    assert all(map(alive, servers))
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert not any(map(alive, servers))
