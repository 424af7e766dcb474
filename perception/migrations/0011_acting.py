"""Connectors that tools act through."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("perception", "0010_reviews"),
    ]

    operations = [
        migrations.AddField(
            model_name="connector",
            name="acts_as",
            field=models.CharField(
                blank=True, db_default="", default="", editable=False, max_length=16
            ),
        ),
        migrations.AlterField(
            model_name="connector",
            name="kind",
            field=models.CharField(
                choices=[
                    ("webhook", "Webhook"),
                    ("files", "Files"),
                    ("feed", "Feed"),
                    ("mailbox", "Mailbox"),
                    ("calendar", "Calendar"),
                    ("warehouse", "Warehouse"),
                    ("http", "Http"),
                    ("lookup", "Lookup"),
                    ("tryton", "Tryton"),
                    ("hubspot", "Hubspot"),
                    ("salesforce", "Salesforce"),
                    ("smtp", "Smtp"),
                    ("chat", "Chat"),
                    ("outbound", "Outbound"),
                ],
                max_length=32,
            ),
        ),
        migrations.AlterField(
            model_name="kindrate",
            name="kind",
            field=models.CharField(
                choices=[
                    ("webhook", "Webhook"),
                    ("files", "Files"),
                    ("feed", "Feed"),
                    ("mailbox", "Mailbox"),
                    ("calendar", "Calendar"),
                    ("warehouse", "Warehouse"),
                    ("http", "Http"),
                    ("lookup", "Lookup"),
                    ("tryton", "Tryton"),
                    ("hubspot", "Hubspot"),
                    ("salesforce", "Salesforce"),
                    ("smtp", "Smtp"),
                    ("chat", "Chat"),
                    ("outbound", "Outbound"),
                ],
                max_length=32,
                primary_key=True,
                serialize=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="connector",
            constraint=models.UniqueConstraint(
                condition=models.Q(("acts_as", ""), _negated=True),
                fields=("tenant", "acts_as"),
                name="connector_acts",
            ),
        ),
    ]
