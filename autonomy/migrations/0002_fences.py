"""Fences around every table, references within a tenant, and the consuming of budgets."""

from django.db import migrations

from ledger.fences import append_only, fence, within_tenant

TABLES = [
    "autonomy_actionrow",
    "autonomy_activation",
    "autonomy_board",
    "autonomy_budget",
    "autonomy_budgetuse",
    "autonomy_bundle",
    "autonomy_digest",
    "autonomy_execution",
    "autonomy_intent",
    "autonomy_killswitch",
    "autonomy_mode",
    "autonomy_optin",
    "autonomy_permit",
    "autonomy_policydata",
    "autonomy_profile",
    "autonomy_receipt",
    "autonomy_simulation",
    "autonomy_verdict",
]

FOREVER = ["autonomy_bundle", "autonomy_policydata", "autonomy_verdict"]

REFERENCES = {
    "autonomy_activation": {
        "bundle_id": "autonomy_bundle",
        "simulation_id": "autonomy_simulation",
        "asked_by_id": "perception_membership",
        "signed_by_id": "perception_membership",
    },
    "autonomy_budget": {
        "account_id": "perception_account",
        "seller_id": "perception_membership",
    },
    "autonomy_budgetuse": {"budget_id": "autonomy_budget"},
    "autonomy_bundle": {"saved_by_id": "perception_membership"},
    "autonomy_digest": {"member_id": "perception_membership"},
    "autonomy_execution": {
        "intent_id": "autonomy_intent",
        "permit_id": "autonomy_permit",
        "account_id": "perception_account",
        "seller_id": "perception_membership",
    },
    "autonomy_intent": {
        "account_id": "perception_account",
        "opportunity_id": "perception_opportunity",
        "contact_id": "perception_contact",
        "proposed_by_id": "perception_membership",
    },
    "autonomy_mode": {"account_id": "perception_account"},
    "autonomy_optin": {
        "account_id": "perception_account",
        "by_id": "perception_membership",
    },
    "autonomy_permit": {
        "intent_id": "autonomy_intent",
        "verdict_id": "autonomy_verdict",
        "receipt_id": "autonomy_receipt",
        "approved_by_id": "perception_membership",
    },
    "autonomy_policydata": {"saved_by_id": "perception_membership"},
    "autonomy_profile": {"signed_by_id": "perception_membership"},
    "autonomy_simulation": {"asked_by_id": "perception_membership"},
    "autonomy_verdict": {"intent_id": "autonomy_intent"},
}

# All budgets that apply, in one order for everybody, or none. Limits are the smaller
# of what the caller saw and what stands there now.
CONSUME = """
CREATE FUNCTION autonomy_consume(
    of_tenant uuid, of_intent uuid, on_day date, new_receipt uuid,
    budgets uuid[], keys uuid[], limits integer[]
) RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
    line record;
    one uuid;
    taken uuid[] := '{}';
BEGIN
    FOR line IN
        SELECT u.budget, u.key, least(u.seen, b.limit_per_day) AS worth
        FROM unnest(budgets, keys, limits) AS u(budget, key, seen)
        LEFT JOIN autonomy_budget b ON b.tenant_id = of_tenant AND b.id = u.budget
        ORDER BY u.budget, u.key
    LOOP
        one := NULL;
        IF line.worth > 0 THEN
            INSERT INTO autonomy_budgetuse AS u (id, tenant_id, budget_id, key, day, used)
            VALUES (gen_random_uuid(), of_tenant, line.budget, line.key, on_day, 1)
            ON CONFLICT (tenant_id, budget_id, key, day)
            DO UPDATE SET used = u.used + 1 WHERE u.used < line.worth
            RETURNING u.id INTO one;
        END IF;
        IF one IS NULL THEN
            UPDATE autonomy_budgetuse SET used = used - 1 WHERE id = ANY (taken);
            RETURN NULL;
        END IF;
        taken := taken || one;
    END LOOP;
    IF taken = '{}' THEN
        RETURN NULL;
    END IF;
    INSERT INTO autonomy_receipt (id, tenant_id, intent_id, day, uses, consumed_at)
    VALUES (new_receipt, of_tenant, of_intent, on_day, taken, clock_timestamp());
    RETURN clock_timestamp();
END $$;
"""

