"""What is done about acts afterwards, and how well tools serve."""

import django.contrib.postgres.fields
import django.db.models.deletion
import uuid_utils.compat
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("autonomy", "0007_frozen_context"),
        ("perception", "0011_acting"),
    ]

    operations = [
        migrations.CreateModel(
            name="Objective",
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
                ("tool", models.CharField(max_length=64)),
                ("latency_ms", models.PositiveIntegerField(default=5000)),
                ("latency_percent", models.FloatField(default=99)),
                ("success_percent", models.FloatField(default=99)),
                ("is_active", models.BooleanField(default=True)),
                ("updated_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Replay",
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
                ("commit", models.BooleanField(default=False)),
                ("reason", models.CharField(max_length=300)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("REQUESTED", "Requested"),
                            ("STARTED", "Started"),
                            ("COMPLETED", "Completed"),
                            ("FAILED", "Failed"),
                        ],
                        default="REQUESTED",
                        max_length=9,
                    ),
                ),
                ("result", models.JSONField(default=dict)),
                ("error", models.CharField(blank=True, default="", max_length=300)),
                ("asked_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="SloAlert",
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
                ("tool", models.CharField(max_length=64)),
                (
                    "about",
                    models.CharField(
                        choices=[("latency", "Latency"), ("success", "Success")],
                        max_length=8,
                    ),
                ),
                ("burn_short", models.FloatField()),
                ("burn_long", models.FloatField()),
                ("opened_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
                ("told_at", models.DateTimeField(null=True)),
                ("tell_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "alert",
            },
        ),
        migrations.CreateModel(
            name="Sweep",
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
                ("since", models.DateTimeField()),
                ("only_automatic", models.BooleanField(default=True)),
                ("reason", models.CharField(max_length=300)),
                (
                    "status",
                    models.CharField(
                        choices=[("RUNNING", "Running"), ("DONE", "Done")],
                        default="RUNNING",
                        max_length=8,
                    ),
                ),
                ("asked_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="ToolMinute",
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
                ("tool", models.CharField(max_length=64)),
                ("minute", models.DateTimeField()),
                ("calls", models.PositiveIntegerField(default=0)),
                ("failed", models.PositiveIntegerField(default=0)),
                (
                    "within",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.PositiveIntegerField(),
                        default=list,
                        size=None,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Undo",
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
                ("place", models.PositiveIntegerField(default=0)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("REQUESTED", "Requested"),
                            ("DONE", "Done"),
                            ("CONFLICT", "Conflict"),
                            ("FAILED", "Failed"),
                            ("IN_DOUBT", "In Doubt"),
                        ],
                        default="REQUESTED",
                        max_length=9,
                    ),
                ),
                ("reason", models.CharField(blank=True, default="", max_length=300)),
                (
                    "proof",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("HOUSE", "House"),
                            ("READ_BACK", "Read Back"),
                            ("TOOL", "Tool"),
                            ("PERSON", "Person"),
                            ("RETRACTED", "Retracted"),
                        ],
                        default="",
                        max_length=9,
                    ),
                ),
                ("found", models.JSONField(null=True)),
                ("error", models.CharField(blank=True, default="", max_length=300)),
                ("fence", models.BigIntegerField(default=0)),
                ("lease_until", models.DateTimeField(null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("due_at", models.DateTimeField(null=True)),
                ("dispatched_at", models.DateTimeField(null=True)),
                ("called_at", models.DateTimeField(null=True)),
                ("asked_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="execution",
            name="execution_once",
        ),
        migrations.AddField(
            model_name="execution",
            name="after",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="execution",
            name="before",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="objective",
            name="tenant",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                to="perception.tenant",
            ),
        ),
        migrations.AddField(
            model_name="replay",
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
            model_name="replay",
            name="by",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="perception.membership",
            ),
        ),
        migrations.AddField(
            model_name="replay",
            name="intent",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="replays",
                to="autonomy.intent",
            ),
        ),
        migrations.AddField(
            model_name="replay",
            name="tenant",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                to="perception.tenant",
            ),
        ),
        migrations.AddField(
            model_name="execution",
            name="replay",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="executions",
                to="autonomy.replay",
            ),
        ),
        migrations.AddField(
            model_name="intent",
            name="replay",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="autonomy.replay",
            ),
        ),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(
                fields=["tenant", "account", "-started_at"], name="execution_account"
            ),
        ),
        migrations.AddConstraint(
            model_name="execution",
            constraint=models.UniqueConstraint(
                fields=("tenant", "intent", "replay"),
                name="execution_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddField(
            model_name="sloalert",
            name="tenant",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                to="perception.tenant",
            ),
        ),
        migrations.AddField(
            model_name="sweep",
            name="account",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="perception.account",
            ),
        ),
        migrations.AddField(
            model_name="sweep",
            name="by",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="perception.membership",
            ),
        ),
        migrations.AddField(
            model_name="sweep",
            name="tenant",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                to="perception.tenant",
            ),
        ),
        migrations.AddField(
            model_name="toolminute",
            name="tenant",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                to="perception.tenant",
            ),
        ),
        migrations.AddField(
            model_name="undo",
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
            model_name="undo",
            name="by",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="perception.membership",
            ),
        ),
        migrations.AddField(
            model_name="undo",
            name="execution",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="undos",
                to="autonomy.execution",
            ),
        ),
        migrations.AddField(
            model_name="undo",
            name="intent",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="undos",
                to="autonomy.intent",
            ),
        ),
        migrations.AddField(
            model_name="undo",
            name="sweep",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="undos",
                to="autonomy.sweep",
            ),
        ),
        migrations.AddField(
            model_name="undo",
            name="tenant",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                to="perception.tenant",
            ),
        ),
        migrations.AddConstraint(
            model_name="objective",
            constraint=models.UniqueConstraint(
                fields=("tenant", "tool"), name="objective_tool"
            ),
        ),
        migrations.AddConstraint(
            model_name="objective",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("latency_ms__gt", 0),
                    ("latency_percent__gt", 0),
                    ("latency_percent__lt", 100),
                    ("success_percent__gt", 0),
                    ("success_percent__lt", 100),
                ),
                name="objective_sound",
            ),
        ),
        migrations.AddIndex(
            model_name="replay",
            index=models.Index(fields=["tenant", "-id"], name="replay_page"),
        ),
        migrations.AddIndex(
            model_name="replay",
            index=models.Index(
                fields=["tenant", "intent", "-id"], name="replay_intent"
            ),
        ),
        migrations.AddConstraint(
            model_name="replay",
            constraint=models.UniqueConstraint(
                fields=("tenant", "id"), name="replay_id"
            ),
        ),
        migrations.AddConstraint(
            model_name="replay",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("commit", True), ("status__in", ["REQUESTED", "STARTED"])
                ),
                fields=("tenant", "intent"),
                name="replay_open",
            ),
        ),
        migrations.AddIndex(
            model_name="sloalert",
            index=models.Index(fields=["tenant", "-id"], name="sloalert_page"),
        ),
        migrations.AddIndex(
            model_name="sloalert",
            index=models.Index(
                condition=models.Q(("tell_at__isnull", False)),
                fields=["tell_at"],
                name="sloalert_tell",
            ),
        ),
        migrations.AddConstraint(
            model_name="sloalert",
            constraint=models.UniqueConstraint(
                fields=("tenant", "id"), name="sloalert_id"
            ),
        ),
        migrations.AddConstraint(
            model_name="sloalert",
            constraint=models.UniqueConstraint(
                condition=models.Q(("closed_at__isnull", True)),
                fields=("tenant", "tool", "about"),
                name="sloalert_open",
            ),
        ),
        migrations.AddIndex(
            model_name="sweep",
            index=models.Index(fields=["tenant", "-id"], name="sweep_page"),
        ),
        migrations.AddConstraint(
            model_name="sweep",
            constraint=models.UniqueConstraint(
                fields=("tenant", "id"), name="sweep_id"
            ),
        ),
        migrations.AddIndex(
            model_name="toolminute",
            index=models.Index(fields=["minute"], name="toolminute_age"),
        ),
        migrations.AddConstraint(
            model_name="toolminute",
            constraint=models.UniqueConstraint(
                fields=("tenant", "tool", "minute"), name="toolminute_once"
            ),
        ),
        migrations.AddIndex(
            model_name="undo",
            index=models.Index(fields=["tenant", "-id"], name="undo_page"),
        ),
        migrations.AddIndex(
            model_name="undo",
            index=models.Index(
                fields=["tenant", "execution", "-id"], name="undo_execution"
            ),
        ),
        migrations.AddIndex(
            model_name="undo",
            index=models.Index(
                condition=models.Q(("sweep__isnull", False)),
                fields=["tenant", "sweep", "place"],
                name="undo_sweep",
            ),
        ),
        migrations.AddIndex(
            model_name="undo",
            index=models.Index(
                condition=models.Q(("due_at__isnull", False)),
                fields=["due_at"],
                name="undo_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="undo",
            constraint=models.UniqueConstraint(fields=("tenant", "id"), name="undo_id"),
        ),
        migrations.AddConstraint(
            model_name="undo",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status__in", ["REQUESTED", "DONE", "IN_DOUBT"])),
                fields=("tenant", "execution"),
                name="undo_once",
            ),
        ),
    ]
