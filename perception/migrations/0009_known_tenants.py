"""Whoever names another row of its tenant does not lock the tenant's at every commit."""

from django.db import migrations, models
from django.db.models.deletion import PROTECT


class Migration(migrations.Migration):
    dependencies = [("perception", "0008_deal_moments")]

    operations = [
        migrations.AlterField(
            "signal",
            "tenant",
            models.ForeignKey(
                "perception.tenant", PROTECT, db_constraint=False, db_index=False
            ),
        )
    ]
