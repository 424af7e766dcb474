"""How long either broker is waited for, and how a dead line to it is noticed."""

import socket
from typing import Any

REDIS_LIMITS = ("socket_connect_timeout", "socket_timeout")
AMQP_LIMITS = ("read_timeout", "write_timeout")
LIMIT_SECONDS = 3
# RabbitMQ alone: who vanished is noticed within a minute.
HEARTBEAT_SECONDS = 30


def is_redis(url: str) -> bool:
    return url.startswith(("redis", "unix"))


def limits(url: str, seconds: int) -> dict[str, Any]:
    """What its client has to be told, so that silence is an error."""
    return dict.fromkeys(REDIS_LIMITS if is_redis(url) else AMQP_LIMITS, seconds)


def transport(url: str) -> dict[str, Any]:
    """Celery's options for the transport to it."""
    if not is_redis(url):
        return {"confirm_publish": True, **limits(url, LIMIT_SECONDS)}
    return {
        "visibility_timeout": 300,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        # A worker that waits for a message says nothing itself.
        "socket_keepalive": True,
        "socket_keepalive_options": {
            socket.TCP_KEEPIDLE: 5,
            socket.TCP_KEEPINTVL: 2,
            socket.TCP_KEEPCNT: 5,
        },
        **limits(url, LIMIT_SECONDS),
    }
