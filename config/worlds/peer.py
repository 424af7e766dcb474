"""An integrator's system in a world: a real server that acts once for each key."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.conf import settings

from config.worlds.faults import Fate
from config.worlds.ground import told

KEY, TYPE = "world-peer", "create_follow_up_task"
SECRET = "whsec_d29ybGQtcGVlci1vZi1hLXNpbXVsYXRpb24tb25seQ=="  # noqa: S105  of no use elsewhere


class Peer:
    """What it applied; now and then it hangs up afterwards, or refuses before."""

    def __init__(self, fate: Fate) -> None:
        self.fate = fate
        self.applied: Counter[str] = Counter()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._door())
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(
            target=self.server.serve_forever, args=(0.02,), daemon=True
        )
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def tool(self) -> dict[str, Any]:
        """How it is bound."""
        return {
            "key": KEY,
            "url": f"http://{self.address}/",
            "secret": SECRET,
            "effect": "KEYED",
            "undo": True,
            "timeout_s": 3.0,
            "rate_per_s": 1000.0,
        }

    def take(self, key: str) -> int:
        """Act on a key once; 0 where it hangs up."""
        if self.fate.strikes("refused"):
            return 503
        known = key in self.applied
        self.applied[key] += 0 if known else 1
        if self.fate.strikes("unheard"):
            return 0
        return 409 if known else 200

    def _door(self) -> type[BaseHTTPRequestHandler]:
        peer = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                status = peer.take(self.headers["Idempotency-Key"])
                if not status:
                    self.connection.close()
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *words: Any) -> None:
                """Nothing: it counts."""

        return Door


@contextmanager
def peer(fate: Fate) -> Iterator[Peer]:
    """One that may be reached, and is closed at the end."""
    made = Peer(fate)
    try:
        with told(EGRESS_ALLOW=(*settings.EGRESS_ALLOW, made.address)):
            yield made
    finally:
        made.close()
