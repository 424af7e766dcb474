"""The baseline: a chain of five tasks that do nothing, on the product's own app."""

from typing import Any

from celery import chain

from config.celery import app

QUEUES = ("trigger", "gate", "decide", "approve", "execute")


def _does_nothing(place: int) -> Any:
    def step(*, run: str) -> None:
        """Nothing: what is measured is the way there."""

    return app.task(name=f"bench.bare.{QUEUES[place]}", house_wide=True)(step)


STEPS = [_does_nothing(place) for place in range(len(QUEUES))]


def publish(run: str) -> None:
    """Send one chain of five, each through the queue that the stage would use."""
    steps = zip(STEPS, QUEUES, strict=True)
    chain(*(step.si(run=run).set(queue=queue) for step, queue in steps)).apply_async(
        retry=False
    )
