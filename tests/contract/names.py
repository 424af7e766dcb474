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
    "EMAIL_URL",
}

# Path below /api/v1/ -> methods.
ROUTES = {
    "accounts/": ["GET", "POST"],
    "accounts/{id}/": ["GET"],
    "accounts/{id}/timeline/": ["GET"],
    "intents/{id}/explanation/": ["GET"],
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

STATUSES = {"ledger.models.Export.Status": ["PENDING", "COMPLETED", "FAILED"]}

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

AUDIT_VIEWS = ["ledger"]
