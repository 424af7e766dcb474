"""One trace for each signal: what is told, under which ids, and what never is."""

import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import (
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, TraceIdRatioBased
from uuid_utils.compat import uuid7

from autonomy import starting
from autonomy.rules.triggers import Trigger
from config import logs, observing, tracing
from ledger import spans
from ledger.clock import clock
from ledger.record import SYSTEM
from ledger.scope import tenant_scope
from perception import intake
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk, desk, make_desk
from tests.config.collector import MAIL, WORD, told

__all__ = ["desk", "make_desk"]

SENDER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def heard() -> Iterator[InMemorySpanExporter]:
    """What would be sent, kept."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(id_generator=tracing.Ids(), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracing._provider = provider
    spans.listen(tracing.Traces(provider))
    observing._running["config.tracing"] = tracing
    yield kept
    observing.stop()


def test_the_usual_sampler_would_keep_none_or_all() -> None:
    """A tenth is a tenth, though ids of signals are not spread where samplers look."""
    ids = [uuid7().int for _ in range(3000)]
    inner = TraceIdRatioBased(0.1)

    def share(sampler: Any) -> float:
        kept = [sampler.should_sample(None, id_, "signal").decision for id_ in ids]
        return sum(each.is_sampled() for each in kept) / len(kept)

    assert share(inner) == 0
    assert 0.05 < share(tracing.Even(inner)) < 0.15
    # Ids of others are judged as everybody judges them.
    theirs = uuid4().int
    assert tracing.evenly(theirs) == theirs


def test_all_processes_keep_the_same_traces() -> None:
    """A stage is kept where its signal's first span is: never a part of a trace."""
    found: list[set[int]] = []
    ids = [uuid7() for _ in range(200)]
    for name in ("signal", "trigger"):
        kept = InMemorySpanExporter()
        provider = TracerProvider(
            id_generator=tracing.Ids(),
            sampler=tracing.Even(ParentBased(TraceIdRatioBased(0.5))),
            shutdown_on_exit=False,
        )
        provider.add_span_processor(SimpleSpanProcessor(kept))
        traces = tracing.Traces(provider)
        for id_ in ids:
            if name == "signal":
                traces._made(name, id_, 0, {}, is_root=True)
            else:
                with traces.span(name, id_, {}):
                    pass
        found.append({each.context.trace_id for each in kept.get_finished_spans()})
    assert found[0] == found[1]
    assert 0 < len(found[0]) < 200


def test_only_ids_and_codes_are_told() -> None:
    """I6: a word of a person is no attribute, whatever it comes under."""
    id_ = uuid7()
    kept = tracing.plain(
        {
            "run": id_, "result": "ALLOWED", "claim": 3, "is_known": True,
            "reason": "Ann wants it", "tool": MAIL, "cause": None, "action": "a" * 65,
            "payload": WORD, "name": "Ann",
        }
    )  # fmt: skip
    assert kept == {
        "autonomy.run": str(id_),
        "autonomy.result": "ALLOWED",
        "autonomy.claim": 3,
        "autonomy.is_known": True,
    }


def test_of_an_error_its_class_is_told(heard: InMemorySpanExporter) -> None:
    of = uuid7()
    with pytest.raises(ValueError, match=WORD), spans.span("gate", of):
        raise ValueError(WORD)
    (span,) = heard.get_finished_spans()
    assert span.attributes == {"error.type": "ValueError"}
    assert (span.status.description, span.events) == ("ValueError", ())
    assert WORD not in span.to_json()


def test_what_is_taken_back_is_not_told(
    heard: InMemorySpanExporter, desk: Desk
) -> None:
    """A trace begins with the commit of what begins it."""
    with tenant_scope(desk.tenant):
        intake.receive([told("lost")], by=SYSTEM, now=clock())
        transaction.set_rollback(True)
    assert heard.get_finished_spans() == ()
    with tenant_scope(desk.tenant):
        (kept,) = intake.receive([told("kept")], by=SYSTEM, now=clock())
        again = intake.receive([told("kept")], by=SYSTEM, now=clock())
        assert heard.get_finished_spans() == ()
    assert again[0].duplicate
    (span,) = heard.get_finished_spans()
    assert (span.name, span.context.trace_id) == ("signal", kept.id.int)
    assert span.parent is None


def test_what_no_signal_began_has_a_trace_too(
    heard: InMemorySpanExporter, desk: Desk
) -> None:
    """Rituals by their run, proposals of agents by their intent; with a verdict."""
    with tenant_scope(desk.tenant):
        keys = {desk.account.id: "ritual 1"}
        starting.start(Trigger.RITUAL_MORNING_BRIEF, keys, more={})
        starting.start(Trigger.RITUAL_MORNING_BRIEF, keys, more={})
    (run,) = heard.get_finished_spans()
    assert run.name == "run"
    assert run.attributes is not None
    assert run.attributes["autonomy.trigger"] == "RITUAL_MORNING_BRIEF"
    assert str(UUID(int=run.context.trace_id)) == run.attributes["autonomy.run"]
    heard.clear()
    intent = desk.propose()
    judged, root = sorted(heard.get_finished_spans(), key=lambda each: each.name)
    assert (judged.name, root.name) == ("approve", "intent")
    assert {judged.context.trace_id, root.context.trace_id} == {intent.id.int}
    assert judged.parent.span_id == root.context.span_id
    (event,) = judged.events
    assert event.attributes is not None
    assert event.attributes["autonomy.verdict"] == "AUTO_EXECUTE"


def test_a_request_goes_on_with_its_senders_trace(
    heard: InMemorySpanExporter, desk: Desk
) -> None:
    """A batch of three is three traces, each linked with the request, and it with them."""
    client = desk.house.client(Role.INTEGRATION)
    batch = [told(f"batch {n}") for n in range(3)]
    sent = client.send("POST", f"signals/?mail={MAIL}", batch, traceparent=SENDER)
    assert sent.status_code == 202, sent.content
    *roots, request = heard.get_finished_spans()
    assert request.name == "POST /api/v1/signals/"
    trace, parent = SENDER.split("-")[1:3]
    assert f"{request.context.trace_id:032x}" == trace
    assert f"{request.parent.span_id:016x}" == parent
    answered = {each["id"].replace("-", "") for each in sent.json()}
    assert {f"{each.context.trace_id:032x}" for each in roots} == answered
    assert len(answered) == 3
    for root in roots:
        (link,) = root.links
        assert link.context == request.context
    assert [link.context for link in request.links] == [each.context for each in roots]
    everything = "".join(each.to_json() for each in (*roots, request))
    assert not [each for each in (MAIL, WORD, "acme") if each in everything]


def test_a_header_that_is_none_is_no_trace(
    heard: InMemorySpanExporter, desk: Desk
) -> None:
    client = desk.house.client(Role.SELLER)
    client.send("GET", "accounts/", traceparent=f"00-{WORD}-01")
    client.get("/livez")
    (request,) = heard.get_finished_spans()
    assert request.parent is None
    assert WORD not in request.to_json()


def test_lines_of_the_log_name_their_trace(heard: InMemorySpanExporter) -> None:
    of = uuid7()
    with spans.span("gate", of):
        event = logs.with_trace(None, "", {"event": "x"})
    assert event["trace_id"] == of.hex
    assert logs.only_sayable(None, "", dict(event)) == event
    assert logs.with_trace(None, "", {"event": "x"}) == {"event": "x"}


class Away(SpanExporter):
    """A collector that is away, until it is back."""

    is_back = False

    def export(self, spans: Any) -> SpanExportResult:
        return SpanExportResult.SUCCESS if self.is_back else SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Nothing is held."""


def test_a_collector_that_is_away_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    away = Away()
    sender = tracing.Forgiving(away)
    with caplog.at_level(logging.INFO, logger="config.tracing"):
        for _ in range(5):
            sender.export([])
        assert len(caplog.records) == 1
        away.is_back = True
        sender.export([])
        sender.export([])
    assert len(caplog.records) == 2


def test_samplers_of_others_are_left_alone() -> None:
    assert tracing.Even(ALWAYS_ON).get_description() == ALWAYS_ON.get_description()
