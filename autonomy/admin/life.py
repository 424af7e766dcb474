"""Signs of life: the processes that all tenants share, and the jobs of the house."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from autonomy.admin.words import spaced
from autonomy.models import Job
from perception import pulse

PROCESSES: Mapping[str, str] = {
    "relay": "sends what is due, seals the ledger",
    "worker": "does the work",
    "beat": "keeps the timetable",
}
# Nobody came for a job: no worker lives, or none knows how to do it.
LATE = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Line:
    """Something with a name, a tone and a few words; it may lead somewhere."""

    name: str
    said: str
    tone: str = ""
    url: str = ""
    share: int = 0
    word: str = ""


def life(now: datetime) -> dict[str, Any]:
    """What the first page says of them."""
    return {"processes": _processes(now), "jobs": _jobs(now)}


def _processes(now: datetime) -> list[Line]:
    seen, limit = pulse.ages(now=now), pulse.STALE_AFTER.total_seconds()
    lines = []
    for name, does in PROCESSES.items():
        age = seen.get(name)
        if age is None:
            tone, word = "bad", "never seen"
        elif age > limit:
            tone, word = "bad", f"silent for {length(timedelta(seconds=age))}"
        else:
            tone, word = "good", "alive"
        lines.append(Line(name=name.capitalize(), said=does, tone=tone, word=word))
    return lines


def _jobs(now: datetime) -> list[Line]:
    return [_job(row, now) for row in Job.objects.order_by("name")]


def _job(row: Job, now: datetime) -> Line:
    tone, word = "good", "on time"
    if not row.is_on:
        tone, word = "wait", "off"
    elif row.next_at < now - LATE and (
        row.lease_until is None or row.lease_until < now
    ):
        tone, word = "bad", "overdue"
    elif row.broken:
        tone, word = "wait", f"{row.broken:,} broke"
    said = (
        f"{ago(row.ended_at, now)} ago: {row.count:,}"
        if row.ended_at
        else "not yet run"
    )
    name = spaced(row.name).capitalize()
    return Line(name=name, said=said, tone=tone, word=word)


def ago(at: datetime, now: datetime) -> str:
    return length(max(now - at, timedelta(0)))


def length(span: timedelta) -> str:
    """A stretch of time in its largest unit."""
    seconds = int(span.total_seconds())
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}" + ("" if count == 1 else "s")
    return f"{seconds} second" + ("" if seconds == 1 else "s")
