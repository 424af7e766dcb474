"""`make run`: the servers, then every line of the Procfile, kept alive until Ctrl-C."""

import argparse
import ctypes
import fcntl
import http.client
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config import embedded
from config.env import ROOT, Environment, WrongSetting, load

GRACE_SECONDS = 20
FIRST_PAUSE, LONGEST_PAUSE, HEALTHY_SECONDS = 0.5, 10.0, 30
ASK_SECONDS, LATE_SECONDS = 0.3, 60
COLOURS = (36, 33, 35, 32, 34, 31)
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104


class Refused(Exception):
    """The product cannot start here; the message is one line."""


@dataclass
class Stream:
    """One pipe: its lines are shown under a name, or kept where `kept` is given."""

    name: str
    kept: list[str] | None = None
    rest: bytes = b""


@dataclass
class Child:
    """One line of the Procfile, and the process that fulfils it now."""

    name: str
    command: str
    process: subprocess.Popen[bytes] | None = None
    born: float = 0.0
    pause: float = FIRST_PAUSE
    due: float = 0.0


@dataclass
class Crew:
    """All processes of one run. One thread: only so may a fork run Python code."""

    folder: Path
    env: dict[str, str]
    width: int = 7
    stopping: bool = False
    children: list[Child] = field(default_factory=list)
    pipes: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    colours: dict[str, int] = field(default_factory=dict)

    def heed(self) -> None:
        """Signals only raise a flag: nothing is left half done."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # Under nohup a hang-up is ignored, and stays so.
            is_nohup = signal.getsignal(number) is signal.SIG_IGN
            if number != signal.SIGHUP or not is_nohup:
                signal.signal(number, lambda *_: setattr(self, "stopping", True))

    def say(self, name: str, line: str) -> None:
        label = f"{name:<{self.width}} |"
        if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
            order = self.colours.setdefault(name, len(self.colours))
            label = f"\033[{COLOURS[order % len(COLOURS)]}m{label}\033[0m"
        self.write(f"{label} {line}\n")

    def write(self, text: str) -> None:
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except OSError:
            # Nobody reads any more, as after `make run | head`.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self.stopping = True

    def spawn(
        self, name: str, command: list[str], kept: list[str] | None = None
    ) -> subprocess.Popen[bytes]:
        """A session of its own; it gets SIGTERM even when we are killed with -9."""
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if kept is None else subprocess.PIPE,
            start_new_session=True,
            preexec_fn=_die_with(os.getpid()),
        )
        for pipe, sink in ((process.stdout, kept), (process.stderr, None)):
            if pipe is not None:
                self.pipes.register(pipe, selectors.EVENT_READ, Stream(name, sink))
        return process

    def pump(self, seconds: float) -> None:
        """Pass on what the processes have said, waiting a little for more."""
        for key, _ in self.pipes.select(seconds):
            stream: Stream = key.data
            data = os.read(key.fd, 65536)
            *lines, stream.rest = (stream.rest + data).split(b"\n")
            if not data:
                self.pipes.unregister(key.fileobj)
                key.fileobj.close()  # type: ignore[union-attr]
                lines = [stream.rest] if stream.rest else []
            for line in lines:
                self.hear(stream, line.decode(errors="replace").rstrip("\r"))

    def hear(self, stream: Stream, line: str) -> None:
        if stream.kept is None:
            self.say(stream.name, line)
        else:
            stream.kept.append(line)

    def run_to_end(
        self, name: str, command: list[str], kept: list[str] | None = None
    ) -> int:
        """The exit code; a process that was asked to stop may take its time."""
        child = Child(name, "", self.spawn(name, command, kept))
        self.children.append(child)
        while child.process and child.process.poll() is None and not self.stopping:
            self.pump(0.05)
        if self.stopping or child.process is None:
            return 0
        _kill_session(child.process.pid)
        until = time.monotonic() + 2
        while self.pipes.get_map() and time.monotonic() < until:
            self.pump(0.05)
        self.children.remove(child)
        return child.process.returncode

    def tend(self, child: Child) -> None:
        """Start what is due; notice what has died, and give it a growing pause."""
        now = time.monotonic()
        if child.process is None and now >= child.due:
            child.process, child.born = self.spawn(child.name, _shell(child)), now
        code = child.process.poll() if child.process else None
        if child.process and code is not None:
            _kill_session(child.process.pid)
            if now - child.born >= HEALTHY_SECONDS:
                child.pause = FIRST_PAUSE
            again = f"again in {child.pause:g} s"
            self.say(child.name, f"ended with code {code}; {again}")
            child.process, child.due = None, now + child.pause
            child.pause = min(child.pause * 2, LONGEST_PAUSE)

    def stop(self) -> None:
        """End every process and what it has started; whoever stays is killed."""
        living = [child.process for child in self.children if child.process]
        for process in living:
            process.terminate()
        until = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < until and any(p.poll() is None for p in living):
            self.pump(0.05)
        for process in living:
            _kill_session(process.pid)
            process.wait()
        self.pump(0)
        self.children.clear()


def main() -> int:
    """Run until a signal; the exit code tells a refusal (2) from a failure (1)."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--folder", type=Path, default=ROOT)
    given.add_argument("--procfile", type=Path)
    choice = given.parse_args()
    procfile = choice.procfile or choice.folder / "Procfile"
    try:
        env = load()
        with _alone(env.var_dir):
            _refuse_taken(env)
            lines = _procfile(procfile)
            return _run(env, lines, Crew(choice.folder, _environment(env)))
    except (WrongSetting, Refused) as problem:
        sys.stderr.write(f"autonomy: {problem}\n")
        return 2
    except embedded.EmbeddedError as problem:
        sys.stderr.write(f"autonomy: {problem}\n")
        return 1


