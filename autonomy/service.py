"""How well tools serve: every outside call counted, figures and objectives read from it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from uuid_utils.compat import uuid7

from autonomy.errors import NoSuchService
from autonomy.models import Objective, SloAlert, Tool, ToolMinute
from autonomy.rules.answers import Said
from autonomy.rules.catalogue import TOOLS
from autonomy.rules.service import (
    BUCKETS,
    DAY,
    LONG,
    SHORT,
    Aim,
    Figures,
    Tally,
    bucket_of,
    fails,
    figures_of,
)
from autonomy.tools.hands import HANDS
from ledger.prepared import prepared
from ledger.record import Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant, system_scope
from perception.members import person_acting
from perception.rules.callers import Caller

WINDOWS: Mapping[str, timedelta] = {"5m": SHORT, "1h": LONG, "24h": DAY}
KEPT_FOR = timedelta(days=35)
HOURS = 24
# What integrators' tools are called together: their own keys may be names.
OWN = "own"
AIM = tuple(asdict(Aim()))

_COUNT = """
INSERT INTO autonomy_toolminute AS m
    (id, tenant_id, tool, minute, calls, failed, within)
VALUES (%s::uuid, %s::uuid, %s::text, %s::timestamptz, 1, %s::int, %s::int[])
ON CONFLICT (tenant_id, tool, minute) DO UPDATE SET
    calls = m.calls + 1, failed = m.failed + excluded.failed,
    within[%s::int] = m.within[%s::int] + 1
"""
_SUMS = f"ARRAY[{', '.join(f'sum(within[{each + 1}])' for each in range(BUCKETS))}]"
# Parts that do not overlap; a window is the sum of those that lie in it.
_PARTS = f"""
SELECT tool, width_bucket(minute, %s::timestamptz[]), sum(calls), sum(failed), {_SUMS}
FROM autonomy_toolminute
WHERE tenant_id = %s AND minute >= %s AND (%s::text IS NULL OR tool = %s::text)
GROUP BY 1, 2
"""  # noqa: S608  numbers of buckets only
_HOURS = """
SELECT tool, floor(extract(epoch FROM minute - %s) / 3600)::int, sum(calls), sum(failed)
FROM autonomy_toolminute
WHERE tenant_id = %s AND minute >= %s GROUP BY 1, 2
"""
_HOUSE = f"""
SELECT CASE WHEN tool = ANY (%s) THEN split_part(tool, '.', 1) ELSE %s END,
       sum(calls), sum(failed), {_SUMS}
