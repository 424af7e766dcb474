"""Approved acts that break every time are counted, and given up in the open."""

from django.db import migrations

# As before; and what was sent and stayed without any answer counts as tried once: from
# then on, each claim is counted before it begins.
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
    FROM (SELECT r.id, r.tenant_id FROM unnest(tenants) AS t(id), LATERAL (
              SELECT w.id, w.tenant_id, w.lease_until, w.dispatched_at
              FROM autonomy_intent w
              WHERE w.tenant_id = t.id AND w.due_at <= at
                AND w.status IN ('APPROVED', 'EXECUTING')
              ORDER BY w.due_at LIMIT each) r
          WHERE (r.lease_until IS NULL OR r.lease_until < at)
            AND (r.dispatched_at IS NULL
                 OR r.dispatched_at < at - make_interval(secs => again_s))) due
    WHERE u.tenant_id = due.tenant_id AND u.id = due.id
      AND (u.lease_until IS NULL OR u.lease_until < at)
      AND (u.dispatched_at IS NULL
           OR u.dispatched_at < at - make_interval(secs => again_s))
    RETURNING u.id, u.tenant_id;
END $$;
"""
AS_BEFORE = DUE_INTENTS.replace(
    """dispatched_at = at,
        attempts = CASE WHEN u.status = 'APPROVED' AND u.dispatched_at IS NOT NULL
                   THEN greatest(u.attempts, 1) ELSE u.attempts END
""",
    "dispatched_at = at\n",
)


class Migration(migrations.Migration):
    dependencies = [("autonomy", "0004_spine_functions")]

    operations = [
        migrations.RunSQL(DUE_INTENTS, AS_BEFORE),
    ]
