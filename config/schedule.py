"""The timetable: short interval ticks only; calendars are computed from rows."""

from typing import Any

from django.conf import settings
from django.db import Error, close_old_connections
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from autonomy import jobs
from ledger.clock import clock
from perception.pulse import beat

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
    """Beat's scheduler; it shows that it lives, and outlives its database."""

    def setup_schedule(self) -> None:
        install_missing()
        jobs.install_missing(now=clock())

    def tick(self, *args: Any, **kwargs: Any) -> float:
        try:
            beat("beat", now=clock())
            wait: float = super().tick(*args, **kwargs)
        except Error:
            close_old_connections()
            wait = 1.0
        return min(wait, settings.TICK_SECONDS)
