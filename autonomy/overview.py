"""How a tenant stands, at one look: what waits, what is stuck, what ran alone, what it cost.

Every part reads an index from its front and stops, so that a million rows cost the same;
days that are over are counted once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from django.core.cache import cache
from django.db import connection

from ledger.scope import current_tenant

# What is counted ends here: so much, or more.
MOST = 10_000
SHOWN = 5
DAYS = 14
# Of a day that has been over for so long, nothing more becomes known.
SETTLED = timedelta(minutes=15)
KEPT = timedelta(days=DAYS + 1)
# A day with so many acts is counted anew only after a while.
MANY, A_WHILE = 5000, timedelta(seconds=20)


@dataclass(frozen=True, kw_only=True)
class Day:
    """One day of a tenant: acts that were begun, and those for which nobody was asked."""

    day: date
    acts: int
    alone: int


@dataclass(frozen=True, kw_only=True)
class Overview:
    """Counts end at `MOST`. Lists hold the oldest that wait, and the newest that broke."""

    waiting: Sequence[dict[str, Any]]
    oldest: Sequence[dict[str, Any]]
    parked: int
    parked_newest: Sequence[dict[str, Any]]
    doubts: int
    given_up: int
    breakers: Sequence[dict[str, Any]]
    alerts: Sequence[dict[str, Any]]
    spend: dict[str, Any]
    unsealed: int
    tried: dict[str, Any] | None
    has: dict[str, bool]


def overview(*, day: date) -> Overview:
    """Everything of the tenant in scope that somebody may have to look at; `day`: its own."""
    named: dict[str, Any] = {
        "tenant": current_tenant(),
        "most": MOST,
        "shown": SHOWN,
        "day": day,
    }
    with connection.cursor() as cursor:
        cursor.execute(_OVERVIEW, named)
        return Overview(**orjson.loads(cursor.fetchone()[0]))


def days(*, zone: ZoneInfo, now: datetime) -> list[Day]:
    """The last days of the tenant in scope, today last; those that are over are kept."""
    today = now.astimezone(zone).date()
    wanted = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    keys = {_key(day, zone): day for day in wanted}
    found = {keys[key]: value for key, value in cache.get_many(list(keys)).items()}
    missing = [day for day in wanted if day not in found]
    counted = _counted(missing, zone)
    for day, value in counted.items():
        if _begin(day + timedelta(days=1), zone) + SETTLED < now:
            cache.set(_key(day, zone), value, timeout=KEPT.total_seconds())
        elif value[0] >= MANY:
            cache.set(_key(day, zone), value, timeout=A_WHILE.total_seconds())
    every = {**found, **counted}
    return [Day(day=day, acts=every[day][0], alone=every[day][1]) for day in wanted]


def _counted(wanted: Sequence[date], zone: ZoneInfo) -> dict[date, tuple[int, int]]:
    """Of each day how many acts, and how many of them ran alone; nothing gives zeros."""
    if not wanted:
        return {}
    first, last = min(wanted), max(wanted)
    span = [first + timedelta(days=each) for each in range((last - first).days + 1)]
    edges = [_begin(day, zone) for day in [*span, last + timedelta(days=1)]]
    with connection.cursor() as cursor:
        cursor.execute(_DAYS, [edges, current_tenant(), edges[0], edges[-1]])
        rows = {span[place - 1]: (acts, alone) for place, acts, alone in cursor}
    return {day: rows.get(day, (0, 0)) for day in wanted}


def _begin(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, tzinfo=zone)


def _key(day: date, zone: ZoneInfo) -> str:
    tenant: UUID = current_tenant()
    return f"acts:{tenant}:{day}:{zone.key}"


_DAYS = """
SELECT width_bucket(started_at, %s::timestamptz[]), count(*),
       count(*) FILTER (WHERE auto_executed)
