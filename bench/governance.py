"""Governance: verdicts, proposals, budgets on one hot key, simulation. B5, B6, B10."""

import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, connections
from uuid_utils.compat import uuid7

from autonomy import budget
from autonomy.approve import look, question_about
from autonomy.execute import start
from autonomy.facts import read
from autonomy.models import Budget, Intent
from autonomy.opening import open_tenant
from autonomy.policies import policy_of
from autonomy.propose import propose
from autonomy.rows import Writes
from autonomy.rules.facts import BudgetLine
from autonomy.rules.judge import judge
from autonomy.simulate import simulate
from autonomy.steering import set_budget, set_mode
from ledger.record import SYSTEM, Fact
from ledger.rules.kinds import Kind
from ledger.scope import glance, tenant_scope
from perception.accounts import add_account
from perception.models import Account
from perception.rules.callers import Caller
from perception.rules.roles import Role
from perception.tenants import add_member

ROUNDS = int(os.environ.get("GOVERNANCE_ROUNDS", "5"))
PAST = int(os.environ.get("GOVERNANCE_PAST", "20000"))
CLIENTS = 8
SECONDS = 1.5
WARM = 20
NOTE = {"action_type": "create_internal_note", "parameters": {"text": "A note."}}


@dataclass(frozen=True, kw_only=True)
class Crew:
    """What processes at the same work share: how often they did it, when all begin."""

    done: Any
    ready: Any


def run() -> dict[str, Any]:
    """Round by round; the two budget figures are taken in turns."""
    tenant, account = _tenant()
    rounds = [_round(tenant, account) for _ in range(ROUNDS)]
    return {
        "sizes": f"{ROUNDS} rounds, {CLIENTS} clients on one key, {PAST:,} intents",
        **{name: [round(one[name], 4) for one in rounds] for name in rounds[0]},
        "consume_to_bare_update": [
            round(one["consume_per_s"] / one["bare_update_per_s"], 3) for one in rounds
        ],
    }


def _tenant() -> tuple[UUID, Account]:
    now = datetime.now(UTC)
    tenant = open_tenant(f"bench-{uuid4().hex[:8]}", "Bench", timezone="UTC", now=now)
    with tenant_scope(tenant):
        email = f"admin@{tenant}.example"
        admin = add_member(email, "Admin", Role.ADMIN, now=now)
        caller = Caller(tenant=tenant, membership=admin.id, role=Role.ADMIN)
        given = {"external_id": "one", "name": "One", "owner": str(admin.id)}
        account = add_account(given, by=caller, now=now)
        set_mode("AUTOPILOT", {}, by=caller, now=now)
        set_budget({"limit_per_day": 900_000}, by=caller, now=now)
    return tenant, account


def _round(tenant: UUID, account: Account) -> dict[str, float]:
    verdict, reading = _verdicts(tenant, account)
    proposing, starting = _walks(tenant, account)
    since = datetime.now(UTC)
    a_history(tenant, PAST, since)
    simulated = _rate(
        PAST,
        lambda: simulate(
            since,
            since + timedelta(days=30),
            {"modes": [{"mode": "AUTOPILOT"}]},
            tenant=tenant,
            progressed=lambda share: None,
        ),
    )
    return {
        "verdict_ms": verdict,
        "facts_ms": reading,
        "propose_ms": proposing,
        "start_ms": starting,
        "bare_update_per_s": _together(_bare, tenant),
        "consume_per_s": _together(_consume, tenant),
        "simulated_per_s": simulated,
    }


def _verdicts(tenant: UUID, account: Account) -> tuple[float, float]:
    """A whole verdict on facts in hand, and the read that brings them."""
    with tenant_scope(tenant):
        question = question_about(
            Intent(account=account, origin="agent", confidence=0.9, **NOTE)
        )
        answer = look(question).answer
        policy = policy_of(answer)
        judging = [_took(lambda: judge(answer.facts, policy)) for _ in range(2000)]
        reading = [_took(lambda: read(question, tenant=tenant)) for _ in range(200)]
    return median(judging) * 1000, median(reading) * 1000


def _walks(tenant: UUID, account: Account) -> tuple[float, float]:
    proposing, starting = [], []
    for _ in range(100):
        began = time.perf_counter()
        with tenant_scope(tenant):
            intent = propose(
                {**NOTE, "confidence": 0.9},
                account,
                origin="agent",
                by=SYSTEM,
                member=None,
                now=datetime.now(UTC),
            )
        between = time.perf_counter()
        with tenant_scope(tenant):
            start(intent.id)
        proposing.append(between - began)
        starting.append(time.perf_counter() - between)
    return median(proposing) * 1000, median(starting) * 1000


