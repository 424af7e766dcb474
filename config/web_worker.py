"""gunicorn's threads, which wait for a silent client only so long."""

from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

READ_SECONDS = 5


class BoundedConnection(TConn):
    """A connection whose reads give up, so that idle sockets hold no thread."""

    def init(self) -> None:
        super().init()
        self.sock.settimeout(READ_SECONDS)


class BoundedWorker(ThreadWorker):
    """Uses bounded connections."""

    def handle(self, conn: Any) -> Any:
        conn.__class__ = BoundedConnection
        return super().handle(conn)
