"""Probes: alive always, well with its servers, ready with all that takes work."""

import json
import os
import re
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client

from config import health
from config.checkup import examine
from ledger.record import record_all
from ledger.scope import tenant_scope
from perception.models import Heartbeat
from perception.pulse import beat
from perception.rules.roles import Role
from tests.conftest import House
from tests.ledger.conftest import facts

ROOT = Path(__file__).parents[2]


@pytest.fixture
def alive(db: None) -> None:
    for process in health.PROCESSES:
        beat(process, now=datetime.now(UTC))


def ask(path: str) -> tuple[int, Any]:
    response = Client().get(path)
    return response.status_code, response.json()


def test_ready_when_everything_shows_life(alive: None) -> None:
    status, body = ask("/readyz")
    assert (status, body["status"]) == (200, "ok")
    assert set(body["checks"]) == {"database", "migrations", "worker", "beat", "relay"}
    assert ask("/healthz") == (
        200,
        {"status": "ok", "checks": {"database": "ok", "redis": "ok"}},
    )
    assert ask("/livez") == (200, {"status": "ok"})


def test_a_broker_of_its_own_is_asked_too(alive: None, monkeypatch: Any) -> None:
    """S6: RabbitMQ that is away, or says nothing, shows in probe and doctor at once."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        url = f"amqp://guest:guest@127.0.0.1:{silent.getsockname()[1]}//"
        monkeypatch.setattr(settings, "CELERY_BROKER_URL", url)
        status, body = ask("/healthz")
        assert (status, body["checks"]["redis"]) == (503, "ok")
        assert body["checks"]["broker"].startswith("unreachable")
    found = {each.name: each for each in examine()}
    assert not found["broker"].ok
    assert found["broker"].remedy == "Check BROKER_URL."
    # It carries no messages, so what it evicts is nobody's work.
    assert found["redis eviction"].ok


@pytest.mark.parametrize("process", health.PROCESSES)
def test_not_ready_when_one_is_silent(alive: None, process: str) -> None:
    beat(process, now=datetime.now(UTC) - timedelta(seconds=75))
    status, body = ask("/readyz")
    said = re.fullmatch(r"silent for (\d+) s", body["checks"][process])
    assert (status, said is not None and int(said[1]) >= 75) == (503, True)
    Heartbeat.objects.filter(process=process).delete()
    assert ask("/readyz")[1]["checks"][process] == "never seen"


def test_not_ready_before_migrations(alive: None, superuser: Any) -> None:
    with superuser.cursor() as cursor:
        cursor.execute(
            "DELETE FROM django_migrations WHERE id = (SELECT max(id) "
            "FROM django_migrations WHERE app = 'ledger') RETURNING name"
        )
        (newest,) = cursor.fetchone()
    status, body = ask("/readyz")
    with superuser.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied) "
            "VALUES ('ledger', %s, now())",
            [newest],
        )
    assert status == 503
    assert body["checks"]["migrations"].endswith("not applied: run migrate")


def test_probes_outlive_the_database(tmp_path: Path) -> None:
    """No database: livez answers, readyz says 503, metrics say it is down."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = (
        "import django; django.setup(); from django.test import Client; c = Client(SERVER_NAME='localhost', raise_request_exception=False);"
        "print([c.get(p).status_code for p in ('/livez', '/healthz', '/readyz', '/metrics')]);"
        "r = c.get('/api/v1/me/', headers={'authorization': 'Bearer aut_' + '0' * 32 + '_x'});"
        "print(r.status_code, r.json()['code'], r['Retry-After']);"
        "print('autonomy_database_up 0.0' in c.get('/metrics').content.decode())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "VAR_DIR": str(tmp_path),
            "DATABASE_URL": f"postgres://u:p@127.0.0.1:{port}/d",
            "SECRET_KEY": "s" * 50,
            "FIELD_KEYS": settings.FIELD_KEYS[0],
        },
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in done.stdout.splitlines() if "request_id" not in line]
    assert said == ["[200, 503, 503, 200]", "503 DATABASE_AWAY 5", "True"], done.stderr


def test_metrics_name_no_tenant(house: House) -> None:
    house.client(Role.ADMIN).send("GET", "me/")
    text = Client().get("/metrics").content.decode()
    assert "autonomy_ledger_unsealed" in text
    assert "autonomy_heartbeat_age_seconds" in text
    assert str(house.tenant) not in text
    assert house.slug not in text


def test_doctor_and_status_tell_the_same(
    alive: None, house: House, capsys: Any
) -> None:
    with tenant_scope(house.tenant):
        record_all(facts(3), now=datetime.now(UTC) - timedelta(minutes=5))
    with pytest.raises(SystemExit) as end:
        call_command("doctor", json=True)
    assert end.value.code == 1
    checks = {
        check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]
    }
    assert [name for name, check in checks.items() if not check["ok"]] == ["sealing"]
    assert checks["sealing"]["remedy"]
    call_command("relay", once=True)
    call_command("doctor")
    assert "BAD" not in capsys.readouterr().out
    call_command("status", json=True)
    seen = json.loads(capsys.readouterr().out)
    assert seen["ledger"] == {"unsealed": 0, "oldest_seconds": 0.0}
    assert seen["processes"]["relay"] == "ok"
