"""S3, S6: five times what the house can take: it answers, keeps what it took, stays fair."""

import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

import pytest

from tests import trials
from tests.chaos.figures import Figures
from tests.chaos.siege import count, p95, seconds, tell
from tests.chaos.story import Story
from tests.walks.doors import Tenant, tenants
from tests.walks.running import Running, installation

pytestmark = pytest.mark.long

# Nothing of what is proposed here waits for people.
UNHAPPY = {"type": "reply_received", "payload": {"sentiment": "negative"}}
IN_ONE, AT_ONCE = 5, 16
ANSWERS_WITHIN, BESIDE_WITHIN, STOPS_WITHIN = 5.0, 20.0, 10.0
GROWS_BY = 300 * 2**20
# All that says how freely a tenant's acts run by themselves.
FREEDOM = (
    "SELECT 'mode', count(*), md5(string_agg(m::text, '|' ORDER BY m.id))"
    " FROM autonomy_mode m UNION ALL"
    " SELECT 'opt', count(*), md5(string_agg(o::text, '|' ORDER BY o.id))"
    " FROM autonomy_optin o UNION ALL"
    " SELECT 'budget', count(*), md5(string_agg(b::text, '|' ORDER BY b.id))"
    " FROM autonomy_budget b"
)


@dataclass
class Flood:
    """So many signals a second at one tenant's door, whatever it answers."""

    tenant: Tenant
    rate: float
    name: str = "flood"
    accepted: list[str] = field(default_factory=list)
    said: Counter[str] = field(default_factory=Counter)
    took: list[float] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    number: Iterator[int] = field(default_factory=lambda: iter(range(10**9)))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, lasting: float) -> None:
        """Requests at their times; who is late waits for nobody."""
        began = time.monotonic()
        hands = [
            threading.Thread(target=self._hand, args=(began, lasting), daemon=True)
            for _ in range(AT_ONCE)
        ]
        for hand in hands:
            hand.start()
        for hand in hands:
            hand.join()

    def _hand(self, began: float, lasting: float) -> None:
        while True:
            with self.lock:
                turn = next(self.number)
            at = turn * IN_ONE / self.rate
            if at >= lasting or time.monotonic() - began >= lasting:
                return
            time.sleep(max(0.0, began + at - time.monotonic()))
            self._send(turn)

    def _send(self, turn: int) -> None:
        body = [
            {
                **UNHAPPY,
                "account": self.tenant.accounts[part % len(self.tenant.accounts)],
                "dedupe_key": f"{self.name} {part}",
            }
            for part in range(turn * IN_ONE, (turn + 1) * IN_ONE)
        ]
        began = time.monotonic()
        try:
            status, said, headers = self.tenant.ask(
                "POST", "signals/", body, role="integration"
            )
        except (OSError, HTTPException) as error:
            self.said[type(error).__name__] += 1
            return
        self.took.append(time.monotonic() - began)
        self.said[f"{status}"] += 1
        if status == 202:
            self.accepted += [each["id"] for each in said]
        elif "Retry-After" not in headers:
            self.silent.append(f"{status} {said}")


@pytest.fixture
def running() -> Iterator[Running]:
    with installation() as one:
        one.start()
        yield one
        one.stop()


def _takes(tenant: Tenant) -> float:
    """Signals a second, from the door to the last act of all of them."""
    some = count("SIGNALS", 300)
    began = time.monotonic()
    numbers = range(some)
    tenant.post(
        *(
            {
                **UNHAPPY,
                "account": tenant.accounts[number % len(tenant.accounts)],
                "dedupe_key": f"measured {number}",
            }
            for number in numbers
        )
    )
    tenant.running.wait_for(tenant.is_done, 600)
    return some / (time.monotonic() - began)


