"""Ids on their way to the broker: as Celery itself sends them, at half the price.

Nothing is looked up that only results, groups and delays need, nor spelled for a log;
and the line is kept from one message to the next.
"""

import os
import threading
from typing import Any

from kombu.exceptions import OperationalError
from kombu.utils.uuid import uuid

CONFIRMED_WITHIN = 3


class Line(threading.local):
    """By what a thread sends."""

    producer: Any = None
    # Queues that are known to be there; and whose line it is, as a fork has its own.
    queues: set[str]
    owner = 0

    def send(self, task: Any, ids: dict[str, Any]) -> None:
        """One message; what broke is replaced before the next."""
        amqp = task.app.amqp
        queue = amqp.router.route({}, task.name)["queue"]
        producer = self._open(task.app)
        try:
            amqp.send_task_message(
                producer,
                task.name,
                _message(task, ids),
                queue=queue,
                retry=False,
                declare=() if queue.name in self.queues else (queue,),
                confirm_timeout=CONFIRMED_WITHIN,
            )
        except BaseException as error:
            self._close()
            line = producer.connection
            if isinstance(error, (*line.connection_errors, *line.channel_errors)):
                raise OperationalError(str(error)) from error
            raise
        self.queues.add(queue.name)

    def _open(self, app: Any) -> Any:
        if self.producer is None or self.owner != os.getpid():
            connection = app.connection_for_write()
            self.producer = app.amqp.Producer(connection, auto_declare=False)
            self.queues, self.owner = set(), os.getpid()
        return self.producer

    def _close(self) -> None:
        """Without a word of goodbye, which a silent broker would be waited for."""
        self.producer, broken = None, self.producer
        broken.connection.collect()


LINE = Line()


def _message(task: Any, ids: dict[str, Any]) -> Any:
    return task.app.amqp.create_task_message(
        uuid(),
        task.name,
        (),
        ids,
        time_limit=task.time_limit,
        soft_time_limit=task.soft_time_limit,
        argsrepr="",
        kwargsrepr="",
        ignore_result=True,
    )
