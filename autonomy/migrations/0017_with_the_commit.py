"""What others wait for is taken in the message that commits, or all of it is taken back;
and whoever names another row of its tenant does not lock the tenant's at every commit.
"""

from django.db import migrations, models
from django.db.models.deletion import PROTECT

# Whoever asks it last, before the commit, learns of a refusal in place of that.
MUST = """
CREATE FUNCTION autonomy_must(holds boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF holds IS NOT TRUE THEN
        RAISE EXCEPTION 'somebody was faster' USING ERRCODE = '23H01';
    END IF;
END $$;
"""

OF_THE_WALK = (
    *("accountpace", "budgetuse", "choice", "effect", "execution", "intent"),
    *("outcome", "permit", "receipt", "run", "synthesizercall", "verdict"),
)


class Migration(migrations.Migration):
    dependencies = [("autonomy", "0016_dwell"), ("perception", "0009_known_tenants")]

    operations = [
        migrations.RunSQL(MUST, "DROP FUNCTION autonomy_must;"),
        *(
            migrations.AlterField(
                name,
                "tenant",
                models.ForeignKey(
                    "perception.tenant", PROTECT, db_constraint=False, db_index=False
                ),
            )
            for name in OF_THE_WALK
        ),
    ]