GIVE_BACK = """
CREATE FUNCTION autonomy_give_back(of_tenant uuid, of_intent uuid)
RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    taken uuid[];
    which uuid;
BEGIN
    UPDATE autonomy_receipt SET returned_at = clock_timestamp()
    -- What a start used up stays used.
    WHERE tenant_id = of_tenant AND intent_id = of_intent
      AND returned_at IS NULL AND used_at IS NULL
    RETURNING id, uses INTO which, taken;
    IF which IS NOT NULL THEN
        PERFORM 1 FROM autonomy_budgetuse WHERE id = ANY (taken)
        ORDER BY budget_id, key FOR UPDATE;
        UPDATE autonomy_budgetuse SET used = used - 1 WHERE id = ANY (taken);
    END IF;
    RETURN which;
END $$;
"""

# Everything that a verdict needs to know, as of one moment of the database's clock. As
# a function its plan is kept by each connection.
READ = """
CREATE FUNCTION autonomy_read(
    of_tenant uuid, of_account uuid, of_opportunity uuid, of_contact uuid,
    of_intent uuid, of_type text, is_scheduled boolean
) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
RETURN (
WITH clock AS (SELECT clock_timestamp() AS at),
     mine AS (
         SELECT t.*, clock.at,
                (clock.at AT TIME ZONE CASE WHEN t.timezone_since > clock.at
                 THEN t.previous_timezone ELSE t.timezone END)::date AS day
         FROM perception_tenant t, clock WHERE t.id = of_tenant),
     whose AS (
         SELECT a.* FROM perception_account a
         WHERE a.tenant_id = of_tenant AND a.id = of_account)
SELECT jsonb_build_object(
  'at', mine.at,
  'timezone', mine.timezone, 'previous_timezone', mine.previous_timezone,
  'timezone_since', mine.timezone_since, 'default_mode', mine.default_mode,
  'quiet_hours', mine.quiet_hours, 'contact_caps', mine.contact_caps,
  'digest_hour', mine.digest_hour,
  'owner', whose.owner_id, 'lifecycle', coalesce(whose.lifecycle, ''),
  'account_timezone', whose.timezone,
  'stage', (SELECT o.stage FROM perception_opportunity o
            WHERE o.tenant_id = of_tenant AND o.id = of_opportunity),
  'opted_out', (SELECT c.opted_out OR c.erased_at IS NOT NULL FROM perception_contact c
                WHERE c.tenant_id = of_tenant AND c.id = of_contact),
  'board', (SELECT b.switches FROM autonomy_board b WHERE b.tenant_id = of_tenant),
  'epoch', (SELECT b.epoch FROM autonomy_board b WHERE b.tenant_id = of_tenant),
  'house', (SELECT h.switches FROM autonomy_houseboard h WHERE h.id = 1),
  'house_epoch', (SELECT h.epoch FROM autonomy_houseboard h WHERE h.id = 1),
  'action', (SELECT jsonb_build_object('tier', r.tier, 'tool', r.tool,
               'min_confidence', r.min_confidence, 'declared', r.declared)
             FROM autonomy_actionrow r
             WHERE r.tenant_id = of_tenant AND r.key = of_type),
  'tool', (SELECT jsonb_build_object('effect', t.effect, 'undo', t.undo)
           FROM autonomy_actionrow r
           JOIN autonomy_tool t ON t.tenant_id = r.tenant_id AND t.key = r.tool
           WHERE r.tenant_id = of_tenant AND r.key = of_type),
  'modes', (SELECT coalesce(jsonb_agg(jsonb_build_object(
               'account', m.account_id, 'type', m.action_type, 'mode', m.mode)), '[]')
            FROM autonomy_mode m
            WHERE m.tenant_id = of_tenant AND m.action_type IN ('', of_type)
              AND (m.account_id IS NULL OR m.account_id = of_account)),
  'opt_ins', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                 'account', p.account_id, 'granted', p.granted, 'at', p.at)), '[]')
              FROM autonomy_optin p
              WHERE p.tenant_id = of_tenant
                AND (p.account_id IS NULL OR p.account_id = of_account)),
  'digests', (SELECT coalesce(jsonb_agg(d.day), '[]') FROM autonomy_digest d
              WHERE is_scheduled AND d.tenant_id = of_tenant
                AND d.member_id = whose.owner_id AND d.delivered_at IS NOT NULL),
  'policy', (SELECT jsonb_build_object('id', b.id, 'version', b.version)
             FROM autonomy_activation v
             JOIN autonomy_bundle b ON b.tenant_id = v.tenant_id AND b.id = v.bundle_id
             WHERE v.tenant_id = of_tenant AND v.in_force_at IS NOT NULL
               AND v.rolled_back_at IS NULL
             ORDER BY v.in_force_at DESC LIMIT 1),
  'data', (SELECT d.data FROM autonomy_policydata d WHERE d.tenant_id = of_tenant
           ORDER BY d.number DESC LIMIT 1),
  'profile', (SELECT f.hold_seconds FROM autonomy_profile f
              WHERE f.tenant_id = of_tenant AND f.action_type = of_type
                AND f.signed_at IS NOT NULL),
  'account_reach', (SELECT count(*) FROM autonomy_intent i
                    WHERE i.tenant_id = of_tenant AND i.account_id = of_account
                      AND i.reaches_out AND i.created_at > mine.at - interval '7 days'
                      AND i.id IS DISTINCT FROM of_intent AND i.status IN
                        ('APPROVED', 'EXECUTING', 'IN_DOUBT', 'SUCCEEDED')),
  'contact_reach', (SELECT count(*) FROM autonomy_intent i
                    WHERE i.tenant_id = of_tenant AND i.account_id = of_account
                      AND i.reaches_out AND i.created_at > mine.at - interval '7 days'
                      AND i.contact_id = of_contact AND i.id IS DISTINCT FROM of_intent
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
               WHERE u.tenant_id = of_tenant AND u.budget_id = b.id AND u.key = k.key
                 AND u.used > 0 AND u.day < mine.day) END,
          'used', (SELECT u.used FROM autonomy_budgetuse u
                   WHERE u.tenant_id = of_tenant AND u.budget_id = b.id
                     AND u.key = k.key AND u.day = mine.day)) AS line
      FROM autonomy_budget b,
           LATERAL (SELECT CASE
               WHEN b.each = 'account' OR b.account_id IS NOT NULL THEN whose.id
               WHEN b.each = 'seller' OR b.seller_id IS NOT NULL THEN whose.owner_id
               ELSE mine.id END AS key) k
      WHERE b.tenant_id = of_tenant AND b.is_active AND b.action_type IN ('', of_type)
        AND (b.account_id IS NULL OR b.account_id = whose.id)
        AND (b.seller_id IS NULL OR b.seller_id = whose.owner_id)
        AND k.key IS NOT NULL) lines)
)
FROM mine LEFT JOIN whose ON true
);
END $$;
"""

