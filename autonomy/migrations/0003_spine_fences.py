"""Fences around runs, approvals, tools and what acts leave behind."""

from django.db import migrations

from ledger.fences import fence, within_tenant

REFERENCES = {
    "autonomy_run": {"account_id": "perception_account"},
    "autonomy_accountpace": {"account_id": "perception_account"},
    "autonomy_synthesizercall": {"run_id": "autonomy_run"},
    "autonomy_approval": {
        "intent_id": "autonomy_intent",
        "verdict_id": "autonomy_verdict",
        "account_id": "perception_account",
        "assigned_to_id": "perception_membership",
        "author_id": "perception_membership",
        "decided_by_id": "perception_membership",
    },
    "autonomy_effect": {
        "execution_id": "autonomy_execution",
        "account_id": "perception_account",
    },
    "autonomy_contextfield": {"account_id": "perception_account"},
    "autonomy_outcome": {
        "intent_id": "autonomy_intent",
        "account_id": "perception_account",
    },
}

TABLES = [
    *REFERENCES,
    "autonomy_triggerrow",
    "autonomy_decisionbudget",
    "autonomy_decisionuse",
    "autonomy_tool",
]

AUDIT = """
CREATE VIEW audit.runs WITH (security_invoker = true) AS
SELECT id, tenant_id, account_id, signal_id, trigger, status, stage, gate_result,
       attempts, created_at, updated_at
FROM autonomy_run;
CREATE VIEW audit.gate_verdicts WITH (security_invoker = true) AS
SELECT id, tenant_id, account_id, signal_id, status, gate_result, gate_reason,
       defer_until, created_at, updated_at
FROM autonomy_run WHERE gate_result <> '';
CREATE VIEW audit.approvals WITH (security_invoker = true) AS
SELECT id, tenant_id, intent_id, account_id, status, requires_role, asked_at,
       expires_at, decided_by_id, decided_at, cause
FROM autonomy_approval;
CREATE VIEW audit.synthesizer_calls WITH (security_invoker = true) AS
SELECT id, tenant_id, run_id, synthesizer, gate_result, called_at, finished_at, charged,
       tokens, cost, CASE WHEN refused = '' THEN 'ANSWERED' ELSE 'REFUSED' END AS status
FROM autonomy_synthesizercall;
"""
UNAUDIT = "".join(
    f"DROP VIEW audit.{view};"
    for view in ("synthesizer_calls", "approvals", "gate_verdicts", "runs")
)


class Migration(migrations.Migration):
    dependencies = [("autonomy", "0002_fences"), ("perception", "0003_signal_fences")]

    operations = [
        *[
            within_tenant(table, column, to)
            for table, columns in REFERENCES.items()
            for column, to in columns.items()
        ],
        *[fence(table) for table in TABLES],
        migrations.RunSQL(AUDIT, UNAUDIT),
    ]
