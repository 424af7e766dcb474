"""Enter a tenant, or the system scope: always local to one transaction."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from ledger.errors import ForeignTenant, OutsideScope
from ledger.prepared import prepared
from ledger.riding import ride

# The house's own tenant: what concerns every tenant is recorded here.
PLATFORM = UUID("00000000-0000-7000-8000-000000000001")

SYSTEM_ROLE = "autonomy_system"

_tenant: ContextVar[UUID | None] = ContextVar("tenant", default=None)

_BECOME = f"SET LOCAL ROLE {SYSTEM_ROLE}"
_ENTER = "SELECT set_config('app.tenant', %s, true)"
_COUNT_USE = """
INSERT INTO ledger_systemuse (job, hour, session, uses)
VALUES (%s, date_trunc('hour', clock_timestamp()), pg_backend_pid(), 1)
ON CONFLICT (job, hour, session) DO UPDATE SET uses = ledger_systemuse.uses + 1
"""


def current_tenant() -> UUID:
    """The tenant in scope; there must be one."""
    tenant = _tenant.get()
    if tenant is None:
        raise OutsideScope
    return tenant


@contextmanager
def tenant_scope(tenant: UUID) -> Iterator[None]:
    """One transaction in which the rows of one tenant, and no others, exist."""
    held = _tenant.get()
    if held not in (None, tenant):
        raise ForeignTenant(f"{held} holds, {tenant} was asked for.")
    nested = connection.in_atomic_block
    with transaction.atomic():
        if held is None:
            _set_tenant(str(tenant))
        token = _tenant.set(tenant)
        try:
            yield
        finally:
            _tenant.reset(token)
        # A savepoint keeps what was set inside it; only its failure takes it back.
        if nested and held is None and not connection.needs_rollback:
            _set_tenant(settings.NO_TENANT)


def glance(
    tenant: UUID, statement: str, values: Sequence[Any]
) -> list[tuple[Any, ...]]:
    """What one statement finds of a tenant: alone in its transaction, which opens and
    ends with it, all in one round trip.
    """
    return _alone(_ENTER, statement, [str(tenant), *values])


def system_glance(
    job: str, statement: str, values: Sequence[Any], *, lasting: bool = True
) -> list[tuple[Any, ...]]:
    """The same across tenants, in the role that may; its use is counted. Not `lasting`:
    should the machine lose what it writes, somebody does it again.
    """
    if _tenant.get() is not None:
        raise ForeignTenant(f"{job} must not start inside {_tenant.get()}.")
    entering = f"{_BECOME};{_COUNT_USE}"
    if not lasting:
        entering = f"SET LOCAL synchronous_commit = off;{entering}"
    return _alone(entering, statement, [job, *values])


def _alone(
    entering: str, statement: str, values: Sequence[Any]
) -> list[tuple[Any, ...]]:
    if connection.in_atomic_block:
        raise ForeignTenant("A glance is a transaction of its own.")
    with connection.cursor() as cursor:
        cursor.execute(f"{entering};{prepared(statement)}", values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


@contextmanager
def system_scope(job: str) -> Iterator[None]:
    """One transaction across tenants, in the role that may; its use is counted."""
    if _tenant.get() is not None:
        raise ForeignTenant(f"{job} must not start inside {_tenant.get()}.")
    with transaction.atomic(), system_role():
        ride(_COUNT_USE, [job])
        yield


@contextmanager
def system_role() -> Iterator[None]:
    """What only the system may do, in the transaction at hand; not counted."""
    ride(_BECOME, (), writes=False)
    yield
    # After a failure the savepoint, or the transaction, takes the role back.
    if not connection.needs_rollback:
        ride("SET LOCAL ROLE NONE", (), writes=False)


def _set_tenant(value: str) -> None:
    ride(_ENTER, [value], writes=False)
