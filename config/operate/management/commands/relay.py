"""`relay`: the process that seals the ledger and wakes the workers."""

import signal
import threading
import time
from argparse import ArgumentParser
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections, connection
from django.utils import timezone
from kombu.exceptions import OperationalError

from autonomy import simulate
from config.operate.tasks import pulse, run_simulations, write_exports
from ledger.errors import NoSigningKey
from ledger.export import due_exports
from ledger.seal import seal_due
from perception.pulse import beat

logger = structlog.get_logger("config.relay")


class Command(BaseCommand):
    help = "Seal the ledger every SEAL_SECONDS and hand waiting exports to workers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="one round, then end")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stopping = threading.Event()
        if options["once"]:
            self.round(wake=True)
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopping.set())
        next_wake = 0.0
        while not self.stopping.is_set():
            wake = time.monotonic() >= next_wake
            if wake:
                next_wake = time.monotonic() + settings.TICK_SECONDS
            self.guarded_round(wake=wake)
            self.stopping.wait(settings.SEAL_SECONDS)

    def guarded_round(self, *, wake: bool) -> None:
        """A database or broker that is away must not end the process."""
        try:
            self.round(wake=wake)
        except DatabaseError as error:
            logger.warning("database is away", error=type(error).__name__)
            connection.close()
        except (OperationalError, OSError) as error:
            logger.warning("broker is away", error=type(error).__name__)

    def round(self, *, wake: bool) -> None:
        close_old_connections()
        now = timezone.now()
        try:
            seal_due(now=now)
        except NoSigningKey:
            logger.warning("nothing is sealed: no LEDGER_SIGNING_KEY here")
        if wake:
            beat("relay", now=now)
            pulse.apply_async(retry=False, ignore_result=True)
            if due_exports(now=now):
                write_exports.apply_async(retry=False, ignore_result=True)
            if simulate.due(now=now):
                run_simulations.apply_async(retry=False, ignore_result=True)
