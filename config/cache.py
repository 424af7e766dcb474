"""A cache that is never worth an outage: without Redis, everything is a miss."""

from collections.abc import Callable
from typing import Any

import structlog
from django.core.cache.backends.redis import RedisCache
from redis import RedisError

logger = structlog.get_logger("config.cache")


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
    try:
        return work()
    except (RedisError, OSError) as error:
        logger.warning("cache unavailable", error=type(error).__name__)
        return otherwise
