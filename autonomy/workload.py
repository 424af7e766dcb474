"""What the spine has to do: by stage, since when, and what waits for a person.

Every part reads a partial index from its front and stops: a million rows cost the same.
"""

from dataclasses import dataclass
from datetime import datetime

import orjson
from django.db import connection

from autonomy.rules.runs import Stage
from ledger.scope import system_scope

# What is counted ends here: so much, or more.
MOST = 10_000
# Of each tenant, so many rows at the head of its work are looked at for their age.
HEAD = 50


@dataclass(frozen=True, kw_only=True)
class Workload:
    """Counts end at `MOST`; ages are in seconds, and 0 where nothing waits."""

    backlog: dict[str, int]
    oldest_seconds: float
    relay_lag_seconds: float
    parked: int
    given_up: int
    in_doubt: int


def workload(*, now: datetime) -> Workload:
    """Look at the work of all tenants."""
    with system_scope("measure the spine"), connection.cursor() as cursor:
        cursor.execute(_WORKLOAD, {"most": MOST, "head": HEAD, "now": now})
        seen = orjson.loads(cursor.fetchone()[0])
    backlog = {stage.value: seen["stages"].get(stage.value, 0) for stage in Stage}
    backlog[Stage.EXECUTE.value] = seen["acts"]
    return Workload(
        backlog=backlog,
        oldest_seconds=_age(seen["oldest"], now),
        relay_lag_seconds=_age(seen["unsent"], now),
        parked=seen["parked"],
        given_up=seen["given_up"],
        in_doubt=seen["in_doubt"],
    )


def _age(since: str | None, now: datetime) -> float:
    if since is None:
        return 0.0
    age = (now - datetime.fromisoformat(since)).total_seconds()
    return round(max(age, 0.0), 3)


_WORKLOAD = """
WITH open AS MATERIALIZED (
    SELECT stage FROM autonomy_run
    WHERE status IN ('RECEIVED', 'TRIGGERED', 'DEFERRED', 'DECIDED')
    ORDER BY tenant_id, due_at LIMIT %(most)s
), head AS MATERIALIZED (
    SELECT w.* FROM autonomy_busy_tenants() AS t(id), LATERAL (
        (SELECT r.created_at, r.due_at, r.dispatched_at, r.lease_until
         FROM autonomy_run r WHERE r.tenant_id = t.id
           AND r.status IN ('RECEIVED', 'TRIGGERED', 'DEFERRED', 'DECIDED')
         ORDER BY r.due_at LIMIT %(head)s)
        UNION ALL
        (SELECT i.created_at, i.due_at, i.dispatched_at, i.lease_until
         FROM autonomy_intent i WHERE i.tenant_id = t.id AND i.due_at IS NOT NULL
         ORDER BY i.due_at LIMIT %(head)s)) w
), signal AS (
    SELECT received_at AS since FROM perception_signal
    WHERE entered_at IS NULL ORDER BY received_at LIMIT 1
)
SELECT jsonb_build_object(
    'stages', (SELECT coalesce(jsonb_object_agg(o.stage, o.n), '{}')
               FROM (SELECT stage, count(*) AS n FROM open GROUP BY stage) o),
    'acts', (SELECT count(*) FROM (
        SELECT 1 FROM autonomy_intent WHERE due_at IS NOT NULL
        ORDER BY tenant_id, due_at LIMIT %(most)s) a),
    'oldest', (SELECT least(min(created_at), (SELECT since FROM signal)) FROM head),
    'unsent', (SELECT min(due_at) FROM head
               WHERE due_at <= %(now)s AND dispatched_at IS NULL
                 AND (lease_until IS NULL OR lease_until < %(now)s)),
    'parked', (SELECT count(*) FROM (
        SELECT 1 FROM autonomy_run WHERE status = 'PARKED'
        ORDER BY tenant_id, id DESC LIMIT %(most)s) p),
    'given_up', (SELECT count(*) FROM (
        SELECT 1 FROM autonomy_intent WHERE given_up_at IS NOT NULL
        ORDER BY tenant_id, id DESC LIMIT %(most)s) g),
    'in_doubt', (SELECT count(*) FROM (
        SELECT 1 FROM autonomy_intent WHERE status = 'IN_DOUBT'
        ORDER BY tenant_id, id DESC LIMIT %(most)s) d))::text
"""
