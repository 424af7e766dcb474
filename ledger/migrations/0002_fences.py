"""Entries stay as they are, wait for the sealer, and belong to one tenant."""

from django.db import migrations

from ledger.fences import append_only, fence

TABLES = [
    "ledger_entry",
    "ledger_pending",
    "ledger_leaf",
    "ledger_landmark",
    "ledger_checkpoint",
    "ledger_private",
    "ledger_export",
]
FOREVER = ["ledger_entry", "ledger_leaf", "ledger_landmark", "ledger_checkpoint"]

REFUSE = """
CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
"""

# By trigger, so that no insert can forget the sealer.
WAIT = """
CREATE FUNCTION ledger_wait_for_seal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger_pending (number, tenant_id)
    SELECT number, tenant_id FROM fresh;
    RETURN NULL;
END $$;
CREATE TRIGGER wait_for_seal AFTER INSERT ON ledger_entry
REFERENCING NEW TABLE AS fresh
FOR EACH STATEMENT EXECUTE FUNCTION ledger_wait_for_seal();
"""

# Rows come and go by the thousand a second; left to the defaults, dead ones pile up.
VACUUM = """
ALTER TABLE ledger_pending SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0
);
"""

AUDIT = """
CREATE SCHEMA IF NOT EXISTS audit;
CREATE VIEW audit.ledger WITH (security_invoker = true) AS
SELECT id, tenant_id, number, at, kind, actor, subjects, data,
       account_id, run_id, intent_id, execution_id, plan_id
FROM ledger_entry;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]

    operations = [
        migrations.RunSQL(REFUSE, "DROP FUNCTION ledger_refuse();"),
        migrations.RunSQL(
            WAIT,
            "DROP TRIGGER wait_for_seal ON ledger_entry;"
            "DROP FUNCTION ledger_wait_for_seal();",
        ),
        migrations.RunSQL(VACUUM, migrations.RunSQL.noop),
        *[append_only(table) for table in FOREVER],
        *[fence(table) for table in TABLES],
        migrations.RunSQL(AUDIT, "DROP VIEW audit.ledger; DROP SCHEMA audit;"),
    ]
