"""The Celery app: it carries hints, the rows hold the truth."""

import gc
import os
from typing import Any
from uuid import UUID

from celery import Celery, Task
from celery.signals import (
    task_received,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
)
from django.conf import settings
from django.db import connection

from autonomy.policy import program, shipped
from config import observing
from config.progress import Progress
from config.safety import refuse_unsafe
from config.sending import CONFIRMED_WITHIN, LINE
from ledger.scope import tenant_scope

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Django's checks would load every page into every worker; web and `migrate` make them,
# and what is unsafe is refused below.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")


class TaskWithoutTenant(Exception):
    """A task of a tenant was sent without saying whose it is."""


class TaskInBroker(Exception):
    """A task was to wait in the broker: write a row with its due_at instead."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name}: {type(self).__doc__}")


class HouseTask(Task):  # type: ignore[type-arg]
    """Opens the scope of the tenant it was given, as a keyword.

    Headers vanish at the second link of a chain, so the tenant never travels there.
    A task of the whole house says so where it is declared: `house_wide=True`. One of the
    spine does too: it opens its tenant's scope itself, once for each stage.
    """

    abstract = True
    house_wide = False

    def __call__(self, *args: object, **kwargs: object) -> object:
        if not self.house_wide and "tenant" not in kwargs:
            raise TaskWithoutTenant(self.name)
        try:
            if self.house_wide:
                return super().__call__(*args, **kwargs)
            with tenant_scope(UUID(str(kwargs["tenant"]))):
                return super().__call__(*args, **kwargs)
        finally:
            _replace_broken_connection()

    def apply_async(self, *args: Any, **options: Any) -> Any:
        """Send it now. What waits in Redis longer than its visibility timeout runs more
        than once, and is lost with it.
        """
        if options.get("countdown") or options.get("eta"):
            raise TaskInBroker(self.name)
        # RabbitMQ says that it has a message; one that says nothing is away.
        options.setdefault("confirm_timeout", CONFIRMED_WITHIN)
        return super().apply_async(*args, **options)

    def send(self, ids: dict[str, Any]) -> None:
        """The same with nothing but ids."""
        LINE.send(self, ids)


def _replace_broken_connection() -> None:
    """Whatever a task did about an error: the next one must not inherit what it broke.

    Connections outlive tasks here, and only a transaction drops one that died in it.
    """
    if connection.errors_occurred and not connection.in_atomic_block:
        connection.close()


app = Celery("autonomy", task_cls=HouseTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
# Its own prefix is no part of this name.
app.conf["CELERY_DB_REUSE_MAX"] = settings.CELERY_DB_REUSE_MAX
app.autodiscover_tasks()
refuse_unsafe(settings)
PROGRESS = Progress(app)


@worker_init.connect(weak=False)
def _before_forks(**_: Any) -> None:
    """What every child needs is made once, and nobody sweeps through it any more: each
    child would make it its own by that.
    """
    observing.load()
    program(shipped().version, shipped().plain)
    gc.collect()
    gc.freeze()


@worker_ready.connect(weak=False)
def _once_it_consumes(**_: Any) -> None:
    """Again after each line to the broker that it lost."""
    PROGRESS.made()
    if not PROGRESS.is_alive():
        task_received.connect(PROGRESS.made, weak=False)
        PROGRESS.start()


@worker_process_init.connect(weak=False)
def _after_fork(**_: Any) -> None:
    observing.start("worker")


@worker_process_shutdown.connect(weak=False)
def _at_the_end(**_: Any) -> None:
    observing.stop()
