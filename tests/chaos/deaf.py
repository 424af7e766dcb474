"""Loaded by a worker: some seconds after it is ready it consumes no more, and lives on."""

import threading
import time
from typing import Any

from celery.signals import worker_ready


@worker_ready.connect(weak=False)
def fall_deaf(sender: Any, **_: Any) -> None:
    def cancel() -> None:
        time.sleep(4)
        sender.task_consumer.cancel()

    threading.Thread(target=cancel, daemon=True).start()
