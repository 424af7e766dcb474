"""One trace from a signal to its execution, over real processes; errors, reported once."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.config.collector import Beside, Seen, beside
from tests.walks.doors import Tenant, tenants
from tests.walks.running import Running, installation

STAGES = {"trigger", "gate", "decide", "approve", "execute"}
WORD, MAIL = "canaryword", "canary@acme"
AWAY = "the collector of traces is away"
# A run that no code can handle; the words of its error are a stranger's.
BROKEN = f"""
INSERT INTO autonomy_run
    (id, tenant_id, account_id, trigger, origin, key, status, stage, fence, attempts,
     due_at, gate_result, gate_reason, gate_explanation, deferred, error, created_at,
     updated_at)
SELECT gen_random_uuid(), tenant_id, id, '{MAIL}', 'ritual', 'broken', 'RECEIVED',
       'TRIGGER', 0, 0, now(), '', '', '', 0, '', now(), now()
FROM perception_account WHERE {{me}} ORDER BY id LIMIT 1 RETURNING id
"""
# No more attempts at it; how many there were.
ENDED = """
UPDATE autonomy_run SET status = 'SKIPPED', lease_until = NULL
WHERE {me} AND key = 'broken' RETURNING attempts
"""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """An installation, where its spans go, where its errors go."""

    tenant: Tenant
    collector: Beside
    reports: Beside

    @property
    def running(self) -> Running:
        return self.tenant.running

    def post(self, *names: str, sender: str) -> list[str]:
        """Signals in one request; the traces that they are."""
        asked = [
            {
                "account": self.tenant.accounts[n],
                "type": "ticket_escalated",
                "dedupe_key": name,
                "payload": {"title": f"{WORD} {name}", "severity": "high"},
            }
            for n, name in enumerate(names)
        ]
        status, said, _ = self.tenant.ask(
            "POST", "signals/", asked, role="integration", traceparent=sender
        )
        assert status == 202, said
        return [each["id"].replace("-", "") for each in said]

    def of(self, trace: str) -> list[Seen]:
        return [each for each in self.collector.spans() if each.trace == trace]

    def has(self, trace: str, *names: str) -> Callable[[], bool]:
        return lambda: {each.name for each in self.of(trace)} >= set(names)


def _sender(number: int) -> tuple[str, str, str]:
    """A header as a sender writes it; its trace, its span."""
    trace, span = f"{0xABC0 + number:032x}", f"{0xDEF0 + number:016x}"
    return f"00-{trace}-{span}-01", trace, span


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    with (
        beside() as collector,
        beside() as reports,
        installation(
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{collector.place}",
            OTEL_BSP_SCHEDULE_DELAY="200",
            OTEL_EXPORTER_OTLP_TIMEOUT="1",
            SENTRY_DSN=f"http://key@{reports.place}/1",
            LOG_FORMAT="json",
            WEB_CONCURRENCY="1",
            WORKER_CONCURRENCY="2",
        ) as running,
    ):
        running.start()
        (tenant,) = tenants(running, 1, 4)
        tenant.free()
        yield Watched(tenant=tenant, collector=collector, reports=reports)
        running.stop()


@pytest.mark.timeout(400)
def test_one_signal_is_one_trace(watched: Watched) -> None:
    """U4: from the request to the act, in whatever process; a person's yes as well."""
    header, sent_trace, sent_span = _sender(1)
    (trace,) = watched.post("one", sender=header)
    watched.running.wait_for(watched.tenant.is_done, 90)
    watched.running.wait_for(watched.has(trace, "signal", "ask", *STAGES), 60)
    watched.running.wait_for(watched.has(sent_trace, "POST /api/v1/signals/"), 60)
    (request,) = watched.of(sent_trace)
    assert (request.parent, request.process) == (sent_span, "web")
    (root,) = (each for each in watched.of(trace) if each.name == "signal")
    assert (root.parent, root.id, root.process) == ("", trace[16:], "web")
    assert root.links == ((sent_trace, request.id),)
    assert request.links == ((trace, root.id),)
    verdicts = {each.id for each in watched.of(trace) if each.name == "approve"}
    for each in watched.of(trace):
        if each.name in STAGES:
            # An act of the house is done in the breath of its verdict.
            above = verdicts if each.name == "execute" else {root.id}
            assert each.parent in above, each
            assert each.process == "worker", each
            assert each.attributes["autonomy.stage"] == each.name.upper()
            assert each.began >= root.began
            assert not each.failed
    (asked,) = (each for each in watched.of(trace) if each.name == "ask")
    (decided,) = (each for each in watched.of(trace) if each.name == "decide")
    assert asked.parent == decided.id
    assert {each.service for each in watched.of(trace)} == {"autonomy"}
    _a_person_says_yes(watched, trace, root)


