"""Fences around plans; the database's own copy of the lifecycle; what is due."""

from django.db import migrations

from ledger.fences import append_only, fence, within_tenant

REFERENCES = {
    "plans_plan": {
        "account_id": "perception_account",
        "opportunity_id": "perception_opportunity",
        "contact_id": "perception_contact",
        "owner_id": "perception_membership",
        "proposed_by_id": "perception_membership",
        "edited_by_id": "perception_membership",
        "approved_by_id": "perception_membership",
    },
    "plans_step": {
        "plan_id": "plans_plan",
        "intent_id": "autonomy_intent",
        "waived_by_id": "perception_membership",
    },
    "plans_revision": {
        "plan_id": "plans_plan",
        "by_id": "perception_membership",
    },
}

TABLES = ["plans_plan", "plans_step", "plans_revision"]

# Written from plans/rules/lifecycle.py as it was; a test holds the two together.
MOVES = """
CREATE OR REPLACE FUNCTION plans_plan_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> OLD.status
       AND OLD.status || '>' || NEW.status NOT IN (
            'ACTIVE>ABORTED', 'ACTIVE>COMPLETED', 'ACTIVE>DRAFT', 'ACTIVE>EXPIRED', 'ACTIVE>PAUSED',
            'APPROVED>ABORTED', 'APPROVED>ACTIVE', 'APPROVED>DRAFT', 'APPROVED>EXPIRED',
            'DRAFT>ABORTED', 'DRAFT>APPROVED', 'DRAFT>EXPIRED',
            'PAUSED>ABORTED', 'PAUSED>ACTIVE', 'PAUSED>COMPLETED', 'PAUSED>DRAFT', 'PAUSED>EXPIRED'
       ) THEN
        RAISE EXCEPTION 'plans_plan: % cannot become %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE FUNCTION plans_step_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> OLD.status
       AND OLD.status || '>' || NEW.status NOT IN (
            'FAILED>PENDING', 'FAILED>SKIPPED',
            'PENDING>AUTO_EXECUTED', 'PENDING>CANCELLED', 'PENDING>DONE', 'PENDING>FAILED', 'PENDING>PENDING_APPROVAL', 'PENDING>RUNNING', 'PENDING>SKIPPED',
            'PENDING_APPROVAL>AUTO_EXECUTED', 'PENDING_APPROVAL>CANCELLED', 'PENDING_APPROVAL>DONE', 'PENDING_APPROVAL>FAILED', 'PENDING_APPROVAL>PENDING', 'PENDING_APPROVAL>RUNNING', 'PENDING_APPROVAL>SKIPPED',
            'RUNNING>AUTO_EXECUTED', 'RUNNING>CANCELLED', 'RUNNING>DONE', 'RUNNING>FAILED', 'RUNNING>PENDING', 'RUNNING>PENDING_APPROVAL', 'RUNNING>SKIPPED'
       ) THEN
        RAISE EXCEPTION 'plans_step: % cannot become %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER moves BEFORE UPDATE OF status ON plans_plan
FOR EACH ROW EXECUTE FUNCTION plans_plan_moves();
CREATE TRIGGER moves BEFORE UPDATE OF status ON plans_step
FOR EACH ROW EXECUTE FUNCTION plans_step_moves();

CREATE FUNCTION plans_begins_as_draft() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> 'DRAFT' THEN
        RAISE EXCEPTION 'plans_plan: begins as DRAFT, not as %', NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER begins BEFORE INSERT ON plans_plan
FOR EACH ROW EXECUTE FUNCTION plans_begins_as_draft();
"""