def a_history(tenant: UUID, count: int, since: datetime) -> None:
    """Recorded intents by the thousand: copies of judged ones, a second apart."""
    with tenant_scope(tenant), connection.cursor() as cursor:
        cursor.execute(_COPY, {"tenant": str(tenant), "count": count, "since": since})


def _together(work: Callable[[UUID, Crew], None], tenant: UUID) -> float:
    """How often a second eight processes do it, all on the same row."""
    connections.close_all()
    context = multiprocessing.get_context("fork")
    crew = Crew(done=context.Value("i", 0), ready=context.Barrier(CLIENTS))
    hands = [context.Process(target=work, args=(tenant, crew)) for _ in range(CLIENTS)]
    for one in hands:
        one.start()
    for one in hands:
        one.join()
    return float(crew.done.value / SECONDS)


def _until(crew: Crew, once: Callable[[], object]) -> None:
    """Nobody begins before everybody is connected and warm."""
    connections.close_all()
    for _ in range(WARM):
        once()
    crew.ready.wait()
    count, end = 0, time.monotonic() + SECONDS
    while time.monotonic() < end:
        once()
        count += 1
    with crew.done.get_lock():
        crew.done.value += count
    connections.close_all()


def _bare(tenant: UUID, crew: Crew) -> None:
    """As lean as it gets: alone in its transaction, all in one message."""
    _until(crew, lambda: glance(tenant, _BARE, [str(tenant)]))


def _consume(tenant: UUID, crew: Crew) -> None:
    connections.close_all()
    with tenant_scope(tenant):
        row = Budget.objects.get()
    line = BudgetLine(
        budget=str(row.id), key=str(tenant), scope="tenant", limit=900_000, used=0
    )
    day = datetime.now(UTC).date()

    def once() -> None:
        intent = uuid7()
        with tenant_scope(tenant):
            fact = Fact(kind=Kind.BUDGET_CONSUMED, subjects={"intent": intent})
            stated = Writes().state([fact], now=datetime.now(UTC))
            budget.consume(
                [line],
                intent=intent,
                day=day,
                receipt=uuid7(),
                after=stated,
                rides=True,
            )

    _until(crew, once)


def _took(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _rate(count: int, work: Callable[[], object]) -> float:
    return count / _took(work)


_BARE = """
UPDATE autonomy_budget SET decay_percent = 0
WHERE tenant_id = %s AND decay_percent < 1 RETURNING id
"""
_COPY = """
WITH model AS (
    SELECT i.*, v.facts, v.decision, v.reason, v.policy_clause, v.explanation,
           v.policy_version, v.layers,
           row_number() OVER (ORDER BY i.id) - 1 AS place, count(*) OVER () AS models
    FROM autonomy_intent i
    JOIN autonomy_verdict v ON v.tenant_id = i.tenant_id AND v.intent_id = i.id
    WHERE i.tenant_id = %(tenant)s AND v.is_first LIMIT 200),
copies AS (
    SELECT gen_random_uuid() AS copy, n, m.* FROM generate_series(1, %(count)s) AS n
    JOIN model m ON m.place = n %% m.models),
intents AS (
    INSERT INTO autonomy_intent (id, tenant_id, account_id, opportunity_id, contact_id,
        run_id, origin, plan_type, action_type, parameters, confidence, risk_level,
        rationale, evidence, tainted, reaches_out, status, judged_at, fence, attempts,
        error, rank, proposed_by_id, created_at, updated_at)
    SELECT copy, tenant_id, account_id, opportunity_id, contact_id, run_id, origin,
        plan_type, action_type, parameters, confidence, risk_level, rationale, evidence,
        tainted, reaches_out, status, judged_at, fence, attempts, error, rank,
        proposed_by_id, created_at, updated_at
    FROM copies RETURNING id)
INSERT INTO autonomy_verdict (id, tenant_id, intent_id, facts, decision, reason,
    policy_clause, explanation, policy_version, layers, would_be_automatic_if,
    judged_at, is_first)
SELECT gen_random_uuid(), tenant_id, copy, facts, decision, reason, policy_clause,
    explanation, policy_version, layers, '[]', %(since)s + n * interval '1 second', true
FROM copies
"""
