"""A tenant's days: a new time zone counts from the running day's end."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo


def zone_at(
    now: datetime, *, timezone: str, previous: str, since: datetime | None
) -> str:
    """The zone that the running day belongs to, so that no change opens a new day."""
    return previous if since is not None and now < since else timezone


def local_day(now: datetime, zone: str) -> date:
    """The date on a clock in a zone."""
    return now.astimezone(ZoneInfo(zone)).date()


def next_midnight(now: datetime, zone: str) -> datetime:
    """When the running day of a zone ends."""
    tomorrow = local_day(now, zone) + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=ZoneInfo(zone))
