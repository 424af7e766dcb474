"""How much of the order is left to chance, and how long an answer may take."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("perception", "0012_news")]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="exploration_share",
            field=models.FloatField(db_default=0.0, default=0.0),
        ),
        migrations.AddField(
            model_name="tenant",
            name="response_days",
            field=models.PositiveSmallIntegerField(db_default=7, default=7),
        ),
        migrations.AddConstraint(
            model_name="tenant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("exploration_share__gte", 0), ("exploration_share__lte", 1)
                ),
                name="tenant_exploration_share",
            ),
        ),
        migrations.AddConstraint(
            model_name="tenant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("response_days__gte", 1), ("response_days__lte", 90)
                ),
                name="tenant_response_days",
            ),
        ),
    ]
