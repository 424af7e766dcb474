"""T6: what libraries say of errors is told without what the errors quote."""

import logging
import socket
from typing import Any

import pytest
import structlog
from gunicorn.http import errors

from config import logs
from config.embedded import start
from config.web_worker import BoundedWorker, unquoted

WORD = "qzxvbnmkjhgf"


def line(error: Exception | None, message: str, *args: Any) -> str:
    """A record of a library as the house writes it."""
    formatter = logs.configuration("json")["formatters"]["house"]
    house = structlog.stdlib.ProcessorFormatter(
        processors=formatter["processors"],
        foreign_pre_chain=formatter["foreign_pre_chain"],
    )
    info = (type(error), error, None) if error else None
    record = logging.LogRecord("lib", logging.ERROR, "x.py", 1, message, args, info)
    assert logs.OfTasks().filter(record)
    return house.format(record)


def chained() -> Exception:
    """As Django wraps what the driver says."""
    try:
        try:
            raise ValueError(f"Failing row contains ({WORD}).")
        except ValueError as cause:
            raise RuntimeError(f"no room for {WORD}\nDETAIL: {WORD}") from cause
    except RuntimeError as error:
        return error


def test_a_task_that_raised_is_named_without_its_words() -> None:
    error = chained()
    said = {
        "name": "autonomy.tasks.execute", "id": "1", "description": "raised unexpected",
        "exc": repr(error), "traceback": f"… {error}", "args": "()", "kwargs": "{}",
    }  # fmt: skip
    told = line(error, "Task %(name)s[%(id)s] %(description)s: %(exc)s", said)
    assert "Task autonomy.tasks.execute[1] raised unexpected: RuntimeError" in told
    assert WORD not in told
    assert WORD not in line(None, "Task %(name)s[%(id)s] %(exc)s\n%(traceback)s", said)


@pytest.mark.parametrize("form", ["%s", "%r", "before %s after"])
def test_an_exception_that_a_message_quotes_becomes_its_type(form: str) -> None:
    error = chained()
    for quoted in (error, error.__cause__):
        told = line(error, f"It broke: {form}", quoted)
        assert type(quoted).__name__ in told
        assert WORD not in told


def test_messages_without_an_exception_stay_as_they_are() -> None:
    assert "It broke: twice" in line(None, "It broke: %s", "twice")
    assert "It broke: plainly" in line(KeyError(""), "It broke: %s", "plainly")


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidHeader(f"Authorization Bearer {WORD}"),
        errors.InvalidRequestLine(f"GET /?token={WORD} and more"),
        errors.InvalidHTTPVersion(WORD),
        errors.LimitRequestHeaders(WORD),
        RuntimeError(WORD),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_line_that_is_no_header_is_neither_logged_nor_told(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """T5: it may hold a token in the wrong place."""
    worker = BoundedWorker.__new__(BoundedWorker)
    worker.log = logging.getLogger("gunicorn.error")
    ours, theirs = socket.socketpair()
    with ours, theirs, caplog.at_level(logging.DEBUG):
        worker.handle_error(None, ours, ("127.0.0.1", 1), error)
        ours.close()
        told = theirs.makefile("rb").read()
    assert told.startswith(b"HTTP/1.1 4" if error.args[0] != WORD else b"HTTP/1.1 ")
    assert WORD.encode() not in told
    assert caplog.records
    assert not any(WORD in record.getMessage() for record in caplog.records)


def test_an_unquoted_error_is_of_its_kind() -> None:
    told = unquoted(errors.InvalidHeader(WORD))
    assert isinstance(told, errors.InvalidHeader)
    assert str(told) == "InvalidHeader"


def test_the_embedded_postgres_logs_no_rows() -> None:
    """T6: neither the statement that failed, nor the row in its detail."""
    given = start.POSTGRES.split()
    assert "log_min_error_statement=panic" in given
    assert "log_error_verbosity=terse" in given
