"""Settings that lose or repeat work stop the start, with what would mend them (S2, S5)."""

import os
import socket
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import connection

from config.celery import TaskInBroker, app
from config.checkup import BY_DEFAULT, Finding, examine
from config.safety import UNSAFE, UnsafeCelery, refuse_unsafe


def finding(name: str) -> Finding:
    """What the doctor says of one thing."""
    (found,) = [each for each in examine() if each.name == name]
    return found


SAFE = {name: getattr(settings, name) for name in dir(settings) if name.isupper()}
TRANSPORT = {
    "visibility_timeout": 300,
    "socket_connect_timeout": 3,
    "socket_timeout": 3,
    "socket_keepalive": True,
}
OURS = settings.DATABASES["default"]
GUARDED = "-c lock_timeout=10s -c idle_in_transaction_session_timeout=90s"


def _database(**changes: Any) -> dict[str, Any]:
    return {"default": {**OURS, **changes}}


CASES = [
    ("CELERY_TASK_TIME_LIMIT", None, "without an end"),
    (
        "CELERY_BROKER_TRANSPORT_OPTIONS",
        TRANSPORT | {"visibility_timeout": 60},
        "visibility",
    ),
    ("CELERY_TASK_SOFT_TIME_LIMIT", None, "handed back"),
    ("CELERY_TASK_SOFT_TIME_LIMIT", 60, "handed back"),
    ("TOOL_TIMEOUT_SECONDS", 45.0, "slow tools"),
    ("CELERY_RESULT_BACKEND", "redis://", "result backend"),
    ("CELERY_TASK_IGNORE_RESULT", False, "nobody reads"),
    ("CELERY_ACCEPT_CONTENT", ["json", "pickle"], "pickle"),
    ("CELERY_TASK_SERIALIZER", "pickle", "pickle"),
    ("CELERY_TASK_ACKS_LATE", False, "acks_late"),
    ("CELERY_TASK_ACKS_ON_FAILURE_OR_TIMEOUT", False, "uncounted"),
    ("CELERY_TASK_REJECT_ON_WORKER_LOST", True, "reject_on_worker_lost"),
    ("CELERY_WORKER_PREFETCH_MULTIPLIER", 4, "prefetch"),
    ("CELERY_TASK_ALWAYS_EAGER", True, "Eager"),
    ("CELERY_TASK_PUBLISH_RETRY", True, "publish retries"),
    ("CELERY_BROKER_CONNECTION_RETRY", False, "first pause"),
    ("CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP", False, "on startup"),
    ("CELERY_BROKER_CONNECTION_MAX_RETRIES", 100, "gives its broker up"),
    ("CELERY_BROKER_TRANSPORT_OPTIONS", {"visibility_timeout": 300}, "silent Redis"),
    (
        "CELERY_BROKER_TRANSPORT_OPTIONS",
        TRANSPORT | {"socket_keepalive": False},
        "other end is gone",
    ),
    ("CELERY_TASK_DEFAULT_PRIORITY", 3, "starve"),
    ("CELERY_TASK_QUEUE_MAX_PRIORITY", 10, "starve"),
    (
        "CELERY_BROKER_TRANSPORT_OPTIONS",
        TRANSPORT | {"priority_steps": [0, 9]},
        "starve",
    ),
    ("CELERY_TASK_DEFAULT_RATE_LIMIT", "10/s", "its own"),
    ("CELERY_TASK_ANNOTATIONS", {"*": {"rate_limit": "10/s"}}, "its own"),
    ("CELERY_WORKER_POOL", "gevent", "prefork"),
    ("CELERY_WORKER_MAX_TASKS_PER_CHILD", None, "without end"),
    ("CELERY_WORKER_MAX_MEMORY_PER_CHILD", None, "without end"),
    ("CELERY_WORKER_SEND_TASK_EVENTS", True, "fills Redis"),
    ("CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT", 0, "deploy"),
    ("CELERY_BEAT_SCHEDULER", "celery.beat:PersistentScheduler", "forget ticks"),
    ("CELERY_TIMEZONE", "Europe/Berlin", "local time"),
    ("CELERY_ENABLE_UTC", False, "local time"),
    ("CELERY_DB_REUSE_MAX", 0, "above 0"),
    ("DATABASES", _database(CONN_HEALTH_CHECKS=False), "CONN_HEALTH_CHECKS"),
    ("DATABASES", _database(CONN_MAX_AGE=None), "CONN_MAX_AGE"),
    ("DATABASES", _database(OPTIONS={**OURS["OPTIONS"], "pool": True}), "fork"),
    ("DATABASES", _database(OPTIONS={"options": "-c app.tenant=x"}), "lock_timeout"),
    (
        "DATABASES",
        _database(OPTIONS={**OURS["OPTIONS"], "keepalives_idle": 0}),
        "cable",
    ),
    (
        "DATABASES",
        _database(OPTIONS={"options": f"{GUARDED}", "keepalives_idle": 5}),
        "cable",
    ),
    (
        "DATABASES",
        _database(
            OPTIONS={
                **OURS["OPTIONS"],
                "options": f"{OURS['OPTIONS']['options']} -c synchronous_commit=off",
            }
        ),
        "synchronous_commit",
    ),
]


