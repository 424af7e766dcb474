"""Notices, to whom each goes, and what members want to be told of."""

from django.db import migrations

from ledger.fences import fence, within_tenant

REFERENCES = {
    "autonomy_notice": {"account_id": "perception_account"},
    "autonomy_noticechoice": {"member_id": "perception_membership"},
    "autonomy_telling": {
        "notice_id": "autonomy_notice",
        "member_id": "perception_membership",
        "connector_id": "perception_connector",
    },
}


class Migration(migrations.Migration):
    dependencies = [("autonomy", "0011_rankings"), ("perception", "0007_news")]

    operations = [
        *[
            within_tenant(table, column, to)
            for table, columns in REFERENCES.items()
            for column, to in columns.items()
        ],
        *[fence(table) for table in REFERENCES],
    ]
