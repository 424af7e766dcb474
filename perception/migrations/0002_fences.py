"""References that cannot leave their tenant, fences around every table of one."""

from django.db import migrations

from ledger.fences import fence, within_tenant
from ledger.scope import PLATFORM

TABLES = [
    "perception_tenant",
    "perception_membership",
    "perception_apitoken",
    "perception_account",
    "perception_opportunity",
    "perception_contact",
    "perception_connector",
    "perception_idempotencykey",
]

# The house's own tenant: its ledger holds what concerns all the others.
HOUSE = f"""
SELECT set_config('app.tenant', '{PLATFORM}', true);
INSERT INTO perception_tenant
    (id, slug, name, timezone, four_eyes, digest_hour, quiet_hours, contact_caps,
     default_mode, previous_timezone, cadence, pull_units_per_day)
VALUES ('{PLATFORM}', 'platform', 'The house itself', 'UTC', false, 8, '{{}}', '{{}}', '',
        '', '{{}}', 10000);
SELECT set_config('app.tenant', '00000000-0000-0000-0000-000000000000', true);
"""


class Migration(migrations.Migration):
    dependencies = [("perception", "0001_initial"), ("ledger", "0002_fences")]

    operations = [
        within_tenant("perception_apitoken", "membership_id", "perception_membership"),
        within_tenant("perception_account", "owner_id", "perception_membership"),
        within_tenant("perception_opportunity", "account_id", "perception_account"),
        within_tenant("perception_contact", "account_id", "perception_account"),
        within_tenant(
            "perception_idempotencykey", "membership_id", "perception_membership"
        ),
        *[fence(table) for table in TABLES],
        migrations.RunSQL(HOUSE, migrations.RunSQL.noop),
    ]
