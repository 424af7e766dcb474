"""Fences around what watching keeps."""

from django.db import migrations

from ledger.fences import fence, within_tenant

REFERENCES = {
    "perception_pull": {
        "connector_id": "perception_connector",
        "account_id": "perception_account",
    },
    "perception_pulluse": {"connector_id": "perception_connector"},
    "perception_cursor": {
        "connector_id": "perception_connector",
        "account_id": "perception_account",
    },
    "perception_interaction": {
        "account_id": "perception_account",
        "connector_id": "perception_connector",
    },
    "perception_summary": {"account_id": "perception_account"},
}


class Migration(migrations.Migration):
    dependencies = [("perception", "0003_signal_fences")]

    operations = [
        *[
            within_tenant(table, column, to)
            for table, columns in REFERENCES.items()
            for column, to in columns.items()
        ],
        *[fence(table) for table in REFERENCES],
    ]
