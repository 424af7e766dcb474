"""What is known of an account, read at once for the frozen context of a run."""

from django.db import migrations

# The signal that started the run comes whether it is among the newest or not.
CONTEXT = """
CREATE FUNCTION autonomy_context(
    of_tenant uuid, of_account uuid, of_signal uuid, people integer, signals integer,
    recent integer, fields integer
) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
RETURN jsonb_build_object(
  'people', (SELECT coalesce(jsonb_agg(jsonb_build_object(
        'id', c.id, 'external_id', c.external_id, 'name', c.name, 'email', c.email,
        'opted_out', c.opted_out, 'erased', c.erased_at IS NOT NULL) ORDER BY c.id),
        '[]')
      FROM (SELECT * FROM perception_contact
            WHERE tenant_id = of_tenant AND account_id = of_account
            ORDER BY id LIMIT people) c),
  'deals', (SELECT coalesce(jsonb_agg(jsonb_build_object(
        'id', o.id, 'external_id', o.external_id, 'stage', o.stage,
        'renewal_date', o.renewal_date) ORDER BY o.id), '[]')
      FROM (SELECT * FROM perception_opportunity
            WHERE tenant_id = of_tenant AND account_id = of_account
            ORDER BY id LIMIT signals) o),
  'signal', (SELECT jsonb_build_object(
        'id', s.id, 'type', s.type, 'is_known', s.is_known,
        'occurred_at', s.occurred_at, 'payload', s.payload)
      FROM perception_signal s WHERE s.tenant_id = of_tenant AND s.id = of_signal),
  'signals', (SELECT coalesce(jsonb_agg(jsonb_build_object(
        'id', s.id, 'type', s.type, 'is_known', s.is_known,
        'occurred_at', s.occurred_at, 'payload', s.payload) ORDER BY s.id DESC), '[]')
      FROM (SELECT * FROM perception_signal
            WHERE tenant_id = of_tenant AND account_id = of_account
            ORDER BY id DESC LIMIT signals) s),
  'intents', (SELECT coalesce(jsonb_agg(jsonb_build_object(
        'id', i.id, 'action_type', i.action_type, 'status', i.status,
        'origin', i.origin, 'at', i.created_at) ORDER BY i.id DESC), '[]')
      FROM (SELECT * FROM autonomy_intent
            WHERE tenant_id = of_tenant AND account_id = of_account
            ORDER BY id DESC LIMIT recent) i),
  'outcomes', (SELECT coalesce(jsonb_agg(jsonb_build_object(
        'intent', r.intent_id, 'action_type', r.action_type,
        'taxonomy', r.taxonomy, 'cause', r.cause, 'at', r.at) ORDER BY r.id DESC), '[]')
      FROM (SELECT * FROM autonomy_outcome
            WHERE tenant_id = of_tenant AND account_id = of_account
            ORDER BY id DESC LIMIT recent) r),
  'open_approvals', (SELECT count(*) FROM autonomy_approval
      WHERE tenant_id = of_tenant AND account_id = of_account AND status = 'PENDING'),
  'plans', (SELECT coalesce(jsonb_agg(jsonb_build_object(
        'id', p.plan_id, 'plan_type', p.plan_type, 'status', p.status,
        'objective', p.objective, 'expires_at', p.expires_at)
        ORDER BY p.plan_id DESC), '[]')
      FROM (SELECT * FROM autonomy_course
            WHERE tenant_id = of_tenant AND account_id = of_account
            ORDER BY plan_id DESC LIMIT recent) p),
  'known', (SELECT coalesce(jsonb_agg(jsonb_build_array(k.field, k.value)
        ORDER BY k.updated_at DESC, k.field), '[]')
      FROM (SELECT * FROM autonomy_contextfield
            WHERE tenant_id = of_tenant AND account_id = of_account
            ORDER BY updated_at DESC, field LIMIT fields) k)
);
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("autonomy", "0004_spine_functions"),
        ("perception", "0003_signal_fences"),
    ]

    operations = [
        migrations.RunSQL(CONTEXT, "DROP FUNCTION autonomy_context;"),
        # The newest outcomes of an account, and its open questions, whatever came before.
    ]