# R6: what a plan consists of is changed in DRAFT only.
FROZEN = """
CREATE FUNCTION plans_step_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    held text;
    step plans_step := coalesce(NEW, OLD);
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.plan_id <> OLD.plan_id THEN
        RAISE EXCEPTION 'plans_step: a step stays in its plan'
            USING ERRCODE = 'check_violation';
    END IF;
    SELECT p.status INTO held FROM plans_plan p
    WHERE p.tenant_id = step.tenant_id AND p.id = step.plan_id;
    -- A new step of a plan that is not there is for the fence, then the reference.
    IF held IS DISTINCT FROM 'DRAFT' AND NOT (TG_OP = 'INSERT' AND held IS NULL) THEN
        RAISE EXCEPTION 'plans_step: the steps of a plan that is % stay as they are', held
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN step;
END $$;
CREATE TRIGGER frozen BEFORE INSERT OR DELETE ON plans_step
FOR EACH ROW EXECUTE FUNCTION plans_step_frozen();
CREATE TRIGGER frozen_columns BEFORE UPDATE OF
    plan_id, step_id, place, action_type, parameters, depends_on, required, human_touch,
    only_if, earliest, latest, max_failures, confidence ON plans_step
FOR EACH ROW WHEN (
    (OLD.plan_id, OLD.step_id, OLD.place, OLD.action_type, OLD.parameters,
     OLD.depends_on, OLD.required, OLD.human_touch, OLD.only_if, OLD.earliest,
     OLD.latest, OLD.max_failures, OLD.confidence)
    IS DISTINCT FROM
    (NEW.plan_id, NEW.step_id, NEW.place, NEW.action_type, NEW.parameters,
     NEW.depends_on, NEW.required, NEW.human_touch, NEW.only_if, NEW.earliest,
     NEW.latest, NEW.max_failures, NEW.confidence)
) EXECUTE FUNCTION plans_step_frozen();
"""

UNTRIGGERED = """
DROP TRIGGER frozen_columns ON plans_step;
DROP TRIGGER frozen ON plans_step;
DROP TRIGGER begins ON plans_plan;
DROP TRIGGER moves ON plans_step;
DROP TRIGGER moves ON plans_plan;
DROP FUNCTION plans_step_frozen;
DROP FUNCTION plans_begins_as_draft;
DROP FUNCTION plans_step_moves;
DROP FUNCTION plans_plan_moves;
"""

# Tenants with a plan to look at: a step or two of the index for each tenant.
DUE_TENANTS = """
CREATE FUNCTION plans_due_tenants(at timestamptz)
RETURNS SETOF uuid LANGUAGE sql STABLE AS $$
WITH RECURSIVE tenants AS (
    (SELECT tenant_id FROM plans_plan
     WHERE due_at IS NOT NULL ORDER BY tenant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT p.tenant_id FROM plans_plan p
            WHERE p.tenant_id > tenants.tenant_id AND p.due_at IS NOT NULL
            ORDER BY p.tenant_id LIMIT 1)
    FROM tenants WHERE tenants.tenant_id IS NOT NULL
)
SELECT tenant_id FROM tenants t WHERE tenant_id IS NOT NULL AND at >= (
    SELECT min(d.due_at) FROM plans_plan d
    WHERE d.tenant_id = t.tenant_id AND d.due_at IS NOT NULL)
$$;
"""

# A look rewrites the row; the next version finds room beside the last.
ROOM = "ALTER TABLE plans_plan SET (fillfactor = 70)"

AUDIT = """
CREATE VIEW audit.plans WITH (security_invoker = true) AS
SELECT id, tenant_id, account_id, plan_type, status, reason, revision, risk_level,
       owner_id, proposed_by_id, approved_by_id, approval_source, contract_digest,
       objective_met, created_at, approved_at, activated_at, ended_at, expires_at
FROM plans_plan;
"""


class Migration(migrations.Migration):
    dependencies = [("plans", "0001_initial"), ("autonomy", "0014_house_rankings")]

    operations = [
        *[
            within_tenant(table, column, to)
            for table, columns in REFERENCES.items()
            for column, to in columns.items()
        ],
        *[fence(table) for table in TABLES],
        append_only("plans_revision"),
        migrations.RunSQL(MOVES + FROZEN, UNTRIGGERED),
        migrations.RunSQL(ROOM, "ALTER TABLE plans_plan RESET (fillfactor)"),
        migrations.RunSQL(DUE_TENANTS, "DROP FUNCTION plans_due_tenants;"),
        migrations.RunSQL(AUDIT, "DROP VIEW audit.plans;"),
    ]
