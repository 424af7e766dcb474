"""Fences around undos, replays and what is known of tools; undos that are due."""

from django.db import migrations

from ledger.fences import fence, within_tenant

REFERENCES = {
    "autonomy_sweep": {
        "account_id": "perception_account",
        "by_id": "perception_membership",
    },
    "autonomy_replay": {
        "account_id": "perception_account",
        "intent_id": "autonomy_intent",
        "by_id": "perception_membership",
    },
    "autonomy_undo": {
        "account_id": "perception_account",
        "intent_id": "autonomy_intent",
        "execution_id": "autonomy_execution",
        "sweep_id": "autonomy_sweep",
        "by_id": "perception_membership",
    },
    "autonomy_intent": {"replay_id": "autonomy_replay"},
    "autonomy_execution": {"replay_id": "autonomy_replay"},
}

TABLES = [
    "autonomy_sweep",
    "autonomy_replay",
    "autonomy_undo",
    "autonomy_objective",
    "autonomy_toolminute",
    "autonomy_sloalert",
]

# What was sent and is not taken up is sent again; what somebody holds is left alone.
DUE_UNDOS = """
CREATE FUNCTION autonomy_send_undos(most integer, again_s double precision)
RETURNS TABLE (undo uuid, tenant uuid) LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz := clock_timestamp();
BEGIN
    RETURN QUERY
    UPDATE autonomy_undo AS u SET dispatched_at = at
    FROM (SELECT w.id, w.tenant_id FROM autonomy_undo w
          WHERE w.due_at <= at AND (w.lease_until IS NULL OR w.lease_until < at)
            AND (w.dispatched_at IS NULL
                 OR w.dispatched_at < at - make_interval(secs => again_s))
          ORDER BY w.due_at LIMIT most FOR UPDATE SKIP LOCKED) due
    WHERE u.tenant_id = due.tenant_id AND u.id = due.id
    RETURNING u.id, u.tenant_id;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("autonomy", "0005_frozen_context"), ("perception", "0006_reviews")]

    operations = [
        *[
            within_tenant(table, column, to)
            for table, columns in REFERENCES.items()
            for column, to in columns.items()
        ],
        *[fence(table) for table in TABLES],
        migrations.RunSQL(DUE_UNDOS, "DROP FUNCTION autonomy_send_undos;"),
    ]