def _run(env: Environment, lines: dict[str, str], crew: Crew) -> int:
    crew.heed()
    crew.width = max(map(len, [*lines, "release"]))
    wanted = {"postgres": env.embedded_postgres, "redis": env.embedded_redis}
    started: frozenset[str] = frozenset()
    try:
        names = [name for name, is_wanted in wanted.items() if is_wanted]
        started = embedded.up(env.var_dir, names) if names else started
        code, demo = _prepare(crew, lines.pop("release", None))
        if code == 0 and not crew.stopping:
            crew.children += [Child(name, line) for name, line in lines.items()]
            _watch(crew, env, demo)
        return code
    finally:
        crew.stop()
        if started:
            embedded.down(env.var_dir, started)


def _prepare(crew: Crew, release: str | None) -> tuple[int, dict[str, Any]]:
    if release and not crew.stopping:
        code = crew.run_to_end("release", _shell(Child("release", release)))
        if code != 0:
            crew.say("release", f"failed with code {code}: nothing is started")
            return _passed_on(code), {}
    if crew.stopping:
        return 0, {}
    kept: list[str] = []
    code = crew.run_to_end(
        "seed", [sys.executable, "manage.py", "seed", "--json"], kept
    )
    if code != 0:
        crew.say("seed", f"failed with code {code}: nothing is started")
    with suppress(ValueError, LookupError):
        tenant: dict[str, Any] = json.loads("\n".join(kept))["tenants"][0]
        return _passed_on(code), tenant
    return _passed_on(code), {}


def _passed_on(code: int) -> int:
    return code if code >= 0 else 128 - code


def _watch(crew: Crew, env: Environment, demo: dict[str, Any]) -> None:
    born, asked, is_ready, is_late = time.monotonic(), 0.0, False, False
    host = EVERYWHERE.get(env.web_bind, env.web_bind)
    while not crew.stopping:
        for child in crew.children:
            crew.tend(child)
        crew.pump(0.2)
        if is_ready or time.monotonic() - asked < ASK_SECONDS:
            continue
        asked = time.monotonic()
        answer = _readyz(host, env.port)
        if answer == "200":
            is_ready = True
            crew.write(_welcome(f"[{host}]" if ":" in host else host, env.port, demo))
        elif not is_late and time.monotonic() - born > LATE_SECONDS:
            is_late = True
            crew.say("run", f"/readyz says {answer} after {LATE_SECONDS} s: see above")


def _readyz(host: str, port: int) -> str:
    line = http.client.HTTPConnection(host, port, timeout=2)
    try:
        line.request("GET", "/readyz")
        return str(line.getresponse().status)
    except (OSError, http.client.HTTPException) as problem:
        return type(problem).__name__
    finally:
        line.close()


def _welcome(host: str, port: int, demo: dict[str, Any]) -> str:
    address, slug = f"http://{host}:{port}", demo.get("slug", "demo-1")
    rows = [
        (role, login["email"], login["password"])
        for role, login in demo.get("logins", {}).items()
    ]
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(2)]
    table = [f"    {r:<{widths[0]}}  {e:<{widths[1]}}  {p}" for r, e, p in rows]
    return "\n".join(
        [
            "",
            f"  Autonomy answers at {address}/",
            f"  Admin               {address}/admin/",
            f"  API docs            {address}/api/docs/",
            *([f"  Demo logins of {slug} (role, e-mail, password):"] if rows else []),
            *table,
            "  A token: .venv/bin/python manage.py token create "
            f"--tenant {slug} --role seller",
            "  Ctrl-C stops everything.",
            "",
            "",
        ]
    )


def _procfile(path: Path) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}.") from error
    lines = [line.partition(":") for line in text.splitlines()]
    return {
        name.strip(): command.strip()
        for name, _, command in lines
        if command.strip() and not name.lstrip().startswith("#")
    }


def _shell(child: Child) -> list[str]:
    return ["/bin/sh", "-c", f"exec {child.command}"]


def _environment(env: Environment) -> dict[str, str]:
    programs = Path(sys.executable).parent
    return {
        **os.environ,
        "PORT": str(env.port),
        "WEB_BIND": env.web_bind,
        "WORKER_CONCURRENCY": str(env.worker_concurrency),
        "PYTHONUNBUFFERED": "1",
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }


@contextmanager
def _alone(var: Path) -> Iterator[None]:
    try:
        var.mkdir(parents=True, exist_ok=True)
        handle = os.open(var / "run.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Refused(
            f"{var} cannot be written ({error.strerror}): make it writable for this "
            "user, or name another folder in VAR_DIR."
        ) from error
    with os.fdopen(handle):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused(
                f"`make run` is already running for {var}: stop it, or name another "
                "folder in VAR_DIR."
            ) from error
        yield


def _refuse_taken(env: Environment) -> None:
    host = env.web_bind.strip("[]")
    try:
        found = socket.getaddrinfo(host or None, env.port, type=socket.SOCK_STREAM)
        with socket.socket(found[0][0], socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(found[0][4])
    except OSError as error:
        raise Refused(
            f"{env.web_bind}:{env.port} cannot be served ({error.strerror}): stop what "
            "answers there, or choose another PORT or WEB_BIND."
        ) from error


def _die_with(parent: int) -> Callable[[], None]:
    def bind() -> None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return bind


def _kill_session(session: int) -> None:
    """Kill whoever is left of a session, whatever groups it has made for itself."""
    until = time.monotonic() + 5
    while (left := _members(session)) and time.monotonic() < until:
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def _members(session: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            words = (folder / "stat").read_text().rpartition(")")[2].split()
            if words[0] not in "ZX" and int(words[3]) == session:
                found.append(int(folder.name))
    return found


if __name__ == "__main__":
    sys.exit(main())
