"""Whoever audits by SQL sees the place of an entry in the tree; null until it is sealed."""

from django.db import migrations

COLUMNS = """e.id, e.tenant_id, e.number, e.at, e.kind, e.actor, e.subjects, e.data,
       e.account_id, e.run_id, e.intent_id, e.execution_id, e.plan_id"""

PLACED = f"""
CREATE OR REPLACE VIEW audit.ledger WITH (security_invoker = true) AS
SELECT {COLUMNS}, l.sequence
FROM ledger_entry e
LEFT JOIN ledger_leaf l ON l.tenant_id = e.tenant_id AND l.number = e.number;
"""

PLAIN = f"""
DROP VIEW audit.ledger;
CREATE VIEW audit.ledger WITH (security_invoker = true) AS
SELECT {COLUMNS} FROM ledger_entry e;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_fences")]

    operations = [migrations.RunSQL(PLACED, PLAIN)]
