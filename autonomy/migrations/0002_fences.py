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
    WHERE tenant_id = of_tenant AND intent_id = of_intent AND returned_at IS NULL
    RETURNING id, uses INTO which, taken;
    IF which IS NOT NULL THEN
        PERFORM 1 FROM autonomy_budgetuse WHERE id = ANY (taken)
        ORDER BY budget_id, key FOR UPDATE;
        UPDATE autonomy_budgetuse SET used = used - 1 WHERE id = ANY (taken);
    END IF;
    RETURN which;
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
    dependencies = [("autonomy", "0001_initial"), ("perception", "0003_days")]

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
        migrations.RunSQL(AUDIT, UNAUDIT),
    ]
