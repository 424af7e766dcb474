"""A cache that is never worth an outage: without Redis, everything is a miss."""

from collections.abc import Callable
from time import monotonic
from typing import Any

import structlog
from django.core.cache.backends.redis import RedisCache
from redis import RedisError

logger = structlog.get_logger("config.cache")

AWAY_SECONDS = 1.0


class Outage:
    """Remembers for a moment that a server was away, so that not everybody waits."""

    def __init__(self) -> None:
        self._until = 0.0

    def lasts(self) -> bool:
        return monotonic() < self._until

    def begins(self) -> None:
        self._until = monotonic() + AWAY_SECONDS


outage = Outage()


class ForgivingCache(RedisCache):
    """What is read is then absent, what is written is forgotten."""

    def add(self, *args: Any, **kwargs: Any) -> bool:
        return bool(
            _attempt(lambda: super(ForgivingCache, self).add(*args, **kwargs), True)
        )

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return _attempt(
            lambda: super(ForgivingCache, self).get(key, default, version), default
        )

    def set(self, *args: Any, **kwargs: Any) -> None:
        _attempt(lambda: super(ForgivingCache, self).set(*args, **kwargs), None)

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        return bool(
            _attempt(lambda: super(ForgivingCache, self).delete(*args, **kwargs), False)
        )

    def get_many(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        found: dict[Any, Any] = _attempt(
            lambda: super(ForgivingCache, self).get_many(*args, **kwargs), {}
        )
        return found


def _attempt(work: Callable[[], Any], otherwise: Any) -> Any:
    if outage.lasts():
        return otherwise
    try:
        return work()
    except (RedisError, OSError) as error:
        outage.begins()
        logger.warning("cache unavailable", error=type(error).__name__)
        return otherwise