def _a_person_says_yes(watched: Watched, trace: str, root: Seen) -> None:
    """However much later: what waited, and what is done then, is in the same trace."""
    (asked,) = watched.tenant.tell(
        "GET", "approvals/?status=PENDING&action_type=escalate_support_risk"
    )["results"]
    header, sent_trace, _ = _sender(2)
    path = f"approvals/{asked['id']}/approve/"
    watched.tenant.tell("POST", path, {}, role="approver", traceparent=header)

    def told() -> dict[str, Seen]:
        return {
            f"{each.name} {each.attributes.get('autonomy.outcome', '')}".strip(): each
            for each in watched.of(trace)
            if each.attributes.get("autonomy.intent") == asked["intent"]
        }

    watched.running.wait_for(
        lambda: {*told()} >= {"question", "execute SUCCEEDED"},
        90,
    )
    question, act = told()["question"], told()["execute SUCCEEDED"]
    assert (question.process, act.process) == ("web", "worker")
    assert {question.parent, act.parent} == {root.id}
    assert question.attributes["autonomy.decision"] == "APPROVED"
    assert [each for each, _ in question.links] == [sent_trace]
    assert question.ended <= act.began
    assert act.attributes["autonomy.outcome"] == "SUCCEEDED"


@pytest.mark.timeout(400)
def test_three_signals_of_one_request_are_three_traces(watched: Watched) -> None:
    header, sent_trace, _ = _sender(3)
    traces = watched.post("a", "b", "c", sender=header)
    assert len({*traces}) == 3
    for trace in traces:
        watched.running.wait_for(watched.has(trace, "signal", *STAGES), 90)
    watched.running.wait_for(watched.has(sent_trace, "POST /api/v1/signals/"), 60)
    (request,) = watched.of(sent_trace)
    assert {trace for trace, _ in request.links} == {*traces}
    for trace in traces:
        (root,) = (each for each in watched.of(trace) if each.name == "signal")
        assert root.links == ((sent_trace, request.id),)
        own = {each.attributes.get("autonomy.signal") for each in watched.of(trace)}
        assert len(own - {None}) == 1


@pytest.mark.timeout(400)
def test_an_error_of_a_worker_is_reported_once(watched: Watched) -> None:
    """Each attempt that broke: its class and its lines, and no word of it."""
    ((run,),) = watched.tenant.rows(BROKEN)
    watched.running.wait_for(lambda: len(watched.reports.errors()) > 0, 90)
    ((attempts,),) = watched.tenant.rows(ENDED)
    watched.running.wait_for(lambda: len(watched.reports.errors()) >= attempts, 60)
    events = watched.reports.errors()
    assert len(events) == attempts
    for event in events:
        assert event["transaction"] == "autonomy.tasks.trigger"
        assert event["tags"]["run"] == str(run)
        assert event["tags"]["process"] == "worker"
        (error,) = event["exception"]["values"]
        assert (error["type"], error["value"]) == ("ValueError", "")
    trace = str(run).replace("-", "")
    watched.running.wait_for(watched.has(trace, "trigger"), 60)
    failed = watched.of(trace)
    assert {each.name for each in failed} == {"trigger"}
    assert all(each.failed for each in failed)
    assert failed[0].attributes["error.type"] == "ValueError"


@pytest.mark.timeout(400)
def test_a_collector_that_dies_holds_nothing_up(watched: Watched) -> None:
    """Signals run as before; each process says one line, and no library a word."""
    watched.collector.close()
    for n in range(3):
        watched.post(f"dark {n}", sender=_sender(4)[0])
        watched.running.wait_for(watched.tenant.is_done, 90)
    done = "autonomy_run WHERE {me} AND status = 'DONE'"
    assert watched.tenant.count(done) >= 1 + 3 + 3
    watched.running.wait_for(lambda: AWAY in watched.running.log.read_text(), 60)
    lines = watched.running.log.read_text().splitlines()
    # The web process, and two of the worker: in their lives each has said so once.
    assert len([line for line in lines if AWAY in line]) <= 3
    assert not [line for line in lines if "opentelemetry" in line.lower()]


@pytest.mark.timeout(400)
def test_no_word_of_anybody_went_out(watched: Watched) -> None:
    """I6: what was sent in all these tests holds no payload, address, name or token."""
    sent = watched.collector.text() + json.dumps(watched.reports.errors())
    assert len(watched.collector.spans()) > 30
    tenant: Any = watched.tenant
    (first, *_) = tenant.tell("GET", "accounts/")["results"]
    unwanted = [WORD, MAIL, first["name"], first["external_id"], "@demo-1.example"]
    assert not [each for each in (*unwanted, *tenant.tokens.values()) if each in sent]
    lines = [
        json.loads(line.partition("| ")[2])
        for line in watched.running.log.read_text().splitlines()
        if '"trace_id"' in line
    ]
    assert {len(each["trace_id"]) for each in lines} == {32}
    assert {f"{0xABC1:032x}"} <= {each["trace_id"] for each in lines}
