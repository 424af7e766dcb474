"""Fences around signals and deliveries."""

from django.db import migrations

from ledger.fences import fence, within_tenant

REFERENCES = {
    "perception_signal": {
        "account_id": "perception_account",
        "connector_id": "perception_connector",
    },
    "perception_delivery": {"connector_id": "perception_connector"},
}

AUDIT = """
CREATE VIEW audit.signals WITH (security_invoker = true) AS
SELECT id, tenant_id, account_id, connector_id, type, source, occurred_at, received_at,
       run_id, CASE WHEN entered_at IS NULL THEN 'RECEIVED' ELSE 'ENTERED' END AS status
FROM perception_signal;
"""


class Migration(migrations.Migration):
    dependencies = [("perception", "0002_fences")]

    operations = [
        *[
            within_tenant(table, column, to)
            for table, columns in REFERENCES.items()
            for column, to in columns.items()
        ],
        *[fence(table) for table in REFERENCES],
        migrations.RunSQL(AUDIT, "DROP VIEW audit.signals;"),
    ]
