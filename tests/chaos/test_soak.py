"""R9: everything at a steady pace, for long: nothing grows, nothing waits, nothing is lost."""

import json
import random
import sys
import threading
import time
import urllib.error
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

import pytest

from tests import trials
from tests.chaos.figures import Figures
from tests.chaos.siege import is_ended, seconds, tell
from tests.chaos.test_spine import Sink, Storm
from tests.walks.running import Running, installation

pytestmark = pytest.mark.long

# What may be gained an hour after the warm-up, all processes together. A slope of a
# minute is mostly chance, so shorter soaks are held to a step instead.
MEMORY_AN_HOUR, STEP = 60 * 2**20, 150 * 2**20
FILES_AN_HOUR, CONNECTIONS_AN_HOUR = 60.0, 12.0
MOST_KEYS, MOST_REDIS_GROWTH = 2000, 20 * 2**20
IDLE_IN_TRANSACTION, DRAINED_WITHIN = 5.0, 30.0
TYPES = (
    ("ticket_escalated", {"title": "It is down.", "severity": "high"}),
    ("reply_received", {"sentiment": "negative"}),
    (
        "crm_update",
        {"object": "opportunity", "opportunity": "o1", "stage": "discovery"},
    ),
)


class Source:
    """What a connector reads: every time it is asked, there is something new."""

    def __init__(self) -> None:
        self.asked = 0
        source = self

        class Door(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                source.asked += 1
                at = datetime.now(UTC).isoformat()
                account = f"crm-{source.asked % 100 + 1:04}"
                items = [{"id": f"item {source.asked}", "account": account, "at": at}]
                body = json.dumps(items).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words: Any) -> None:
                """Nothing: the test counts."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.place = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Soak(Storm):
    """A storm without faults: people, bots and sources at a steady pace."""

    def __init__(self, running: Running, sink: Sink, seed: int, source: Source) -> None:
        super().__init__(running, sink, seed)
        self.source = source
        self.over = threading.Event()
        self.did: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.posted = 0
        self.connector = ""

    def settle_in(self) -> None:
        words = ("token", "create", "--tenant", "demo-1", "--role", "approver")
        self.tokens["approver"] = self.running.manage(*words).strip()
        hour = {"digest_hour": datetime.now(UTC).hour, "timezone": "UTC"}
        headers, _ = self.ask("GET", "settings/")
        self.ask("PATCH", "settings/", hour, **{"If-Match": headers["ETag"]})
        config = {"url": f"http://{self.source.place}/items"}
        given = {"kind": "http", "name": "Source", "config": config}
        _, made = self.ask("POST", "connectors/", given)
        self.connector = made["id"]

    def signals(self) -> None:
        type_, payload = TYPES[self.posted % len(TYPES)]
        body = {**self.signal(self.posted), "type": type_, "payload": payload}
        self.ask("POST", "signals/", body, wait=30, role="integration")
        self.posted += 1

    def decisions(self) -> None:
        """A bot says yes to most of what waits, and no to the rest."""
        _, found = self.ask("GET", "approvals/?status=PENDING&limit=5", role="approver")
        for each in found["results"]:
            yes = self.dice.random() < 0.8
            verb, body = ("approve", {}) if yes else ("reject", {"cause": "timing"})
            self.ask("POST", f"approvals/{each['id']}/{verb}/", body, role="approver")
            self.did[verb] += 1

    def undos(self) -> None:
        path = "executions/?status=SUCCEEDED&action_type=create_internal_note&limit=1"
        _, found = self.ask("GET", path, role="approver")
        for each in found["results"]:
            self.ask("POST", f"executions/{each['id']}/undo/", {}, role="approver")
            self.did["undo"] += 1

    def pulls(self) -> None:
        """A new name makes its source due at once."""
        path = f"connectors/{self.connector}/"
        headers, _ = self.ask("GET", path)
        name = {"name": f"Source {next(NAMES)}"}
        self.ask("PATCH", path, name, **{"If-Match": headers["ETag"]})
        self.did["pull asked for"] += 1

    def keep_on(self, work: Callable[[], None], every: float) -> None:
        while not self.over.wait(every):
            try:
                work()
            except urllib.error.HTTPError as refusal:
                self.refused[f"{work.__name__} {refusal.code}"] += 1
            except (OSError, HTTPException) as error:
                self.refused[f"{work.__name__} {type(error).__name__}"] += 1

    def load(self) -> list[threading.Thread]:
        paces = (
            (self.signals, 0.5),
            (self.decisions, 2),
            (self.undos, 5),
            (self.pulls, 15),
        )
        threads = [
            threading.Thread(target=self.keep_on, args=pace, daemon=True)
            for pace in paces
        ]
        for thread in threads:
            thread.start()
        return threads


NAMES = count()


@contextmanager
def _soak(seed: int) -> Iterator[Soak]:
    sink, source = Sink(seed), Source()
    allowed = f"127.0.0.1:{sink.port},{source.place}"
    with installation(EGRESS_ALLOW=allowed, SEAL_SECONDS="1") as running:
        running.start()
        soak = Soak(running, sink, seed, source)
        soak.prepare(accounts=100)
        soak.bind_sink()
        soak.settle_in()
        yield soak
        running.stop()


def _assert_flat(seen: Figures, lasting: float) -> None:
    hour = 3600
    if lasting >= 900:
        assert seen.slope("memory") * hour <= MEMORY_AN_HOUR
        assert seen.slope("files") * hour <= FILES_AN_HOUR
        assert seen.slope("connections") * hour <= CONNECTIONS_AN_HOUR
    first = seen.of("memory")[0][1]
    assert seen.most("memory") - first <= STEP
    assert seen.most("keys") <= MOST_KEYS
    assert (
        seen.most("redis_memory") - seen.of("redis_memory")[0][1] <= MOST_REDIS_GROWTH
    )
    assert seen.most("idle_in_transaction") <= IDLE_IN_TRANSACTION


@pytest.mark.timeout(4 * 3600)
def test_an_hour_like_any_other() -> None:
    """Signals, approvals, undos, pulls and digests for SOAK_MINUTES; then all is counted."""
    lasting, seed = seconds("SOAK_MINUTES", 30), trials.seed()
    random.seed(seed)
    with _soak(seed) as soak:
        with Figures(soak.running, every=max(2.0, lasting / 200)) as seen:
            threads = soak.load()
            time.sleep(lasting)
            soak.over.set()
            for thread in threads:
                thread.join()
        began = time.monotonic()
        is_ended(soak, 120)
        waiting = (
            "SELECT (SELECT count(*) FROM perception_signal WHERE entered_at IS NULL)"
            " + (SELECT count(*) FROM ledger_pending)"
        )
        soak.running.wait_for(lambda: soak.one(waiting) == 0, 120)
        drained = time.monotonic() - began
        digests = soak.one("SELECT count(*) FROM autonomy_digest")
        pulled = soak.one(
            "SELECT count(*) FROM perception_signal WHERE source <> '' AND"
            f" connector_id = '{soak.connector}'"
        )
        tell(
            "soak", tried=soak.posted, seed=seed,
            broken=soak.lost(soak.posted) + soak.duplicates(),
            memory_mb=seen.most("memory") / 2**20,
            memory_mb_an_hour=seen.slope("memory") * 3600 / 2**20,
            files=seen.most("files"), files_an_hour=seen.slope("files") * 3600,
            connections=seen.most("connections"),
            connections_an_hour=seen.slope("connections") * 3600,
            keys=seen.most("keys"), redis_mb=seen.most("redis_memory") / 2**20,
            queued=seen.most("queued"), unacked=seen.most("unacked"),
            oldest_transaction=seen.most("oldest_transaction"),
            idle_in_transaction=seen.most("idle_in_transaction"),
            dead_tuples=seen.most("dead"), drained=drained,
            digests=digests, pulled=pulled, undone=soak.did["undo"],
            approved=soak.did["approve"],
        )  # fmt: skip
        sys.stdout.write(f"{dict(soak.did)} refused {dict(soak.refused)}\n")
        assert not [name for name in soak.refused if name.startswith("signals")]
        assert not [name for name in soak.refused if name.endswith(("500", "502"))]
        assert drained <= DRAINED_WITHIN
        assert min(pulled, soak.did["undo"], soak.did["approve"]) > 0
        _assert_flat(seen, lasting)
        sys.stdout.write(f"{_holds(soak)}\n")


def _holds(soak: Soak) -> str:
    """Nothing lost or twice; what did not succeed for good was taken back."""
    soak.assert_nothing_lost(soak.posted)
    assert soak.duplicates() == 0
    ended = "SELECT DISTINCT status FROM autonomy_execution"
    assert {row[0] for row in soak.running.sql(ended)} <= {"SUCCEEDED", "UNDONE"}
    soak.assert_sink_agrees()
    return soak.seal()
