"""What watches a process from outside, where the operator names a place for it.

Nothing of it is loaded otherwise. A process starts it after its fork: what sends has
threads, and those do not survive one.
"""

import socket
from collections.abc import Callable
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse

Answer = Callable[[], HttpResponse]

# Modules with a `start(process)` and a `stop()`.
PORTS = {"http": 80, "https": 443}
_TRACING, _REPORTS = "config.tracing", "config.reports"
_running: dict[str, Any] = {}


def load() -> None:
    """Load what will be started, before forks: they then have it in common."""
    for name in _chosen():
        import_module(name)


def start(process: str) -> None:
    """Begin, in a process that forks no more."""
    for name in _chosen():
        if name not in _running:
            watcher: Any = import_module(name)
            watcher.start(process)
            _running[name] = watcher


def stop() -> None:
    """Send what was not sent yet; that takes two seconds at most, each."""
    while _running:
        _, watcher = _running.popitem()
        watcher.stop()


def served(request: HttpRequest, answer: Answer) -> HttpResponse:
    """Answer a request, watched."""
    tracing = _running.get(_TRACING)
    if tracing is None:
        return answer()
    found: HttpResponse = tracing.served(request, answer)
    return found


def reached(place: str) -> str:
    """Whether somebody answers there; neither keys nor paths are said."""
    parts = urlsplit(place)
    port = parts.port or PORTS[parts.scheme]
    seen = f"{parts.hostname}:{port}"
    try:
        with socket.create_connection((str(parts.hostname), port), timeout=2):
            return f"sent to {seen}, which answers"
    except OSError as error:
        return f"away: {seen} does not answer ({type(error).__name__})"


def _chosen() -> list[str]:
    chosen = {_TRACING: settings.ENV.otlp_endpoint, _REPORTS: settings.ENV.sentry_dsn}
    return [name for name, place in chosen.items() if place]
