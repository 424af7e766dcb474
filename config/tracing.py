"""Traces: one for each signal, from its arrival to the last thing that came of it.

The trace id is the signal's id, and the id of its first span the last half of that: so
whatever process goes on with it, days later, knows both, and no row remembers either.
A request has its own trace, continued from its sender's; the two are linked.
"""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import partial
from hashlib import blake2b
from typing import Any
from uuid import UUID

import structlog
from celery import current_app
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, Sampler
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
    use_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from config.observing import Answer
from ledger import spans
from ledger.spans import Of, Said

logger = structlog.get_logger("config.tracing")

# Anything else is dropped, and so is whatever does not look like a code.
TOLD = frozenset(
    {
        "tenant", "account", "signal", "run", "intent", "execution", "undo", "plan",
        "step", "pull", "connector", "stage", "trigger", "claim", "result", "reason",
        "verdict", "clause", "action", "synthesizer", "tool", "meaning", "status",
        "outcome", "decision", "cause", "count", "tokens", "ms", "queue", "process",
        "request", "code", "is_known",
    }
)  # fmt: skip
CODE = re.compile(r"[A-Za-z0-9_.:/\-]{1,64}")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# Asked for all the time, by machines: worth no trace.
UNTOLD = ("/healthz", "/livez", "/readyz", "/metrics", "/static/", "/stops/now/")
OUTSIDE = ("call", "ask", "pull")
STOP_SECONDS = 2
HALF = (1 << 64) - 1

_given: ContextVar[UUID | None] = ContextVar("trace", default=None)
_remote = TraceContextTextMapPropagator()
_provider: TracerProvider | None = None


class Ids(RandomIdGenerator):
    """Random ids, except for the first span of a trace that is named by something."""

    def generate_trace_id(self) -> int:
        of = _given.get()
        return super().generate_trace_id() if of is None else of.int

    def generate_span_id(self) -> int:
        of = _given.get()
        return super().generate_span_id() if of is None else of.int & HALF

    def is_trace_id_random(self) -> bool:
        return _given.get() is None


class Even(Sampler):
    """Any sampler, asked about ids that are spread evenly.

    Samplers by ratio compare the lower half of an id with a bound. That of a UUIDv7
    begins with the same two bits always: of a tenth they would keep none, of three
    quarters all.
    """

    def __init__(self, inner: Sampler) -> None:
        self._inner = inner

    def should_sample(
        self, parent_context: Any, trace_id: int, *words: Any, **more: Any
    ) -> Any:
        return self._inner.should_sample(
            parent_context, evenly(trace_id), *words, **more
        )

    def get_description(self) -> str:
        return self._inner.get_description()


def evenly(trace_id: int) -> int:
    """The id of a signal, mixed; other ids as they are, so that all services agree."""
    version, variant = trace_id >> 76 & 0xF, trace_id >> 62 & 0b11
    if (version, variant) != (7, 0b10):
        return trace_id
    return int.from_bytes(blake2b(trace_id.to_bytes(16), digest_size=16).digest())