def test_our_own_settings_are_safe() -> None:
    refuse_unsafe(settings)
    refuse_unsafe(SimpleNamespace(**SAFE))


@pytest.mark.parametrize(("name", "value", "said"), CASES)
def test_unsafe_settings_are_refused(name: str, value: Any, said: str) -> None:
    """S2, S5: one clear line that names the setting and says how to mend it."""
    with pytest.raises(UnsafeCelery, match=said) as refusal:
        refuse_unsafe(SimpleNamespace(**(SAFE | {name: value})))
    text = str(refusal.value)
    assert "\n" not in text
    assert text.partition(":")[0].startswith(("CELERY_", "DATABASES", "TOOL_"))


def test_rabbitmq_confirms_what_it_takes() -> None:
    """S6: the other broker has dangers of its own, and none of Redis's."""
    amqp = SAFE | {"CELERY_BROKER_URL": "amqp://guest@mq//"}
    del amqp["CELERY_BROKER_TRANSPORT_OPTIONS"]
    safe = {"confirm_publish": True, "read_timeout": 3, "write_timeout": 3}
    options = "CELERY_BROKER_TRANSPORT_OPTIONS"
    refuse_unsafe(SimpleNamespace(**amqp, **{options: safe}))
    for missing, said in (
        ("confirm_publish", "confirm_publish"),
        ("read_timeout", "silent RabbitMQ"),
        ("write_timeout", "silent RabbitMQ"),
    ):
        given = {name: value for name, value in safe.items() if name != missing}
        with pytest.raises(UnsafeCelery, match=said):
            refuse_unsafe(SimpleNamespace(**amqp, **{options: given}))


def test_every_check_is_tried() -> None:
    """None of them can rot unseen."""
    told = {said for _, _, said in CASES} | {"confirm_publish", "silent RabbitMQ"}
    for name, _, why in UNSAFE:
        assert any(said in why for said in told), (name, why)


@app.task(name="test.later", house_wide=True)
def later() -> None:
    """Nothing."""


@pytest.mark.parametrize("when", [{"countdown": 5}, {"eta": "2027-01-01T00:00:00Z"}])
def test_no_task_waits_in_the_broker(when: dict[str, Any]) -> None:
    """S2, R11: one that outlives the visibility timeout runs many times over."""
    with pytest.raises(TaskInBroker, match="due_at"):
        later.apply_async(**when)


