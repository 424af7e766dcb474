"""HubSpot and Salesforce for tests: servers that are held to the table of `contracts.py`.

Nothing here is the vendors' own: what they document is all that is known of them.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jsonschema import Draft202012Validator

from tests.perception.sources.contracts import Shape


def faults(schema: Mapping[str, Any], value: Any) -> list[str]:
    """What is not as it is documented."""
    return [
        each.message for each in Draft202012Validator(dict(schema)).iter_errors(value)
    ]


@dataclass(kw_only=True)
class Vendor:
    """A server that speaks one vendor's part of the table, and no word more."""

    shapes: Mapping[str, Shape]
    always: Mapping[int, Mapping[str, Any]]
    act: Callable[[str, str, Any, Mapping[str, str]], tuple[int, Any]]
    headers: dict[str, str] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    url: str = ""
    # Whose answers are lost, after what they tell of has happened.
    lost: set[str] = field(default_factory=set)
    # Called before something happens.
    before: Callable[[str], None] = lambda name: None

    def answer(
        self, method: str, target: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, Any]:
        """What the vendor would say; what neither side may say is kept in `broken`."""
        parts = urlsplit(target)
        name = self._named(method, parts.path)
        if not name:
            self.broken.append(f"{method} {parts.path} is not documented")
            return 404, None
        shape = self.shapes[name]
        given = _given(method, parts.query, body, headers)
        self.broken += [f"{name} takes: {each}" for each in faults(shape.takes, given)]
        self.asked.append((name, given))
        self.before(name)
        status, said = self.act(name, parts.path, given, headers)
        schema = shape.answers.get(status) or self.always.get(status)
        if schema is None:
            self.broken.append(f"{name} never answers {status}")
        else:
            self.broken += [f"{name} {status}: {each}" for each in faults(schema, said)]
        return 0 if name in self.lost else status, said

    def _named(self, method: str, path: str) -> str:
        fitting = (
            name
            for name, shape in self.shapes.items()
            if shape.method == method and re.fullmatch(shape.path, path)
        )
        return next(fitting, "")


def _given(method: str, query: str, body: bytes, headers: Mapping[str, str]) -> Any:
    if method == "GET":
        return {name: values[0] for name, values in parse_qs(query).items()}
    if not body:
        return None
    if headers.get("Content-Type") == "application/json":
        return json.loads(body)
    return {name: values[0] for name, values in parse_qs(body.decode()).items()}


@contextmanager
def serving(vendor: Vendor) -> Iterator[Vendor]:
    """The vendor on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, said = vendor.answer(self.command, self.path, body, self.headers)
            if not status:
                return
            sent = b"" if said is None else json.dumps(said).encode()
            self.send_response(status)
            for name, value in vendor.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = do_PATCH = do_DELETE = answer

        def log_message(self, *_: Any) -> None:
            """Nobody listens."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    vendor.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield vendor
    finally:
        server.shutdown()
        thread.join(60)
        server.server_close()
