"""What watches a process is off without a trace, and never half there."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from config import checkup, env
from config.values import WrongSetting
from ledger import spans
from tests.config.collector import beside

ROOT = Path(__file__).parents[2]
# Everything that a worker, or the web process, ever loads; where it is not installed.
LOADS_ALL = """
import sys
sys.modules["opentelemetry"] = sys.modules["sentry_sdk"] = None
import django
django.setup()
from django.urls import get_resolver
import config.urls, config.wsgi, config.celery, config.operate.management.commands.relay
get_resolver().reverse_dict
config.celery.app.loader.import_default_modules()
assert "autonomy.tasks.trigger" in config.celery.app.tasks
config.observing.load(); config.observing.start("worker"); config.observing.stop()
assert not sys.modules.keys() & {"config.tracing", "config.reports"}
"""


def test_unset_nothing_of_it_is_loaded() -> None:
    """U4: no cost where nobody watches."""
    kept = ("PATH", "HOME", "LANG", "VAR_DIR")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOADS_ALL],
        cwd=ROOT,
        env={**environment, "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ids = {"run": uuid7()}
    assert spans.span("trigger", uuid7(), **ids) is spans.span("gate", None)
    assert spans.here() is None


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", "begins with http"),
        ("SENTRY_DSN", "pigeon://key@h/1", "begins with http"),
        ("SENTRY_DSN", "https://h/1", "https://<key>@<host>/<project>"),
        ("SENTRY_DSN", "https://key@h", "https://<key>@<host>/<project>"),
    ],
)
def test_a_place_that_cannot_be_is_named(
    name: str, value: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(WrongSetting, match=f"{name}.*{said}"):
        env.load({"VAR_DIR": str(tmp_path), name: value})


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_ENDPOINT", "SENTRY_DSN"])
def test_what_sends_must_be_installed(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The start is refused, with the command that mends it."""
    monkeypatch.setattr(env, "find_spec", lambda _: None)
    given = {"VAR_DIR": str(tmp_path)}
    assert env.load(given).otlp_endpoint is None
    with pytest.raises(WrongSetting, match=rf"{name}.*requirements-operate"):
        env.load({**given, name: "https://key@collector.example/1"})


def test_doctor_asks_whether_somebody_takes_them(settings: Any) -> None:
    def found() -> dict[str, checkup.Finding]:
        return {each.name: each for each in checkup.watchers()}

    assert {each.seen for each in found().values()} == {"off"}
    with beside() as one:
        place = f"http://{one.place}"
        settings.ENV = replace(settings.ENV, otlp_endpoint=place)
        assert found()["traces"].ok
    assert not found()["traces"].ok
    assert found()["reports of errors"].ok
