"""G2: a year of rituals in five zones, run by two real beats that are killed all the time.

Everything in the house asks the database what time it is. Here the database is told to
be ahead: for every process, by as much as a row says. So a year passes in leaps, while
beats and worker run on as they do.
"""

import os
import random
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from subprocess import Popen
from zoneinfo import ZoneInfo

import pytest

from config import embedded
from tests import trials
from tests.walks.running import ROOT, Running, installation

ZONES = (
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo",
    "America/Santiago",
)  # fmt: skip
DAY = timedelta(days=1)
# An hour before the digest: just where clocks are moved in most of the zones.
TURN = time(2)
BRIEF, WEEKLY, RUNWAY = (
    "RITUAL_MORNING_BRIEF",
    "RITUAL_WEEKLY_REVIEW",
    "RITUAL_RENEWAL_RUNWAY",
)
CELERY = (sys.executable, "-m", "celery", "--quiet", "-A", "config.celery:app")
WORKER = (
    *CELERY, "worker", "--concurrency", "2", "--without-mingle", "--without-gossip",
    "--loglevel", "WARNING",
)  # fmt: skip
BEAT = (*CELERY, "beat", "--loglevel", "WARNING", "--pidfile=")
TENANTS = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from autonomy.opening import open_tenant
from config.schedule import install_missing
from ledger.clock import clock
from ledger.scope import tenant_scope
from perception import tenants
from perception.accounts import add_account
from perception.rules.callers import Caller
from perception.rules.roles import Role
install_missing()
second, _ = IntervalSchedule.objects.get_or_create(every=1, period="seconds")
minute, _ = IntervalSchedule.objects.get_or_create(every=60, period="seconds")
PeriodicTask.objects.exclude(name="pulse").update(interval=minute)
PeriodicTask.objects.filter(name="run rituals").update(interval=second)
now = clock()
for number, zone in enumerate({zones!r}):
    slug = f"zone-{{number}}"
    tenant = open_tenant(slug, zone, timezone=zone, now=now)
    with tenant_scope(tenant):
        tenants.Tenant.objects.update(digest_hour=3)
        admin = tenants.add_member(f"a@{{slug}}.example", "Ada", Role.ADMIN, now=now)
        by = Caller(tenant=tenant, membership=admin.id, role=Role.ADMIN)
        for name in ("Kim", "Lee"):
            seller = tenants.add_member(
                f"{{name}}@{{slug}}.example", name, Role.SELLER, now=now
            )
            for place in range(2):
                given = {{"external_id": f"{{name}}-{{place}}", "name": name,
                          "owner": str(seller.id)}}
                add_account(given, by=by, now=now)
"""
# The functions of time that are found first, for whoever logs in as the house does.
AHEAD = """
CREATE SCHEMA virtual_time;
GRANT USAGE ON SCHEMA virtual_time TO PUBLIC;
CREATE TABLE virtual_time.ahead (span interval NOT NULL);
INSERT INTO virtual_time.ahead VALUES ('0');
GRANT SELECT ON virtual_time.ahead TO PUBLIC;
{functions}
ALTER ROLE {role} SET search_path = virtual_time, pg_catalog, public;
SELECT 1
"""
FUNCTION = """
CREATE FUNCTION virtual_time.{name}() RETURNS timestamptz LANGUAGE sql {kind} AS $$
    SELECT pg_catalog.{name}() + (SELECT span FROM virtual_time.ahead) $$;
