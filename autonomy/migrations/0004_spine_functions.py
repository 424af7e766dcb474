"""Claiming a run, and finding what has to be sent on its way."""

from django.db import migrations

# The lease begins with the database's clock; a worker with a wrong one steals nothing.
CLAIM_RUN = """
CREATE FUNCTION autonomy_claim_run(
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
        'deferred', r.deferred, 'error', r.error, 'at', at);
END $$;
"""

# The first rows of each tenant, by due time, are its window: what is in it is under way
# or is sent now, so that nobody has more under way than the window holds.
DUE_RUNS = """
CREATE FUNCTION autonomy_send_runs(tenants uuid[], each integer, again_s double precision)
RETURNS TABLE (run uuid, tenant uuid, stage varchar) LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz := clock_timestamp();
BEGIN
    RETURN QUERY
    UPDATE autonomy_run AS u SET dispatched_at = at
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

# Past what somebody holds: whoever calls many off holds them newest first. What was sent
# and stayed without any answer counts as tried once: from then on, each claim is counted
# before it begins.
DUE_INTENTS = """
CREATE FUNCTION autonomy_send_intents(
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

# Tenants with open work: one step of the index for each, however much each has.
BUSY = """
CREATE FUNCTION autonomy_busy_tenants() RETURNS SETOF uuid LANGUAGE sql STABLE AS $$
WITH RECURSIVE runs AS (
    (SELECT tenant_id FROM autonomy_run
     WHERE status IN ('RECEIVED', 'TRIGGERED', 'DEFERRED', 'DECIDED')
     ORDER BY tenant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT r.tenant_id FROM autonomy_run r
            WHERE r.tenant_id > runs.tenant_id
              AND r.status IN ('RECEIVED', 'TRIGGERED', 'DEFERRED', 'DECIDED')
            ORDER BY r.tenant_id LIMIT 1)
    FROM runs WHERE runs.tenant_id IS NOT NULL
), intents AS (
    (SELECT tenant_id FROM autonomy_intent WHERE due_at IS NOT NULL
     ORDER BY tenant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT i.tenant_id FROM autonomy_intent i
            WHERE i.tenant_id > intents.tenant_id AND i.due_at IS NOT NULL
            ORDER BY i.tenant_id LIMIT 1)
    FROM intents WHERE intents.tenant_id IS NOT NULL
)
SELECT tenant_id FROM runs WHERE tenant_id IS NOT NULL
UNION SELECT tenant_id FROM intents WHERE tenant_id IS NOT NULL
$$;
"""


# The row of an account's pace, locked: one run of an account is admitted at a time.
PACE = """
CREATE FUNCTION autonomy_pace(of_tenant uuid, of_account uuid, of_trigger text)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    p autonomy_accountpace;
    t autonomy_triggerrow;
    at timestamptz;
    hour integer := 0;
BEGIN
    INSERT INTO autonomy_accountpace (tenant_id, account_id, trigger, recent)
    VALUES (of_tenant, of_account, of_trigger, '[]') ON CONFLICT DO NOTHING;
    SELECT * INTO p FROM autonomy_accountpace
    WHERE tenant_id = of_tenant AND account_id = of_account AND trigger = of_trigger
    FOR UPDATE;
    at := clock_timestamp();
    SELECT * INTO t FROM autonomy_triggerrow
    WHERE tenant_id = of_tenant AND type = of_trigger;
    IF t.max_per_tenant_hour < 100000 THEN
        SELECT count(*) INTO hour FROM (
            SELECT 1 FROM autonomy_run r
            WHERE r.tenant_id = of_tenant AND r.trigger = of_trigger
              AND r.stage <> 'TRIGGER' AND r.created_at > at - interval '1 hour'
            LIMIT t.max_per_tenant_hour) fired;
    END IF;
    RETURN jsonb_build_object(
        'at', at, 'fired_at', p.fired_at, 'allowed_at', p.allowed_at,
        'recent', p.recent, 'tenant_hour', hour,
        'windows', CASE WHEN t.id IS NOT NULL THEN jsonb_build_object(
            'enabled', t.enabled, 'debounce_s', t.debounce_s,
            'cooldown_s', t.cooldown_s,
            'max_per_account_hour', t.max_per_account_hour,
            'max_per_tenant_hour', t.max_per_tenant_hour) END);
END $$;
"""

GATE = """
CREATE FUNCTION autonomy_gate(
    of_tenant uuid, of_account uuid, of_trigger text, of_run uuid, crowd integer
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    found jsonb := autonomy_pace(of_tenant, of_account, of_trigger);
    at timestamptz := (found->>'at')::timestamptz;
    today date;
BEGIN
    SELECT (at AT TIME ZONE CASE WHEN t.timezone_since > at
            THEN t.previous_timezone ELSE t.timezone END)::date INTO today
    FROM perception_tenant t WHERE t.id = of_tenant;
    RETURN found || jsonb_build_object(
        'day', today,
        'limits', (SELECT jsonb_build_object('runs_per_day', b.runs_per_day,
                'runs_per_account_day', b.runs_per_account_day,
                'cost_per_day', b.cost_per_day)
            FROM autonomy_decisionbudget b WHERE b.tenant_id = of_tenant),
        'runs_used', coalesce((SELECT u.runs FROM autonomy_decisionuse u
            WHERE u.tenant_id = of_tenant AND u.key = of_tenant AND u.day = today), 0),
        'cost_used', coalesce((SELECT u.cost FROM autonomy_decisionuse u
            WHERE u.tenant_id = of_tenant AND u.key = of_tenant AND u.day = today), 0),
        'account_runs_used', coalesce((SELECT u.runs FROM autonomy_decisionuse u
            WHERE u.tenant_id = of_tenant AND u.key = of_account AND u.day = today), 0),
        'waiting', (SELECT count(*) FROM (SELECT 1 FROM autonomy_intent i
            WHERE i.tenant_id = of_tenant AND i.account_id = of_account
              AND i.status IN ('PROPOSED', 'AWAITING_APPROVAL') LIMIT 100) w),
        'open', (SELECT count(*) FROM (SELECT 1 FROM autonomy_run r
            WHERE r.tenant_id = of_tenant AND r.due_at <= at
              AND r.status IN ('RECEIVED', 'TRIGGERED', 'DEFERRED', 'DECIDED')
            LIMIT crowd) o),
        'heat', (SELECT a.heat_score FROM perception_account a
            WHERE a.tenant_id = of_tenant AND a.id = of_account),
        'signal_type', (SELECT s.type FROM autonomy_run r
            JOIN perception_signal s
              ON s.tenant_id = r.tenant_id AND s.id = r.signal_id
            WHERE r.tenant_id = of_tenant AND r.id = of_run),
        'absorbed', EXISTS (SELECT FROM autonomy_run r
            WHERE r.tenant_id = of_tenant AND r.account_id = of_account
              AND r.trigger = of_trigger AND r.status = 'DEFERRED'
              AND r.id <> of_run));
END $$;
"""

ADMIT = """
CREATE FUNCTION autonomy_admit(
    of_tenant uuid, of_account uuid, of_trigger text, at timestamptz, today date,
    most bigint, most_of_account bigint
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    one bigint;
BEGIN
    INSERT INTO autonomy_decisionuse AS u (tenant_id, key, day, runs, tokens, cost)
    SELECT of_tenant, of_account, today, 1, 0, 0 WHERE most_of_account > 0
    ON CONFLICT (tenant_id, key, day) DO UPDATE SET runs = u.runs + 1
    WHERE u.runs < most_of_account RETURNING u.id INTO one;
    IF one IS NULL THEN
        RETURN false;
    END IF;
    one := NULL;
    INSERT INTO autonomy_decisionuse AS u (tenant_id, key, day, runs, tokens, cost)
    SELECT of_tenant, of_tenant, today, 1, 0, 0 WHERE most > 0
    ON CONFLICT (tenant_id, key, day) DO UPDATE SET runs = u.runs + 1
    WHERE u.runs < most RETURNING u.id INTO one;
    IF one IS NULL THEN
        UPDATE autonomy_decisionuse SET runs = runs - 1
        WHERE tenant_id = of_tenant AND key = of_account AND day = today;
        RETURN false;
    END IF;
    UPDATE autonomy_accountpace SET allowed_at = at
    WHERE tenant_id = of_tenant AND account_id = of_account AND trigger = of_trigger;
    RETURN true;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("autonomy", "0003_spine_fences")]

    operations = [
        migrations.RunSQL(CLAIM_RUN, "DROP FUNCTION autonomy_claim_run;"),
        migrations.RunSQL(DUE_RUNS, "DROP FUNCTION autonomy_send_runs;"),
        migrations.RunSQL(DUE_INTENTS, "DROP FUNCTION autonomy_send_intents;"),
        migrations.RunSQL(PACE, "DROP FUNCTION autonomy_pace;"),
        migrations.RunSQL(GATE, "DROP FUNCTION autonomy_gate;"),
        migrations.RunSQL(ADMIT, "DROP FUNCTION autonomy_admit;"),
        migrations.RunSQL(BUSY, "DROP FUNCTION autonomy_busy_tenants;"),
    ]
