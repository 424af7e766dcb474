"""Structured logs: ids and figures only, through a list of what may be said."""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

# Anything else is dropped, so that no name, address or payload reaches a log.
SAYABLE = frozenset(
    {
        "event", "level", "timestamp", "logger", "request_id", "method", "route",
        "status", "ms", "queries", "tenant", "account", "signal", "run", "intent",
        "execution", "plan", "task", "process", "job", "count", "size", "seconds",
        "error", "exception", "code", "name", "reason", "exc_info", "stack",
        "positional_args", "_record", "_from_structlog",
    }
)  # fmt: skip

Event = MutableMapping[str, Any]


def only_sayable(_logger: object, _method: str, event: Event) -> Event:
    """Drop every field that is not on the list."""
    for key in [key for key in event if key not in SAYABLE]:
        del event[key]
    return event


def without_values(_logger: object, _method: str, event: Event) -> Event:
    """An exception as its type and its lines of code; its message may quote a row."""
    info = event.pop("exc_info", None)
    error = sys.exc_info()[1] if info is True else info
    error = error[1] if isinstance(error, tuple) else error
    if isinstance(error, BaseException):
        lines = traceback.format_tb(error.__traceback__)
        event["exception"] = type(error).__name__ + "\n" + "".join(lines)
    return event


_BEFORE = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
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
        "handlers": {
            "console": {"class": "logging.StreamHandler", "formatter": "house"}
        },
        "root": {"handlers": ["console"], "level": logging.INFO},
        "loggers": {
            "django.request": {"level": "ERROR"},
            # It quotes whatever host somebody typed.
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            "django.db.backends": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
        },
    }
