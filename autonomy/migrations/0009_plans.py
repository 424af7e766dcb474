"""Intents know the step of a plan that they are, and what its plan has heard of them."""

from importlib import import_module

from django.db import migrations

# All use rows in one order for everybody, also where many give back together.
GIVE_BACK_ALL = """
CREATE FUNCTION autonomy_give_back_all(of_tenant uuid, intents uuid[])
RETURNS TABLE (intent uuid, receipt uuid) LANGUAGE plpgsql AS $$
DECLARE
    given record;
BEGIN
    PERFORM 1 FROM autonomy_budgetuse b
    WHERE b.tenant_id = of_tenant AND b.id IN (
        SELECT unnest(r.uses) FROM autonomy_receipt r
        WHERE r.tenant_id = of_tenant AND r.intent_id = ANY (intents)
          AND r.returned_at IS NULL AND r.used_at IS NULL)
    ORDER BY b.day, b.budget_id, b.key FOR UPDATE;
    FOR given IN
        UPDATE autonomy_receipt AS r SET returned_at = clock_timestamp()
        WHERE r.tenant_id = of_tenant AND r.intent_id = ANY (intents)
          AND r.returned_at IS NULL AND r.used_at IS NULL
        RETURNING r.intent_id, r.id, r.uses
    LOOP
        UPDATE autonomy_budgetuse SET used = used - 1
        WHERE tenant_id = of_tenant AND id = ANY (given.uses);
        intent := given.intent_id;
        receipt := given.id;
        RETURN NEXT;
    END LOOP;
END $$;
"""

# Tenants with something to hear: a step or two of the index for each.
NEWS_TENANTS = """
CREATE FUNCTION autonomy_news_tenants() RETURNS SETOF uuid LANGUAGE sql STABLE AS $$
WITH RECURSIVE tenants AS (
    (SELECT tenant_id FROM autonomy_intent
     WHERE step_id IS NOT NULL AND heard <> status ORDER BY tenant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT i.tenant_id FROM autonomy_intent i
            WHERE i.tenant_id > tenants.tenant_id
              AND i.step_id IS NOT NULL AND i.heard <> i.status
            ORDER BY i.tenant_id LIMIT 1)
    FROM tenants WHERE tenants.tenant_id IS NOT NULL
)
SELECT tenant_id FROM tenants WHERE tenant_id IS NOT NULL
$$;
"""

# As before, but past what somebody holds: whoever calls many off holds them newest first.
DUE_INTENTS = """
CREATE OR REPLACE FUNCTION autonomy_send_intents(
    tenants uuid[], each integer, again_s double precision
) RETURNS TABLE (intent uuid, tenant uuid) LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz := clock_timestamp();
BEGIN
    RETURN QUERY
    UPDATE autonomy_intent AS u SET dispatched_at = at,
        attempts = CASE WHEN u.status = 'APPROVED' AND u.dispatched_at IS NOT NULL
                   THEN greatest(u.attempts, 1) ELSE u.attempts END
    FROM (SELECT f.id, f.tenant_id
          FROM unnest(tenants) AS t(id), LATERAL (
              SELECT w.id, w.tenant_id, w.lease_until, w.dispatched_at
              FROM autonomy_intent w
              WHERE w.tenant_id = t.id AND w.due_at <= at
                AND w.status IN ('APPROVED', 'EXECUTING')
              ORDER BY w.due_at LIMIT each) r, autonomy_intent f
          WHERE (r.lease_until IS NULL OR r.lease_until < at)
            AND (r.dispatched_at IS NULL
                 OR r.dispatched_at < at - make_interval(secs => again_s))
            AND f.tenant_id = r.tenant_id AND f.id = r.id AND f.due_at <= at
            AND (f.lease_until IS NULL OR f.lease_until < at)
            AND (f.dispatched_at IS NULL
                 OR f.dispatched_at < at - make_interval(secs => again_s))
          FOR NO KEY UPDATE OF f SKIP LOCKED) free
    WHERE u.tenant_id = free.tenant_id AND u.id = free.id
    RETURNING u.id, u.tenant_id;
END $$;
"""
AS_BEFORE = import_module("autonomy.migrations.0005_giving_up").DUE_INTENTS


class Migration(migrations.Migration):
    dependencies = [("autonomy", "0008_replays")]

    operations = [
        migrations.RunSQL(GIVE_BACK_ALL, "DROP FUNCTION autonomy_give_back_all;"),
        migrations.RunSQL(NEWS_TENANTS, "DROP FUNCTION autonomy_news_tenants;"),
        migrations.RunSQL(DUE_INTENTS, AS_BEFORE),
    ]
