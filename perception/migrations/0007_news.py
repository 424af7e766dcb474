"""News of accounts for who stands above, found without looking at the others."""

from django.db import migrations

# Tenants with news: a step or two of the index for each, however much each has.
NEWS_TENANTS = """
CREATE FUNCTION perception_news_tenants()
RETURNS SETOF uuid LANGUAGE sql STABLE AS $$
WITH RECURSIVE told AS (
    (SELECT tenant_id FROM perception_account
     WHERE news_at IS NOT NULL ORDER BY tenant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT a.tenant_id FROM perception_account a
            WHERE a.tenant_id > told.tenant_id AND a.news_at IS NOT NULL
            ORDER BY a.tenant_id LIMIT 1)
    FROM told WHERE told.tenant_id IS NOT NULL
)
SELECT tenant_id FROM told WHERE tenant_id IS NOT NULL
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("perception", "0006_reviews")]

    operations = [
        migrations.RunSQL(NEWS_TENANTS, "DROP FUNCTION perception_news_tenants;"),
    ]
