"""When accounts are looked through for patterns and summaries, inside the fence."""

from django.db import migrations

from ledger.fences import fence, within_tenant


class Migration(migrations.Migration):
    dependencies = [("perception", "0005_watching_functions")]

    operations = [
        within_tenant("perception_review", "account_id", "perception_account"),
        fence("perception_review"),
    ]
