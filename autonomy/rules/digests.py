"""Which digests were due since somebody opted in."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def due_days(since: datetime, now: datetime, *, zone: str, hour: int) -> set[date]:
    """The local dates whose digest hour has passed, from the opt-in until now."""
    clock = ZoneInfo(zone)
    day = since.astimezone(clock).date()
    last = now.astimezone(clock).date()
    due = set()
    while day <= last:
        moment = datetime.combine(day, time(hour), tzinfo=clock)
        if since < moment <= now:
            due.add(day)
        day += timedelta(days=1)
    return due
