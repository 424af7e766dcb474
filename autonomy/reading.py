"""The one statement that reads everything a verdict needs to know."""

from typing import Any

import orjson
from django.db import connection


def read_rows(**asked: str | bool) -> dict[str, Any]:
    """What the rows say of a question, as of one moment of the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute(_READ, asked)
        found: dict[str, Any] = orjson.loads(cursor.fetchone()[0])
    return found


_READ = """
WITH clock AS (SELECT clock_timestamp() AS at),
     mine AS (
         SELECT t.*, clock.at,
                (clock.at AT TIME ZONE CASE WHEN t.timezone_since > clock.at
                 THEN t.previous_timezone ELSE t.timezone END)::date AS day
         FROM perception_tenant t, clock WHERE t.id = %(tenant)s),
     whose AS (
         SELECT a.* FROM perception_account a
         WHERE a.tenant_id = %(tenant)s AND a.id = %(account)s)
SELECT jsonb_build_object(
  'at', mine.at,
  'timezone', mine.timezone, 'previous_timezone', mine.previous_timezone,
  'timezone_since', mine.timezone_since, 'default_mode', mine.default_mode,
  'quiet_hours', mine.quiet_hours, 'contact_caps', mine.contact_caps,
  'digest_hour', mine.digest_hour,
  'owner', whose.owner_id, 'lifecycle', coalesce(whose.lifecycle, ''),
  'account_timezone', whose.timezone,
  'stage', (SELECT o.stage FROM perception_opportunity o
            WHERE o.tenant_id = %(tenant)s AND o.id = %(opportunity)s),
  'opted_out', (SELECT c.opted_out OR c.erased_at IS NOT NULL FROM perception_contact c
                WHERE c.tenant_id = %(tenant)s AND c.id = %(contact)s),
  'board', (SELECT b.switches FROM autonomy_board b WHERE b.tenant_id = %(tenant)s),
  'epoch', (SELECT b.epoch FROM autonomy_board b WHERE b.tenant_id = %(tenant)s),
  'house', (SELECT h.switches FROM autonomy_houseboard h WHERE h.id = 1),
  'house_epoch', (SELECT h.epoch FROM autonomy_houseboard h WHERE h.id = 1),
  'action', (SELECT jsonb_build_object('tier', r.tier, 'tool', r.tool,
               'min_confidence', r.min_confidence, 'declared', r.declared)
             FROM autonomy_actionrow r
             WHERE r.tenant_id = %(tenant)s AND r.key = %(type)s),
  'modes', (SELECT coalesce(jsonb_agg(jsonb_build_object(
               'account', m.account_id, 'type', m.action_type, 'mode', m.mode)), '[]')
            FROM autonomy_mode m
            WHERE m.tenant_id = %(tenant)s AND m.action_type IN ('', %(type)s)
              AND (m.account_id IS NULL OR m.account_id = %(account)s)),
  'opt_ins', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                 'account', p.account_id, 'granted', p.granted, 'at', p.at)), '[]')
              FROM autonomy_optin p
              WHERE p.tenant_id = %(tenant)s
                AND (p.account_id IS NULL OR p.account_id = %(account)s)),
  'digests', (SELECT coalesce(jsonb_agg(d.day), '[]') FROM autonomy_digest d
              WHERE %(scheduled)s AND d.tenant_id = %(tenant)s
                AND d.member_id = whose.owner_id AND d.delivered_at IS NOT NULL),
  'policy', (SELECT jsonb_build_object('id', b.id, 'version', b.version)
             FROM autonomy_activation v
             JOIN autonomy_bundle b ON b.tenant_id = v.tenant_id AND b.id = v.bundle_id
             WHERE v.tenant_id = %(tenant)s AND v.in_force_at IS NOT NULL
               AND v.rolled_back_at IS NULL
             ORDER BY v.in_force_at DESC LIMIT 1),
  'data', (SELECT d.data FROM autonomy_policydata d WHERE d.tenant_id = %(tenant)s
           ORDER BY d.number DESC LIMIT 1),
  'profile', (SELECT f.hold_seconds FROM autonomy_profile f
              WHERE f.tenant_id = %(tenant)s AND f.action_type = %(type)s
                AND f.signed_at IS NOT NULL),
  'account_reach', (SELECT count(*) FROM autonomy_intent i
                    WHERE i.tenant_id = %(tenant)s AND i.account_id = %(account)s
                      AND i.reaches_out AND i.created_at > mine.at - interval '7 days'
                      AND i.id <> %(intent)s AND i.status IN
                        ('APPROVED', 'EXECUTING', 'IN_DOUBT', 'SUCCEEDED')),
  'contact_reach', (SELECT count(*) FROM autonomy_intent i
                    WHERE i.tenant_id = %(tenant)s AND i.account_id = %(account)s
                      AND i.reaches_out AND i.created_at > mine.at - interval '7 days'
                      AND i.contact_id = %(contact)s AND i.id <> %(intent)s
                      AND i.status IN
                        ('APPROVED', 'EXECUTING', 'IN_DOUBT', 'SUCCEEDED')),
  'budgets', (SELECT coalesce(jsonb_agg(line ORDER BY line->>'id'), '[]') FROM (
      SELECT jsonb_build_object(
          'id', b.id, 'key', k.key, 'account', b.account_id, 'seller', b.seller_id,
          'type', b.action_type, 'each', b.each, 'limit', b.limit_per_day,
          'decay', b.decay_percent,
          'scope', coalesce(nullif(concat_ws('+',
              CASE WHEN b.account_id IS NOT NULL OR b.each = 'account'
                   THEN 'account' END,
              CASE WHEN b.seller_id IS NOT NULL OR b.each = 'seller' THEN 'seller' END,
              CASE WHEN b.action_type <> '' THEN 'action_type' END), ''), 'tenant'),
          'set_day', (b.set_at AT TIME ZONE mine.timezone)::date,
          'last_day', CASE WHEN b.decay_percent > 0 THEN
              (SELECT max(u.day) FROM autonomy_budgetuse u
               WHERE u.tenant_id = %(tenant)s AND u.budget_id = b.id AND u.key = k.key
                 AND u.used > 0 AND u.day < mine.day) END,
          'used', (SELECT u.used FROM autonomy_budgetuse u
                   WHERE u.tenant_id = %(tenant)s AND u.budget_id = b.id
                     AND u.key = k.key AND u.day = mine.day)) AS line
      FROM autonomy_budget b,
           LATERAL (SELECT CASE
               WHEN b.each = 'account' OR b.account_id IS NOT NULL THEN whose.id
               WHEN b.each = 'seller' OR b.seller_id IS NOT NULL THEN whose.owner_id
               ELSE mine.id END AS key) k
      WHERE b.tenant_id = %(tenant)s AND b.is_active AND b.action_type IN ('', %(type)s)
        AND (b.account_id IS NULL OR b.account_id = whose.id)
        AND (b.seller_id IS NULL OR b.seller_id = whose.owner_id)
        AND k.key IS NOT NULL) lines)
)::text
FROM mine LEFT JOIN whose ON true
"""
