"""The baseline: a chain of five tasks that do nothing, on the product's own app.

The last one adds a byte to a file, so that the end of a chain is seen and not guessed
from an idle broker: a message that is on its way lies in no queue for a moment.
"""

import os
from typing import Any

from celery import chain
from django.conf import settings

from config.celery import app

QUEUES = ("trigger", "gate", "decide", "approve", "execute")
ENDED = settings.VAR_DIR / "bench.ended"


def _does_nothing(place: int) -> Any:
    is_last = place == len(QUEUES) - 1

    def step(*, run: str) -> None:
        """Nothing: what is measured is the way there."""
        if is_last:
            tell()

    return app.task(name=f"bench.bare.{QUEUES[place]}", house_wide=True)(step)


def tell() -> None:
    """One more came to its end."""
    to = os.open(ENDED, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(to, b".")
    os.close(to)


STEPS = [_does_nothing(place) for place in range(len(QUEUES))]


def publish(run: str) -> None:
    """Send one chain of five, each through the queue that the stage would use."""
    steps = zip(STEPS, QUEUES, strict=True)
    chain(*(step.si(run=run).set(queue=queue) for step, queue in steps)).apply_async(
        retry=False
    )


def forget() -> None:
    """No chain ended yet."""
    ENDED.unlink(missing_ok=True)


def ended() -> int:
    """How many chains came to their end since the last one was forgotten."""
    return ENDED.stat().st_size if ENDED.exists() else 0
