"""Try to reach tenant B as tenant A: every table, every route, then forget it all.

Two probe tenants are planted with a row of every model inside one transaction that is
rolled back, so that nothing of the trial remains.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.db.models import Model
from django.db.utils import ProgrammingError
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from uuid_utils.compat import uuid7

from autonomy.opening import open_tenant
from config.catalogue import tenant_models, unfenced
from config.planting import plant_row
from ledger.models import Rights
from ledger.scope import tenant_scope
from perception import tenants, tokens
from perception.models import Membership
from perception.rules.roles import Role

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Trial:
    """One attempt and what came of it. `leak` is what must never be."""

    what: str
    how: str
    seen: str
    leak: bool


@dataclass(frozen=True)
class Side:
    """One probe tenant: its admin, and its rows by table."""

    tenant: UUID
    admin: Membership
    rows: dict[type[Model], Model]


def prove_isolation() -> list[Trial]:
    """Everything that was tried, in order; nothing of it stays."""
    trials = [Trial("catalogue", "read", problem, True) for problem in unfenced()]
    if not trials:
        trials.append(Trial("catalogue", "read", "every table is fenced", False))
    models = tenant_models()
    with _undone():
        mine, theirs = _plant(models), _plant(models)
        for model in models:
            trials += _try_table(model, mine, theirs)
        trials += _try_without_tenant(models)
        trials += _try_routes(mine, theirs)
    return trials


@contextmanager
def _undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _plant(models: list[type[Model]]) -> Side:
    now = timezone.now()
    slug = f"probe-{uuid7().hex[-12:]}"
    tenant = open_tenant(slug, slug, timezone="UTC", now=now)
    with tenant_scope(tenant):
        admin = tenants.add_member(f"admin@{slug}.invalid", "", Role.ADMIN, now=now)
        tokens.issue(admin, days=1, now=now)
        rows: dict[type[Model], Model] = {}
        for model in models:
            plant_row(model, tenant, rows)
    return Side(tenant=tenant, admin=admin, rows=rows)


def _try_table(model: type[Model], mine: Side, theirs: Side) -> Iterator[Trial]:
    table = model._meta.db_table
    rights: Rights = getattr(model, "rights", Rights())
    with tenant_scope(mine.tenant):
        yield _count(
            table, "read", "SELECT count(*) FROM {table} WHERE tenant_id = %s", theirs
        )
        for verb, statement in (
            ("UPDATE", "UPDATE {table} SET tenant_id = tenant_id WHERE tenant_id = %s"),
            ("DELETE", "DELETE FROM {table} WHERE tenant_id = %s"),
        ):
            if verb in rights.app and not _is_generated(model):
                yield _count(table, verb.lower(), statement, theirs)
        if "INSERT" in rights.app and not _is_generated(model):
            yield _insert(table, theirs.tenant)


def _count(table: str, how: str, statement: str, theirs: Side) -> Trial:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement.format(table=table), [str(theirs.tenant)])
            reached = cursor.fetchone()[0] if cursor.description else cursor.rowcount
    except DatabaseError as error:
        return Trial(table, how, f"refused ({_first_line(error)})", False)
    return Trial(table, how, f"{reached} rows of the other tenant", reached != 0)


def _insert(table: str, tenant: UUID) -> Trial:
    """The fence is asked before any other constraint, so an empty row is enough."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {table} (tenant_id) VALUES (%s)", [str(tenant)]
            )
    except ProgrammingError as error:
        fenced = "row-level security" in str(error)
        return Trial(table, "insert", _first_line(error), not fenced)
    except DatabaseError as error:
        return Trial(table, "insert", f"not fenced: {_first_line(error)}", True)
    return Trial(table, "insert", "a row was written for the other tenant", True)


def _try_without_tenant(models: list[type[Model]]) -> Iterator[Trial]:
    for model in models:
        table = model._meta.db_table
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {table}")
            seen = cursor.fetchone()[0]
        yield Trial(table, "read without a tenant", f"{seen} rows", seen != 0)


def _try_routes(mine: Side, theirs: Side) -> Iterator[Trial]:
    """Every route with every method, as A's admin, by ids of B."""
    for route in sorted(api_routes()):
        client = _client(mine)
        ids = sorted(_ids(theirs)) if "<" in route else [""]
        for method in METHODS:
            yield _worst(list(_calls(client, method, route, ids, theirs)))


def _calls(
    client: Client, method: str, route: str, ids: list[str], theirs: Side
) -> Iterator[Trial]:
    """With each id in turn; what a route does not do at all is tried once."""
    for id_ in ids:
        trial = _call(client, method, route, id_, theirs)
        yield trial
        if trial.seen == str(HTTPStatus.METHOD_NOT_ALLOWED.value):
            return


def _client(side: Side) -> Client:
    """A token for each route, so that the rate limit never hides a leak."""
    with tenant_scope(side.tenant):
        token = tokens.issue(side.admin, days=1, now=timezone.now())
    return Client(
        raise_request_exception=False,
        headers={"authorization": f"Bearer {token}"},
        SERVER_NAME="localhost",
    )


def _call(client: Client, method: str, route: str, id_: str, theirs: Side) -> Trial:
    path = "/" + _filled(route, id_)
    response = client.generic(method, path, b"{}", content_type="application/json")
    body = b"" if response.streaming else response.content
    # An error may repeat the id that was asked for; it must know no other.
    leaks = [found for found in _ids(theirs) if found != id_ and found.encode() in body]
    reached = bool(id_) and response.status_code < 400
    broke = response.status_code >= 500
    seen = f"{response.status_code}" + (f", shows {leaks[0]}" if leaks else "")
    return Trial(f"/{route}", method, seen, bool(leaks) or reached or broke)


def _worst(trials: list[Trial]) -> Trial:
    return next((trial for trial in trials if trial.leak), trials[0])


def _ids(side: Side) -> set[str]:
    """The ids by which rows are known outside."""
    found = {str(getattr(row, "id", "")) for row in side.rows.values()}
    return {id_ for id_ in found if len(id_) == 36} | {str(side.tenant)}


def api_routes(
    patterns: list[URLPattern | URLResolver] | None = None, base: str = ""
) -> Iterator[str]:
    """Every path below /api/v1/, as it is declared."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        path = base + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from api_routes(pattern.url_patterns, path)
        elif path.startswith("api/v1/"):
            yield path


def _filled(route: str, id_: str) -> str:
    parts = [id_ if part.startswith("<") else part for part in route.split("/")]
    return "/".join(parts)


def _is_generated(model: type[Model]) -> bool:
    """Whether the database itself writes the tenant, as on the tenant's own row."""
    return any(
        field.attname == "tenant_id" and field.generated for field in model._meta.fields
    )


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def as_rows(trials: list[Trial]) -> list[dict[str, Any]]:
    return [vars(trial) for trial in trials]
