"""Plans of an account, as the storey above tells of them, in its frozen contexts."""

from django.db import migrations

from ledger.fences import fence, within_tenant


class Migration(migrations.Migration):
    dependencies = [("autonomy", "0007_plans"), ("perception", "0006_reviews")]

    operations = [
        within_tenant("autonomy_course", "account_id", "perception_account"),
        fence("autonomy_course"),
    ]
