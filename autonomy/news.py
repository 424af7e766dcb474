"""What became of the steps of plans: found, told, and taken notice of.

Plans stand above and ask; nobody here calls them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from autonomy.models import Permit
from autonomy.rows import Writes
from ledger.scope import current_tenant

MOST = 1000

_TENANTS = "SELECT autonomy_news_tenants()"
_NEWS = """
SELECT n.plan_id, array_agg(n.id ORDER BY n.id) FROM (
    SELECT i.plan_id, i.id FROM autonomy_intent i
    WHERE i.tenant_id = %s AND i.step_id IS NOT NULL AND i.heard <> i.status
    ORDER BY i.plan_id LIMIT %s) n
GROUP BY n.plan_id ORDER BY n.plan_id
"""
_ENDS = """
SELECT i.id, i.plan_id, i.step_id, i.step_try, i.status, coalesce(x.source, ''),
       coalesce(o.cause, ''), coalesce(v.reason, ''), coalesce(v.explanation, ''),
       coalesce(nullif(i.error, ''), x.error, ''), x.finished_at, i.updated_at
FROM autonomy_intent i
LEFT JOIN LATERAL (
    SELECT e.approval_source AS source, e.error, e.finished_at
    FROM autonomy_execution e
    WHERE e.tenant_id = i.tenant_id AND e.intent_id = i.id
    ORDER BY e.id DESC LIMIT 1) x ON true
LEFT JOIN LATERAL (
    SELECT w.cause FROM autonomy_outcome w
    WHERE w.tenant_id = i.tenant_id AND w.intent_id = i.id
      AND w.taxonomy = 'IDEA_REJECTED') o ON true
LEFT JOIN LATERAL (
    SELECT j.reason, j.explanation FROM autonomy_verdict j
    WHERE j.tenant_id = i.tenant_id AND j.intent_id = i.id
    ORDER BY j.id DESC LIMIT 1) v ON true
WHERE i.tenant_id = %s AND i.id = ANY(%s::uuid[]) AND i.step_id IS NOT NULL
ORDER BY i.id
"""
# Where it has moved on since, it stays news.
_HEARD = """
UPDATE autonomy_intent AS i SET heard = n.status
FROM (SELECT t.id, h.status FROM unnest(%s::uuid[], %s::text[]) AS h(id, status)
      JOIN autonomy_intent t ON t.tenant_id = %s AND t.id = h.id
      WHERE t.status = h.status AND t.step_id IS NOT NULL
      ORDER BY t.id DESC FOR NO KEY UPDATE OF t) n
WHERE i.tenant_id = %s AND i.id = n.id
"""


class News(NamedTuple):
    """Intents of a plan that stand otherwise than it knows."""

    plan: UUID
    intents: tuple[UUID, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """How far one try of a step has come, and why."""

    intent: UUID
    plan: UUID
    step: UUID
    try_: int
    status: str
    # Who let it run, once it has started: POLICY, HUMAN.
    source: str
    # Why a person refused it: idea, timing, execution, external.
    cause: str
    # The newest verdict's.
    reason: str
    explanation: str
    error: str
    finished_at: datetime | None
    updated_at: datetime

    @property
    def is_automatic(self) -> bool:
        """Whether it ran without anybody being asked."""
        return self.source == Permit.Source.POLICY


def tenants_with_news() -> list[UUID]:
    """Tenants of which a plan has something to hear; for the system scope."""
    return [tenant for (tenant,) in Writes().ask(_TENANTS, [])]


def news(tenant: UUID, *, most: int = MOST) -> list[News]:
    """What plans of the tenant in scope have not heard of yet, plan by plan."""
    found = Writes().ask(_NEWS, [tenant, most])
    return [News(plan, tuple(intents)) for plan, intents in found]


def ends(intents: Sequence[UUID]) -> list[End]:
    """How far intents of steps have come, in one question for all of them."""
    rows = Writes().ask(_ENDS, [current_tenant(), list(intents)])
    names = tuple(End.__dataclass_fields__)
    return [End(**dict(zip(names, row, strict=True))) for row in rows]


def heard(intents: Mapping[UUID, str]) -> int:
    """Note that a plan knows these statuses; how many still stood so.

    Call it after `recall`, if both are called in one transaction: whoever decides locks
    questions before intents.
    """
    if not intents:
        return 0
    statuses = [str(status) for status in intents.values()]
    tenant = current_tenant()
    values = [list(intents), statuses, tenant, tenant]
    return Writes().add(_HEARD, values).send()
