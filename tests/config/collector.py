"""What stands beside the house: a collector that reads OTLP, a service that takes errors."""

import gzip
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)

from tests.servers import Door, Server

# What must be in nothing that is sent.
MAIL, WORD = "ann.canary@acme.example", "canaryword"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One span, as it came over the wire. Ids are in hex."""

    name: str
    trace: str
    id: str
    parent: str
    kind: int
    failed: bool
    process: str
    service: str
    attributes: Mapping[str, Any]
    links: tuple[tuple[str, str], ...]
    events: tuple[tuple[str, Mapping[str, Any]], ...]
    began: int
    ended: int


class Beside(Server):
    """Keeps every body that is posted to it, by its path."""

    def __init__(self, port: int = 0) -> None:
        self.bodies: list[tuple[str, bytes]] = []
        super().__init__(_Door, port)

    def spans(self) -> list[Seen]:
        return [
            seen
            for path, body in list(self.bodies)
            if path == "/v1/traces"
            for seen in _read(body)
        ]

    def errors(self) -> list[dict[str, Any]]:
        """The events of all envelopes: a header, then an item's header and its body."""
        found = []
        for path, body in list(self.bodies):
            if path.endswith("/envelope/"):
                lines = body.split(b"\n")
                for header, item in zip(lines[1::2], lines[2::2], strict=False):
                    assert json.loads(header)["type"] == "event", header
                    found.append(json.loads(item))
        return found

    def text(self) -> str:
        """All that ever came, as one text."""
        return "\n".join(body.decode(errors="replace") for _, body in self.bodies)


def told(name: str) -> dict[str, Any]:
    """A signal with a word in it."""
    return {
        "account": "acme",
        "type": "ticket_escalated",
        "dedupe_key": name,
        "payload": {"title": WORD, "severity": "high"},
    }


@contextmanager
def beside() -> Iterator[Beside]:
    one = Beside()
    try:
        yield one
    finally:
        one.close()


class _Door(Door):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Beside)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        server.bodies.append((self.path, body))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")


def _read(body: bytes) -> Iterator[Seen]:
    asked = ExportTraceServiceRequest.FromString(body)
    for of_process in asked.resource_spans:
        of = _plain(of_process.resource.attributes)
        for scope in of_process.scope_spans:
            for span in scope.spans:
                yield Seen(
                    name=span.name,
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    kind=span.kind,
                    failed=span.status.code == 2,
                    process=of["autonomy.process"],
                    service=of["service.name"],
                    attributes=_plain(span.attributes),
                    links=tuple(
                        (link.trace_id.hex(), link.span_id.hex()) for link in span.links
                    ),
                    events=tuple(
                        (event.name, _plain(event.attributes)) for event in span.events
                    ),
                    began=span.start_time_unix_nano,
                    ended=span.end_time_unix_nano,
                )


def _plain(attributes: Any) -> dict[str, Any]:
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value"))
        for each in attributes
    }
