"""A service that writes proposals, on a free port of this machine."""

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import orjson
import pytest


class Service:
    """Answers every POST with what `answers` makes of the request."""

    def __init__(self, answers: Callable[[Any], Any]) -> None:
        self.answers = answers
        self.status = 200
        self.asked: list[Any] = []
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.over = Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                came = self.rfile.read(int(self.headers["content-length"]))
                said = orjson.loads(came)
                service.bodies.append(came)
                service.asked.append(said)
                service.headers.append(dict(self.headers.items()))
                service.paths.append(self.path)
                answer = service.answers(said)
                body = answer if isinstance(answer, bytes) else orjson.dumps(answer)
                self.send_response(service.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Tests are quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self) -> None:
        self.over.set()
        self.server.shutdown()
        self.thread.join(10)
        self.server.server_close()


@pytest.fixture
def serve(settings: Any) -> Iterator[Callable[..., Service]]:
    """Makes services that may be reached."""
    made: list[Service] = []

    def make(answers: Callable[[Any], Any]) -> Service:
        made.append(Service(answers))
        settings.EGRESS_ALLOW = tuple(
            f"127.0.0.1:{each.server.server_port}" for each in made
        )
        return made[-1]

    yield make
    for each in made:
        each.close()
