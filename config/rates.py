"""How fast one token, or one person, may call: GCRA, shared by all web processes."""

from functools import cache
from typing import Any

import structlog
from django.conf import settings
from redis import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from throttled import RateLimiterType, Throttled, rate_limiter, store
from throttled.exceptions import BaseThrottledError

from config.cache import Outage
from perception.rules.callers import Caller

logger = structlog.get_logger("config.rates")


class PerToken(BaseThrottle):
    """Lets a burst through, then a steady rate. Without Redis it holds nobody up."""

    retry_after: float | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        caller = request.auth
        if not isinstance(caller, Caller):
            return True
        limiter, outage = _limiter(caller.role)
        if outage.lasts():
            return True
        try:
            result = limiter.limit(str(caller.token or caller.membership))
        except (RedisError, BaseThrottledError, OSError) as error:
            outage.begins()
            logger.warning("rate limit unavailable", error=type(error).__name__)
            return True
        self.retry_after = result.state.retry_after
        return not result.limited

    def wait(self) -> float | None:
        return self.retry_after


@cache
def _limiter(role: str) -> tuple[Throttled, Outage]:
    rate, burst = settings.RATES.get(role, settings.RATES[""])
    limiter = Throttled(
        using=RateLimiterType.GCRA.value,
        quota=rate_limiter.per_sec(rate, burst=burst),
        store=store.RedisStore(
            server=settings.REDIS_URL,
            options={"SOCKET_TIMEOUT": 0.2, "SOCKET_CONNECT_TIMEOUT": 0.2},
        ),
        key_prefix="autonomy:rate",
    )
    return limiter, Outage()
