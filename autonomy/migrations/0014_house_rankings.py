"""What the gate said of a model of the house, whose numbers stay; what a place stands for."""

from django.db import migrations

# As for a tenant's: statuses move along one way, and back only to what ranked before.
FROZEN = """
CREATE FUNCTION autonomy_houseranking_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.version, NEW.kind, NEW.artefact, NEW.provenance, NEW.made_at)
       IS DISTINCT FROM
       (OLD.version, OLD.kind, OLD.artefact, OLD.provenance, OLD.made_at)
    THEN
        RAISE EXCEPTION 'autonomy_houseranking: what was fitted stays'
            USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.status <> NEW.status AND (OLD.status, NEW.status) NOT IN (
        ('CANDIDATE', 'SHADOW'), ('SHADOW', 'ACTIVE'), ('ACTIVE', 'RETIRED'),
        ('CANDIDATE', 'RETIRED'), ('SHADOW', 'RETIRED'), ('RETIRED', 'ACTIVE'))
    THEN
        RAISE EXCEPTION 'autonomy_houseranking: never from % to %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stays BEFORE UPDATE ON autonomy_houseranking
    FOR EACH ROW EXECUTE FUNCTION autonomy_houseranking_stays();
"""
FREE = """
DROP TRIGGER stays ON autonomy_houseranking;
DROP FUNCTION autonomy_houseranking_stays;
"""


class Migration(migrations.Migration):
    dependencies = [("autonomy", "0013_earning"), ("perception", "0007_news")]

    operations = [
        migrations.RunSQL(FROZEN, FREE),
    ]
