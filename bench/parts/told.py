"""A worker of the product tells when a walk ended, as the bare chain's last step does.

Loaded beside its tasks. Who waits looks at a file, and asks the database nothing while
it works on what is measured.
"""

from typing import Any

from celery.signals import task_postrun
from django.conf import settings

from bench.parts.bare import tell

# The last message of a walk: in strides the only one.
LAST = "execute" if settings.SPINE_STRIDE is not None else "trigger"


@task_postrun.connect(weak=False)
def _ended(task: Any, **_: Any) -> None:
    if task.name.rpartition(".")[2] == LAST:
        tell()
