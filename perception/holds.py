"""Who holds a pull: a claim is a lease with a fence, and only the fence may write."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from ledger.scope import current_tenant
from perception.models import Pull

_CLAIM = """
UPDATE perception_pull SET
    status = 'RUNNING', fence = fence + 1, attempts = attempts + 1,
    lease_until = clock_timestamp() + make_interval(secs => %s)
WHERE tenant_id = %s AND id = %s AND due_at <= clock_timestamp()
  AND (status = 'QUEUED' OR status = 'RUNNING' AND lease_until < clock_timestamp())
RETURNING fence, attempts, connector_id, account_id, depth
"""

_INSIST = """
SELECT 1 FROM perception_pull
WHERE tenant_id = %s AND id = %s AND fence = %s AND status = 'RUNNING' FOR UPDATE
"""

_RENEW = """
UPDATE perception_pull SET lease_until = clock_timestamp() + make_interval(secs => %s)
WHERE tenant_id = %s AND id = %s AND fence = %s AND status = 'RUNNING'
"""

# What came well forgives the attempts before it.
_COUNT = """
UPDATE perception_pull SET
    signals = signals + %s, unmatched = unmatched + %s, error = %s, attempts = 0,
    lease_until = clock_timestamp() + make_interval(secs => %s)
WHERE tenant_id = %s AND id = %s AND fence = %s RETURNING signals, unmatched
"""

_LET_GO = """
UPDATE perception_pull SET
    status = 'QUEUED', lease_until = NULL, sent_at = NULL, due_at = %s, error = %s,
    attempts = greatest(0, attempts - %s)
WHERE tenant_id = %s AND id = %s AND fence = %s AND status = 'RUNNING'
"""

_END = """
UPDATE perception_pull SET
    status = %s, lease_until = NULL, ended_at = %s, error = coalesce(%s, error)
WHERE tenant_id = %s AND id = %s AND fence = %s AND status = 'RUNNING'
"""


class Lost(Exception):
    """Another worker has this pull by now."""


@dataclass(frozen=True, kw_only=True)
class Hold:
    """A pull that this process holds until its lease is over."""

    tenant: UUID
    pull: UUID
    fence: int
    attempts: int
    span: float
    connector: UUID
    account: UUID | None
    depth: str

    def insist(self) -> None:
        """Keep the row to the transaction's end; it must still be ours."""
        self._ours(_INSIST)

    def renew(self) -> None:
        """The lease begins again."""
        self._ours(_RENEW, self.span)

    def count(self, *, signals: int, unmatched: int, said: str) -> tuple[int, int]:
        """Add what a page brought; return what the whole pull did. Also renews."""
        with connection.cursor() as cursor:
            cursor.execute(_COUNT, [signals, unmatched, said, self.span, *self._key()])
            row: tuple[int, int] = cursor.fetchone()
        return row

    def let_go(self, due_at: datetime, *, error: str, counts: bool) -> bool:
        """Back into the queue; without counting where nobody failed."""
        given = [due_at, error, 0 if counts else 1, *self._key()]
        with connection.cursor() as cursor:
            cursor.execute(_LET_GO, given)
            return bool(cursor.rowcount)

    def end(
        self, status: Pull.Status, *, at: datetime, error: str | None = None
    ) -> None:
        self._ours(_END, status.value, at, error)

    def _ours(self, statement: str, *given: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement, [*given, *self._key()])
            if not cursor.rowcount:
                raise Lost

    def _key(self) -> tuple[str, str, int]:
        return str(self.tenant), str(self.pull), self.fence


def claim(pull: UUID, *, span: float) -> Hold | None:
    """Take a pull of the tenant in scope that is due, or was left."""
    tenant = current_tenant()
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [span, str(tenant), str(pull)])
        row = cursor.fetchone()
    if row is None:
        return None
    fence, attempts, connector, account, depth = row
    return Hold(
        tenant=tenant,
        pull=pull,
        fence=fence,
        attempts=attempts,
        span=span,
        connector=connector,
        account=account,
        depth=depth,
    )
