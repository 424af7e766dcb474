"""Signs of life of the processes."""

from datetime import datetime, timedelta

from perception.models import Heartbeat

STALE_AFTER = timedelta(seconds=60)


def beat(process: str, *, now: datetime) -> None:
    """Note that a process made progress."""
    Heartbeat.objects.update_or_create(process=process, defaults={"at": now})


def ages(*, now: datetime) -> dict[str, float]:
    """Seconds since each process last showed life."""
    return {
        row.process: round((now - row.at).total_seconds(), 3)
        for row in Heartbeat.objects.all()
    }
