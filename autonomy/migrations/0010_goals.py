"""What goals remember from their start; one that has ended has ended."""

from django.db import migrations

# Whoever asks, also whoever owns the tables.
ENDS = """
CREATE FUNCTION autonomy_goal_ends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status <> 'ACTIVE' THEN
        RAISE EXCEPTION 'autonomy_goal: it ended as %', OLD.status
            USING ERRCODE = 'check_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF (NEW.type, NEW.target, NEW.start, NEW."end", NEW.account_id, NEW.seller_id)
       IS DISTINCT FROM
       (OLD.type, OLD.target, OLD.start, OLD."end", OLD.account_id, OLD.seller_id) THEN
        RAISE EXCEPTION 'autonomy_goal: what was set stays'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ends BEFORE UPDATE OR DELETE ON autonomy_goal
    FOR EACH ROW EXECUTE FUNCTION autonomy_goal_ends();
"""
ENDLESS = """
DROP TRIGGER ends ON autonomy_goal;
DROP FUNCTION autonomy_goal_ends;
"""


class Migration(migrations.Migration):
    dependencies = [("autonomy", "0009_learning_fences")]

    operations = [
        migrations.RunSQL(ENDS, ENDLESS),
    ]
