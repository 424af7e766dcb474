"""What a world came to, in figures."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from django.db import connection

from autonomy import feed
from autonomy.learning.completeness import completeness
from config.worlds.days import World
from config.worlds.people import House
from ledger.clock import clock
from ledger.scope import system_scope, tenant_scope
from perception.rules.roles import Role

# A seller and an approver of each tenant.
DECIDING = 2
_STATES = "SELECT status, count(*) FROM {} GROUP BY 1 ORDER BY 1"
_GATED = "SELECT gate_result, count(*) FROM autonomy_run GROUP BY 1 ORDER BY 1"
_ACTS = """
SELECT started_at::date, auto_executed, count(*) FROM autonomy_execution
GROUP BY 1, 2 ORDER BY 1
"""
_SPENT = """
SELECT coalesce(sum(runs), 0)::bigint, coalesce(sum(cost), 0)::float8,
       coalesce(sum(tokens), 0)::bigint FROM autonomy_decisionuse WHERE key = tenant_id
"""
_UNITS = "SELECT coalesce(sum(used), 0)::bigint FROM autonomy_budgetuse"
_USEFUL = """
SELECT count(*) FROM autonomy_execution e WHERE e.status = 'SUCCEEDED'
AND NOT EXISTS (SELECT FROM autonomy_undo u WHERE u.tenant_id = e.tenant_id
                AND u.execution_id = e.id AND u.status = 'DONE')
"""
_WAITED = """
SELECT coalesce(percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (
    ORDER BY extract(epoch FROM decided_at - asked_at) / 3600), ARRAY[0, 0]::float8[])
FROM autonomy_approval WHERE decided_at IS NOT NULL
"""
_ENTRIES = "SELECT count(*) FROM ledger_entry"


@dataclass(frozen=True, kw_only=True)
class Day:
    """One day of a world: what came in, what ran alone, what ran after a yes."""

    day: str
    signals: int
    alone: int
    approved: int


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that is told of a world."""

    asked: Mapping[str, Any]
    signals: int
    gate: Mapping[str, int]
    runs: Mapping[str, int]
    intents: Mapping[str, int]
    executions: Mapping[str, int]
    autonomy_rate: float | None
    useful_acts: int
    spend: Mapping[str, float]
    cost_per_useful_act: Mapping[str, float | None]
    feed: Sequence[Mapping[str, Any]]
    approvals_per_person_day: float
    hours_to_decide: Mapping[str, float]
    decisions: Mapping[str, int]
    refusals: Mapping[str, int]
    outcomes: Mapping[str, int]
    ledger_entries: int
    faults: Mapping[str, int]
    broke: Mapping[str, int]
    load: Mapping[str, Mapping[str, float]]
    days: Sequence[Day]
    broken_laws: Sequence[Mapping[str, Any]]

    def stated(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)


def report_on(world: World) -> Report:
    """Count what there is, while the world still stands."""
    with system_scope("report on a world"), connection.cursor() as cursor:
        acts = _rows(cursor, _ACTS)
        states = {
            name: dict(_rows(cursor, _STATES.format(f"autonomy_{name}")))
            for name in ("run", "intent", "execution")
        }
        gate = {key or "none": count for key, count in _rows(cursor, _GATED)}
        charged, cost, tokens = _rows(cursor, _SPENT)[0]
        units, useful = _rows(cursor, _UNITS)[0][0], _rows(cursor, _USEFUL)[0][0]
        waited = _rows(cursor, _WAITED)[0][0]
        entries = _rows(cursor, _ENTRIES)[0][0]
    decided, refused = _summed(world.houses)
    signals = sum(house.told for house in world.houses)
    return Report(
        asked=asdict(world.asked),
        signals=signals,
        gate=gate,
        runs=states["run"],
        intents=states["intent"],
        executions=states["execution"],
        autonomy_rate=_rate(acts),
        useful_acts=useful,
        spend={"decisions": charged, "cost": cost, "tokens": tokens, "acts": units},
        cost_per_useful_act={
            "decisions": round(charged / useful, 3) if useful else None,
            "cost": round(cost / useful, 6) if useful else None,
        },
        feed=[_feed(house) for house in world.houses],
        approvals_per_person_day=_answers(world, decided),
        hours_to_decide=_hours(waited),
        decisions=dict(decided),
        refusals=dict(refused),
        outcomes=_outcomes(world.houses),
        ledger_entries=entries,
        faults=dict(world.broker.fate.struck),
        broke=dict(world.broker.broke),
        load=_load(world.broker.spent, signals),
        days=_days(world, acts),
        broken_laws=[asdict(each) for each in world.broken],
    )


def _rate(acts: Sequence[tuple[date, bool, int]]) -> float | None:
    """The share of all acts that ran alone."""
    ran = sum(count for _, _, count in acts)
    alone = sum(count for _, is_alone, count in acts if is_alone)
    return round(alone / ran, 4) if ran else None


def _answers(world: World, decided: Mapping[str, int]) -> float:
    """How often each of those who decide answers in a day."""
    answers = sum(decided.get(each, 0) for each in ("approved", "edited", "rejected"))
    return round(answers / len(world.houses) / DECIDING / world.asked.days, 3)


def _hours(waited: Sequence[float]) -> dict[str, float]:
    return {
        name: round(float(hours), 2)
        for name, hours in zip(("p50", "p95"), waited, strict=True)
    }


def _rows(cursor: Any, statement: str) -> list[Any]:
    cursor.execute(statement)
    found: list[Any] = cursor.fetchall()
    return found


def _summed(houses: Sequence[House]) -> tuple[Counter[str], Counter[str]]:
    decided, refused = Counter[str](), Counter[str]()
    for house in houses:
        decided += house.decided
        refused += house.refused
    return decided, refused


def _feed(house: House) -> dict[str, Any]:
    """What the three lists of each tenant hold at the end."""
    seller, admin = house.callers[Role.SELLER], house.callers[Role.ADMIN]
    with tenant_scope(house.tenant):
        now = clock()
        return {
            "tenant": house.slug,
            "mode": house.mode,
            "signals": house.told,
            "next": feed.next_for(seller, now=now).count(),
            "autopilot": feed.autopilot(seller).count(),
            "inbox": len(feed.inbox(admin, now=now).order_by("-id")[:1000]),
        }


def _outcomes(houses: Sequence[House]) -> dict[str, int]:
    found = Counter[str]()
    for house in houses:
        with tenant_scope(house.tenant):
            found += Counter(completeness(now=clock()).by_outcome)
    return dict(found)


def _load(spent: Mapping[str, float], signals: int) -> dict[str, dict[str, float]]:
    """Seconds of CPU that each kind of process took here: Python's share, for sizing."""
    return {
        name: {
            "cpu_s": round(seconds, 2),
            "ms_per_signal": round(seconds * 1000 / signals, 2) if signals else 0.0,
        }
        for name, seconds in sorted(spent.items())
    }


def _days(world: World, acts: Sequence[tuple[date, bool, int]]) -> list[Day]:
    by_day: dict[tuple[str, bool], int] = {
        (day.isoformat(), is_alone): count for day, is_alone, count in acts
    }
    heard = Counter[str]()
    for day, count in world.heard:
        heard[day] += count
    names = sorted({*heard, *(day for day, _ in by_day)})
    return [
        Day(
            day=day,
            signals=heard[day],
            alone=by_day.get((day, True), 0),
            approved=by_day.get((day, False), 0),
        )
        for day in names
    ]
