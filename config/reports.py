"""Errors that nobody handled, reported to Sentry or what speaks like it.

What a report holds is on a list: the classes of errors, lines of code, and ids. Their
words may quote a row, and local variables hold secrets; neither leaves the process.
"""

import sys
import threading
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sentry_sdk
from celery.signals import task_failure
from django.conf import settings
from django.core.signals import got_request_exception
from django.http import HttpRequest
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.excepthook import ExcepthookIntegration
from structlog.contextvars import get_contextvars

from config.logs import SAYABLE

KEPT = (
    "event_id", "timestamp", "level", "platform", "release", "environment", "sdk",
    "server_name", "transaction", "fingerprint", "type",
)  # fmt: skip
OF_ERROR = ("type", "module", "thread_id")
OF_FRAME = ("filename", "abs_path", "module", "function", "lineno", "in_app")
IDS = ("tenant", "run", "intent", "undo", "pull", "plan")
STOP_SECONDS = 2.0


def start(process: str) -> None:
    """Report from now on. No library is patched, and nothing but errors is sent."""
    sentry_sdk.init(
        dsn=settings.ENV.sentry_dsn,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            DedupeIntegration(),
            ExcepthookIntegration(),
            AtexitIntegration(callback=_waits_quietly),
        ],
        before_send=scrubbed,
        # Nothing of people is the SDK's default, as long as nobody asks for it.
        max_request_body_size="never",
        include_local_variables=False,
        include_source_context=False,
        max_breadcrumbs=0,
        auto_session_tracking=False,
        send_client_reports=False,
        enable_backpressure_handling=False,
        trace_propagation_targets=[],
        shutdown_timeout=STOP_SECONDS,
        in_app_include=["config", "plans", "autonomy", "perception", "ledger"],
    )
    sentry_sdk.set_tag("process", process)
    got_request_exception.connect(in_request, dispatch_uid=__name__)
    task_failure.connect(in_task, weak=False, dispatch_uid=__name__)
    threading.excepthook = in_thread


def stop() -> None:
    """Send the rest, if somebody takes it soon, and report nothing more."""
    threading.excepthook = threading.__excepthook__
    task_failure.disconnect(in_task, dispatch_uid=__name__)
    got_request_exception.disconnect(in_request, dispatch_uid=__name__)
    sentry_sdk.get_client().close(timeout=STOP_SECONDS)
    sentry_sdk.get_global_scope().set_client(None)


def _waits_quietly(_pending: int, _timeout: float) -> None:
    """The end of a process says nothing about what it still has to send."""


def in_request(request: HttpRequest | None = None, **_: Any) -> None:
    """An error that a view left unhandled; it is answered as usual."""
    match = getattr(request, "resolver_match", None)
    route = f"/{match.route}" if match is not None else "-"
    caller = getattr(request, "caller", None)
    said = {"route": route, "method": getattr(request, "method", "-")}
    tenant = getattr(caller, "tenant", None)
    report(sys.exc_info()[1], route, {**said, "tenant": tenant})


def in_task(
    sender: Any = None,
    exception: BaseException | None = None,
    kwargs: Mapping[str, Any] | None = None,
    **_: Any,
) -> None:
    """A task that failed. What it was sent are ids."""
    name = str(getattr(sender, "name", "-"))
    ids = {noun: id_ for noun in IDS if (id_ := _id((kwargs or {}).get(noun)))}
    report(exception, name, {"task": name, **ids})


def in_thread(given: threading.ExceptHookArgs) -> None:
    """A thread that ends by an error says so as before."""
    name = given.thread.name if given.thread is not None else "-"
    report(given.exc_value, "-", {"name": name})
    threading.__excepthook__(given)


def report(error: BaseException | None, where: str, said: Mapping[str, object]) -> None:
    """One error, and the ids that lead to its lines in the logs."""
    if error is None:
        return
    with sentry_sdk.new_scope() as scope:
        scope.set_transaction_name(where)
        for name, value in {**get_contextvars(), **said}.items():
            if name in SAYABLE and value is not None:
                scope.set_tag(name, str(value))
        sentry_sdk.capture_exception(error)


def scrubbed(event: Any, _hint: Any) -> Any:
    """Of an event only what is on the list; what is no error is not sent at all."""
    errors = (event.get("exception") or {}).get("values") or []
    if not errors:
        return None
    tags = event.get("tags") or {}
    return {
        **{name: event[name] for name in KEPT if name in event},
        "tags": {name: tags[name] for name in tags if name in SAYABLE},
        "exception": {"values": [_error(each) for each in errors]},
    }


def _error(given: Mapping[str, Any]) -> dict[str, Any]:
    """Its class, and the lines of code that it went through; not its words."""
    mechanism = given.get("mechanism") or {}
    frames = (given.get("stacktrace") or {}).get("frames") or []
    return {
        **{name: given[name] for name in OF_ERROR if name in given},
        "value": "",
        "mechanism": {name: mechanism.get(name) for name in ("type", "handled")},
        "stacktrace": {
            "frames": [
                {name: frame[name] for name in OF_FRAME if name in frame}
                for frame in frames
            ]
        },
    }


def _id(value: object) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None
