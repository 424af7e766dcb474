"""How gunicorn serves: a few processes with a few threads each."""

import os
from importlib import import_module
from typing import Any

bind = f"{os.environ.get('WEB_BIND', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))
worker_class = "config.web_worker.BoundedWorker"
timeout = 60
graceful_timeout = 20
limit_request_line = 8190
# Beside the heartbeat file of each worker; memory, not a slow disk.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108
preload_app = False
accesslog = None
errorlog = "-"
loglevel = "warning"


def post_worker_init(worker: Any) -> None:
    """After the fork and with the settings read, as what watches has threads."""
    import_module("config.observing").start("web")


def worker_exit(server: Any, worker: Any) -> None:
    import_module("config.observing").stop()
