"""H5: how people decide: how fast, how often with changes, and who only waves through."""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from autonomy.rules.approvals import (
    GLANCE,
    MOST_PER_HOUR,
    UNKNOWN,
    is_rubber_stamp,
)
from ledger.scope import current_tenant

# How far back it is looked, unless another stretch is asked for.
MONTH = timedelta(days=30)

_DECISIONS = """
WITH decided AS (
    SELECT a.decided_by_id AS member, a.status, a.decided_at, a.edits <> '[]' AS edited,
           extract(epoch FROM a.decided_at - a.asked_at)::float8 AS took,
           a.dwell_seconds AS dwelt,
           date_trunc('hour', a.decided_at) AS hour, i.status = 'UNDONE'
               -- Of an intent that was gone through again, the newest decision.
               AND row_number() OVER (PARTITION BY a.intent_id
                                      ORDER BY a.id DESC) = 1 AS undone,
           CASE WHEN v.facts->'traits'->>'risk_level' IS NULL THEN %(unknown)s
                ELSE (SELECT r FROM unnest(ARRAY['HIGH', 'MEDIUM', 'LOW', 'MINIMAL']) r
                      WHERE r IN (v.facts->'traits'->>'risk_level',
                                  v.facts->>'risk_level') LIMIT 1) END AS risk
    FROM autonomy_approval a
    JOIN autonomy_verdict v ON v.tenant_id = a.tenant_id AND v.id = a.verdict_id
    JOIN autonomy_intent i ON i.tenant_id = a.tenant_id AND i.id = a.intent_id
    WHERE a.tenant_id = %(tenant)s AND a.status IN ('APPROVED', 'REJECTED')
      AND a.decided_at >= %(since)s AND a.decided_at < %(until)s
), hours AS (
    SELECT member, count(*) AS load FROM decided GROUP BY member, hour
), loads AS (
    SELECT member, max(load) AS peak, avg(load)::float8 AS usual
    FROM hours GROUP BY member
)
SELECT d.member, coalesce(d.risk, %(unknown)s), count(*),
       count(*) FILTER (WHERE d.status = 'APPROVED'),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY d.took),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY d.dwelt),
       avg(d.edited::int)::float8,
       coalesce(avg(d.undone::int) FILTER (WHERE d.status = 'APPROVED'), 0)::float8,
       avg((coalesce(d.dwelt, d.took) < %(glance)s)::int)::float8, l.usual, l.peak
FROM decided d JOIN loads l USING (member)
GROUP BY d.member, coalesce(d.risk, %(unknown)s), l.usual, l.peak ORDER BY 1, 2
"""


@dataclass(frozen=True, kw_only=True)
class Habit:
    """How one person decides on one risk; the load counts all that they decide."""

    approver: UUID
    risk: str
    decisions: int
    approved: int
    median_seconds: float
    # Of those where it is known how long the question was open before them.
    median_dwell_seconds: float | None
    edited: float
    undone: float
    glanced: float
    per_hour: float
    most_in_an_hour: int

    @property
    def rubber_stamp(self) -> bool:
        return is_rubber_stamp(self.decisions, self.glanced)

    @property
    def overloaded(self) -> bool:
        return self.most_in_an_hour > MOST_PER_HOUR


def habits(*, since: datetime, until: datetime) -> list[Habit]:
    """How the tenant's people decided in a stretch of time, by person and risk."""
    given: dict[str, str | float | datetime] = {
        "tenant": str(current_tenant()),
        "since": since,
        "until": until,
        "glance": GLANCE.total_seconds(),
        "unknown": UNKNOWN,
    }
    names = [each.name for each in fields(Habit)]
    with connection.cursor() as cursor:
        cursor.execute(_DECISIONS, given)
        rows = cursor.fetchall()
    return [Habit(**dict(zip(names, row, strict=True))) for row in rows]
