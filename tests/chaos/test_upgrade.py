"""S7: a release under load: every process replaced, one after the other, nothing lost."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.error
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from tests import trials
from tests.chaos.siege import holds, is_ended, p95, seconds, tell
from tests.chaos.test_spine import Sink, Storm
from tests.chaos.test_versions import _copied, _release
from tests.walks.running import ROOT, Running, installation

pytestmark = pytest.mark.long

LATER = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("{app}", "{latest}")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE {table} ADD COLUMN later text",
            "ALTER TABLE {table} DROP COLUMN later",
        )
    ]
"""
TABLES = {"perception": "perception_signal", "autonomy": "autonomy_intent"}
TWICE = ("web", "relay", "worker")
KINDS = ("gunicorn", "celery:app worker", "celery:app beat", "manage.py relay")


class Upgrade(Storm):
    """A storm whose processes run from the folder that is current."""

    def __init__(
        self, running: Running, sink: Sink, seed: int, older: Path, newer: Path
    ) -> None:
        super().__init__(running, sink, seed)
        self.older, self.newer = older, newer
        self.over = threading.Event()
        self.accepted: list[tuple[int, Any]] = []
        self.said: Counter[str] = Counter()
        self.took: list[float] = []

    def keep_posting(self, first: int, every: float) -> None:
        """Signals and proposals in turn, each with a key, until it is accepted."""
        number = first
        while not self.over.is_set():
            began = time.monotonic()
            self.accepted.append((number, self.post_keyed(number)))
            self.took.append(time.monotonic() - began)
            number += 2
            self.over.wait(every)

    def post_keyed(self, number: int) -> Any:
        until = time.monotonic() + 120
        while time.monotonic() < until:
            try:
                said = self.post_one(number)
            except urllib.error.HTTPError as refusal:
                self.said[f"{refusal.code}"] += 1
            except (OSError, HTTPException) as error:
                self.said[type(error).__name__] += 1
            else:
                return said
            time.sleep(0.2)
        raise AssertionError(f"{number} was never accepted: {self.said}")

    def post_one(self, number: int) -> Any:
        path, body = "signals/", self.signal(number // 2)
        if number % 2:
            path, body = "intents/", self.proposal(number)
        key = {"Idempotency-Key": f"siege {number}"}
        return self.ask("POST", path, body, wait=20, role="integration", **key)[1]

    def proposal(self, number: int) -> dict[str, Any]:
        return {
            "account": f"crm-{number % 100 + 1:04}",
            "action_type": "create_internal_note",
            "parameters": {"text": "A note."},
            "confidence": 0.9,
            "rationale": f"siege {number}",
        }

    def leaders(self, folder: Path) -> dict[int, str]:
        """Processes of the Procfile that run from a folder, and what each is."""
        found = {}
        for kind in KINDS:
            for pid in self.running.pids(kind):
                with suppress(OSError):
                    here = os.readlink(f"/proc/{pid}/cwd") == str(folder)
                    if here and os.getsid(pid) == pid:
                        found[pid] = kind
        return found

    def replace(self, pid: int, kind: str, how: signal.Signals) -> None:
        """It ends, and one of its kind runs from the newer folder."""
        before = list(self.leaders(self.newer).values()).count(kind)
        os.kill(pid, how)
        self.running.wait_for(
            lambda: (
                pid not in self.leaders(self.older)
                and list(self.leaders(self.newer).values()).count(kind) > before
            ),
            90,
        )
        until = time.monotonic() + 90
        while (said := self.running.ask("/readyz"))[0] != 200:
            assert time.monotonic() < until, (kind, how, said)
            time.sleep(0.5)

    def migrate(self) -> float:
        """As the release does; the seconds it took."""
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "manage.py", "migrate", "--noinput"],
            cwd=self.newer, env=self.running.env, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return time.monotonic() - began

    def roll(self, lasting: float) -> float:
        """Everybody is replaced; one is killed, and in the middle tables change."""
        old = list(self.leaders(self.older).items())
        assert len(old) == 2 * len(TWICE) + 1, old
        self.dice.shuffle(old)
        # A newer web is not ready before its tables are; who carries messages may come first.
        first = [each for each in old if each[1] in KINDS[1:]][:2]
        old = [*first, *(each for each in old if each not in first)]
        killed = self.dice.choice([pid for pid, kind in old if "worker" in kind])
        took = 0.0
        for place, (pid, kind) in enumerate(old):
            began = time.monotonic()
            if place == len(first):
                took = self.migrate()
            how = signal.SIGKILL if pid == killed else signal.SIGTERM
            self.replace(pid, kind, how)
            time.sleep(max(0.0, lasting / len(old) - (time.monotonic() - began)))
        assert self.leaders(self.older) == {}
        return took


