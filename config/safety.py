"""Settings of Celery, Redis and the database that lose or repeat work stop the start."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from config.brokers import AMQP_LIMITS, REDIS_LIMITS

# What a database stops of itself: waits for locks, and whoever does nothing with them.
GUARDS = ("lock_timeout", "idle_in_transaction_session_timeout")


class UnsafeCelery(Exception):
    """The house is configured so that it would lose or repeat work."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """Django's settings; what is not set has Celery's own default."""

    settings: Any

    def celery(self, name: str, default: Any = None) -> Any:
        return getattr(self.settings, f"CELERY_{name}", default)

    @property
    def transport(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.celery("BROKER_TRANSPORT_OPTIONS") or {}
        return found

    @property
    def is_amqp(self) -> bool:
        return str(self.celery("BROKER_URL", "")).startswith(("amqp", "pyamqp"))

    @property
    def databases(self) -> Sequence[Mapping[str, Any]]:
        found: Mapping[str, Any] = getattr(self.settings, "DATABASES", {})
        return list(found.values())

    def options(self, database: Mapping[str, Any]) -> str:
        return str(database.get("OPTIONS", {}).get("options", ""))


def refuse_unsafe(settings: Any) -> None:
    """Raise on the first setting that measurements have shown to be unsafe."""
    given = Given(settings=settings)
    for name, is_unsafe, why in UNSAFE:
        if is_unsafe(given):
            raise UnsafeCelery(f"{name}: {why}")


def _redelivers(given: Given) -> bool:
    limit = given.celery("TASK_TIME_LIMIT")
    visible = given.transport.get("visibility_timeout", 3600)
    return not given.is_amqp and bool(limit) and visible <= limit


def _limits_cross(given: Given) -> bool:
    hard, soft = given.celery("TASK_TIME_LIMIT"), given.celery("TASK_SOFT_TIME_LIMIT")
    return not soft or bool(hard and soft >= hard)


def _tool_outlives(given: Given) -> bool:
    soft = given.celery("TASK_SOFT_TIME_LIMIT") or 0
    return bool(getattr(given.settings, "TOOL_TIMEOUT_SECONDS", 0) >= soft)


def _waits_for_ever(given: Given) -> bool:
    return not given.is_amqp and not all(
        given.transport.get(name) for name in REDIS_LIMITS
    )


def _listens_to_the_dead(given: Given) -> bool:
    return not given.is_amqp and not given.transport.get("socket_keepalive")


def _waits_for_rabbitmq(given: Given) -> bool:
    return given.is_amqp and not all(given.transport.get(name) for name in AMQP_LIMITS)


def _rates(given: Given) -> bool:
    notes = given.celery("TASK_ANNOTATIONS") or {}
    asked = [notes] if isinstance(notes, Mapping) else notes
    named = [each for table in asked for each in table.values()]
    return bool(given.celery("TASK_DEFAULT_RATE_LIMIT")) or any(
        isinstance(each, Mapping) and each.get("rate_limit") for each in named
    )


def _prioritises(given: Given) -> bool:
    names = ("TASK_QUEUE_MAX_PRIORITY", "TASK_DEFAULT_PRIORITY")
    return any(given.celery(name) is not None for name in names) or (
        "priority_steps" in given.transport
    )


def _reuses_blindly(given: Given) -> bool:
    """A connection that outlives a request or task is looked at before it is used."""
    return any(
        each.get("CONN_MAX_AGE", 0) != 0 and not each.get("CONN_HEALTH_CHECKS", False)
        for each in given.databases
    )


def _keeps_for_ever(given: Given) -> bool:
    kept = given.celery("DB_REUSE_MAX")
    return any(each.get("CONN_MAX_AGE", 0) is None for each in given.databases) or (
        kept is not None and kept <= 0
    )


def _pools(given: Given) -> bool:
    return any(each.get("OPTIONS", {}).get("pool") for each in given.databases)


def _unguarded(given: Given) -> bool:
    return not all(
        guard in given.options(each) for each in given.databases for guard in GUARDS
    )


def _never_notices(given: Given) -> bool:
    return not all(
        "tcp_keepalives_idle" in given.options(each)
        and each.get("OPTIONS", {}).get("keepalives_idle")
        for each in given.databases
    )


def _forgets_commits(given: Given) -> bool:
    return any("synchronous_commit" in given.options(each) for each in given.databases)


def _is(name: str, default: Any = None) -> Callable[[Given], bool]:
    return lambda given: bool(given.celery(name, default))


def _is_not(name: str, default: Any = None) -> Callable[[Given], bool]:
    return lambda given: not given.celery(name, default)


UNSAFE: Sequence[tuple[str, Callable[[Given], bool], str]] = (
    (
        "CELERY_TASK_TIME_LIMIT",
        _is_not("TASK_TIME_LIMIT"),
        "set it: a task without an end holds its worker for ever.",
    ),
    (
        "CELERY_BROKER_TRANSPORT_OPTIONS",
        _redelivers,
        "raise visibility_timeout above task_time_limit, or healthy work repeats.",
    ),
    (
        "CELERY_TASK_SOFT_TIME_LIMIT",
        _limits_cross,
        "set it below the hard time limit, or nothing can be handed back in time.",
    ),
    (
        "TOOL_TIMEOUT_SECONDS",
        _tool_outlives,
        "set it below task_soft_time_limit, or slow tools end in doubt.",
    ),
    (
        "CELERY_RESULT_BACKEND",
        lambda given: given.celery("RESULT_BACKEND") is not None,
        "unset it: a result backend costs time and grows; results live in Postgres.",
    ),
    (
        "CELERY_TASK_IGNORE_RESULT",
        _is_not("TASK_IGNORE_RESULT"),
        "set it to True: nobody reads results, and stored ones grow.",
    ),
    (
        "CELERY_ACCEPT_CONTENT",
        lambda given: set(given.celery("ACCEPT_CONTENT", ())) != {"json"},
        "accept json only: a pickle runs code of whoever reaches the broker.",
    ),
    (
        "CELERY_TASK_SERIALIZER",
        lambda given: given.celery("TASK_SERIALIZER", "json") != "json",
        "set it to json: no worker of this house takes a pickle.",
    ),
    (
        "CELERY_TASK_ACKS_LATE",
        _is_not("TASK_ACKS_LATE"),
        "turn acks_late on, or a killed worker takes its message along.",
    ),
    (
        "CELERY_TASK_ACKS_ON_FAILURE_OR_TIMEOUT",
        _is_not("TASK_ACKS_ON_FAILURE_OR_TIMEOUT", True),
        "turn acks on failure on, or what fails comes back for ever, uncounted.",
    ),
    (
        "CELERY_TASK_REJECT_ON_WORKER_LOST",
        _is("TASK_REJECT_ON_WORKER_LOST"),
        "turn reject_on_worker_lost off, or poison work loops for ever.",
    ),
    (
        "CELERY_WORKER_PREFETCH_MULTIPLIER",
        lambda given: given.celery("WORKER_PREFETCH_MULTIPLIER", 4) != 1,
        "set prefetch to 1, or one worker hoards what others could do.",
    ),
    (
        "CELERY_TASK_ALWAYS_EAGER",
        _is("TASK_ALWAYS_EAGER"),
        "turn it off: Eager tasks run inside the caller and are no proof of anything.",
    ),
    (
        "CELERY_TASK_PUBLISH_RETRY",
        _is("TASK_PUBLISH_RETRY", True),
        "turn publish retries off: the relay sends again, and hangs otherwise.",
    ),
    (
        "CELERY_BROKER_CONNECTION_RETRY",
        _is_not("BROKER_CONNECTION_RETRY", True),
        "turn it on, or a worker ends with the first pause of its broker.",
    ),
    (
        "CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP",
        _is_not("BROKER_CONNECTION_RETRY_ON_STARTUP"),
        "turn retry on startup on, or a worker that starts before its broker ends.",
    ),
    (
        "CELERY_BROKER_CONNECTION_MAX_RETRIES",
        _is("BROKER_CONNECTION_MAX_RETRIES", 100),
        "set it to None, or a worker gives its broker up after so many tries.",
    ),
    (
        "CELERY_BROKER_TRANSPORT_OPTIONS",
        _waits_for_ever,
        f"set {' and '.join(REDIS_LIMITS)}, or a silent Redis stops the relay.",
    ),
    (
        "CELERY_BROKER_TRANSPORT_OPTIONS",
        lambda given: given.is_amqp and not given.transport.get("confirm_publish"),
        "set confirm_publish to True, or RabbitMQ drops messages unseen.",
    ),
    (
        "CELERY_BROKER_TRANSPORT_OPTIONS",
        _listens_to_the_dead,
        "set socket_keepalive, or a worker waits at a line whose other end is gone.",
    ),
    (
        "CELERY_BROKER_TRANSPORT_OPTIONS",
        _waits_for_rabbitmq,
        f"set {' and '.join(AMQP_LIMITS)}, or a silent RabbitMQ stops the relay.",
    ),
    (
        "CELERY_TASK_DEFAULT_PRIORITY",
        _prioritises,
        "set no priorities: on Redis they starve; the relay takes turns instead.",
    ),
    (
        "CELERY_TASK_DEFAULT_RATE_LIMIT",
        _rates,
        "set no rate limit: each worker would have its own; tools have theirs.",
    ),
    (
        "CELERY_WORKER_POOL",
        lambda given: given.celery("WORKER_POOL") not in (None, "prefork"),
        "leave the pool at prefork: the others keep no hard time limit.",
    ),
    (
        "CELERY_WORKER_MAX_TASKS_PER_CHILD",
        lambda given: (
            not given.celery("WORKER_MAX_TASKS_PER_CHILD")
            or not given.celery("WORKER_MAX_MEMORY_PER_CHILD")
        ),
        "set it, and WORKER_MAX_MEMORY_PER_CHILD, or workers grow without end.",
    ),
    (
        "CELERY_WORKER_SEND_TASK_EVENTS",
        _is("WORKER_SEND_TASK_EVENTS"),
        "turn events off: what nobody reads fills Redis.",
    ),
    (
        "CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT",
        lambda given: given.celery("WORKER_SOFT_SHUTDOWN_TIMEOUT", 0) <= 0,
        "set it, or a deploy cuts off what a moment would have finished.",
    ),
    (
        "CELERY_BEAT_SCHEDULER",
        lambda given: given.celery("BEAT_SCHEDULER") != "config.schedule:Timetable",
        "leave it at config.schedule:Timetable: others forget ticks and stop.",
    ),
    (
        "CELERY_TIMEZONE",
        lambda given: (
            given.celery("TIMEZONE") != "UTC" or not given.celery("ENABLE_UTC", True)
        ),
        "leave it at UTC: ticks in local time stop when the clocks change.",
    ),
    (
        "DATABASES",
        _reuses_blindly,
        "set CONN_HEALTH_CHECKS where CONN_MAX_AGE keeps connections.",
    ),
    (
        "DATABASES",
        _keeps_for_ever,
        "give CONN_MAX_AGE and CELERY_DB_REUSE_MAX an end above 0.",
    ),
    (
        "DATABASES",
        _pools,
        "set no pool: workers fork, and would share its connections.",
    ),
    (
        "DATABASES",
        _unguarded,
        f"set {' and '.join(GUARDS)}, or one stuck process stops all.",
    ),
    (
        "DATABASES",
        _never_notices,
        "set keepalives_idle and tcp_keepalives_idle, or a cut cable holds locks.",
    ),
    (
        "DATABASES",
        _forgets_commits,
        "leave synchronous_commit on: what was accepted must be on the disk.",
    ),
)