FROM autonomy_toolminute WHERE minute >= %s GROUP BY 1 ORDER BY 1
"""  # noqa: S608
_ALERTS = "SELECT count(*) FROM autonomy_sloalert WHERE closed_at IS NULL"
_HOLD = """
INSERT INTO autonomy_objective (id, tenant_id, tool, latency_ms, latency_percent,
    success_percent, is_active, updated_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (tenant_id, tool) DO NOTHING
"""


def count(tool: str, said: Said, took_ms: float, at: datetime) -> None:
    """Count one outside call, where it says anything of its tool; one statement.

    All calls of a tool in a minute meet in one row, held until the commit: do it last in
    a transaction, after the breaker was told (`guards.note`), so that all take locks in
    the same order.
    """
    failed = fails(said, took_ms)
    if failed is None:
        return
    bucket = bucket_of(took_ms)
    within = [int(each == bucket) for each in range(BUCKETS)]
    values: list[Any] = [
        str(uuid7()),
        str(current_tenant()),
        tool,
        minute_of(at),
        int(failed),
    ]
    with connection.cursor() as cursor:
        cursor.execute(prepared(_COUNT), [*values, within, bucket + 1, bucket + 1])


def minute_of(at: datetime) -> datetime:
    """The minute that a moment lies in."""
    return at.replace(second=0, microsecond=0)


def tallies(
    windows: Sequence[timedelta], *, now: datetime, tool: str | None = None
) -> dict[str, list[Tally]]:
    """What was counted of each tool within each of these, the shortest first.

    A window is so many whole minutes, and the one that runs.
    """
    begins = [minute_of(now) - each for each in windows]
    values: list[Any] = [sorted(begins), current_tenant(), min(begins), tool, tool]
    found: dict[str, list[Tally]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_PARTS, values)
        for key, place, calls, failed, within in cursor.fetchall():
            part = Tally(calls=calls, failed=failed, within=tuple(map(int, within)))
            held = found.setdefault(key, [Tally()] * len(windows))
            for each in range(len(windows) - place, len(windows)):
                held[each] += part
    return found


def figures(tool: str | None = None, *, now: datetime) -> dict[str, dict[str, Figures]]:
    """Calls, failures, percentiles and burn, by tool and window; of one tool or of all.

    Only tools that were called within the longest window are there.
    """
    aims = objectives()
    found = tallies(list(WINDOWS.values()), now=now, tool=tool)
    return {
        key: {
            name: figures_of(tally, aims.get(key, Aim()))
            for name, tally in zip(WINDOWS, counted, strict=True)
        }
        for key, counted in sorted(found.items())
    }


def hours(*, now: datetime) -> dict[str, list[tuple[int, int]]]:
    """Calls and failures of each tool in each of the last hours, the oldest first."""
    begin = minute_of(now) - timedelta(hours=HOURS)
    found: dict[str, list[tuple[int, int]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_HOURS, [begin, current_tenant(), begin])
        for tool, hour, calls, failed in cursor.fetchall():
            held = found.setdefault(tool, [(0, 0)] * HOURS)
            # The minute that runs is the end of the last hour.
            place = min(hour, HOURS - 1)
            held[place] = (held[place][0] + calls, held[place][1] + failed)
    return found


def tools() -> dict[str, str]:
    """Every tool that acts outside, by key, with its title; the tenant's own first."""
    own = Tool.objects.filter(tenant_id=current_tenant()).order_by("key")
    titles = dict.fromkeys(own.values_list("key", flat=True), "An integrator's URL")
    return {**titles, **{key: HANDS[key].title for key in sorted(HANDS)}}


def objectives() -> dict[str, Aim]:
    """The objectives that were set; for all others, the shipped one holds."""
    rows = Objective.objects.filter(tenant_id=current_tenant())
    return {
        row["tool"]: Aim(**{name: row[name] for name in AIM})
        for row in rows.values("tool", *AIM)
    }


def objective(tool: str) -> Aim:
    """How well one tool has to serve."""
    if tool not in tools():
        raise NoSuchService(f"No tool that acts outside is called {tool!r}.")
    return objectives().get(tool, Aim())


def hold_objective(tool: str, *, now: datetime) -> Aim:
    """The objective as it stands; nobody else changes it until the commit."""
    aim = objective(tool)
    with connection.cursor() as cursor:
        values = asdict(aim).values()
        cursor.execute(_HOLD, [str(uuid7()), current_tenant(), tool, *values, now])
    rows = Objective.objects.select_for_update()
    row = rows.get(tenant_id=current_tenant(), tool=tool)
    return Aim(**{name: getattr(row, name) for name in AIM})


def change_objective(
    tool: str, given: Mapping[str, Any], *, by: Caller, now: datetime
) -> Aim:
    """Set how well a tool has to serve, before and after stated."""
    before = asdict(hold_objective(tool, now=now))
    after = {**before, **{name: given[name] for name in AIM if name in given}}
    if after != before:
        rows = Objective.objects.filter(tenant_id=current_tenant(), tool=tool)
        rows.update(**after, updated_at=now)
        data = {"setting": "objective", "key": tool, "before": before, "after": after}
        by_whom = person_acting(by)
        record(Fact(kind=Kind.SETTING_CHANGED, by=by_whom, data=data), now=now)
    return Aim(**after)


def open_alerts() -> list[SloAlert]:
    """The alerts of the tenant in scope that are open, the oldest first."""
    rows = SloAlert.objects.filter(tenant_id=current_tenant(), closed_at=None)
    return list(rows.order_by("id"))


@dataclass(frozen=True, kw_only=True)
class Served:
    """How tools served all tenants in the last minutes, by family; open alerts."""

    families: Mapping[str, Tally]
    alerts: int


def served(*, now: datetime) -> Served:
    """Look at the calls of all tenants. No tenant's own name is among the families."""
    with system_scope("measure tools"), connection.cursor() as cursor:
        cursor.execute(_HOUSE, [list(TOOLS), OWN, minute_of(now) - SHORT])
        families = {
            family: Tally(calls=calls, failed=failed, within=tuple(map(int, within)))
            for family, calls, failed, within in cursor.fetchall()
        }
        cursor.execute(_ALERTS)
        return Served(families=families, alerts=cursor.fetchone()[0])


def tenants_called(*, now: datetime) -> list[UUID]:
    """The tenants whose tools were called lately; asked in the system scope."""
    rows = ToolMinute.objects.filter(minute__gte=minute_of(now) - SHORT)
    return list(rows.values_list("tenant_id", flat=True).distinct())


def forget(*, now: datetime) -> int:
    """Drop what was counted long ago; the count is returned."""
    with system_scope("forget minutes of tools"):
        count, _ = ToolMinute.objects.filter(minute__lt=now - KEPT_FOR).delete()
    return count
