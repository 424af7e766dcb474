"""S8, S9: two hosts, the link between them cut: who is fenced commits nothing.

Postgres and Redis are on the near one; web, relay and workers on both. The far worker's
clock is a day ahead. An integrator is reached by both, whatever becomes of the link.
"""

import json
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from config import embedded
from config.embedded import endpoints, start
from tests import trials
from tests.chaos.hosts import FAR, NEAR, OUT, Net, why_not
from tests.chaos.siege import count, holds, is_ended, middle, tell
from tests.chaos.story import Story
from tests.chaos.test_spine import Sink, Storm
from tests.chaos.test_versions import BEAT, RELAY, WEB, WORKER, _procfile
from tests.walks.running import Running, installation

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "here"),
]
LEASE = 6.0
# The near host as the integrator sees it, and the far one as Postgres does.
NEAR_OUT, FAR_LINK = "10.99.1.1", "10.99.0.2"
# By keepalives on either end: then nobody's locks are held for the far host.
NOTICED_WITHIN = 25.0
KEYS = {
    "SECRET_KEY": "siege" * 10,
    "FIELD_KEYS": "c2llZ2VzaWVnZXNpZWdlc2llZ2VzaWVnZXNpZWdlcz0=",
    "LEDGER_SIGNING_KEY": "c2llZ2VzaWVnZXNpZWdlc2llZ2VzaWVnZXNpZWdlcz0=",
    "LEASE_SECONDS": f"{LEASE}",
    "TOOL_TIMEOUT_SECONDS": "4",
    "WEB_CONCURRENCY": "1",
    "TICK_SECONDS": "1",
}


@dataclass
class Hosts:
    """Both hosts at work, and what the link between them went through."""

    net: Net
    near: Storm
    far: Running
    dice: random.Random
    posted: int = 0
    backs: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    over: threading.Event = field(default_factory=threading.Event)

    def number(self) -> int:
        with self.lock:
            self.posted += 1
            return self.posted - 1

    def keep_posting(self, story: Story, every: float) -> None:
        """By one host's own door, each until it is accepted."""
        while not self.over.is_set():
            story.post_signal(self.number())
            self.over.wait(every)

    def posting(self, every: float) -> list[threading.Thread]:
        """One who posts on each host."""
        beside = Story(self.far)
        beside.tokens = self.near.tokens
        posters = []
        for host, story in (("near", self.near), ("far", beside)):
            with self.net.on(host):
                posters.append(
                    threading.Thread(
                        target=self.keep_posting, args=(story, every), daemon=True
                    )
                )
                posters[-1].start()
        return posters

    def await_far(self, since: float) -> float:
        """Until the far worker has called for an act once more; when that was."""
        heard = self.near.sink.heard
        self.near.running.wait_for(lambda: heard.get(FAR, 0) > since, 180)
        return heard[FAR]

    def cut(self, how: Callable[[], None], lasting: float) -> None:
        """While the far worker has an act in hand; until it has been back at work."""
        self.await_far(time.monotonic())
        how()
        began = time.monotonic()
        time.sleep(lasting)
        assert self.near.sink.heard[NEAR_OUT] > began, "the near host stood still"
        if lasting >= NOTICED_WITHIN and how != self.loses_some:
            held = f"client_addr = '{FAR_LINK}' AND xact_start IS NOT NULL"
            seen = f"SELECT count(*) FROM pg_stat_activity WHERE {held}"
            assert self.near.one(seen) == 0
        self.net.heals()
        healed = time.monotonic()
        self.backs.append(self.await_far(healed + 1) - healed)

    def loses_some(self) -> None:
        self.net.goes_deaf("near", "far", loses=30)

    def loses_redis(self) -> None:
        """And what it held for the far host dies while nobody can say so."""
        self.net.goes_deaf("near", "far")
        embedded.down(self.near.running.var, ["redis"])
        embedded.up(self.near.running.var, ["redis"])

    def ways(self) -> list[Callable[[], None]]:
        deaf = self.net.goes_deaf
        ways = [
            self.net.goes_down,
            lambda: deaf("near", "far"),
            lambda: deaf("far"),
            lambda: deaf("near"),
            self.loses_some,
            self.loses_redis,
        ]
        self.dice.shuffle(ways)
        return ways


