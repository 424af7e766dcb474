"""`relay`: the process that sends what is due, seals the ledger and wakes the workers."""

import select
import signal
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import psycopg2
import structlog
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import Error, close_old_connections, connection
from kombu.exceptions import OperationalError

from autonomy import simulate
from autonomy.relay import Relay
from autonomy.rules.flow import LEAST
from autonomy.tasks import publish
from autonomy.waking import CHANNEL
from config import observing
from config.databases import LINE
from config.operate.tasks import pulse, run_simulations, write_exports
from ledger.clock import clock
from ledger.errors import NoSigningKey
from ledger.export import due_exports
from ledger.seal import seal_due
from perception.pulse import Calls, beat

logger = structlog.get_logger("config.relay")

# Between rounds: while there is work, and while nobody says that there is.
BUSY_PAUSE, IDLE_PAUSE = 0.02, 0.25
STUCK_AFTER = 15


class Command(BaseCommand):
    help = (
        "Send what is due to the workers, seal the ledger every SEAL_SECONDS, and hand "
        "waiting exports and simulations on."
    )
    # They would load every page first; web and `migrate` make them.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="one round, then end")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stopping = threading.Event()
        if options["once"]:
            tend(Calls("worker"))
            Relay(publish).round()
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopping.set())
        observing.start("relay")
        self.rounded = time.monotonic()
        tending = threading.Thread(target=self.keep_tending)
        tending.start()
        relay, ear, pause = Relay(publish, room=LEAST), Ear(), IDLE_PAUSE
        while not self.stopping.is_set():
            # What is under way ends soon, and makes room for more.
            pause = BUSY_PAUSE if guarded(relay.round) else min(2 * pause, IDLE_PAUSE)
            self.rounded = time.monotonic()
            if relay.rest:
                # Hands have all that they take up soon, so no call can hurry them.
                self.stopping.wait(relay.rest)
            else:
                ear.wait(pause)
        ear.close()
        tending.join()
        observing.stop()

    def keep_tending(self) -> None:
        """Seal and wake, beside the sending: a long seal must not hold a signal up."""
        next_wake, calls = 0.0, Calls("worker")
        while not self.stopping.is_set():
            # A sender that hangs shows no life, so that others send in its place.
            lives = time.monotonic() - self.rounded < STUCK_AFTER
            wake = lives and time.monotonic() >= next_wake
            if wake:
                next_wake = time.monotonic() + settings.TICK_SECONDS
            guarded(partial(tend, calls, wake=wake))
            self.stopping.wait(settings.SEAL_SECONDS)
        connection.close()


class Ear:
    """Hears that something was committed, on a connection outside every transaction."""

    def __init__(self) -> None:
        self.line: Any = None

    def wait(self, seconds: float) -> None:
        """Until somebody calls, but no longer."""
        if self.line is None and not self._listens():
            time.sleep(seconds)
            return
        try:
            ready, _, _ = select.select([self.line], [], [], seconds)
            if ready:
                self.line.poll()
                self.line.notifies.clear()
        except (psycopg2.Error, OSError, ValueError):
            self.close()

    def close(self) -> None:
        if self.line is not None:
            self.line.close()
        self.line = None

    def _listens(self) -> bool:
        given = settings.DATABASES["default"]
        try:
            self.line = psycopg2.connect(
                dbname=given["NAME"],
                user=given["USER"],
                password=given["PASSWORD"],
                host=given["HOST"],
                port=given["PORT"] or None,
                connect_timeout=3,
                **LINE,
            )
            self.line.autocommit = True
            with self.line.cursor() as cursor:
                cursor.execute(f"LISTEN {CHANNEL}")
        except psycopg2.Error:
            self.close()
        return self.line is not None


def guarded(work: Callable[[], Any]) -> Any:
    """A database or broker that is away must not end the process."""
    try:
        close_old_connections()
        return work()
    except Error as error:
        logger.warning("database is away", error=type(error).__name__)
        connection.close()
        time.sleep(0.5)
    except (OperationalError, OSError) as error:
        logger.warning("broker is away", error=type(error).__name__)
        time.sleep(0.5)
    return None


def tend(calls: Calls, *, wake: bool = True) -> None:
    """Seal; and now and then show life, and wake workers for what waits."""
    now = clock()
    try:
        seal_due(now=now)
    except NoSigningKey:
        logger.warning("nothing is sealed: no LEDGER_SIGNING_KEY here")
    if wake:
        beat("relay", now=now)
        _wake(calls, now)


def _wake(calls: Calls, now: datetime) -> None:
    """Nobody is called again and again who does not come."""
    calls.listen(now=now)
    if calls.may_send(now=now):
        calls.begin(now=now)
        pulse.apply_async(retry=False, ignore_result=True)
        calls.sent(now=now)
    if not calls.is_heard(now=now):
        return
    if due_exports(now=now):
        write_exports.apply_async(retry=False, ignore_result=True)
    if simulate.due(now=now):
        run_simulations.apply_async(retry=False, ignore_result=True)
