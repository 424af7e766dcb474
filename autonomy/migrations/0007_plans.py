"""Intents know the step of a plan that they are, and what its plan has heard of them."""

from django.db import migrations

# All use rows in one order for everybody, also where many give back together.
GIVE_BACK_ALL = """
CREATE FUNCTION autonomy_give_back_all(of_tenant uuid, intents uuid[])
RETURNS TABLE (intent uuid, receipt uuid) LANGUAGE plpgsql AS $$
DECLARE
    given record;
BEGIN
    PERFORM 1 FROM autonomy_budgetuse b
    WHERE b.tenant_id = of_tenant AND b.id IN (
        SELECT unnest(r.uses) FROM autonomy_receipt r
        WHERE r.tenant_id = of_tenant AND r.intent_id = ANY (intents)
          AND r.returned_at IS NULL AND r.used_at IS NULL)
    ORDER BY b.day, b.budget_id, b.key FOR UPDATE;
    FOR given IN
        UPDATE autonomy_receipt AS r SET returned_at = clock_timestamp()
        WHERE r.tenant_id = of_tenant AND r.intent_id = ANY (intents)
          AND r.returned_at IS NULL AND r.used_at IS NULL
        RETURNING r.intent_id, r.id, r.uses
    LOOP
        UPDATE autonomy_budgetuse SET used = used - 1
        WHERE tenant_id = of_tenant AND id = ANY (given.uses);
        intent := given.intent_id;
        receipt := given.id;
        RETURN NEXT;
    END LOOP;
END $$;
"""

# Tenants with something to hear: a step or two of the index for each.
NEWS_TENANTS = """
CREATE FUNCTION autonomy_news_tenants() RETURNS SETOF uuid LANGUAGE sql STABLE AS $$
WITH RECURSIVE tenants AS (
    (SELECT tenant_id FROM autonomy_intent
     WHERE step_id IS NOT NULL AND heard <> status ORDER BY tenant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT i.tenant_id FROM autonomy_intent i
            WHERE i.tenant_id > tenants.tenant_id
              AND i.step_id IS NOT NULL AND i.heard <> i.status
            ORDER BY i.tenant_id LIMIT 1)
    FROM tenants WHERE tenants.tenant_id IS NOT NULL
)
SELECT tenant_id FROM tenants WHERE tenant_id IS NOT NULL
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("autonomy", "0006_hand_fences")]

    operations = [
        migrations.RunSQL(GIVE_BACK_ALL, "DROP FUNCTION autonomy_give_back_all;"),
        migrations.RunSQL(NEWS_TENANTS, "DROP FUNCTION autonomy_news_tenants;"),
    ]
