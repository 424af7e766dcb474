"""The embedded Postgres and Redis: where they live, how they start and stop."""

from config.embedded.servers import ServiceStatus, down, status, up
from config.embedded.state import EmbeddedError, Endpoints, endpoints

__all__ = [
    "EmbeddedError",
    "Endpoints",
    "ServiceStatus",
    "down",
    "endpoints",
    "status",
    "up",
]
