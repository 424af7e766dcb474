"""When what is known of a deal was said."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("perception", "0007_news")]

    operations = [
        migrations.AddField(
            "opportunity",
            field,
            models.DateTimeField(editable=False, null=True),
        )
        for field in ("stage_at", "amount_at", "renewal_date_at")
    ]
