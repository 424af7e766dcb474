"""Try a policy on recorded intents: asked for here, run in order, reported."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from autonomy.errors import SimulationTooLong
from autonomy.models import Budget, Bundle, Simulation
from autonomy.policy import Program, compiled, program, read, shipped
from autonomy.registry import all_types
from autonomy.rules.facts import unsealed
from autonomy.rules.judge import judge
from autonomy.rules.simulation import (
    BudgetRow,
    Candidate,
    ModeRow,
    Recorded,
    Report,
    State,
)
from autonomy.rules.stages import Staged
from ledger.record import Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant, system_scope, tenant_scope
from perception.rules.callers import Caller

CHUNK = 2000
MOST = 500_000
LEASE = timedelta(seconds=60)
MOST_ATTEMPTS = 3
Progress = Callable[[float], None]


def ask_for(
    begin: datetime,
    end: datetime,
    wanted: Mapping[str, Any],
    *,
    by: Caller | None,
    now: datetime,
) -> Simulation:
    """Ask for a simulation; a worker runs it."""
    if how_many(begin, end) > MOST:
        raise SimulationTooLong(f"At most {MOST} intents; choose a shorter stretch.")
    return Simulation.objects.create(
        tenant_id=current_tenant(),
        asked_by_id=by.membership if by else None,
        asked_at=now,
        begin=begin,
        end=end,
        candidate=dict(wanted),
    )


def due(*, now: datetime) -> list[tuple[UUID, UUID]]:
    """Tenant and id of simulations that nobody works on, oldest first."""
    with system_scope("find simulations"):
        return list(
            Simulation.objects.filter(status=Simulation.Status.PENDING)
            .filter(Q(lease_until=None) | Q(lease_until__lt=now))
            .order_by("asked_at")
            .values_list("tenant_id", "id")[:10]
        )


def run_due(*, now: datetime) -> int:
    """Run the oldest simulation that waits, if there is one."""
    for tenant, id_ in due(now=now):
        if run(id_, tenant=tenant, now=now):
            return 1
    return 0


def run(
    id_: UUID, *, tenant: UUID, now: datetime, watch: Progress = lambda share: None
) -> bool:
    """Run one simulation, unless somebody else is at it."""
    with tenant_scope(tenant):
        claimed = Simulation.objects.filter(
            pk=id_, status=Simulation.Status.PENDING
        ).filter(Q(lease_until=None) | Q(lease_until__lt=Now()))
        if not claimed.update(lease_until=Now() + LEASE, attempts=F("attempts") + 1):
            return False
        asked = Simulation.objects.get(pk=id_)
    if asked.attempts > MOST_ATTEMPTS:
        _finish(asked, {}, error="It was begun too often.", now=now)
        return True

    def progressed(share: float) -> None:
        watch(share)
        with tenant_scope(tenant):
            Simulation.objects.filter(pk=id_).update(
                progress=round(share, 3), lease_until=Now() + LEASE
            )

    report = simulate(
        asked.begin, asked.end, asked.candidate, tenant=tenant, progressed=progressed
    )
    _finish(asked, report, error="", now=now)
    return True


def simulate(
    begin: datetime,
    end: datetime,
    wanted: Mapping[str, Any],
    *,
    tenant: UUID,
    progressed: Progress,
) -> dict[str, Any]:
    """Judge every intent of a stretch again, in order, in the candidate's world."""
    with tenant_scope(tenant):
        candidate = _candidate(wanted)
        fixed = _bundle(wanted)
        total = max(1, how_many(begin, end))
        returns = _returns(begin, end)
    programs = _Programs(tenant)
    state, report = State(), Report()
    for chunk in _chunks(begin, end, tenant):
        for recorded, version in chunk:
            policy = fixed or programs.of(version)
            if recorded is None or policy is None:
                report.unevaluable += 1
                continue
            while returns and returns[-1][0] <= recorded.at:
                state.returned(returns.pop()[1])
            facts = state.as_seen(recorded, candidate)
            verdict = judge(facts, Staged(policy, candidate.gated_stages))
            state.note(recorded, facts, verdict)
            report.note(recorded, verdict)
        progressed((report.judged + report.unevaluable) / total)
    return report.plain()


