"""A worker that takes nothing while something waits for it ends, to be begun anew.

A consumer can stop consuming without a word, as after a broker that fell silent. Being
alive is no proof of work: taking what waits is.
"""

import os
import signal
import threading
import time
from contextlib import suppress
from typing import Any

import billiard
import structlog
from celery.exceptions import CeleryError
from celery.worker import state
from django.conf import settings
from kombu.exceptions import KombuError

logger = structlog.get_logger("config.worker")

# How often it is looked, and for how long nothing may be taken by hands that are free;
# on top of the longest task, by full ones.
EVERY, PATIENCE = 5.0, 30.0
# Of whoever wants to be started again.
CODE = os.EX_TEMPFAIL
AWAY = (OSError, CeleryError, KombuError)


class Progress(threading.Thread):
    """Whether this worker takes anything of what waits for it all the time."""

    def __init__(
        self, app: Any, *, every: float = EVERY, patience: float = PATIENCE
    ) -> None:
        super().__init__(name="progress", daemon=True)
        self.app, self.every, self.patience = app, every, patience
        self.since = time.monotonic()

    def made(self, **_: Any) -> None:
        """Something was taken, or nothing waits."""
        self.since = time.monotonic()

    def run(self) -> None:
        while True:
            due = time.monotonic() + self.every
            time.sleep(self.every)
            if time.monotonic() - due > self.every:
                # All of this process stood still, and has to begin somewhere.
                self.made()
            elif time.monotonic() - self.since >= self.every:
                self.look(waiting=_waiting(self.app), held=len(state.reserved_requests))

    def look(self, *, waiting: int, held: int) -> None:
        """End where it is stuck: so much waits for it, so much it holds already."""
        if not waiting:
            self.made()
        patience = self.patience + (settings.CELERY_TASK_TIME_LIMIT if held else 0)
        if time.monotonic() - self.since > patience:
            logger.error("takes nothing, is begun anew", waiting=waiting, held=held)
            end()


def end() -> None:
    """At once, with all hands: what they held is sent again, as after any death."""
    for hand in billiard.active_children():
        with suppress(OSError):
            os.kill(hand.pid, signal.SIGKILL)  # type: ignore[arg-type]
    os._exit(CODE)


def _waiting(app: Any) -> int:
    """What lies in the queues that this worker consumes; nothing, where nobody says so."""
    try:
        with app.connection_for_read() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0)
            queues = list(app.amqp.queues.consume_from)
            return sum(_in(connection, name) for name in queues)
    except AWAY:
        return 0


def _in(connection: Any, queue: str) -> int:
    # Redis knows no queue that is empty; RabbitMQ closes the channel of who asks for none.
    with suppress(*connection.channel_errors), connection.channel() as channel:
        return int(channel.queue_declare(queue, passive=True).message_count)
    return 0
