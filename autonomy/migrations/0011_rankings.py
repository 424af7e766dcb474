"""What an evaluation found; a model's numbers never change, whoever asks."""

from django.db import migrations

from ledger.fences import append_only, fence

# Statuses move along one way, and back only to what ranked before.
FROZEN = """
CREATE FUNCTION autonomy_ranking_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.tenant_id, NEW.version, NEW.kind, NEW.artefact, NEW.provenance, NEW.made_at)
       IS DISTINCT FROM
       (OLD.tenant_id, OLD.version, OLD.kind, OLD.artefact, OLD.provenance, OLD.made_at)
    THEN
        RAISE EXCEPTION 'autonomy_ranking: what was fitted stays'
            USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.status <> NEW.status AND (OLD.status, NEW.status) NOT IN (
        ('CANDIDATE', 'SHADOW'), ('SHADOW', 'ACTIVE'), ('ACTIVE', 'RETIRED'),
        ('CANDIDATE', 'RETIRED'), ('SHADOW', 'RETIRED'), ('RETIRED', 'ACTIVE'))
    THEN
        RAISE EXCEPTION 'autonomy_ranking: never from % to %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stays BEFORE UPDATE ON autonomy_ranking
    FOR EACH ROW EXECUTE FUNCTION autonomy_ranking_stays();
"""
FREE = """
DROP TRIGGER stays ON autonomy_ranking;
DROP FUNCTION autonomy_ranking_stays;
"""


class Migration(migrations.Migration):
    dependencies = [("autonomy", "0010_goals"), ("perception", "0007_news")]

    operations = [
        # Acts that went out to people, by when they ended: what waits for an answer.
        fence("autonomy_evaluation"),
        append_only("autonomy_evaluation"),
        migrations.RunSQL(FROZEN, FREE),
    ]