@dataclass
class Beside:
    """The quiet tenant: a signal a second, and now and then everything is stopped."""

    tenant: Tenant
    over: threading.Event = field(default_factory=threading.Event)
    posted: dict[str, float] = field(default_factory=dict)
    stops: list[float] = field(default_factory=list)
    broke: list[str] = field(default_factory=list)

    def keep_on(self) -> None:
        number = 0
        while not self.over.wait(1):
            try:
                self._once(number)
            except (AssertionError, OSError, HTTPException) as error:
                self.broke.append(f"{type(error).__name__}: {error}"[:200])
            number += 1

    def _once(self, number: int) -> None:
        account = self.tenant.accounts[number % len(self.tenant.accounts)]
        given = {**UNHAPPY, "account": account, "dedupe_key": f"beside {number}"}
        at = time.time()
        (received,) = self.tenant.post(given)
        self.posted[received["id"]] = at
        if number % 10 == 9:
            self.stops.append(self._stop())

    def _stop(self) -> float:
        """Urgent: a switch is thrown, and released."""
        given = {"scope": "action_type", "target": "send_email", "reason": "siege"}
        began = time.monotonic()
        engaged = self.tenant.tell("POST", "kill-switches/engage/", given)
        took = time.monotonic() - began
        release = {"id": engaged["id"], "reason": "over"}
        self.tenant.tell("POST", "kill-switches/release/", release)
        return took

    def waits(self) -> list[float]:
        """From POST to the last act of each."""
        ends = {
            str(signal): float(at)
            for signal, at in self.tenant.rows(
                "SELECT r.signal_id, extract(epoch FROM max(e.finished_at))"
                " FROM autonomy_run r JOIN autonomy_intent i ON i.run_id = r.id"
                " JOIN autonomy_execution e ON e.intent_id = i.id"
                " WHERE r.{me} AND e.status = 'SUCCEEDED' GROUP BY 1"
            )
        }
        return [ends[id_] - at for id_, at in self.posted.items()]


@pytest.mark.timeout(7200)
def test_five_times_too_much(running: Running) -> None:
    """The door answers, memory is bounded, others are served, nothing accepted is lost."""
    seed, lasting = trials.seed(), seconds("SIEGE_MINUTES", 5)
    loud, calm = tenants(running, 2, 50)
    random.Random(seed).shuffle(loud.accounts)
    for each in (loud, calm):
        each.free()
    takes = _takes(loud)
    freedom = running.sql(FREEDOM)
    flood, beside = Flood(loud, rate=5 * takes), Beside(calm)
    with Figures(running, every=max(1.0, lasting / 100)) as figures:
        thread = threading.Thread(target=beside.keep_on, daemon=True)
        thread.start()
        flood.run(lasting)
        beside.over.set()
        thread.join()
    began = time.monotonic()
    drained_within = 120 + 4 * len(flood.accepted) / takes
    running.wait_for(lambda: loud.is_done() and calm.is_done(), drained_within)
    drained, waits = time.monotonic() - began, beside.waits()
    lost = _lost(loud, flood.accepted)
    tell(
        "overload", tried=len(flood.accepted), broken=lost, seed=seed, takes=takes,
        offered=flood.rate, accepted=len(flood.accepted) / lasting,
        answers_p95=p95(flood.took), beside_p95=p95(waits),
        stop_longest=max(beside.stops, default=0.0), drained=drained,
        grew_mb=(figures.most("memory") - figures.samples[0]["memory"]) / 2**20,
    )  # fmt: skip
    sys.stdout.write(f"{dict(flood.said)}\n")
    assert set(flood.said) <= {"202", "429", "503"}, flood.said
    assert flood.silent == []
    assert beside.broke == []
    assert p95(flood.took) <= ANSWERS_WITHIN
    assert p95(waits) <= BESIDE_WITHIN
    assert max(beside.stops, default=0.0) <= STOPS_WITHIN
    assert figures.most("memory") - figures.samples[0]["memory"] <= GROWS_BY
    assert lost == 0
    _widened_nothing(running, freedom)


def _lost(tenant: Tenant, accepted: list[str]) -> int:
    """Accepted, and no run of theirs has ended."""
    rows = tenant.rows(
        "SELECT s.id FROM perception_signal s JOIN autonomy_run r ON r.id = s.run_id"
        " WHERE s.{me} AND r.status IN ('DONE', 'SKIPPED')"
    )
    return len(set(accepted) - {str(row[0]) for row in rows})


def _widened_nothing(running: Running, before: list[Any]) -> None:
    """What people allowed is as it was; what ran by itself was allowed by policy."""
    assert running.sql(FREEDOM) == before
    story = Story(running)
    story.assert_nothing_twice()
    assert running.sql(
        "SELECT count(*) FROM autonomy_execution e JOIN autonomy_intent i"
        " ON i.id = e.intent_id WHERE e.auto_executed AND NOT EXISTS"
        " (SELECT FROM autonomy_permit p"
        " WHERE p.intent_id = i.id AND p.source = 'POLICY')"
    ) == [(0,)]
    story.seal()