def how_many(begin: datetime, end: datetime) -> int:
    """How many verdicts of the tenant in scope a stretch holds."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [str(current_tenant()), begin, end])
        return int(cursor.fetchone()[0])


class _Programs:
    """The policies that once judged, by version; None where one is not kept here."""

    def __init__(self, tenant: UUID) -> None:
        self.tenant = tenant
        self.known: dict[str, Program | None] = {}

    def of(self, version: str) -> Program | None:
        if version not in self.known:
            self.known[version] = self._found(version)
        return self.known[version]

    def _found(self, version: str) -> Program | None:
        if version == shipped().version:
            return compiled(shipped())
        with tenant_scope(self.tenant):
            bundle = Bundle.objects.filter(version=version).first()
        return program(version, lambda: bundle.source) if bundle else None


def _chunks(
    begin: datetime, end: datetime, tenant: UUID
) -> Iterator[list[tuple[Recorded | None, str]]]:
    after: tuple[datetime, str] = (begin, str(UUID(int=0)))
    while True:
        with tenant_scope(tenant), connection.cursor() as cursor:
            cursor.execute(_READ, [str(tenant), *after, begin, end, CHUNK])
            rows = cursor.fetchall()
        if not rows:
            return
        yield [_recorded(row) for row in rows]
        after = (rows[-1][1], str(rows[-1][2]))


def _recorded(row: Sequence[Any]) -> tuple[Recorded | None, str]:
    """An intent as it was judged; None where its facts had another shape."""
    intent, at, _, sealed, decision, version, status, reaches_out = row
    try:
        facts = unsealed(orjson.loads(sealed))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None, version
    recorded = Recorded(
        intent=str(intent),
        at=at,
        facts=facts,
        decision=decision,
        status=status,
        reaches_out=reaches_out,
    )
    return recorded, version


def _returns(begin: datetime, end: datetime) -> list[tuple[datetime, str]]:
    """When budgets came back, the last first."""
    with connection.cursor() as cursor:
        cursor.execute(_RETURNS, [str(current_tenant()), begin, end])
        return [(at, str(intent)) for at, intent in cursor.fetchall()]


def _bundle(wanted: Mapping[str, Any]) -> Program | None:
    version = wanted.get("bundle_version")
    if version is None:
        return None
    if wanted.get("bundle_source"):
        return compiled(read(wanted["bundle_source"]))
    return compiled(read(Bundle.objects.get(version=version).source))


def _candidate(wanted: Mapping[str, Any]) -> Candidate:
    data = wanted.get("policy_data")
    return Candidate(
        withdrawn=frozenset(
            str(row.id) for each in wanted.get("without", []) for row in _held(each)
        ),
        data=data,
        types={} if data is None else {each.key: each for each in all_types()},
        modes=tuple(
            ModeRow(
                account=each.get("account"),
                action_type=each.get("action_type") or "",
                mode=each["mode"],
            )
            for each in wanted.get("modes", [])
        ),
        budgets=tuple(
            _budget(place, each) for place, each in enumerate(wanted.get("budgets", []))
        ),
        gated_stages=frozenset(wanted.get("gated_stages", [])),
    )


def _budget(place: int, wanted: Mapping[str, Any]) -> BudgetRow:
    """A wanted budget takes the place of the row of the same scope, or is new."""
    action_type, each = wanted.get("action_type") or "", wanted.get("each") or ""
    account, seller = wanted.get("account"), wanted.get("seller")
    budgets = Budget.objects.filter(tenant_id=current_tenant(), is_active=True)
    held = _held(wanted).first()
    # An own row takes the place of the one for every account, or seller; a row for
    # every one that is not kept as such yields nothing.
    whom = "account" if account else "seller" if seller else None
    for_all = budgets.filter(each=whom or each, action_type=action_type).exclude(
        each=""
    )
    return BudgetRow(
        id=str(held.id) if held else f"new {place}",
        replaces=frozenset(str(row.id) for row in for_all),
        account=account,
        seller=seller,
        action_type=action_type,
        each=each,
        limit=wanted["limit_per_day"],
    )


def _held(scope: Mapping[str, Any]) -> QuerySet[Budget]:
    """The budget that is set at a scope, if there is one."""
    where: dict[str, Any] = {
        "account_id": scope.get("account"),
        "seller_id": scope.get("seller"),
        "action_type": scope.get("action_type") or "",
        "each": scope.get("each") or "",
    }
    rows = Budget.objects.filter(tenant_id=current_tenant(), is_active=True)
    return rows.filter(**where)


def _finish(
    asked: Simulation, report: dict[str, Any], *, error: str, now: datetime
) -> None:
    status = Simulation.Status.FAILED if error else Simulation.Status.COMPLETED
    with tenant_scope(asked.tenant_id):
        Simulation.objects.filter(pk=asked.pk).update(
            status=status,
            report=report or None,
            error=error,
            progress=1,
            lease_until=None,
            finished_at=now,
        )
        by = asked.asked_by_id
        record(
            Fact(
                kind=Kind.POLICY_SIMULATED,
                subjects={"simulation": asked.id, **({"member": by} if by else {})},
                data={
                    "from": asked.begin.isoformat(),
                    "to": asked.end.isoformat(),
                    "status": status.value,
                    "differences": report.get("differences"),
                    "newly_autonomous": report.get("newly_autonomous_total"),
                },
            ),
            now=now,
        )


_COUNT = """
SELECT count(*) FROM autonomy_verdict v
WHERE v.tenant_id = %s AND v.judged_at >= %s AND v.judged_at < %s AND v.is_first
"""
_READ = """
SELECT v.intent_id, v.judged_at, v.id, v.facts::text, v.decision, v.policy_version,
       i.status, i.reaches_out
FROM autonomy_verdict v
JOIN autonomy_intent i ON i.tenant_id = v.tenant_id AND i.id = v.intent_id
WHERE v.tenant_id = %s AND (v.judged_at, v.id) > (%s, %s::uuid)
  AND v.judged_at >= %s AND v.judged_at < %s AND v.is_first
ORDER BY v.judged_at, v.id LIMIT %s
"""
_RETURNS = """
SELECT returned_at, intent_id FROM autonomy_receipt
WHERE tenant_id = %s AND returned_at >= %s AND returned_at < %s
ORDER BY returned_at DESC
"""
