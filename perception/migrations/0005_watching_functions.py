"""Finding what is due: accounts and connectors to look at, pulls to send."""

from django.db import migrations

# Tenants with something to look at: a step or two of the index for each tenant, however
# many accounts each has. A subquery with min() is never turned into a join.
DUE_TENANTS = """
CREATE FUNCTION perception_due_tenants(at timestamptz)
RETURNS SETOF uuid LANGUAGE sql STABLE AS $$
WITH RECURSIVE accounts AS (
    (SELECT tenant_id FROM perception_account
     WHERE closed_at IS NULL ORDER BY tenant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT a.tenant_id FROM perception_account a
            WHERE a.tenant_id > accounts.tenant_id AND a.closed_at IS NULL
            ORDER BY a.tenant_id LIMIT 1)
    FROM accounts WHERE accounts.tenant_id IS NOT NULL
), connectors AS (
    (SELECT tenant_id FROM perception_connector
     WHERE is_active AND next_pull_at IS NOT NULL ORDER BY tenant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT c.tenant_id FROM perception_connector c
            WHERE c.tenant_id > connectors.tenant_id
              AND c.is_active AND c.next_pull_at IS NOT NULL
            ORDER BY c.tenant_id LIMIT 1)
    FROM connectors WHERE connectors.tenant_id IS NOT NULL
)
SELECT tenant_id FROM accounts t WHERE tenant_id IS NOT NULL AND at >= (
    SELECT min(d.next_poll_at) FROM perception_account d
    WHERE d.tenant_id = t.tenant_id AND d.closed_at IS NULL)
UNION
SELECT tenant_id FROM connectors t WHERE tenant_id IS NOT NULL AND at >= (
    SELECT min(d.next_pull_at) FROM perception_connector d
    WHERE d.tenant_id = t.tenant_id AND d.is_active AND d.next_pull_at IS NOT NULL)
$$;
"""

# Whoever takes a row holds it to the end of its transaction; others go past it.
TAKE_DUE = """
CREATE FUNCTION perception_take_due(of_tenant uuid, at timestamptz, most integer)
RETURNS TABLE (account uuid, slot timestamptz) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY
    SELECT a.id, a.next_poll_at FROM perception_account a
    WHERE a.tenant_id = of_tenant AND a.closed_at IS NULL AND a.next_poll_at <= at
    ORDER BY a.next_poll_at LIMIT most
    FOR NO KEY UPDATE SKIP LOCKED;
END $$;
"""

# The first pulls of each tenant, by due time, are its window, as with runs.
SEND_PULLS = """
CREATE FUNCTION perception_send_pulls(
    most integer, each integer, again_s double precision
) RETURNS TABLE (pull uuid, tenant uuid) LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz := clock_timestamp();
    tenants uuid[];
    room integer;
BEGIN
    WITH RECURSIVE busy AS (
        (SELECT p.tenant_id FROM perception_pull p
         WHERE p.status IN ('QUEUED', 'RUNNING') ORDER BY p.tenant_id LIMIT 1)
        UNION ALL
        SELECT (SELECT p.tenant_id FROM perception_pull p
                WHERE p.tenant_id > busy.tenant_id
                  AND p.status IN ('QUEUED', 'RUNNING')
                ORDER BY p.tenant_id LIMIT 1)
        FROM busy WHERE busy.tenant_id IS NOT NULL
    )
    SELECT array_agg(b.tenant_id) INTO tenants FROM busy b
    WHERE b.tenant_id IS NOT NULL;
    room := greatest(1, least(each, most / greatest(1, cardinality(tenants))));
    RETURN QUERY
    UPDATE perception_pull AS u SET sent_at = at
    FROM (SELECT r.id, r.tenant_id FROM unnest(tenants) AS t(id), LATERAL (
              SELECT w.id, w.tenant_id, w.lease_until, w.sent_at
              FROM perception_pull w
              WHERE w.tenant_id = t.id AND w.due_at <= at
                AND w.status IN ('QUEUED', 'RUNNING')
              ORDER BY w.due_at LIMIT room) r
          WHERE (r.lease_until IS NULL OR r.lease_until < at)
            AND (r.sent_at IS NULL
                 OR r.sent_at < at - make_interval(secs => again_s))) due
    WHERE u.tenant_id = due.tenant_id AND u.id = due.id
      AND u.status IN ('QUEUED', 'RUNNING')
      AND (u.lease_until IS NULL OR u.lease_until < at)
      AND (u.sent_at IS NULL OR u.sent_at < at - make_interval(secs => again_s))
    RETURNING u.id, u.tenant_id;
END $$;
"""

# Accounts that were here before watching: due within the first hours, not all at once.
# Only the owner comes past the fence, and only here.
WATCH_ALL = """
ALTER TABLE perception_account NO FORCE ROW LEVEL SECURITY;
UPDATE perception_account
SET next_poll_at = now() + random() * interval '3 hours' WHERE next_poll_at IS NULL;
ALTER TABLE perception_account FORCE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):
    dependencies = [("perception", "0004_watch_fences")]

    operations = [
        migrations.RunSQL(WATCH_ALL, migrations.RunSQL.noop),
        migrations.RunSQL(DUE_TENANTS, "DROP FUNCTION perception_due_tenants;"),
        migrations.RunSQL(TAKE_DUE, "DROP FUNCTION perception_take_due;"),
        migrations.RunSQL(SEND_PULLS, "DROP FUNCTION perception_send_pulls;"),
    ]
