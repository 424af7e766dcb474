"""Servers that stand beside the house in tests, on ports of their own."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Server(ThreadingHTTPServer):
    """Answers from when it is made; used in a `with`, until that ends."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, door: type[BaseHTTPRequestHandler], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), door)
        self.place = f"127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()

    def __exit__(self, *_: object) -> None:
        self.close()


class Door(BaseHTTPRequestHandler):
    """Says nothing of its own: tests listen to what is said elsewhere."""

    def log_message(self, *_: Any) -> None:
        pass