def _later(newer: Path) -> None:
    """Its migrations: hot tables get a column that may be empty."""
    for app, table in TABLES.items():
        folder = newer / app / "migrations"
        latest = max(path.stem for path in folder.glob("0*.py"))
        text = LATER.format(app=app, latest=latest, table=table)
        (folder / "9999_later.py").write_text(text)


def _procfile(running: Running, current: Path) -> None:
    """The house's own, from the current folder; most of it twice."""
    lines = ["release: python manage.py migrate --noinput"]
    for line in (ROOT / "Procfile").read_text().splitlines():
        name, _, command = line.partition(": ")
        if name == "release":
            continue
        for turn in range(1 + (name in TWICE)):
            more = {"web": " --reuse-port", "worker": f" -n hand{turn}@%h"}
            # Where it is now: what is loaded later comes from the same release.
            said = f"cd -P {current} && exec {command}{more.get(name, '')}"
            lines.append(f"{name}-{turn}: sh -c '{said}'")
    path = running.var.parent / "Procfile"
    path.write_text("\n".join(lines))
    running.words = ["--procfile", str(path)]


@contextmanager
def _upgrade(seed: int, room: Path) -> Iterator[Upgrade]:
    older, newer, current = room / "older", room / "newer", room / "current"
    _copied(older)
    _release(newer)
    _later(newer)
    current.symlink_to(older)
    sink = Sink(seed)
    env = {"EGRESS_ALLOW": f"127.0.0.1:{sink.port}", "WORKER_CONCURRENCY": "1"}
    with installation(**env, WEB_CONCURRENCY="1") as running:
        _procfile(running, current)
        running.start()
        storm = Upgrade(running, sink, seed, older, newer)
        storm.prepare(accounts=100)
        storm.bind_sink()
        running.wait_for(lambda: len(storm.leaders(older)) == 2 * len(TWICE) + 1, 60)
        yield storm
        running.stop()


@pytest.mark.timeout(3600)
def test_a_release_under_load(tmp_path: Path) -> None:
    """Warm shutdowns, one kill and a migration: what a client cannot heal by sending the
    same key again does not happen.
    """
    lasting, seed = seconds("SIEGE_MINUTES", 5), trials.seed()
    with _upgrade(seed, tmp_path) as storm:
        posters = [
            threading.Thread(target=storm.keep_posting, args=(first, 0.25), daemon=True)
            for first in range(2)
        ]
        for poster in posters:
            poster.start()
        current = tmp_path / "current"
        current.unlink()
        current.symlink_to(storm.newer)
        migrated = storm.roll(lasting)
        storm.over.set()
        for poster in posters:
            poster.join()
        is_ended(storm)
        signals = sum(number % 2 == 0 for number, _ in storm.accepted)
        tell(
            "upgrade", tried=len(storm.accepted), seed=seed,
            broken=storm.lost(signals) + storm.duplicates(),
            resent=storm.said.total(), migrated=migrated,
            longest=max(storm.took), p95=p95(storm.took),
        )  # fmt: skip
        sys.stdout.write(f"{dict(storm.said)}\n")
        assert not [code for code in storm.said if code.isdigit()], _why(storm)
        proposed = len(storm.accepted) - signals
        mine = "FROM autonomy_intent WHERE rationale LIKE 'siege %'"
        assert storm.running.sql(
            f"SELECT count(*), count(DISTINCT rationale) {mine}"
        ) == [(proposed, proposed)]
        _says_the_same(storm, random.Random(seed).sample(storm.accepted, 20))
        sys.stdout.write(f"{holds(storm, signals)}\n")


def _why(storm: Upgrade) -> str:
    """What the log says around the first answer that was none."""
    lines = storm.running.log.read_text().splitlines()
    bad = [place for place, line in enumerate(lines) if "status=500" in line][:1]
    told = "\n".join("\n".join(lines[max(0, at - 40) : at + 20]) for at in bad)
    return f"{dict(storm.said)}\n{told}"


def _says_the_same(storm: Upgrade, some: list[tuple[int, Any]]) -> None:
    """The newer release knows the keys that the older one was given."""
    for number, said in some:
        again = storm.post_one(number)
        assert json.dumps(again, sort_keys=True) == json.dumps(said, sort_keys=True)
