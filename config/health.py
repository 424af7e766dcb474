"""Is it alive, is it well, is it ready: asked by probes, without a tenant."""

from collections.abc import Callable
from typing import Any

import redis
from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from kombu import Connection
from kombu.exceptions import OperationalError
from prometheus_client import CONTENT_TYPE_LATEST

from config.brokers import is_redis, limits
from config.figures import exposition
from perception.pulse import STALE_AFTER, ages

PROCESSES = ("worker", "beat", "relay")


def livez(request: HttpRequest) -> HttpResponse:
    """This process answers. Nothing else is asked."""
    return JsonResponse({"status": "ok"})


def healthz(request: HttpRequest) -> HttpResponse:
    """Database and Redis answer, and the broker where it is another server."""
    checks = {"database": database(), "redis": redis_server()}
    if has_own_broker():
        checks["broker"] = broker()
    return _answer(checks)


def readyz(request: HttpRequest) -> HttpResponse:
    """All that is needed to take work: tables as the code expects, signs of life."""
    checks = {"database": database()}
    if checks["database"] == "ok":
        checks["migrations"] = migrations()
        checks |= processes()
    return _answer(checks)


def metrics(request: HttpRequest) -> HttpResponse:
    """Figures for Prometheus."""
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)


def database() -> str:
    return _attempt(connection.ensure_connection)


def redis_server() -> str:
    def ping() -> None:
        client = redis.Redis.from_url(
            settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1
        )
        with client:
            client.ping()

    return _attempt(ping)


def has_own_broker() -> bool:
    """Whether messages go elsewhere than to the Redis of rates and cache."""
    return bool(settings.CELERY_BROKER_URL != settings.REDIS_URL)


def broker() -> str:
    def greet() -> None:
        url = settings.CELERY_BROKER_URL
        options = limits(url, 1)
        with Connection(url, connect_timeout=1, transport_options=options) as line:
            line.ensure_connection(max_retries=1, interval_start=0)

    return _attempt(greet)


def redis_eviction() -> str:
    """What the Redis that carries messages does when it is full; anything but
    noeviction drops some.
    """
    if not is_redis(settings.CELERY_BROKER_URL):
        return "not to be asked (it carries no messages)"
    client = redis.Redis.from_url(
        settings.CELERY_BROKER_URL, socket_connect_timeout=1, socket_timeout=1
    )
    try:
        with client:
            found: Any = client.config_get("maxmemory-policy")
    except (redis.RedisError, OSError) as error:
        return f"not to be asked ({type(error).__name__})"
    return str(found.get("maxmemory-policy", "not to be asked"))


def migrations() -> str:
    """Whether every migration that this code knows has been applied."""
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(missing)} not applied: run migrate" if missing else "ok"


def processes() -> dict[str, str]:
    """Whether each process made progress lately."""
    try:
        seen = ages(now=timezone.now())
    except Error:
        return dict.fromkeys(PROCESSES, "unknown")
    limit = STALE_AFTER.total_seconds()
    return {name: _liveness(seen.get(name), limit) for name in PROCESSES}


def _liveness(age: float | None, limit: float) -> str:
    if age is None:
        return "never seen"
    return "ok" if age <= limit else f"silent for {age:.0f} s"


def _attempt(check: Callable[[], object]) -> str:
    try:
        check()
    except (Error, redis.RedisError, OperationalError, OSError) as error:
        return f"unreachable ({type(error).__name__})"
    return "ok"


def _answer(checks: dict[str, str]) -> HttpResponse:
    well = all(state == "ok" for state in checks.values())
    body = {"status": "ok" if well else "unavailable", "checks": checks}
    return JsonResponse(body, status=200 if well else 503)
