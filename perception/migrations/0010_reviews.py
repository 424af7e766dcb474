"""When accounts are looked through for patterns and summaries, inside the fence."""

import django.db.models.deletion
import uuid_utils.compat
from django.db import migrations, models

from ledger.fences import fence, within_tenant


class Migration(migrations.Migration):
    dependencies = [("perception", "0009_watching_functions")]

    operations = [
        migrations.AddField(
            model_name="interaction",
            name="said",
            field=models.JSONField(default=list),
        ),
        migrations.CreateModel(
            name="Review",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("scan_at", models.DateTimeField(null=True)),
                ("scanned_at", models.DateTimeField(null=True)),
                ("summary_at", models.DateTimeField(null=True)),
                ("summarised_at", models.DateTimeField(null=True)),
                ("stale_from", models.DateField(null=True)),
                ("engaged_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddIndex(
            model_name="signal",
            index=models.Index(
                condition=models.Q(("type", "pattern_detected")),
                fields=["tenant", "occurred_at"],
                name="signal_patterns",
            ),
        ),
        migrations.AddField(
            model_name="review",
            name="account",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="perception.account",
            ),
        ),
        migrations.AddField(
            model_name="review",
            name="tenant",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                to="perception.tenant",
            ),
        ),
        migrations.AddIndex(
            model_name="review",
            index=models.Index(
                condition=models.Q(("scan_at__isnull", False)),
                fields=["tenant", "scan_at"],
                name="review_scan",
            ),
        ),
        migrations.AddIndex(
            model_name="review",
            index=models.Index(
                condition=models.Q(("summary_at__isnull", False)),
                fields=["tenant", "summary_at"],
                name="review_summary",
            ),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.UniqueConstraint(
                fields=("tenant", "account"), name="review_once"
            ),
        ),
        within_tenant("perception_review", "account_id", "perception_account"),
        fence("perception_review"),
    ]