@contextmanager
def _hosts(seed: int, tmp_path: Path, monkeypatch: Any) -> Iterator[Hosts]:
    everywhere = start.POSTGRES.replace(
        "listen_addresses=127.0.0.1", "listen_addresses=*"
    )
    monkeypatch.setattr(start, "POSTGRES", everywhere)
    monkeypatch.setattr(start, "REDIS", start.REDIS.replace("127.0.0.1", "0.0.0.0"))  # noqa: S104
    with Net() as net, net.on("near"), installation(is_new=True, **KEYS) as near:
        with net.on("out"):
            sink = Sink(seed, host=OUT, takes=1.0)
        embedded.up(near.var)
        _let_in(near)
        ends = endpoints(near.var)
        urls = {
            "DATABASE_URL": ends.superuser_url().replace("127.0.0.1", NEAR),
            "REDIS_URL": ends.redis_url.replace("127.0.0.1", NEAR),
            "EGRESS_ALLOW": f"{OUT}:{sink.port}",
        }
        near.env |= urls
        hand = "worker: " + WORKER % "" + " -n near@%h"
        _procfile(near, WEB, BEAT, RELAY, hand)
        near.start()
        roles = json.loads((near.var / "roles.json").read_text())
        urls["DATABASE_URL"] = roles[urls["DATABASE_URL"]]["app"]
        far = Running(tmp_path / "far" / "var", near.port, **KEYS, **urls)
        far.var.parent.mkdir()
        _procfile(far, WEB, RELAY, "worker: " + WORKER % "--ahead 26" + " -n far@%h")
        path = Path(far.words[1])
        path.write_text(path.read_text().partition("\n")[2])
        storm = Storm(near, sink, seed)
        storm.prepare(accounts=100)
        storm.bind_sink()
        try:
            with net.on("far"):
                far.start()
            yield Hosts(net=net, near=storm, far=far, dice=random.Random(seed))
            far.stop()
            near.stop()
        finally:
            with suppress(AttributeError, ProcessLookupError):
                assert far.process is not None
                far.process.kill()


def _let_in(near: Running) -> None:
    """A database of the operator's, which takes logins from the other host too."""
    servers = {each.name: each.home for each in embedded.status(near.var)}
    with (servers["postgres"] / "pg_hba.conf").open("a") as file:
        file.write("\nhost all all 10.99.0.0/30 scram-sha-256\n")
    connection = psycopg2.connect(endpoints(near.var).superuser_url("postgres"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE autonomy")
        cursor.execute("SELECT pg_reload_conf()")
    connection.close()


@pytest.mark.timeout(3600)
def test_a_link_that_is_cut_and_heals(tmp_path: Path, monkeypatch: Any) -> None:
    """P10, S8: down, silent, deaf one way, lossy: acts are done once, whoever began them."""
    seed = trials.seed()
    lasting = float(count("CUT_SECONDS", 25))
    with _hosts(seed, tmp_path, monkeypatch) as hosts:
        posters = hosts.posting(every=1.0)
        for _ in range(count("CUTS", 2)):
            for way in hosts.ways():
                hosts.cut(way, lasting)
        hosts.over.set()
        for poster in posters:
            poster.join()
        near = hosts.near
        is_ended(near)
        with hosts.net.on("far"):
            near.running.wait_for(lambda: hosts.far.ask("/healthz")[0] == 200, 60)
        taken_over = sum(len(hands) > 1 for hands in near.sink.hands.values())
        tell(
            "hosts", tried=hosts.posted, seed=seed,
            broken=near.lost(hosts.posted) + near.duplicates(),
            cuts=len(hosts.backs), taken_over=taken_over,
            back_middle=middle(hosts.backs), back_longest=max(hosts.backs),
        )  # fmt: skip
        assert taken_over > 0
        sys.stdout.write(f"{holds(near, hosts.posted)}\n")
        assert len(near.running.sql("SELECT DISTINCT day FROM autonomy_budgetuse")) <= 2
