"""What a look at a plan needs to know of the world, in one read."""

from django.db import migrations

# The account, its deals, what is known of it, who answered, who was reached, which other
# plans run there, and which switches are on; as of one moment of the database's clock.
READ = """
CREATE FUNCTION plans_read(of_tenant uuid, of_account uuid, of_plan uuid, since timestamptz)
RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    at timestamptz := clock_timestamp();
BEGIN
RETURN (
SELECT jsonb_build_object(
  'at', at,
  'timezone', coalesce(nullif(a.timezone, ''), CASE WHEN t.timezone_since > at
                       THEN t.previous_timezone ELSE t.timezone END),
  'contact_caps', t.contact_caps,
  'owner', a.owner_id, 'lifecycle', a.lifecycle, 'closed', a.closed_at IS NOT NULL,
  'hours', (SELECT d.data->'hours' FROM autonomy_policydata d
            WHERE d.tenant_id = of_tenant ORDER BY d.number DESC LIMIT 1),
  'deals', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                'id', o.id, 'external_id', o.external_id, 'stage', o.stage, 'amount', o.amount,
                'renewal_date', o.renewal_date) ORDER BY o.id), '[]')
            FROM perception_opportunity o
            WHERE o.tenant_id = of_tenant AND o.account_id = of_account),
  'known', (SELECT coalesce(jsonb_object_agg(c.field, c.value), '{}')
            FROM autonomy_contextfield c
            WHERE c.tenant_id = of_tenant AND c.account_id = of_account),
  'replies', (SELECT coalesce(jsonb_agg(r.occurred_at ORDER BY r.occurred_at DESC), '[]')
              FROM (SELECT n.type, n.occurred_at FROM perception_signal n
                    WHERE n.tenant_id = of_tenant AND n.account_id = of_account
                    ORDER BY n.id DESC LIMIT 200) r
              WHERE r.type = 'reply_received' AND r.occurred_at >= since),
  'reached', (SELECT coalesce(jsonb_agg(i.created_at ORDER BY i.created_at), '[]')
              FROM autonomy_intent i
              WHERE i.tenant_id = of_tenant AND i.account_id = of_account
                AND i.reaches_out AND i.created_at > at - interval '7 days'
                AND i.status IN ('APPROVED', 'EXECUTING', 'IN_DOUBT', 'SUCCEEDED')),
  'others', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                 'plan', p.id, 'plan_type', p.plan_type, 'steps', (
                     SELECT coalesce(jsonb_agg(jsonb_build_object(
                         'step_id', s.step_id, 'action_type', s.action_type,
                         'status', s.status, 'depends_on', s.depends_on,
                         'at', greatest(s.earliest, s.next_at))), '[]')
                     FROM plans_step s
                     WHERE s.tenant_id = of_tenant AND s.plan_id = p.id))), '[]')
             FROM plans_plan p
             WHERE p.tenant_id = of_tenant AND p.account_id = of_account
               AND p.status = 'ACTIVE' AND p.id <> of_plan),
  'board', (SELECT b.switches FROM autonomy_board b WHERE b.tenant_id = of_tenant),
  'house', (SELECT h.switches FROM autonomy_houseboard h WHERE h.id = 1)
)
FROM perception_account a JOIN perception_tenant t ON t.id = a.tenant_id
WHERE a.tenant_id = of_tenant AND a.id = of_account
);
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("plans", "0002_fences")]

    operations = [migrations.RunSQL(READ, "DROP FUNCTION plans_read;")]
