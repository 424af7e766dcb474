"""docs/tutorial.md, followed from its first line to its last as a stranger would."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from config.problems import document
from tests.walks.running import free_port

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs" / "tutorial.md"
ADDRESS = "http://127.0.0.1:8000"
FENCE = re.compile(r"(<!-- soon -->\n)?```(sh|text)\n(.*?)```", re.DOTALL)
ANY_LINES, ANY = "…", "…"
END = "=-=-="
PATIENCE = 120.0


@dataclass(kw_only=True)
class Step:
    """A block of commands, what it prints, and whether that may take a moment."""

    command: str
    prints: str = ""
    soon: bool = False


def steps(text: str) -> Sequence[Step]:
    found: list[Step] = []
    for soon, language, block in FENCE.findall(text):
        if language == "sh":
            found.append(Step(command=block, soon=bool(soon)))
        else:
            assert not found[-1].prints, block
            found[-1].prints = block
    return found


def is_as_shown(said: str, shown: str) -> bool:
    """Line by line; `…` stands for anything, alone on a line for any lines."""
    if not shown:
        return True
    lines = [
        r"(?:.*\n)*?"
        if line == ANY_LINES
        else ".*".join(map(re.escape, line.rstrip().split(ANY))) + r"[ ]*\n"
        for line in shown.splitlines()
    ]
    return re.fullmatch("".join(lines), said) is not None


class Terminal:
    """A shell in which one block is typed after the other."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.shell = subprocess.Popen(
            ["bash", "--norc"],
            cwd=folder,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def type(self, command: str) -> tuple[int, str]:
        """The block's exit status and what it printed."""
        assert self.shell.stdin is not None
        assert self.shell.stdout is not None
        self.shell.stdin.write(f"{command}\necho {END} $?\n")
        self.shell.stdin.flush()
        said = []
        for line in self.shell.stdout:
            before, mark, status = line.partition(END)
            if mark:
                return int(status), "".join(said) + before
            said.append(line)
        raise AssertionError("The shell ended: " + "".join(said))

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.shell.communicate(timeout=60)


def _repository(folder: Path) -> Path:
    """What is here now, committed nowhere else."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            to = folder / name
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to)
    for words in (
        ["init", "--quiet"],
        ["add", "--all"],
        ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "All of it"],
    ):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


@contextmanager
def _empty_folder() -> Iterator[tuple[Path, dict[str, str]]]:
    room = Path(tempfile.mkdtemp(prefix="tutorial-"))
    room.chmod(0o755)
    env = {each: os.environ[each] for each in ("PATH", "HOME") if each in os.environ}
    env |= {"LANG": "C.UTF-8", "PORT": str(free_port())}
    env["REPOSITORY"] = str(_repository(room / "source"))
    try:
        (room / "empty").mkdir(mode=0o755)
        yield room / "empty", env
    finally:
        house = room / "empty" / "autonomy"
        if (house / "var").exists():
            subprocess.run(
                [sys.executable, "manage.py", "services", "down"],
                cwd=house, env=env, check=False, capture_output=True,
            )  # fmt: skip
        shutil.rmtree(room, ignore_errors=True)


def _lend_packages(house: Path) -> None:
    """What is installed here serves there: installing is not what is tried."""
    (house / ".venv").symlink_to(Path(sys.prefix))
    os.utime(house / "requirements.lock", (0, 0))


@contextmanager
def _running(house: Path, env: dict[str, str]) -> Iterator[Path]:
    """`make run` in a terminal of its own, until Ctrl-C."""
    log = house.parent / "run.log"
    with log.open("wb") as out:
        run = subprocess.Popen(
            ["make", "--silent", "run"],
            cwd=house, env=env, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
        try:
            yield log
        finally:
            with suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGINT)
            run.wait(60)


def _welcomed(log: Path, shown: str) -> None:
    until = time.monotonic() + 240
    while not is_as_shown(log.read_text(), f"…\n{shown}…\n"):
        assert time.monotonic() < until, log.read_text()[-3000:]
        time.sleep(0.2)


def _follow(terminal: Terminal, step: Step) -> None:
    """One block; where it may take a moment, again until it prints what is shown."""
    until = time.monotonic() + (PATIENCE if step.soon else 0)
    while True:
        status, said = terminal.type(step.command)
        if status == 0 and is_as_shown(said, step.prints):
            return
        assert time.monotonic() < until, f"{step.command}\n{status}: {said}"
        time.sleep(0.5)


@pytest.mark.parametrize(
    ("said", "shown", "fits"),
    [
        ("a 1 b\n", "a … b\n", True),
        ("a\n", "b\n", False),
        ("a\nx\ny\nb\n", "a\n…\nb\n", True),
        ("a\nb\n", "a\n…\nb\n", True),
        ("a\nx\n", "a\n", False),
        ("", "a\n", False),
    ],
)
def test_what_is_shown_is_held_strictly(said: str, shown: str, *, fits: bool) -> None:
    """A comparison that lets anything pass would prove nothing."""
    assert is_as_shown(said, shown) is fits


def test_every_block_of_the_tutorial_is_followed() -> None:
    """No fence of another kind hides among them, and most say what they print."""
    text = TUTORIAL.read_text(encoding="utf-8")
    found = steps(text)
    shown = sum(1 for each in found if each.prints)
    assert text.count("```") == 2 * (len(found) + shown)
    assert shown >= 15


def test_a_refusal_is_read_as_a_sentence() -> None:
    """Where something is not there, `field` says so, instead of the refusal's own fields."""
    text = TUTORIAL.read_text(encoding="utf-8").replace(
        ".venv/bin/python", sys.executable
    )
    block = next(each.command for each in steps(text) if "field() {" in each.command)
    helpers = block[block.index("field() {") : block.index("show() {")]
    for body, said in (
        (
            document(404, "NOT_FOUND", "There is nothing here."),
            (1, "", "There is nothing here.\n"),
        ),
        ({"status": "SUCCEEDED"}, (0, "SUCCEEDED\n", "")),
    ):
        done = subprocess.run(
            ["bash", "-c", f"{helpers}\nfield status"],
            input=json.dumps(body), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == said


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_stranger_follows_the_tutorial() -> None:
    """An empty folder, a source, a policy, an act, its undo, its proof, its forgery."""
    began = time.monotonic()
    with _empty_folder() as (folder, env):
        text = TUTORIAL.read_text(encoding="utf-8")
        first, *rest = steps(text.replace(ADDRESS, f"http://127.0.0.1:{env['PORT']}"))
        with Terminal(folder, env) as terminal:
            _follow(terminal, first)
        house = folder / "autonomy"
        _lend_packages(house)
        run, *typed, clean = rest
        assert (run.command, clean.command) == ("make run\n", "make clean\n")
        with Terminal(folder, env) as terminal:
            with _running(house, env) as log:
                _welcomed(log, run.prints)
                for step in typed:
                    _follow(terminal, step)
            _follow(terminal, clean)
        assert not (house / "var").exists()
    sys.stdout.write(f"the tutorial took {time.monotonic() - began:.0f} s\n")
