"""Waiting signals are looked for tenant by tenant."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("perception", "0005_signal_fences")]

    operations = [
        migrations.RemoveIndex(model_name="signal", name="signal_waiting"),
        migrations.AddIndex(
            model_name="signal",
            index=models.Index(
                fields=["tenant", "received_at"],
                name="signal_waiting",
                condition=models.Q(entered_at__isnull=True),
            ),
        ),
    ]
