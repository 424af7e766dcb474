"""The timetable: short interval ticks only; calendars are computed from rows."""

from datetime import datetime
from typing import Any

from celery.schedules import schedstate
from django.conf import settings
from django.db import Error, close_old_connections
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from autonomy import jobs
from ledger.clock import clock
from perception.pulse import Calls, beat

# name -> (task, seconds). Installed where missing, never overwritten: what an
# operator changed in the admin stays.
TICKS = {
    "pulse": ("operate.pulse", settings.TICK_SECONDS),
    "seal the ledger": ("operate.seal", settings.TICK_SECONDS),
    "write exports": ("operate.export", settings.TICK_SECONDS),
    "relay": ("operate.relay", settings.TICK_SECONDS),
    "sweep approvals": ("operate.sweep_approvals", settings.TICK_SECONDS),
    "end stops": ("operate.end_stops", settings.TICK_SECONDS),
    "forget old deliveries": ("operate.forget_deliveries", 86_400),
    "watch accounts": ("operate.watch", settings.TICK_SECONDS),
    "send pulls": ("operate.send_pulls", settings.TICK_SECONDS),
    "scan patterns": ("operate.scan_patterns", settings.TICK_SECONDS),
    "summarise accounts": ("operate.summarise", 60),
    "advance plans": ("operate.advance_plans", settings.TICK_SECONDS),
    "run jobs": ("operate.run_jobs", 15),
    "settle responses": ("operate.settle_responses", 3600),
    "run rituals": ("operate.run_rituals", 10),
    "deliver digests": ("operate.deliver_digests", 15),
    "tell notices": ("operate.tell_notices", settings.TICK_SECONDS),
    "forget old notices": ("operate.forget_notices", 86_400),
    "forget old pulls": ("operate.forget_pulls", 86_400),
    "run simulations": ("operate.simulate", settings.TICK_SECONDS),
    "state crossings of tenants": ("operate.state_system_use", 600),
    "watch service levels": ("operate.watch_service", 30),
    "tell alerts": ("operate.tell_alerts", 15),
    "forget minutes of tools": ("operate.forget_minutes", 86_400),
    "forget old idempotency keys": ("operate.forget_keys", 3600),
}

ALLOWED_TASKS = frozenset(task for task, _ in TICKS.values())
PULSE, _ = TICKS["pulse"]


def install_missing() -> int:
    """Add the ticks that the timetable lacks; return how many."""
    made = 0
    for name, (task, seconds) in TICKS.items():
        if PeriodicTask.objects.filter(name=name).exists():
            continue
        interval, _ = IntervalSchedule.objects.get_or_create(
            every=max(1, round(seconds)), period=IntervalSchedule.SECONDS
        )
        PeriodicTask.objects.create(name=name, task=task, interval=interval)
        made += 1
    return made


class Timetable(DatabaseScheduler):
    """Beat's scheduler; it shows that it lives, and outlives its database and workers.

    What no worker has taken yet need not be sent again. So while pulses stay unanswered
    the other ticks are held back, and are due until a worker shows life.
    """

    # Of the tick that is under way.
    now: datetime

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.pulses = Calls("worker")
        super().__init__(*args, **kwargs)

    def setup_schedule(self) -> None:
        install_missing()
        jobs.install_missing(now=clock())

    def tick(self, *args: Any, **kwargs: Any) -> float:
        try:
            self.now = clock()
            beat("beat", now=self.now)
            self.pulses.listen(now=self.now)
            wait: float = super().tick(*args, **kwargs)
        except Error:
            close_old_connections()
            wait = 1.0
        return min(wait, settings.TICK_SECONDS)

    def is_due(self, entry: Any) -> Any:
        if self._is_held_back(entry.task):
            return schedstate(False, max(1.0, settings.TICK_SECONDS))
        return super().is_due(entry)

    def apply_async(self, entry: Any, *args: Any, **kwargs: Any) -> Any:
        if entry.task != PULSE:
            return super().apply_async(entry, *args, **kwargs)
        self.pulses.begin(now=self.now)
        result = super().apply_async(entry, *args, **kwargs)
        self.pulses.sent(now=self.now)
        return result

    def _is_held_back(self, task: str) -> bool:
        if task == PULSE:
            return not self.pulses.may_send(now=self.now)
        return not self.pulses.is_heard(now=self.now)
