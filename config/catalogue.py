"""What the database itself says of its tables: fences, keys, views, owners."""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.models import Model

# Tables that belong to no tenant: a closed list. Everything else is fenced.
GLOBAL_TABLES = frozenset(
    {
        "perception_person", "perception_person_groups",
        "perception_person_user_permissions", "perception_heartbeat",
        "perception_kindrate",
        "autonomy_job", "autonomy_houseranking",
        "ledger_systemuse", "autonomy_houseboard",
        "auth_group", "auth_group_permissions", "auth_permission",
        "django_admin_log", "django_content_type", "django_migrations",
        "django_session",
        "account_emailaddress", "account_emailconfirmation", "mfa_authenticator",
        "socialaccount_socialaccount", "socialaccount_socialapp",
        "socialaccount_socialtoken",
        "django_celery_beat_clockedschedule", "django_celery_beat_crontabschedule",
        "django_celery_beat_intervalschedule", "django_celery_beat_periodictask",
        "django_celery_beat_periodictasks", "django_celery_beat_solarschedule",
    }
)  # fmt: skip


def tenant_models() -> list[type[Model]]:
    """The models whose rows belong to a tenant."""
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and model._meta.db_table not in GLOBAL_TABLES
    ]


def unfenced() -> list[str]:
    """What is wrong with the isolation of tenants, read from the catalogue."""
    with connection.cursor() as cursor:
        return [
            *_tables(cursor),
            *_unique_keys(cursor),
            *_foreign_keys(cursor),
            *_views(cursor),
            *_owned(cursor),
        ]


def _tables(cursor: Any) -> list[str]:
    cursor.execute(_TABLES)
    problems = []
    for table, has_tenant, enabled, forced, policies, complete in cursor.fetchall():
        if table in GLOBAL_TABLES:
            if has_tenant:
                problems.append(f"{table} has a tenant_id but is listed as global")
            continue
        if not has_tenant:
            problems.append(f"{table} has no tenant_id and is not listed as global")
        elif not (enabled and forced and policies and complete):
            problems.append(f"{table} has no complete row-level security")
    return problems


def _unique_keys(cursor: Any) -> list[str]:
    cursor.execute(_UNIQUE)
    return [
        f"{index} of {table} is unique across tenants"
        for table, index in cursor.fetchall()
        if table not in GLOBAL_TABLES
    ]


def _foreign_keys(cursor: Any) -> list[str]:
    cursor.execute(_FOREIGN)
    return [
        f"{name} of {table} can point into another tenant"
        for table, name, target in cursor.fetchall()
        if table not in GLOBAL_TABLES
        and target not in GLOBAL_TABLES
        and target != "perception_tenant"
    ]


def _views(cursor: Any) -> list[str]:
    cursor.execute(_VIEWS)
    return [
        f"view {name} runs with its owner's rights" for (name,) in cursor.fetchall()
    ]


def _owned(cursor: Any) -> list[str]:
    cursor.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner "
        "WHERE r.rolname = %s AND c.relkind IN ('r', 'v', 'm', 'p')",
        [settings.DATABASES["default"]["USER"]],
    )
    return [f"{name} is owned by the run-time role" for (name,) in cursor.fetchall()]


_TABLES = """
SELECT c.relname,
       EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid
               AND a.attname = 'tenant_id' AND NOT a.attisdropped),
       c.relrowsecurity, c.relforcerowsecurity, count(p.oid),
       coalesce(bool_and(p.polqual IS NOT NULL AND p.polwithcheck IS NOT NULL
                         AND p.polpermissive), false)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_policy p ON p.polrelid = c.oid
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')
GROUP BY c.oid ORDER BY c.relname
"""
# Primary keys on random or growing ids tell nobody anything; names would.
_UNIQUE = """
SELECT t.relname, i.relname
FROM pg_index x
JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE n.nspname = 'public' AND x.indisunique AND NOT x.indisprimary
  AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.oid
                  AND a.attname = 'tenant_id' AND a.attnum = ANY (x.indkey))
  AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.oid
              AND a.attname = 'tenant_id')
  AND i.relname <> 'tenant_slug'
"""
_FOREIGN = """
SELECT t.relname, k.conname, f.relname
FROM pg_constraint k
JOIN pg_class t ON t.oid = k.conrelid JOIN pg_class f ON f.oid = k.confrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE n.nspname = 'public' AND k.contype = 'f'
  AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.oid
                  AND a.attname = 'tenant_id' AND a.attnum = ANY (k.conkey))
"""
_VIEWS = """
SELECT n.nspname || '.' || c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm') AND n.nspname IN ('public', 'audit')
  AND NOT coalesce(c.reloptions @> ARRAY['security_invoker=true'], false)
"""
