"""A run's first claim commits with its admission; what stays unanswered counts as tried."""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("autonomy.migrations.0004_spine_functions")

# It says how often the run was tried, this time included.
CLAIM_RUN = """
CREATE OR REPLACE FUNCTION autonomy_claim_run(
    of_tenant uuid, of_run uuid, of_stage text, lease_s double precision, most integer
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    r autonomy_run;
    at timestamptz := clock_timestamp();
BEGIN
    UPDATE autonomy_run AS u SET
        fence = u.fence + 1,
        attempts = u.attempts + 1,
        status = CASE WHEN u.attempts >= most THEN 'PARKED' ELSE u.status END,
        lease_until = CASE WHEN u.attempts >= most THEN NULL
                      ELSE at + make_interval(secs => lease_s) END,
        updated_at = at
    WHERE u.tenant_id = of_tenant AND u.id = of_run AND u.stage = of_stage
      AND u.status IN ('RECEIVED', 'TRIGGERED', 'DEFERRED', 'DECIDED')
      AND u.due_at <= at AND (u.lease_until IS NULL OR u.lease_until < at)
    RETURNING * INTO r;
    IF r.id IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN jsonb_build_object(
        'account_id', r.account_id, 'signal_id', r.signal_id, 'trigger', r.trigger,
        'origin', r.origin, 'status', r.status, 'stage', r.stage, 'fence', r.fence,
        'deferred', r.deferred, 'error', r.error, 'attempts', r.attempts, 'at', at);
END $$;
"""

# What was sent and stayed without any answer counts as tried once: from then on, each
# claim is counted before its stage begins.
DUE_RUNS = """
CREATE OR REPLACE FUNCTION autonomy_send_runs(tenants uuid[], each integer, again_s double precision)
RETURNS TABLE (run uuid, tenant uuid, stage varchar) LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz := clock_timestamp();
BEGIN
    RETURN QUERY
    UPDATE autonomy_run AS u SET dispatched_at = at,
        attempts = CASE WHEN u.dispatched_at IS NOT NULL THEN greatest(u.attempts, 1)
                   ELSE u.attempts END
    FROM (SELECT r.id, r.tenant_id FROM unnest(tenants) AS t(id), LATERAL (
              SELECT w.id, w.tenant_id, w.lease_until, w.dispatched_at
              FROM autonomy_run w
              WHERE w.tenant_id = t.id AND w.due_at <= at
                AND w.status IN ('RECEIVED', 'TRIGGERED', 'DEFERRED', 'DECIDED')
              ORDER BY w.due_at LIMIT each) r
          WHERE (r.lease_until IS NULL OR r.lease_until < at)
            AND (r.dispatched_at IS NULL
                 OR r.dispatched_at < at - make_interval(secs => again_s))) due
    WHERE u.tenant_id = due.tenant_id AND u.id = due.id
      AND (u.lease_until IS NULL OR u.lease_until < at)
      AND (u.dispatched_at IS NULL
           OR u.dispatched_at < at - make_interval(secs => again_s))
    RETURNING u.id, u.tenant_id, u.stage;
END $$;
"""


# A permit is written in the same breath before the budget that it rests on is taken.
RECEIPT = """
ALTER TABLE autonomy_permit ALTER CONSTRAINT autonomy_permit_receipt_id_in_tenant
"""


def _again(sql: str) -> str:
    return sql.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


class Migration(migrations.Migration):
    dependencies = [("autonomy", "0014_house_rankings")]

    operations = [
        migrations.RunSQL(CLAIM_RUN, _again(BEFORE.CLAIM_RUN)),
        migrations.RunSQL(DUE_RUNS, _again(BEFORE.DUE_RUNS)),
        migrations.RunSQL(
            f"{RECEIPT} DEFERRABLE INITIALLY DEFERRED", f"{RECEIPT} NOT DEFERRABLE"
        ),
    ]
