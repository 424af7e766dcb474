"""Whoever is erased goes out of revisions, and out of steps that stay as they are."""

from importlib import import_module

from django.db import migrations

from ledger.fences import append_only

BEFORE = import_module("plans.migrations.0002_fences")

# Nothing but stretches of text that became "erased", in plain JSON of the same shape.
BLOTS = r"""
CREATE FUNCTION plans_blots_text(was text, put text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT was LIKE replace(regexp_replace(put, '([\\%_])', '\\\1', 'g'), 'erased', '_%')
$$;

CREATE FUNCTION plans_blots(was jsonb, put jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF was = put THEN
        RETURN true;
    ELSIF jsonb_typeof(was) <> jsonb_typeof(put) THEN
        RETURN false;
    ELSIF jsonb_typeof(was) = 'string' THEN
        RETURN plans_blots_text(was #>> '{}', put #>> '{}');
    ELSIF jsonb_typeof(was) = 'array' THEN
        RETURN jsonb_array_length(was) = jsonb_array_length(put) AND NOT EXISTS (
            SELECT FROM generate_series(0, jsonb_array_length(was) - 1) n
            WHERE NOT plans_blots(was -> n, put -> n));
    ELSIF jsonb_typeof(was) = 'object' THEN
        -- Two keys may have become one.
        RETURN NOT EXISTS (
            SELECT FROM jsonb_each(put) p WHERE NOT EXISTS (
                SELECT FROM jsonb_each(was) w
                WHERE plans_blots_text(w.key, p.key) AND plans_blots(w.value, p.value))
        ) AND NOT EXISTS (
            SELECT FROM jsonb_each(was) w WHERE NOT EXISTS (
                SELECT FROM jsonb_object_keys(put) k WHERE plans_blots_text(w.key, k)));
    END IF;
    RETURN false;
END $$;

-- Whether somebody of the plan's account is being erased, in the transaction at hand.
CREATE FUNCTION plans_erases(of_tenant uuid, of_plan uuid) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM plans_plan p JOIN perception_contact c
            ON c.tenant_id = p.tenant_id AND c.account_id = p.account_id
        WHERE p.tenant_id = of_tenant AND p.id = of_plan AND c.erased_at IS NOT NULL
          AND c.id = nullif(current_setting('app.erasing', true), '')::uuid)
$$;
"""

UNBLOTS = """
DROP FUNCTION plans_erases;
DROP FUNCTION plans_blots;
DROP FUNCTION plans_blots_text;
"""

REVISIONS = """
DROP TRIGGER append_only ON plans_revision;
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON plans_revision
FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();

CREATE FUNCTION plans_revision_blotted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF plans_erases(OLD.tenant_id, OLD.plan_id)
       AND to_jsonb(NEW) - '{body,changed}'::text[] = to_jsonb(OLD) - '{body,changed}'::text[]
       AND plans_blots(OLD.body, NEW.body) AND plans_blots(OLD.changed, NEW.changed) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'revisions are append-only: UPDATE on % is refused', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER blotted_only BEFORE UPDATE ON plans_revision
FOR EACH ROW EXECUTE FUNCTION plans_revision_blotted();
"""

UNREVISED = f"""
DROP TRIGGER blotted_only ON plans_revision;
DROP FUNCTION plans_revision_blotted;
DROP TRIGGER append_only ON plans_revision;
{append_only("plans_revision").sql}
"""

# As before, and the words of one who is erased leave the steps of what has ended.
STEPS = """
CREATE OR REPLACE FUNCTION plans_step_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
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
    IF TG_OP = 'UPDATE' AND plans_erases(step.tenant_id, step.plan_id)
       AND to_jsonb(NEW) - '{parameters,explanation}'::text[]
         = to_jsonb(OLD) - '{parameters,explanation}'::text[]
       AND plans_blots(OLD.parameters, NEW.parameters) THEN
        RETURN NEW;
    END IF;
    -- A new step of a plan that is not there is for the fence, then the reference.
    IF held IS DISTINCT FROM 'DRAFT' AND NOT (TG_OP = 'INSERT' AND held IS NULL) THEN
        RAISE EXCEPTION 'plans_step: the steps of a plan that is % stay as they are', held
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN step;
END $$;
"""
UNSTEPPED = BEFORE.FROZEN.partition("CREATE TRIGGER")[0].replace(
    "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"
)


class Migration(migrations.Migration):
    dependencies = [("plans", "0003_reading")]

    operations = [
        migrations.RunSQL(BLOTS, UNBLOTS),
        migrations.RunSQL(REVISIONS, UNREVISED),
        migrations.RunSQL(STEPS, UNSTEPPED),
    ]
