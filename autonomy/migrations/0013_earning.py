"""A suggestion knows who signed first, what stood before, and when it was narrowed."""

from django.db import migrations

from ledger.fences import within_tenant


class Migration(migrations.Migration):
    dependencies = [("autonomy", "0012_notices"), ("perception", "0007_news")]

    operations = [
        within_tenant("autonomy_suggestion", "first_by_id", "perception_membership"),
    ]
