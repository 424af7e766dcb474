"""The processes of one run: started, listened to, restarted and ended."""

import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

GRACE_SECONDS = 20
FIRST_PAUSE, LONGEST_PAUSE, HEALTHY_SECONDS = 0.5, 10.0, 30
COLOURS = (36, 33, 35, 32, 34, 31)
KILLED = (-signal.SIGKILL, -signal.SIGTERM)
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


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
    command: list[str]
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

    def run_to_end(
        self, name: str, command: list[str], kept: list[str] | None = None
    ) -> int:
        """The exit code; a process that was asked to stop may take its time."""
        process = self._spawn(name, command, kept)
        child = Child(name, command, process)
        self.children.append(child)
        while process.poll() is None and not self.stopping:
            self._pump(0.05)
        if self.stopping:
            return 0
        _kill_session(process.pid)
        until = time.monotonic() + 2
        while self.pipes.get_map() and time.monotonic() < until:
            self._pump(0.05)
        self.children.remove(child)
        return process.returncode

    def work(self) -> None:
        """A moment of looking after everybody."""
        for child in self.children:
            self._tend(child)
        self._pump(0.2)

    def stop(self) -> None:
        """End every process and what it has started; whoever stays is killed."""
        living = [child.process for child in self.children if child.process]
        for process in living:
            process.terminate()
        until = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < until and any(p.poll() is None for p in living):
            self._pump(0.05)
        for process in living:
            _kill_session(process.pid)
            process.wait()
        self._pump(0)
        self.children.clear()

    def _spawn(
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

    def _pump(self, seconds: float) -> None:
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
                self._hear(stream, line.decode(errors="replace").rstrip("\r"))

    def _hear(self, stream: Stream, line: str) -> None:
        if stream.kept is None:
            self.say(stream.name, line)
        else:
            stream.kept.append(line)

    def _tend(self, child: Child) -> None:
        """Start what is due; notice what has died, and give it a growing pause."""
        now = time.monotonic()
        if child.process is None and now >= child.due:
            child.process, child.born = self._spawn(child.name, child.command), now
        code = child.process.poll() if child.process else None
        if child.process and code is not None:
            _kill_session(child.process.pid)
            # What was killed from outside is wanted back; what fails by itself has time.
            if code in KILLED or now - child.born >= HEALTHY_SECONDS:
                child.pause = FIRST_PAUSE
            again = f"again in {child.pause:g} s"
            self.say(child.name, f"ended with code {code}; {again}")
            child.process, child.due = None, now + child.pause
            child.pause = min(child.pause * 2, LONGEST_PAUSE)


def _die_with(parent: int) -> Callable[[], None]:
    def bind() -> None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        # The parent may have died before it was bound.
        if os.getppid() != parent:
            os._exit(1)

    return bind


def _kill_session(session: int) -> None:
    """Kill whoever is left of a session, whatever groups it has made for itself."""
    until = time.monotonic() + 5
    while (left := members(session)) and time.monotonic() < until:
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def members(session: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            words = (folder / "stat").read_text().rpartition(")")[2].split()
            if words[0] not in "ZX" and int(words[3]) == session:
                found.append(int(folder.name))
    return found
