"""The Celery app: it carries hints, the rows hold the truth."""

import os
from uuid import UUID

from celery import Celery, Task
from django.conf import settings

from config.safety import refuse_unsafe
from ledger.scope import tenant_scope

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


class HouseTask(Task):  # type: ignore[type-arg]
    """Opens the scope of the tenant it was given, as a keyword.

    Headers vanish at the second link of a chain, so the tenant never travels there.
    A task that works for no tenant says so with `tenant=None`.
    """

    abstract = True

    def __call__(self, *args: object, **kwargs: object) -> object:
        tenant = UUID(str(kwargs["tenant"])) if kwargs.get("tenant") else None
        if tenant is None:
            return super().__call__(*args, **kwargs)
        with tenant_scope(tenant):
            return super().__call__(*args, **kwargs)


app = Celery("autonomy", task_cls=HouseTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
refuse_unsafe(settings)
