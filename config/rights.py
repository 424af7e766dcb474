"""Roles of the database and what each may touch: made, granted and checked here.

owner    owns the tables; DDL only
app      what the processes log in as; owns nothing, cannot bypass row security
system   no login; may bypass; entered with SET LOCAL ROLE for jobs across tenants
auditor  reads the `audit` schema, and the columns under it, of all tenants
"""

import secrets
from collections.abc import Iterator, Sequence
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import psycopg2
from django.apps import apps
from django.conf import settings
from django.db import connections, transaction
from django.db.models import Model
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from config.databases import NO_TENANT, keep_roles, urls
from config.env import Environment
from ledger.models import Rights
from ledger.scope import SYSTEM_ROLE

AUDITOR_ROLE = "autonomy_auditor"

# What the auditor reads: view -> table and columns.
AUDIT_VIEWS = {
    "plans": (
        "plans_plan",
        (
            "id", "tenant_id", "account_id", "plan_type", "status", "reason",
            "revision", "risk_level", "owner_id", "proposed_by_id", "approved_by_id",
            "approval_source", "contract_digest", "objective_met", "created_at",
            "approved_at", "activated_at", "ended_at", "expires_at",
        ),
    ),
    "ledger": (
        "ledger_entry",
        (
            "id", "tenant_id", "number", "at", "kind", "actor", "subjects", "data",
            "account_id", "run_id", "intent_id", "execution_id", "plan_id",
        ),
    ),
    "signals": (
        "perception_signal",
        (
            "id", "tenant_id", "account_id", "connector_id", "type", "source",
            "occurred_at", "received_at", "run_id", "entered_at",
        ),
    ),
    "runs": (
        "autonomy_run",
        (
            "id", "tenant_id", "account_id", "signal_id", "trigger", "status", "stage",
            "gate_result", "gate_reason", "defer_until", "attempts", "created_at",
            "updated_at",
        ),
    ),
    "gate_verdicts": ("autonomy_run", ("id",)),
    "approvals": (
        "autonomy_approval",
        (
            "id", "tenant_id", "intent_id", "account_id", "status", "requires_role",
            "asked_at", "expires_at", "decided_by_id", "decided_at", "cause",
        ),
    ),
    "synthesizer_calls": (
        "autonomy_synthesizercall",
        (
            "id", "tenant_id", "run_id", "synthesizer", "gate_result", "called_at",
            "finished_at", "charged", "tokens", "cost", "refused",
        ),
    ),
    "intents": (
        "autonomy_intent",
        (
            "id", "tenant_id", "account_id", "action_type", "origin", "status",
            "confidence", "risk_level", "run_id", "created_at", "updated_at",
        ),
    ),
    "executions": (
        "autonomy_execution",
        (
            "id", "tenant_id", "intent_id", "account_id", "action_type", "status",
            "auto_executed", "approval_source", "attempts", "started_at",
            "finished_at",
        ),
    ),
    "budgets": (
        "autonomy_budget",
        (
            "id", "tenant_id", "account_id", "seller_id", "action_type", "each",
            "limit_per_day", "is_active", "set_at",
        ),
    ),
    "kill_switches": (
        "autonomy_killswitch",
        (
            "id", "tenant_id", "scope", "target", "reason", "engaged_by",
            "committed_at", "release_reason", "released_by", "released_at", "full_at",
        ),
    ),
}  # fmt: skip
# And what a view takes from beside its table.
AUDIT_BESIDE = {"ledger_leaf": ("tenant_id", "number", "sequence")}


def prepare_roles(env: Environment) -> list[str]:
    """Create what is missing, where the given login may; say in words what was done."""
    if env.embedded_postgres:
        _ensure_database()
    admin = psycopg2.connect(settings.DATABASE_GIVEN_URL, connect_timeout=5)
    try:
        with admin, admin.cursor() as cursor:
            if not _may_create(cursor):
                return []
            said = _ensure_shared_roles(cursor)
            ensure = _ensure_embedded if env.embedded_postgres else _ensure_app
            return said + ensure(cursor, env)
    finally:
        admin.close()


def grant() -> None:
    """Give the roles their rights; the owner does, after every migration."""
    # Read again: the settings are older than a login that was made just now.
    app = unquote(urlsplit(urls(settings.ENV).app).username or "")
    owner = connections["owner"]
    # All at once: whoever works meanwhile is never without rights. One after the other.
    with transaction.atomic(using="owner"), owner.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('autonomy grants'))")
        for statement in _grants(app, existing_roles(cursor)):
            cursor.execute(statement)


def existing_roles(cursor: Cursor) -> set[str]:
    """The names of the cluster's roles."""
    cursor.execute("SELECT rolname FROM pg_roles")
    return {row[0] for row in cursor.fetchall()}


def _ensure_database() -> None:
    """A fresh embedded cluster holds no database of ours yet."""
    given = urlsplit(settings.DATABASE_GIVEN_URL)
    name = given.path.strip("/")
    admin = psycopg2.connect(
        urlunsplit(given._replace(path="/postgres")), connect_timeout=5
    )
    # CREATE DATABASE runs outside transactions.
    admin.autocommit = True
    try:
        with admin.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            if cursor.fetchone() is None:
                cursor.execute(
                    sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
                )
    finally:
        admin.close()


