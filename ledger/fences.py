"""Pieces of migrations: fences around tenants, and what keeps entries as they are."""

from django.db.migrations import RunSQL

# In this form a prover can show that no tenant reads or writes another's rows.
OWN_ROWS = "tenant_id = (SELECT current_setting('app.tenant', true))::uuid"


def fence(table: str) -> RunSQL:
    """Row-level security, for the table's owner too: without a tenant, no rows."""
    return RunSQL(
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;"
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY;"
        f"CREATE POLICY tenant_fence ON {table} "
        f"USING ({OWN_ROWS}) WITH CHECK ({OWN_ROWS});",
        f"DROP POLICY tenant_fence ON {table};"
        f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;"
        f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;",
    )


def within_tenant(table: str, column: str, to: str) -> RunSQL:
    """A foreign key that cannot point into another tenant, with its index."""
    name = f"{table}_{column}_in_tenant"
    return RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} "
        f"FOREIGN KEY (tenant_id, {column}) REFERENCES {to} (tenant_id, id) "
        "DEFERRABLE INITIALLY IMMEDIATE;",
        f"ALTER TABLE {table} DROP CONSTRAINT {name};",
    )


def append_only(table: str) -> RunSQL:
    """No UPDATE, DELETE or TRUNCATE, whoever asks and whatever the rights."""
    return RunSQL(
        f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();",
        f"DROP TRIGGER append_only ON {table};",
    )
