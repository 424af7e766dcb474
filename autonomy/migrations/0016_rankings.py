"""What an evaluation found; a model's numbers never change, whoever asks."""

import django.db.models.deletion
import uuid_utils.compat
from django.db import migrations, models

from ledger.fences import append_only, fence

# Statuses move along one way, and back only to what ranked before.
FROZEN = """
CREATE FUNCTION autonomy_ranking_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.tenant_id, NEW.version, NEW.kind, NEW.artefact, NEW.provenance, NEW.made_at)
       IS DISTINCT FROM
       (OLD.tenant_id, OLD.version, OLD.kind, OLD.artefact, OLD.provenance, OLD.made_at)
    THEN
        RAISE EXCEPTION 'autonomy_ranking: what was fitted stays'
            USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.status <> NEW.status AND (OLD.status, NEW.status) NOT IN (
        ('CANDIDATE', 'SHADOW'), ('SHADOW', 'ACTIVE'), ('ACTIVE', 'RETIRED'),
        ('CANDIDATE', 'RETIRED'), ('SHADOW', 'RETIRED'), ('RETIRED', 'ACTIVE'))
    THEN
        RAISE EXCEPTION 'autonomy_ranking: never from % to %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stays BEFORE UPDATE ON autonomy_ranking
    FOR EACH ROW EXECUTE FUNCTION autonomy_ranking_stays();
"""
FREE = """
DROP TRIGGER stays ON autonomy_ranking;
DROP FUNCTION autonomy_ranking_stays;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("autonomy", "0015_goals"),
        ("perception", "0013_learning"),
    ]

    operations = [
        migrations.CreateModel(
            name="Evaluation",
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
                ("body", models.JSONField()),
                ("at", models.DateTimeField()),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="perception.tenant",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="evaluation",
            constraint=models.UniqueConstraint(
                fields=("tenant", "id"), name="evaluation_id"
            ),
        ),
        migrations.AddIndex(
            model_name="evaluation",
            index=models.Index(fields=["tenant", "-id"], name="evaluation_page"),
        ),
        migrations.AddIndex(
            model_name="told",
            index=models.Index(fields=["tenant", "member", "-id"], name="told_page"),
        ),
        # Acts that went out to people, by when they ended: what waits for an answer.
        migrations.AddIndex(
            model_name="intent",
            index=models.Index(
                fields=["tenant", "updated_at"],
                name="intent_unanswered",
                condition=models.Q(reaches_out=True, status="SUCCEEDED"),
            ),
        ),
        fence("autonomy_evaluation"),
        append_only("autonomy_evaluation"),
        migrations.RunSQL(FROZEN, FREE),
    ]
