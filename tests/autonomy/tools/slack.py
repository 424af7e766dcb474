"""An incoming webhook as Slack documents it: one description, and a server that keeps to it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

from jsonschema import Draft202012Validator

# What it takes. Older webhooks, and servers that are compatible, take a channel too.
TAKES: Mapping[str, Any] = {
    "type": "object",
    "required": ["text"],
    "properties": {
        "text": {"type": "string", "minLength": 1, "maxLength": 40_000},
        "channel": {"type": "string"},
    },
    "additionalProperties": False,
}
# What it answers: a status, and one plain word.
ANSWERS: Mapping[str, int] = {
    "ok": 200,
    "invalid_payload": 400,
    "user_not_found": 400,
    "no_text": 400,
    "action_prohibited": 403,
    "posting_to_general_channel_denied": 403,
    "invalid_token": 403,
    "channel_not_found": 404,
    "no_service": 404,
    "no_team": 404,
    "channel_is_archived": 410,
    "rate_limited": 429,
    "rollup_error": 500,
}
REFUSALS = [word for word, status in ANSWERS.items() if 400 <= status < 429]
PATH = "/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"
WAIT = 30


class Slack:
    """Posts what it is sent, twice if it is sent twice.

    `says`: answers that come before its own: a word of the description, or a status and
    a body; 0 breaks off after the message was posted.
    """

    def __init__(self) -> None:
        self.posted: list[dict[str, Any]] = []
        self.asked: list[dict[str, str]] = []
        self.says: list[str | tuple[int, bytes]] = []
        self._lock = Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}{PATH}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(60)
        self._server.server_close()

    def take(self, path: str, headers: dict[str, str], raw: bytes) -> tuple[int, bytes]:
        with self._lock:
            self.asked.append(headers)
            told = self.says.pop(0) if self.says else self._judged(path, headers, raw)
            if told == "ok" or (not isinstance(told, str) and told[0] == 0):
                self.posted.append(json.loads(raw))
        if isinstance(told, str):
            return ANSWERS[told], told.encode()
        return told

    def _judged(self, path: str, headers: dict[str, str], raw: bytes) -> str:
        if path != PATH:
            return "no_service"
        try:
            body = json.loads(raw)
        except ValueError:
            return "invalid_payload"
        is_json = headers.get("content-type", "").startswith("application/json")
        fits = Draft202012Validator(TAKES).is_valid(body)
        return "ok" if is_json and fits else "invalid_payload"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, body = outer.take(self.path, headers, raw)
                if status == 0:
                    self.connection.close()
                    return
                self.send_response(status)
                if status == 429:
                    self.send_header("Retry-After", str(WAIT))
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Nothing."""

            def finish(self) -> None:
                try:
                    super().finish()
                except (OSError, ValueError):
                    self.close_connection = True

        return Handler


@contextmanager
def slack(settings: Any) -> Iterator[Slack]:
    made = Slack()
    settings.EGRESS_ALLOW = (f"127.0.0.1:{made.port}",)
    try:
        yield made
    finally:
        made.close()
