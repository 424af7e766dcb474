"""gunicorn's threads, which wait for a silent client only so long, and quote nobody."""

from contextlib import suppress
from typing import Any

import structlog
from gunicorn import util
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import TConn, ThreadWorker

READ_SECONDS = 5

logger = structlog.get_logger("config.web_worker")


class BoundedConnection(TConn):
    """A connection whose reads give up, so that idle sockets hold no thread."""

    def init(self) -> None:
        super().init()
        self.sock.settimeout(READ_SECONDS)


class BoundedWorker(ThreadWorker):
    """Uses bounded connections, and tells of errors what the house does."""

    def handle(self, conn: Any) -> Any:
        conn.__class__ = BoundedConnection
        return super().handle(conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """A line that is no header may hold a token: it is neither logged nor told."""
        if isinstance(exc, ParseException):
            super().handle_error(None, client, addr, unquoted(exc))
            return
        logger.error("request broke", exc_info=exc)
        with suppress(OSError):
            util.write_error(client, 500, "Internal Server Error", "")


def unquoted(error: Exception) -> Exception:
    """An error of the same kind, which says of itself no more than that."""
    kind = type(error)
    told: Any = type(kind.__name__, (kind,), {"__str__": lambda _: kind.__name__})
    made: Exception = told.__new__(told)
    return made