FROM autonomy_execution
WHERE tenant_id = %s AND started_at >= %s AND started_at < %s AND replay_id IS NULL
GROUP BY 1
"""
_OVERVIEW = """
SELECT jsonb_build_object(
  'waiting', (SELECT coalesce(jsonb_agg(w), '[]') FROM (
      SELECT p.action_type AS type, p.risk_level AS risk, count(*) AS count
      FROM (SELECT i.action_type, i.risk_level
            FROM autonomy_approval a
            JOIN autonomy_intent i ON i.tenant_id = a.tenant_id AND i.id = a.intent_id
            WHERE a.tenant_id = %(tenant)s AND a.status = 'PENDING'
            ORDER BY a.id LIMIT %(most)s) p
      GROUP BY 1, 2) w),
  'oldest', (SELECT coalesce(jsonb_agg(o ORDER BY o.id), '[]') FROM (
      SELECT a.id, i.action_type AS type, c.name AS account, a.requires_role AS role,
             a.asked_at, a.expires_at, a.escalated_at
      FROM autonomy_approval a
      JOIN autonomy_intent i ON i.tenant_id = a.tenant_id AND i.id = a.intent_id
      JOIN perception_account c ON c.tenant_id = a.tenant_id AND c.id = a.account_id
      WHERE a.tenant_id = %(tenant)s AND a.status = 'PENDING'
      ORDER BY a.id LIMIT %(shown)s) o),
  'parked', (SELECT count(*) FROM (
      SELECT FROM autonomy_run WHERE tenant_id = %(tenant)s AND status = 'PARKED'
      LIMIT %(most)s) n),
  'parked_newest', (SELECT coalesce(jsonb_agg(r ORDER BY r.id DESC), '[]') FROM (
      SELECT r.id, r.trigger, r.stage, r.error, r.updated_at, c.name AS account
      FROM autonomy_run r
      JOIN perception_account c ON c.tenant_id = r.tenant_id AND c.id = r.account_id
      WHERE r.tenant_id = %(tenant)s AND r.status = 'PARKED'
      ORDER BY r.id DESC LIMIT %(shown)s) r),
  'doubts', (SELECT count(*) FROM (
      SELECT FROM autonomy_intent WHERE tenant_id = %(tenant)s AND status = 'IN_DOUBT'
      LIMIT %(most)s) n),
  'given_up', (SELECT count(*) FROM (
      SELECT FROM autonomy_intent
      WHERE tenant_id = %(tenant)s AND given_up_at IS NOT NULL LIMIT %(most)s) n),
  'breakers', (SELECT coalesce(jsonb_agg(b ORDER BY b.name), '[]') FROM (
      SELECT 'tool' AS noun, id, key AS name, forced_open AS forced, opened_at
      FROM autonomy_tool
      WHERE tenant_id = %(tenant)s AND (forced_open OR opened_at IS NOT NULL)
      UNION ALL
      SELECT 'connector', id, name, forced_open, opened_at FROM perception_connector
      WHERE tenant_id = %(tenant)s AND is_active
        AND (forced_open OR opened_at IS NOT NULL)
      ORDER BY 3 LIMIT %(shown)s) b),
  'alerts', (SELECT coalesce(jsonb_agg(s ORDER BY s.id DESC), '[]') FROM (
      SELECT id, tool, about, opened_at FROM autonomy_sloalert
      WHERE tenant_id = %(tenant)s AND closed_at IS NULL
      ORDER BY id DESC LIMIT %(shown)s) s),
  'spend', (SELECT jsonb_build_object(
          'runs', coalesce(max(u.runs), 0), 'cost', coalesce(max(u.cost), 0)::float8,
          'tokens', coalesce(max(u.tokens), 0))
      FROM autonomy_decisionuse u
      WHERE u.tenant_id = %(tenant)s AND u.key = %(tenant)s AND u.day = %(day)s),
  'unsealed', (SELECT count(*) FROM (
      SELECT FROM ledger_pending WHERE tenant_id = %(tenant)s LIMIT %(most)s) n),
  'tried', (SELECT jsonb_build_object('id', t.id, 'begin', t.begin, 'end', t.end,
                                      'matrix', t.report->'matrix')
      FROM autonomy_simulation t
      WHERE t.tenant_id = %(tenant)s AND t.status = 'COMPLETED'
      ORDER BY t.id DESC LIMIT 1),
  'has', jsonb_build_object(
      'accounts', EXISTS (SELECT FROM perception_account WHERE tenant_id = %(tenant)s),
      'connectors', EXISTS (
          SELECT FROM perception_connector WHERE tenant_id = %(tenant)s),
      'modes', EXISTS (SELECT FROM autonomy_mode WHERE tenant_id = %(tenant)s),
      'budgets', EXISTS (
          SELECT FROM autonomy_budget WHERE tenant_id = %(tenant)s AND is_active),
      'acts', EXISTS (SELECT FROM autonomy_execution WHERE tenant_id = %(tenant)s))
)::text
"""