"""
TIMES = {
    "clock_timestamp": "VOLATILE",
    "now": "STABLE",
    "statement_timestamp": "STABLE",
    "transaction_timestamp": "STABLE",
}
Turn = tuple[str, str, str]


@dataclass
class Year:
    """One installation whose database is ahead, and what must have been run there."""

    running: Running
    dice: random.Random
    wanted: set[Turn] = field(default_factory=set)
    worker: Popen[bytes] | None = None
    beats: list[Popen[bytes]] = field(default_factory=list)
    killed: int = 0

    def prepare(self) -> None:
        """Five tenants, and a database that can be told the time."""
        running = self.running
        embedded.up(running.var)
        running.manage("shell", "-v", "0", "-c", TENANTS.format(zones=ZONES))
        functions = "".join(
            FUNCTION.format(name=name, kind=kind) for name, kind in TIMES.items()
        )
        ((role,),) = running.sql(
            "SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname LIKE '%\\_app'"
        )
        running.sql(AHEAD.format(functions=functions, role=role))

    def start(self) -> None:
        """A worker, and as many beats as are missing."""
        if self.worker is None:
            self.worker = self._run(WORKER)
        while len(self.beats) < 2:
            self.beats.append(self._run(BEAT))

    def stop(self) -> None:
        """Nobody is left, whatever happened."""
        for process in filter(None, (*self.beats, self.worker)):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _run(self, words: Sequence[str]) -> Popen[bytes]:
        with self.running.log.open("ab") as log:
            return Popen(
                words, cwd=ROOT, env=self.running.env, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def leap(self, moment: datetime) -> None:
        """It is that moment now, for everybody; and what must be run because of it."""
        self.running.sql(
            "UPDATE virtual_time.ahead SET span = "
            f"'{moment.isoformat()}'::timestamptz - clock_timestamp() RETURNING 1"
        )
        self.wanted |= {turn for zone in ZONES for turn in turns(zone, moment)}

    def kill_beats(self, count: int) -> None:
        """As the machine would: nothing is tidied up."""
        for process in self.dice.sample(self.beats, count):
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            self.beats.remove(process)
            self.killed += 1

    def ran(self) -> list[Turn]:
        """What the ledger says was run, each time that it was."""
        rows = self.running.sql(
            "SELECT t.timezone, e.data->>'kind', e.data->>'day' FROM ledger_entry e"
            " JOIN perception_tenant t ON t.id = e.tenant_id"
            " WHERE e.kind = 'ritual.run' AND t.slug LIKE 'zone-%'"
        )
        return sorted(rows)

    def await_turns(self) -> None:
        """Until everything was run that had to be."""
        self.running.wait_for(lambda: self.wanted <= set(self.ran()), 180)

    def assert_each_once(self) -> None:
        """No turn twice, none that was not due, nobody told twice, nothing broken."""
        assert self.ran() == sorted(self.wanted)
        assert self.running.sql(
            "SELECT count(*), count(DISTINCT (r.tenant_id, r.kind, r.day)),"
            " count(*) FILTER (WHERE ended_at IS NULL OR broken > 0 OR error > '')"
            " FROM autonomy_ritual r JOIN perception_tenant t ON t.id = r.tenant_id"
            " WHERE t.slug LIKE 'zone-%'"
        ) == [(len(self.wanted), len(self.wanted), 0)]
        told = [turn for turn in self.wanted if turn[1] != RUNWAY]
        assert self.running.sql(
            "SELECT count(*), count(DISTINCT (ritual_id, member_id)) FROM autonomy_told d"
            " JOIN perception_tenant t ON t.id = d.tenant_id WHERE t.slug LIKE 'zone-%'"
        ) == [(2 * len(told), 2 * len(told))]
        assert (
            self.running.sql(
                "SELECT tenant_id, key FROM autonomy_run WHERE key > ''"
                " GROUP BY 1, 2 HAVING count(*) > 1"
            )
            == []
        )


def turns(zone: str, moment: datetime) -> set[Turn]:
    """What a look at that moment must find run: today's, if a clock there shows the hour
    or a later one; else yesterday's. Of a week that of its last Monday, and no other.
    """
    shown = moment.astimezone(ZoneInfo(zone))
    day = shown.date() if shown.time() >= TURN else shown.date() - DAY
    monday = day - day.weekday() * DAY
    dues = ((BRIEF, day), (RUNWAY, day), (WEEKLY, monday))
    return {(zone, kind, each.isoformat()) for kind, each in dues}


def changes(zone: str, since: datetime) -> list[date]:
    """The days of the following year on which clocks of a zone are moved."""
    clock, found = ZoneInfo(zone), []
    for number in range(366):
        day = (since + number * DAY).date()
        begins = datetime.combine(day, time(0), clock).astimezone(UTC)
        ends = datetime.combine(day + DAY, time(0), clock).astimezone(UTC)
        if ends - begins != DAY:
            found.append(day)
    return found


def moments(
    since: datetime, around: Sequence[int], hours: Sequence[int]
) -> list[datetime]:
    """Moments of the year around every change of clocks, in all five zones."""
    found = {
        datetime.combine(day + number * DAY, time(hour, 30), ZoneInfo(zone))
        for zone in ZONES
        for day in changes(zone, since)
        for number in around
        for hour in hours
    }
    return sorted(each.astimezone(UTC) for each in found if each > since + 2 * DAY)


def a_year(
    leaps: Callable[[datetime], Sequence[datetime]], seed: int, *, often: int
) -> Year:
    """Leap from moment to moment. Every so often one beat or both are killed: before it
    leaps, so that nobody is there, or while they look; and come back.
    """
    sys.stdout.write(f"seed {seed}\n")
    with installation(SEAL_SECONDS="20") as running:
        year = Year(running, random.Random(seed))
        try:
            year.prepare()
            year.start()
            since = datetime.now(UTC)
            assert all(len(changes(zone, since)) == 2 for zone in ZONES)
            for number, moment in enumerate(leaps(since)):
                kind = number // often % 3 if number % often == 0 else None
                if kind == 0:
                    year.kill_beats(2)
                year.leap(moment)
                if kind is not None:
                    year.kill_beats(min(kind, len(year.beats)))
                year.start()
                year.await_turns()
            year.assert_each_once()
            trials.record(
                "clocks", trials=len(year.wanted), seed=seed, kills=year.killed
            )
        finally:
            year.stop()
    return year


def every_day(since: datetime) -> list[datetime]:
    """Noon of every day, and hours before and after each change of clocks."""
    days = (since + number * DAY for number in range(2, 366))
    noons = [datetime.combine(day.date(), time(12), UTC) for day in days]
    return sorted({*noons, *moments(since, around=(-1, 0, 1), hours=(0, 3))})


@pytest.mark.timeout(400)
def test_every_change_of_clocks_with_two_beats_that_are_killed() -> None:
    """G2: weeks are missed and caught up with once; each turn exactly once."""
    year = a_year(
        lambda since: moments(since, around=(0,), hours=(12,)),
        trials.seed(20261121),
        often=4,
    )
    assert year.killed >= 3


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_whole_year_with_two_beats_that_are_killed() -> None:
    """G2: every day of the year besides, and hours before and after each change."""
    year = a_year(every_day, trials.seed(), often=2)
    assert year.killed > 100
