"""The names that the outside relies on, as data. Each capability adds its own."""

COMMANDS = {
    "services": ["up", "down", "status"],
    "seed": ["--tenants", "--accounts", "--json"],
    "doctor": ["--json"],
    "status": ["--json"],
    "token": ["create", "revoke"],
    "verify_ledger": ["--tenant", "--json"],
    "prove": ["--execution", "--key"],
    "verify_isolation": ["--json"],
    "kill_switch": [
        "on",
        "off",
        "list",
        "--tenant",
        "--account",
        "--action-type",
        "--tool",
        "--reason",
    ],
    "policy": ["test", "simulate", "activate", "rollback"],
}

MAKE_TARGETS = ["run", "test", "setup", "lint", "fmt", "bench", "chaos", "docs"]

PROCESSES = ["web", "worker", "beat", "relay", "release"]

CELERY_APP = "config.celery:app"

VARIABLES = {
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "REDIS_URL",
    "BROKER_URL",
    "PORT",
    "WEB_BIND",
    "WORKER_CONCURRENCY",
    "SECRET_KEY",
    "FIELD_KEYS",
    "LEDGER_SIGNING_KEY",
    "LEDGER_ANCHOR_DIR",
    "DEBUG",
    "ALLOWED_HOSTS",
    "LOG_FORMAT",
    "VAR_DIR",
    "TICK_SECONDS",
    "SEAL_SECONDS",
    "EGRESS_ALLOW",
    "EMAIL_URL",
}

# Path below /api/v1/ -> methods.
ROUTES = {
    "accounts/": ["GET", "POST"],
    "accounts/{id}/": ["GET"],
    "accounts/{id}/timeline/": ["GET"],
    "intents/": ["GET", "POST"],
    "intents/{id}/": ["GET"],
    "intents/{id}/explanation/": ["GET"],
    "modes/": ["GET", "POST"],
    "budgets/": ["GET", "POST"],
    "budgets/usage/": ["GET"],
    "kill-switches/": ["GET"],
    "kill-switches/engage/": ["POST"],
    "kill-switches/release/": ["POST"],
    "kill-switches/{id}/certificate/": ["GET"],
    "action-types/": ["GET", "POST"],
    "action-types/{id}/": ["GET", "PUT"],
    "opt-ins/": ["GET", "POST"],
    "policy/bundles/": ["GET", "POST"],
    "policy/bundles/{id}/activate/": ["POST"],
    "policy/simulate/": ["POST"],
    "policy/simulate/{id}/": ["GET"],
    "policy/evaluate/": ["POST"],
    "policy/data/": ["GET", "PUT"],
    "executions/{id}/explanation/": ["GET"],
    "ledger/": ["GET"],
    "ledger/{id}/proof/": ["GET"],
    "ledger/checkpoint/": ["GET"],
    "ledger/consistency/": ["GET"],
    "exports/": ["POST"],
    "exports/{id}/": ["GET"],
    "exports/{id}/download/": ["GET"],
    "settings/": ["GET", "PATCH"],
}

OUTSIDE = [
    "/healthz",
    "/livez",
    "/readyz",
    "/metrics",
    "/api/schema/",
    "/api/docs/",
    "/login/",
]

STATUSES = {
    "ledger.models.Export.Status": ["PENDING", "COMPLETED", "FAILED"],
    "autonomy.models.Intent.Status": [
        "PROPOSED",
        "AWAITING_APPROVAL",
        "APPROVED",
        "EXECUTING",
        "IN_DOUBT",
        "BLOCKED",
        "REJECTED",
        "EXPIRED",
        "SUCCEEDED",
        "FAILED",
        "UNDONE",
        "CANCELLED",
    ],
}

ROLES = ["SELLER", "APPROVER", "ADMIN", "AUDITOR", "INTEGRATION"]

STAGES = [
    "prospecting",
    "discovery",
    "qualification",
    "evaluation",
    "negotiation",
    "closed_won",
    "closed_lost",
    "stalled",
]

LIFECYCLES = ["PROSPECT", "SUSPECT", "CUSTOMER", "CHURNED"]

SHAPES = {
    "accounts/": {
        "external_id",
        "name",
        "lifecycle",
        "stage",
        "owner",
        "heat",
        "next_poll_at",
    },
    "ledger/": {"id", "sequence", "kind", "at", "actor", "subjects", "data"},
    "modes/": {"id", "account", "action_type", "mode"},
    "budgets/": {"id", "account", "seller", "action_type", "each", "limit_per_day"},
    "action-types/": {
        "key",
        "tier",
        "risk_level",
        "external_contact",
        "touches",
        "reversal",
        "idempotent",
        "schema",
        "example",
        "tool",
        "min_confidence",
    },
    "policy/data/": {"allowlist", "min_confidence", "amount_caps", "hours"},
    "settings/": {
        "timezone",
        "four_eyes",
        "digest_hour",
        "quiet_hours",
        "contact_caps",
        "default_mode",
    },
    "ledger/checkpoint/": {"note", "size", "root"},
}

SEED = {
    "id": str,
    "slug": str,
    "tokens": {"seller", "approver", "admin", "auditor", "integration"},
    "logins": {"seller", "approver", "admin", "auditor", "integration"},
    "accounts": list,
    "webhook": {"connector_id", "secret"},
}

AUDIT_VIEWS = [
    "ledger",
    "signals",
    "runs",
    "intents",
    "executions",
    "approvals",
    "gate_verdicts",
    "synthesizer_calls",
    "budgets",
    "kill_switches",
]
