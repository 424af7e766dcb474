"""Errors that nobody handled are reported once each, without a word too many."""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from config import observing
from config.celery import app
from perception import intake
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk, desk, make_desk
from tests.config.collector import MAIL, WORD, Beside, beside, told

__all__ = ["desk", "make_desk"]

ROOT = Path(__file__).parents[2]
SECRET = "whsec_canary"


@pytest.fixture
def reported(settings: Any) -> Iterator[Beside]:
    """A service that takes reports of errors, and gets this process's."""
    with beside() as one:
        settings.ENV = replace(settings.ENV, sentry_dsn=f"http://key@{one.place}/1")
        observing.start("web")
        yield one
        observing.stop()


def _breaks(*_: object, **__: object) -> None:
    secret = {"token": SECRET, "mail": MAIL}
    try:
        raise KeyError(MAIL)
    except KeyError as error:
        raise RuntimeError(f"{WORD} {secret}") from error


def _only(one: Beside, wanted: int = 1) -> dict[str, Any]:
    """What arrived, all of it, without a word too many."""
    observing.stop()
    assert len(one.errors()) == wanted, one.errors()
    held = str(one.errors())
    assert not [each for each in (MAIL, WORD, SECRET, "Bearer") if each in held]
    return one.errors()[0]


@pytest.mark.parametrize("is_api", [True, False])
def test_an_error_of_a_request_is_reported_once(
    reported: Beside, desk: Desk, monkeypatch: pytest.MonkeyPatch, is_api: bool
) -> None:
    """I6: its class, its lines and ids; no word, no body, no header, no variable."""
    client = desk.house.client(Role.INTEGRATION)
    if is_api:
        monkeypatch.setattr(intake, "receive", _breaks)
        answer = client.send("POST", f"signals/?mail={MAIL}", told(SECRET))
    else:
        monkeypatch.setattr("config.health.database", _breaks)
        answer = client.get(f"/readyz?mail={MAIL}", headers={"X-Word": WORD})
    assert answer.status_code == 500
    token = desk.house.tokens[Role.INTEGRATION]
    event = _only(reported)
    assert token not in str(event)
    assert [each["type"] for each in event["exception"]["values"]] == [
        "KeyError",
        "RuntimeError",
    ]
    assert event["transaction"] == ("/api/v1/signals/" if is_api else "/readyz")
    tags = event["tags"]
    assert tags["request_id"] == answer["X-Request-Id"]
    assert tags.get("tenant") == (str(desk.tenant) if is_api else None)
    lines = event["exception"]["values"][-1]["stacktrace"]["frames"]
    assert lines[-1]["function"] == "_breaks"


def test_an_error_of_a_task_is_reported_once(
    reported: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.loader.import_default_modules()
    monkeypatch.setattr("autonomy.pipeline.walk", _breaks)
    run, tenant = uuid7(), uuid7()
    app.tasks["autonomy.tasks.trigger"].apply(
        kwargs={"run": str(run), "tenant": str(tenant), "later": MAIL}
    )
    event = _only(reported)
    assert event["transaction"] == "autonomy.tasks.trigger"
    ids = {"run": str(run), "tenant": str(tenant)}
    assert ids.items() <= event["tags"].items()


def test_an_error_of_a_thread_is_reported_once(
    reported: Beside, capsys: pytest.CaptureFixture[str]
) -> None:
    hook: Callable[..., Any] = threading.excepthook
    try:
        _breaks()
    except RuntimeError as error:
        hook(
            threading.ExceptHookArgs((RuntimeError, error, None, None)),
        )
    _only(reported)
    assert WORD in capsys.readouterr().err


def test_what_ends_a_process_is_reported() -> None:
    """As of a relay that meets what nobody foresaw."""
    code = f"""
import django
django.setup()
from config import observing
observing.start("relay")
raise RuntimeError("{WORD}")
"""
    with beside() as one:
        kept = ("PATH", "HOME", "LANG", "VAR_DIR")
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={
                **{name: os.environ[name] for name in kept if name in os.environ},
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "SENTRY_DSN": f"http://key@{one.place}/1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1, done.stderr
        event = _only(one)
    assert event["tags"]["process"] == "relay"
    assert "Sentry" not in done.stderr


def test_without_an_error_nothing_is_reported(reported: Beside, desk: Desk) -> None:
    """What is refused is no error, nor is what a log says."""
    client = desk.house.client(Role.INTEGRATION)
    assert client.send("POST", "signals/", {"account": MAIL}).status_code == 400
    logging.getLogger("config").error("%s", WORD)
    observing.stop()
    assert reported.errors() == []