class Forgiving(SpanExporter):
    """Sends what it can. That the collector is away is said once, and that it is back."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self._went_well = True

    def export(self, spans: Any) -> SpanExportResult:
        result = self._inner.export(spans)
        went_well = result is SpanExportResult.SUCCESS
        if self._went_well and not went_well:
            logger.warning("the collector of traces is away: what it misses is lost")
        elif went_well and not self._went_well:
            logger.info("the collector of traces is back")
        self._went_well = went_well
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._inner.force_flush(timeout_millis)


class Traces:
    """Makes spans of what it is told."""

    def __init__(self, provider: TracerProvider) -> None:
        self._sampler = provider.sampler
        self.tracer = provider.get_tracer("autonomy")

    @contextmanager
    def span(self, name: str, of: Of, said: Said) -> Iterator[Span]:
        context, links = self._place(of() if callable(of) else of)
        made = self.tracer.start_span(
            name,
            context=context,
            kind=SpanKind.CLIENT if name in OUTSIDE else SpanKind.INTERNAL,
            attributes=plain({**said, **_message()}),
            links=links,
        )
        with entered(made):
            yield made

    def lasted(
        self, name: str, of: Of, since: datetime | None, said: Said, *, is_root: bool
    ) -> None:
        id_ = of() if callable(of) else of
        if id_ is None:
            return
        began = time.time_ns() if since is None else int(since.timestamp() * 1e9)
        make = partial(self._made, name, id_, began, said, is_root=is_root)
        transaction.on_commit(make, robust=True)

    def note(self, said: Said) -> None:
        get_current_span().set_attributes(plain(said))

    def happened(self, name: str, said: Said) -> None:
        get_current_span().add_event(name, plain(said))

    def here(self) -> tuple[str, str] | None:
        held = get_current_span().get_span_context()
        if not held.is_valid:
            return None
        return f"{held.trace_id:032x}", f"{held.span_id:016x}"

    def _made(
        self, name: str, id_: UUID, began: int, said: Said, *, is_root: bool
    ) -> None:
        """A span that ends now, linked with what is under way, and a root with it."""
        context, links = self._place(id_)
        current = get_current_span()
        token = _given.set(id_) if is_root else None
        if is_root:
            context = Context()
        made = self.tracer.start_span(
            name,
            context=context,
            attributes=plain(said),
            links=links,
            start_time=min(began, time.time_ns()),
        )
        if token is not None:
            _given.reset(token)
            current.add_link(made.get_span_context())
        made.end()

    def _place(self, id_: UUID | None) -> tuple[Context | None, list[Link]]:
        """Under what is under way, where that is of the same trace; else under the first
        span of the trace, whoever made it, and linked with what is under way here.
        """
        current = get_current_span().get_span_context()
        if id_ is None or current.trace_id == id_.int:
            return None, []
        parent = set_span_in_context(NonRecordingSpan(self._root(id_)), Context())
        return parent, [Link(current)] if current.is_valid else []

    def _root(self, id_: UUID) -> SpanContext:
        """The first span of a trace: every process decides alike whether it is kept."""
        found = self._sampler.should_sample(Context(), id_.int, "signal")
        is_kept = found.decision is Decision.RECORD_AND_SAMPLE
        flags = TraceFlags(TraceFlags.SAMPLED if is_kept else TraceFlags.DEFAULT)
        return SpanContext(id_.int, id_.int & HALF, is_remote=True, trace_flags=flags)


@contextmanager
def entered(made: Span) -> Iterator[None]:
    """While this lasts the span is what is under way; of an error its class is told."""
    with use_span(
        made, end_on_exit=True, record_exception=False, set_status_on_exception=False
    ):
        try:
            yield
        except BaseException as error:
            made.set_attributes({"error.type": type(error).__name__})
            made.set_attributes(plain({"code": getattr(error, "code", None)}))
            made.set_status(StatusCode.ERROR, type(error).__name__)
            raise


def plain(said: Said) -> dict[str, str | int | float | bool]:
    """What may be told, under the house's own names."""
    found: dict[str, str | int | float | bool] = {}
    for name, value in said.items():
        if name not in TOLD:
            continue
        if isinstance(value, UUID):
            found[f"autonomy.{name}"] = str(value)
        elif isinstance(value, bool | int | float):
            found[f"autonomy.{name}"] = value
        elif isinstance(value, str) and CODE.fullmatch(value):
            found[f"autonomy.{name}"] = str(value)
    return found


def _message() -> dict[str, str]:
    """By which queue the work came to this worker."""
    task: Any = current_app.current_task
    way = (task.request.delivery_info or {}) if task is not None else {}
    return {"queue": str(way.get("routing_key", ""))}


def start(process: str) -> None:
    """Listen, and send in the background. The SDK's own variables count (OTEL_…)."""
    global _provider
    said = {"autonomy.process": process}
    resource = Resource.create(said)
    if str(resource.attributes["service.name"]).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": "autonomy"}))
    _provider = TracerProvider(
        resource=resource, id_generator=Ids(), shutdown_on_exit=False
    )
    _provider.sampler = Even(_provider.sampler)
    _provider.add_span_processor(BatchSpanProcessor(Forgiving(OTLPSpanExporter())))
    spans.listen(Traces(_provider))


def stop() -> None:
    """Send the rest, if the collector takes it soon."""
    global _provider
    spans.listen(None)
    if _provider is not None:
        ending = threading.Thread(target=_provider.shutdown, daemon=True)
        ending.start()
        ending.join(STOP_SECONDS)
    _provider = None


def served(request: HttpRequest, answer: Answer) -> HttpResponse:
    """A request as a span of its sender's trace. Which page, and how it ended: no more."""
    if _provider is None or request.path.startswith(UNTOLD):
        return answer()
    method = request.method if request.method in METHODS else "_OTHER"
    sent = {"traceparent": request.headers.get("traceparent", "")}
    made = _provider.get_tracer("autonomy").start_span(
        str(method),
        context=_remote.extract(sent, Context()),
        kind=SpanKind.SERVER,
        attributes={"http.request.method": str(method)},
    )
    with entered(made):
        response = answer()
        match, caller = request.resolver_match, getattr(request, "caller", None)
        if match is not None and match.route:
            made.update_name(f"{method} /{match.route}")
            made.set_attribute("http.route", f"/{match.route}")
        made.set_attribute("http.response.status_code", response.status_code)
        said = {"request": response.headers.get("X-Request-Id", "")}
        made.set_attributes(plain({**said, "tenant": getattr(caller, "tenant", None)}))
        if response.status_code >= 500:
            made.set_status(StatusCode.ERROR)
    return response