# Tenants that were there before: without a board, nothing of theirs would start.
BOARDS = """
ALTER TABLE perception_tenant NO FORCE ROW LEVEL SECURITY;
INSERT INTO autonomy_board (tenant_id, epoch, switches)
SELECT id, 0, '[]' FROM perception_tenant;
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE perception_tenant FORCE ROW LEVEL SECURITY;
INSERT INTO autonomy_houseboard (id, epoch, switches) VALUES (1, 0, '[]');
"""

# The subjects of an audit; the rest stays in the house.
AUDIT = """
CREATE VIEW audit.intents WITH (security_invoker = true) AS
SELECT id, tenant_id, account_id, action_type, origin, status, confidence,
       risk_level, run_id, created_at, updated_at
FROM autonomy_intent;
CREATE VIEW audit.executions WITH (security_invoker = true) AS
SELECT id, tenant_id, intent_id, account_id, action_type, status, auto_executed,
       approval_source, attempts, started_at, finished_at
FROM autonomy_execution;
CREATE VIEW audit.budgets WITH (security_invoker = true) AS
SELECT id, tenant_id, account_id, seller_id, action_type, each, limit_per_day,
       set_at, CASE WHEN is_active THEN 'ACTIVE' ELSE 'WITHDRAWN' END AS status
FROM autonomy_budget;
CREATE VIEW audit.kill_switches WITH (security_invoker = true) AS
SELECT id, tenant_id, scope, target, reason, engaged_by, committed_at,
       release_reason, released_by, released_at, full_at,
       CASE WHEN released_at IS NULL THEN 'ENGAGED' ELSE 'RELEASED' END AS status
FROM autonomy_killswitch;
"""
UNAUDIT = "".join(
    f"DROP VIEW audit.{view};"
    for view in ("kill_switches", "budgets", "executions", "intents")
)


class Migration(migrations.Migration):
    dependencies = [("autonomy", "0001_initial"), ("perception", "0007_news")]

    operations = [
        *[
            within_tenant(table, column, to)
            for table, columns in REFERENCES.items()
            for column, to in columns.items()
        ],
        migrations.RunSQL(BOARDS, migrations.RunSQL.noop),
        *[fence(table) for table in TABLES],
        *[append_only(table) for table in FOREVER],
        migrations.RunSQL(CONSUME, "DROP FUNCTION autonomy_consume;"),
        migrations.RunSQL(GIVE_BACK, "DROP FUNCTION autonomy_give_back;"),
        migrations.RunSQL(READ, "DROP FUNCTION autonomy_read;"),
        migrations.RunSQL(AUDIT, UNAUDIT),
    ]
