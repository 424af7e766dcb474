"""An integrator on this machine: a real server that keeps what it was asked."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from uuid import UUID

from autonomy.approve import keep, look, question_about
from autonomy.models import Intent, Tool
from autonomy.permits import draw_up
from autonomy.registry import change_type
from autonomy.tools.binding import add_tool
from ledger.clock import clock
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.conftest import NOW

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
Reply = tuple[int, dict[str, str]]


class Integrator:
    """Answers as it is told, in order, the last answer for ever; acts once a key.

    A status of 0 breaks the connection off after the effect.
    """

    def __init__(self) -> None:
        self.replies: list[Reply] = [(200, {})]
        self.body = b"{}"
        self.before: Callable[[], None] = lambda: None
        self.asked: list[tuple[dict[str, str], bytes]] = []
        self.effects: dict[str, int] = {}
        self.lock = Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/act"
        self.thread = Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def says(self, *replies: int | Reply) -> None:
        self.replies = [
            each if isinstance(each, tuple) else (each, {}) for each in replies
        ]

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.asked]

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join(10)
        self.server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, more = outer.take(headers, body)
                if status == 0:
                    self.connection.close()
                    return
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(outer.body)))
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, *args: object) -> None:
                """Nothing."""

            def finish(self) -> None:
                try:
                    super().finish()
                except (OSError, ValueError):
                    self.close_connection = True

        return Handler

    def take(self, headers: dict[str, str], body: bytes) -> Reply:
        self.before()
        with self.lock:
            self.asked.append((headers, body))
            status, more = (
                self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
            )
            if status in (0, 200, 500):
                named = headers.get("webhook-id", "")
                key = headers.get("idempotency-key", named)
                self.effects[key] = self.effects.get(key, 0) + 1
        return status, more


@contextmanager
def integrator(settings: Any) -> Iterator[Integrator]:
    made = Integrator()
    settings.EGRESS_ALLOW = (f"127.0.0.1:{made.port}",)
    try:
        yield made
    finally:
        made.close()


def bound(desk: Desk, url: str, effect: str = "KEYED", **more: Any) -> Tool:
    """A tool `hook`, and notes bound to it."""
    given = {
        "key": "hook",
        "url": url,
        "secret": SECRET,
        "effect": effect,
        "undo": True,
        "timeout_s": 2.0,
        "rate_per_s": 1000.0,
        **more,
    }
    with tenant_scope(desk.tenant):
        tool = add_tool(given, by=desk.admin, now=NOW)
        change_type("create_internal_note", {"tool": "hook"}, by=desk.admin, now=NOW)
    return tool


def approved(
    desk: Desk,
    action_type: str = "create_internal_note",
    parameters: dict[str, Any] | None = None,
    **more: Any,
) -> UUID:
    """An intent that a person has approved."""
    given = desk.given(action_type)
    with tenant_scope(desk.tenant):
        intent = Intent.objects.create(
            tenant_id=desk.tenant,
            account=desk.account,
            origin="agent",
            action_type=action_type,
            parameters=given["parameters"] if parameters is None else parameters,
            confidence=0.9,
            status=Intent.Status.APPROVED,
            created_at=NOW,
            updated_at=NOW,
            **more,
        )
        judged = look(question_about(intent))
        draw_up(
            intent,
            keep(intent, judged),
            judged.answer,
            receipt=None,
            approved_by=desk.house.members[Role.APPROVER].id,
        ).save(force_insert=True)
    return intent.id


def due(desk: Desk, intent: UUID) -> None:
    """Let its time come, and its lease end."""
    with tenant_scope(desk.tenant):
        rows = Intent.objects.filter(pk=intent)
        rows.update(due_at=clock())
        rows.exclude(lease_until=None).update(
            lease_until=datetime(2020, 1, 1, tzinfo=NOW.tzinfo)
        )