def _may_create(cursor: Cursor) -> bool:
    cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    return bool(cursor.fetchone()[0])


def _ensure_shared_roles(cursor: Cursor) -> list[str]:
    existing = existing_roles(cursor)
    said = []
    for role, attributes in (
        (SYSTEM_ROLE, "NOLOGIN BYPASSRLS"),
        (AUDITOR_ROLE, "NOLOGIN BYPASSRLS"),
    ):
        if role not in existing:
            cursor.execute(f"CREATE ROLE {role} {attributes} NOSUPERUSER NOINHERIT")
            said.append(f"created the role {role}")
    cursor.execute(f"ALTER ROLE {AUDITOR_ROLE} SET default_transaction_read_only = on")
    return said


def _ensure_embedded(cursor: Cursor, env: Environment) -> list[str]:
    """The embedded cluster is ours alone: three logins with known passwords."""
    owner, app, auditor = (
        urlsplit(str(url))
        for url in (settings.OWNER_URL, settings.APP_URL, settings.AUDITOR_URL)
    )
    _login(cursor, owner.username, owner.password, "NOSUPERUSER NOBYPASSRLS")
    _login(cursor, app.username, app.password, "NOSUPERUSER NOBYPASSRLS NOINHERIT")
    _login(cursor, auditor.username, auditor.password, "NOSUPERUSER BYPASSRLS")
    database = owner.path.strip("/")
    cursor.execute(
        sql.SQL("ALTER DATABASE {} OWNER TO {}").format(
            sql.Identifier(database), sql.Identifier(owner.username or "")
        )
    )
    cursor.execute(
        sql.SQL("ALTER SCHEMA public OWNER TO {}").format(
            sql.Identifier(owner.username or "")
        )
    )
    _admit(cursor, app.username or "")
    return []


def _ensure_app(cursor: Cursor, env: Environment) -> list[str]:
    """Beside a superuser's URL: a login of our own for the processes to run as."""
    given = urlsplit(str(settings.DATABASE_GIVEN_URL))
    running = urlsplit(str(settings.APP_URL))
    if running.username != given.username:
        _admit(cursor, unquote(running.username or ""))
        return []
    name, password = f"{given.path.strip('/')}_app", secrets.token_urlsafe(24)
    _login(cursor, name, password, "NOSUPERUSER NOBYPASSRLS NOINHERIT")
    _admit(cursor, name)
    host = given.netloc.rpartition("@")[2]
    app_url = urlunsplit(given._replace(netloc=f"{quote(name)}:{password}@{host}"))
    keep_roles(env.var_dir, env.database_url or "", {"app": app_url})
    return [f"created the role {name}; processes log in as it, not as {given.username}"]


def _login(
    cursor: Cursor, name: str | None, password: str | None, attributes: str
) -> None:
    verb = "ALTER" if name in existing_roles(cursor) else "CREATE"
    cursor.execute(
        sql.SQL("{} ROLE {} LOGIN {} PASSWORD {}").format(
            sql.SQL(verb),
            sql.Identifier(name or ""),
            sql.SQL(attributes),
            sql.Literal(password),
        )
    )


def _admit(cursor: Cursor, app: str) -> None:
    """Let the processes enter the system scope, and begin outside every tenant."""
    role = sql.Identifier(app)
    cursor.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(SYSTEM_ROLE), role))
    cursor.execute(
        sql.SQL("ALTER ROLE {} SET app.tenant = {}").format(
            role, sql.Literal(NO_TENANT)
        )
    )


def _grants(app: str, existing: set[str]) -> Iterator[str]:
    quoted = '"' + app.replace('"', '""') + '"'
    roles = [("app", quoted)]
    if SYSTEM_ROLE in existing:
        roles.append(("system", SYSTEM_ROLE))
    for field, role in roles:
        yield f"GRANT USAGE ON SCHEMA public TO {role}"
        yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}"
        yield f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}"
        yield f"GRANT SELECT ON django_migrations TO {role}"
        for model in apps.get_models(include_auto_created=True):
            if model._meta.managed and not model._meta.proxy:
                rights = getattr(rights_of(model), field)
                yield f'GRANT {rights} ON "{model._meta.db_table}" TO {role}'
    if AUDITOR_ROLE in existing:
        yield f"GRANT USAGE ON SCHEMA audit, public TO {AUDITOR_ROLE}"
        for view, (table, columns) in AUDIT_VIEWS.items():
            yield f"GRANT SELECT ON audit.{view} TO {AUDITOR_ROLE}"
            yield _readable(table, columns)
        for table, columns in AUDIT_BESIDE.items():
            yield _readable(table, columns)


def _readable(table: str, columns: Sequence[str]) -> str:
    return f"GRANT SELECT ({', '.join(columns)}) ON {table} TO {AUDITOR_ROLE}"


def rights_of(model: type[Model]) -> Rights:
    """What a model declares; reading and writing where it is silent."""
    rights: Rights = getattr(model, "rights", Rights())
    return rights
