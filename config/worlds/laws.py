"""What must hold in a world at every moment, whatever goes wrong in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from autonomy.learning.completeness import completeness
from config.worlds.peer import KEY, Peer
from ledger.clock import clock
from ledger.scope import system_scope, tenant_scope
from ledger.verify import verify_tenant

LISTED = 5
# What takes an act back bears its key, and this.
UNDO = ":undo"
# Each finds what breaks it. Tenants are told apart by every key.
ALWAYS: Mapping[str, str] = {
    "nothing runs alone but where the verdict said so": """
SELECT e.id::text FROM autonomy_execution e
JOIN autonomy_permit p ON p.tenant_id = e.tenant_id AND p.id = e.permit_id
JOIN autonomy_verdict v ON v.tenant_id = p.tenant_id AND v.id = p.verdict_id
WHERE e.auto_executed AND (v.decision <> 'AUTO_EXECUTE' OR p.source <> 'POLICY')""",
    "whatever else ran, a person approved": """
SELECT e.id::text FROM autonomy_execution e
JOIN autonomy_permit p ON p.tenant_id = e.tenant_id AND p.id = e.permit_id
WHERE NOT e.auto_executed AND p.approved_by_id IS NULL""",
    "a permit is spent once": """
SELECT max(permit_id::text) FROM autonomy_execution
GROUP BY tenant_id, permit_id HAVING count(*) > 1""",
    "no intent succeeds twice": """
SELECT max(intent_id::text) FROM autonomy_execution WHERE status = 'SUCCEEDED'
GROUP BY tenant_id, intent_id HAVING count(*) > 1""",
    "no day uses more of a budget than it has": """
SELECT u.id::text FROM autonomy_budgetuse u
JOIN autonomy_budget b ON b.tenant_id = u.tenant_id AND b.id = u.budget_id
WHERE u.used > b.limit_per_day""",
    "nothing starts while a switch stops its tenant": """
SELECT e.id::text FROM autonomy_execution e
JOIN autonomy_killswitch k ON k.tenant_id = e.tenant_id AND k.scope = 'tenant'
WHERE e.started_at > k.committed_at
  AND (k.released_at IS NULL OR e.started_at < k.released_at)""",
    "nothing starts after its time": """
SELECT e.id::text FROM autonomy_execution e
JOIN autonomy_intent i ON i.tenant_id = e.tenant_id AND i.id = e.intent_id
WHERE i.not_after IS NOT NULL AND e.started_at > i.not_after""",
    "what expired is not decided": """
SELECT id::text FROM autonomy_approval
WHERE status IN ('APPROVED', 'REJECTED') AND decided_at > expires_at""",
    "an account has one active plan of a type": """
SELECT max(id::text) FROM plans_plan WHERE status = 'ACTIVE'
GROUP BY tenant_id, account_id, plan_type HAVING count(*) > 1""",
    "a run is charged for one decision": """
SELECT max(run_id::text) FROM autonomy_synthesizercall WHERE charged
GROUP BY tenant_id, run_id HAVING count(*) > 1""",
}
IN_THE_END: Mapping[str, str] = {
    "every signal was taken in": """
SELECT id::text FROM perception_signal WHERE entered_at IS NULL""",
    "every run came to an end": """
SELECT id::text FROM autonomy_run
WHERE status NOT IN ('SKIPPED', 'DONE') AND due_at <= clock_timestamp()""",
    "every approved act was done, or said why not": """
SELECT id::text FROM autonomy_intent
WHERE (judged_at IS NULL OR status IN ('APPROVED', 'EXECUTING'))
  AND coalesce(due_at, created_at) <= clock_timestamp()""",
}
_AT_PEER = """
SELECT intent_id::text, status FROM autonomy_execution WHERE tool = %s
"""


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A law that was found broken, when, and by what."""

    law: str
    at: str
    by: Sequence[str]


def look(laws: Mapping[str, str]) -> list[Broken]:
    """The laws of these that do not hold now."""
    with system_scope("look at laws"), connection.cursor() as cursor:
        found = {law: _first(cursor, statement) for law, statement in laws.items()}
    return [_broken(law, by) for law, by in found.items() if by]


def look_at_peer(peer: Peer, *, is_over: bool) -> list[Broken]:
    """What was applied there is what is recorded here, never twice."""
    with system_scope("look at laws"), connection.cursor() as cursor:
        cursor.execute(_AT_PEER, [KEY])
        known = dict(cursor.fetchall())
    found = []
    twice = sorted(key for key, count in peer.applied.items() if count > 1)
    applied = {key.removesuffix(UNDO): key for key in peer.applied}
    strange = sorted(applied[key] for key in set(applied) - set(known))
    unsaid = sorted(
        key
        for key, status in known.items()
        if status == "SUCCEEDED" and key not in peer.applied
    )
    if twice:
        found.append(_broken("a peer acts once for a key", twice))
    if is_over and strange:
        found.append(_broken("what a peer applied is recorded", strange))
    if unsaid:
        found.append(_broken("what is recorded as done was applied", unsaid))
    return found


def look_at_ledger(tenants: Sequence[UUID]) -> list[Broken]:
    """Every tenant's ledger is whole."""
    reports = [(each, verify_tenant(each)) for each in tenants]
    by = [f"{each}: {finding}" for each, said in reports for finding in said.findings]
    return [_broken("the ledger verifies", by)] if by else []


def look_at_outcomes(tenants: Sequence[UUID]) -> list[Broken]:
    """Whatever ended has its outcome."""
    by: list[str] = []
    for tenant in tenants:
        with tenant_scope(tenant):
            by += [str(gap.intent) for gap in completeness(now=clock()).gaps]
    return [_broken("whatever ended has its outcome", by)] if by else []


def _first(cursor: Any, statement: str) -> list[str]:
    cursor.execute(f"{statement} LIMIT {LISTED}")
    return [row[0] for row in cursor.fetchall()]


def _broken(law: str, by: Sequence[str]) -> Broken:
    return Broken(law=law, at=clock().isoformat(), by=tuple(by[:LISTED]))
