"""What a start used up stays used: whoever goes through an intent again takes anew."""

from django.db import migrations

# As before, of what no start has used up.
GIVE_BACK = """
CREATE OR REPLACE FUNCTION autonomy_give_back(of_tenant uuid, of_intent uuid)
RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    taken uuid[];
    which uuid;
BEGIN
    UPDATE autonomy_receipt SET returned_at = clock_timestamp()
    WHERE tenant_id = of_tenant AND intent_id = of_intent AND returned_at IS NULL{open}
    RETURNING id, uses INTO which, taken;
    IF which IS NOT NULL THEN
        PERFORM 1 FROM autonomy_budgetuse WHERE id = ANY (taken)
        ORDER BY budget_id, key FOR UPDATE;
        UPDATE autonomy_budgetuse SET used = used - 1 WHERE id = ANY (taken);
    END IF;
    RETURN which;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("autonomy", "0007_hand_fences")]

    operations = [
        migrations.RunSQL(
            GIVE_BACK.format(open=" AND used_at IS NULL"), GIVE_BACK.format(open="")
        ),
    ]
