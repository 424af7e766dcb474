"""For how long a question was open in front of whoever decided it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("autonomy", "0015_first_tries")]

    operations = [
        migrations.AddField(
            "approval", "dwell_seconds", models.FloatField(blank=True, null=True)
        ),
    ]