def test_both_ends_notice_a_cut_cable(db: None) -> None:
    """S8: as Postgres has it for our own connections, and as the kernel has it for us."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('tcp_keepalives_idle'),"
            " current_setting('tcp_user_timeout')"
        )
        assert cursor.fetchone() == ("5", "15000")
        line = socket.socket(fileno=os.dup(connection.connection.fileno()))
        with line:
            assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 5
            assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    with app.connection_for_read() as broker:
        channel: Any = broker.default_channel
        sock = channel.client.connection_pool.get_connection()._sock
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 5


def test_the_doctor_sees_what_only_servers_know(db: None) -> None:
    """Redis that evicts drops messages; a commit that is not on the disk is none."""
    assert finding("redis eviction").ok
    assert finding("durable commits").ok
    with redis.Redis.from_url(settings.REDIS_URL) as server:
        server.config_set("maxmemory-policy", "allkeys-lru")
        try:
            evicts = finding("redis eviction")
        finally:
            server.config_set("maxmemory-policy", "noeviction")
    assert not evicts.ok
    assert evicts.seen == "allkeys-lru"
    assert "noeviction" in evicts.remedy


TOLD = [
    ("log_statement", "all"),
    ("log_statement", "mod"),
    ("log_min_error_statement", "error"),
    ("log_error_verbosity", "default"),
    ("log_min_duration_statement", "250ms"),
    ("log_min_duration_sample", "1s"),
    ("log_transaction_sample_rate", "0.1"),
    ("log_parameter_max_length_on_error", "-1"),
    ("auto_explain.log_min_duration", "0"),
]


@pytest.mark.parametrize(("name", "value"), TOLD)
def test_the_doctor_sees_when_the_database_logs_rows(
    superuser: Any, name: str, value: str
) -> None:
    """T6: the log of the database is read by people who may not see customers."""
    seen = _logged()
    assert seen.ok, seen.seen
    role = settings.DATABASES["default"]["USER"]
    with superuser.cursor() as cursor, connection.cursor() as ours:
        cursor.execute(f"GRANT SET ON PARAMETER {name} TO {role}")
        try:
            ours.execute(f"SET {name} = '{value}'")
            seen = _logged()
        finally:
            ours.execute(f"RESET {name}")
            cursor.execute(f"REVOKE SET ON PARAMETER {name} FROM {role}")
    assert not seen.ok
    assert f"{name} {value}" in seen.seen
    assert name in seen.remedy
    assert _logged().ok


def test_statements_that_change_tables_may_be_logged(superuser: Any) -> None:
    """They hold no rows. Nor does a length matter of what is not logged at all."""
    names = {"log_statement": "ddl", "log_parameter_max_length": "-1"}
    for name, value in names.items():
        with superuser.cursor() as cursor:
            role = settings.DATABASES["default"]["USER"]
            cursor.execute(f"GRANT SET ON PARAMETER {name} TO {role}")
            try:
                with connection.cursor() as ours:
                    ours.execute(f"SET {name} = '{value}'")
                    assert _logged().ok
                    ours.execute(f"RESET {name}")
            finally:
                cursor.execute(f"REVOKE SET ON PARAMETER {name} FROM {role}")


def test_what_any_postgres_begins_with_is_told_of_a_given_one(
    superuser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who runs a Postgres as it comes is told, and has a sound house; what somebody chose
    to log is no default.
    """
    given = replace(settings.ENV, database_url=settings.DATABASE_GIVEN_URL)
    monkeypatch.setattr(settings, "ENV", given)
    role = settings.DATABASES["default"]["USER"]
    for chosen, is_sound in (("none", True), ("all", False)):
        for name, value in (*BY_DEFAULT.items(), ("log_statement", chosen)):
            with superuser.cursor() as cursor, connection.cursor() as ours:
                cursor.execute(f"GRANT SET ON PARAMETER {name} TO {role}")
                ours.execute(f"SET {name} = '{value}'")
                cursor.execute(f"REVOKE SET ON PARAMETER {name} FROM {role}")
        seen = _logged()
        assert seen.ok is is_sound
        assert "log_min_error_statement error" in seen.seen


def _logged() -> Finding:
    return finding("log of the database")


def test_a_folder_is_tried(db: None, settings: Any, tmp_path: Path) -> None:
    """L6: a witness that cannot be written is no witness, whatever its rights say."""
    for place, is_sound in ((tmp_path / "new", True), (Path("/proc/nope"), False)):
        settings.LEDGER_ANCHOR_DIR = place
        found = finding("witness of the ledger")
        assert found.ok is is_sound, found.seen
        assert str(place) in found.seen


def test_who_may_not_wait_for_the_disk_is_told(db: None, superuser: Any) -> None:
    """A walk commits early and waits by a function that an administrator can take away."""
    emits = "FUNCTION pg_logical_emit_message(boolean, text, text, boolean)"
    assert finding("early commits").ok
    with superuser.cursor() as cursor:
        cursor.execute(f"REVOKE EXECUTE ON {emits} FROM PUBLIC")
    try:
        found = finding("early commits")
    finally:
        with superuser.cursor() as cursor:
            cursor.execute(f"GRANT EXECUTE ON {emits} TO PUBLIC")
    assert not found.ok
    assert "GRANT EXECUTE" in found.remedy
