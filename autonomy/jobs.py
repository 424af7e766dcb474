"""Jobs of the house that come round: who runs which tick, and how it went. O2."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import DatabaseError, connection

from autonomy.errors import JobIsOff, NoSuchJob
from autonomy.models import Job
from ledger.record import Actor, Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import PLATFORM, tenant_scope

logger = structlog.get_logger("autonomy.jobs")

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SHIPPED: Mapping[str, timedelta] = {
    "pattern_scan": 6 * HOUR,
    "proactive_outreach_check": HOUR,
    "goal_progress_update": DAY,
    "daily_digest_generation": DAY,
    "context_summarization": DAY,
    "ranking_fit": DAY,
    "house_ranking_fit": DAY,
    "ranking_evaluation": DAY,
    "outcome_reconciliation": DAY,
    "earned_autonomy": DAY,
}
# Nothing has happened yet in a house that begins: so long nobody needs a job.
FIRST = HOUR
SHORTEST, LONGEST = 60, 7 * 86_400
# Whoever runs one for longer is taken for gone, and somebody else runs the same tick.
LEASE = timedelta(minutes=30)
CHANGEABLE = ("every_s", "is_on")

# A tick is the moment that it was due at; it stays due until somebody has ended it.
_CLAIM = """
UPDATE autonomy_job
SET tick = next_at, started_at = clock_timestamp(),
    lease_until = clock_timestamp() + %s
WHERE name = %s AND is_on AND next_at <= %s
  AND (lease_until IS NULL OR lease_until < clock_timestamp())
RETURNING started_at
"""
# Ticks that were missed are not made up for. What was asked for meanwhile stays due.
_END = """
UPDATE autonomy_job
SET ended_at = clock_timestamp(), lease_until = NULL,
    count = %s, broken = %s, error = %s,
    next_at = CASE WHEN next_at IS DISTINCT FROM tick THEN next_at ELSE
        tick + make_interval(secs => every_s * (1 + floor(greatest(0,
            extract(epoch FROM %s - tick)) / every_s))) END
WHERE name = %s AND started_at = %s
"""


@dataclass(frozen=True, kw_only=True)
class Did:
    """What a job came to; what broke of it broke by itself."""

    count: int
    broken: int = 0
    error: str = ""


Do = Callable[[datetime], int | Did]


def install_missing(*, now: datetime) -> int:
    """Add the jobs that are missing; what an operator changed stays. How many."""
    rows = [
        Job(name=name, every_s=int(every.total_seconds()), next_at=now + FIRST)
        for name, every in SHIPPED.items()
    ]
    before = Job.objects.count()
    Job.objects.bulk_create(rows, ignore_conflicts=True)
    return Job.objects.count() - before


def run_due(doers: Mapping[str, Do], *, now: datetime) -> int:
    """Run those that are due, of those that somebody can do; how many were run.

    Any number may look: one that is being run is left to whoever runs it.
    """
    rows = Job.objects.filter(is_on=True, next_at__lte=now)
    waiting = set(rows.values_list("name", flat=True))
    return sum(run(name, do, now=now) for name, do in doers.items() if name in waiting)


def run(name: str, do: Do, *, now: datetime) -> bool:
    """Run a job's tick, if it is due and nobody else runs it; kept with what it came to."""
    claimed: list[Any] = [LEASE, name, now]
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, claimed)
        row = cursor.fetchone()
    if row is None:
        return False
    did = _done(name, do, now)
    with connection.cursor() as cursor:
        cursor.execute(
            _END, [did.count, did.broken, did.error[:300], now, name, row[0]]
        )
        return bool(cursor.rowcount)


def change(
    name: str, given: Mapping[str, Any], *, by: Actor, now: datetime
) -> dict[str, Any]:
    """Change how often it comes, or whether it does; before and after stated. A shorter
    time holds from now on.
    """
    with tenant_scope(PLATFORM):
        held = _held(name)
        before = {each: getattr(held, each) for each in CHANGEABLE}
        after = {**before, **given}
        if after != before:
            soon = now + timedelta(seconds=after["every_s"])
            Job.objects.filter(name=name).update(
                **after, next_at=min(held.next_at, soon)
            )
            _state(name, before, after, by=by, now=now)
    return after


def run_soon(name: str, *, by: Actor, now: datetime) -> None:
    """Have it run at once; its times count from then on."""
    with tenant_scope(PLATFORM):
        held = _held(name)
        if not held.is_on:
            raise JobIsOff(f"{name} is.")
        Job.objects.filter(name=name).update(next_at=now)
        before, after = ({"next_at": each.isoformat()} for each in (held.next_at, now))
        _state(name, before, after, by=by, now=now)


def _held(name: str) -> Job:
    found = Job.objects.select_for_update().filter(name=name).first()
    if found is None:
        raise NoSuchJob(f"There is {', '.join(SHIPPED)}.")
    return found


def _done(name: str, do: Do, now: datetime) -> Did:
    try:
        found = do(now)
    except Exception as problem:  # noqa: BLE001  kept with the job, and shown
        if isinstance(problem, DatabaseError):
            connection.close()
        error = type(problem).__name__
        logger.warning("a job failed", name=name, error=error)
        return Did(count=0, broken=1, error=error)
    return found if isinstance(found, Did) else Did(count=found)


def _state(
    name: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    by: Actor,
    now: datetime,
) -> None:
    record(
        Fact(
            kind=Kind.SETTING_CHANGED,
            by=by,
            data={
                "setting": "job",
                "key": name,
                "before": dict(before),
                "after": dict(after),
            },
        ),
        now=now,
    )
