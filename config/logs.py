"""Structured logs: ids and figures only, through a list of what may be said."""

import logging
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from ledger import spans

# Anything else is dropped, so that no name, address or payload reaches a log.
SAYABLE = frozenset(
    {
        "event", "level", "timestamp", "logger", "request_id", "method", "route",
        "status", "ms", "queries", "tenant", "account", "signal", "run", "intent",
        "execution", "plan", "task", "process", "job", "count", "size", "seconds",
        "error", "exception", "code", "name", "reason", "exc_info", "stack",
        "trace_id", "span_id",
        "positional_args", "_record", "_from_structlog",
    }
)  # fmt: skip

Event = MutableMapping[str, Any]


def only_sayable(_logger: object, _method: str, event: Event) -> Event:
    """Drop every field that is not on the list."""
    for key in [key for key in event if key not in SAYABLE]:
        del event[key]
    return event


def with_trace(_logger: object, _method: str, event: Event) -> Event:
    """Which trace this belongs to, where traces are kept."""
    if (here := spans.here()) is not None:
        event["trace_id"], event["span_id"] = here
    return event


def without_values(_logger: object, _method: str, event: Event) -> Event:
    """An exception as its type and its lines of code; its message may quote a row."""
    info = event.pop("exc_info", None)
    error = sys.exc_info()[1] if info is True else info
    error = error[1] if isinstance(error, tuple) else error
    if isinstance(error, BaseException):
        lines = traceback.format_tb(error.__traceback__)
        event["exception"] = type(error).__name__ + "\n" + "".join(lines)
    if "event" in event:
        event["event"] = _unquoted(event["event"], error)
    return event


def _unquoted(said: Any, error: BaseException | None) -> Any:
    """What a library says of an exception, with its type in place of its words."""
    seen: set[int] = set()
    while error is not None and isinstance(said, str) and id(error) not in seen:
        seen.add(id(error))
        for words in (repr(error), str(error)):
            said = said.replace(words, type(error).__name__) if words else said
        error = error.__cause__ or error.__context__
    return said


class OfTasks(logging.Filter):
    """Celery's line about a task that raised, with the type of what it raised."""

    def filter(self, record: logging.LogRecord) -> bool:
        args = record.args
        if isinstance(args, Mapping) and "exc" in args:
            kind = str(args["exc"]).partition("(")[0]
            record.args = {**args, "exc": kind, "traceback": ""}
        return True


_BEFORE = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    with_trace,
    without_values,
    only_sayable,
]


def structured() -> dict[str, Any]:
    """How structlog hands events to the standard library."""
    return {
        "processors": [
            *_BEFORE,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        "logger_factory": structlog.stdlib.LoggerFactory(),
        "wrapper_class": structlog.stdlib.BoundLogger,
        "cache_logger_on_first_use": True,
    }


def configuration(log_format: str) -> dict[str, Any]:
    """The standard library's side, for our events and those of libraries alike."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    last = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "house": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _BEFORE,
                "processors": [*last, renderer],
            }
        },
        "filters": {"tasks": {"()": OfTasks}},
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": "house",
                "filters": ["tasks"],
            }
        },
        "root": {"handlers": ["console"], "level": logging.INFO},
        "loggers": {
            "django.request": {"level": "ERROR"},
            # It quotes whatever host somebody typed.
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            "django.db.backends": {"level": "WARNING"},
            # That a collector is away is said once, in the words of the house.
            "opentelemetry": {"level": "CRITICAL"},
            "celery.beat": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
        },
    }
