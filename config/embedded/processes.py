"""Which processes are ours, whether they answer, and how they end."""

import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from config.embedded.place import PROGRAMS, Place, programs
from config.embedded.state import HOST, EmbeddedError, Endpoints

STOPS = {
    "postgres": ((signal.SIGINT, 20), (signal.SIGQUIT, 10)),
    "redis": ((signal.SIGTERM, 10), (signal.SIGKILL, 5)),
}
PATIENCE = 120


def living(place: Place, name: str) -> dict[int, list[str]]:
    """Our servers and their arguments, told by program and folder: pid files lie."""
    home, found = str(place.base / name), dict[int, tuple[int, list[str]]]()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            given = os.fsdecode((folder / "cmdline").read_bytes()).split("\0")
            if Path(given[0]).name == PROGRAMS[name] and home in given:
                parent = int(_stat(folder.name)[1])
                found[int(folder.name)] = (parent, given)
    # A child that has just been forked still bears its parent's arguments.
    return {pid: given for pid, (up, given) in found.items() if up not in found}


def answers(place: Place, name: str, ends: Endpoints, pid: int) -> bool:
    """Wait for the server's answer as long as its process lives."""
    until = time.monotonic() + PATIENCE
    ready = [str(programs(place)["postgres"] / "pg_isready"), "-q", "-h", HOST]
    ready += ["-p", f"{ends.postgres_port}"]
    while _lives(pid) and time.monotonic() < until:
        if name == "redis" and _ping(ends):
            return True
        if name == "postgres" and subprocess.run(ready, check=False).returncode == 0:
            return True
        time.sleep(0.05)
    return False


def stop(place: Place, name: str) -> bool:
    """Ask gently, then not; each signal goes to a process just seen to be ours."""
    pids = set(living(place, name))
    for kind, seconds in STOPS[name]:
        until = time.monotonic() + seconds
        for pid in pids & set(living(place, name)):
            with suppress(ProcessLookupError):
                os.kill(pid, kind)
        while any(map(_lives, pids)) and time.monotonic() < until:
            time.sleep(0.02)
    if pids & set(living(place, name)):
        raise EmbeddedError(f"{name} does not stop: end {sorted(pids)} by hand.")
    return bool(pids)


def _stat(pid: str) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _lives(pid: int) -> bool:
    with suppress(OSError):
        return _stat(str(pid))[0] not in "ZX"
    return False


def _ping(ends: Endpoints) -> bool:
    with (
        suppress(OSError),
        socket.create_connection((HOST, ends.redis_port), timeout=2) as line,
        line.makefile("rb") as said,
    ):
        line.sendall(f"AUTH {ends.redis_password}\r\nPING\r\nQUIT\r\n".encode())
        return b"+PONG\r\n" in said.readlines()
    return False
