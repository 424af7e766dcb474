"""What others wait for is taken in the message that commits, or all of it is taken back."""

from django.db import migrations

# Whoever asks it last, before the commit, learns of a refusal in place of that.
MUST = """
CREATE FUNCTION autonomy_must(holds boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF holds IS NOT TRUE THEN
        RAISE EXCEPTION 'somebody was faster' USING ERRCODE = 'HS001';
    END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("autonomy", "0016_dwell")]

    operations = [migrations.RunSQL(MUST, "DROP FUNCTION autonomy_must;")]
