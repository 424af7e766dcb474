"""Which accounts are due to be looked through, found and held: for patterns, for summaries."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import DatabaseError, connection

from ledger.scope import current_tenant, system_scope, tenant_scope

logger = structlog.get_logger("perception.reviews")

SCAN, SUMMARY = "scan_at", "summary_at"
# When each was looked through last.
LOOKED = {SCAN: "scanned_at", SUMMARY: "summarised_at"}
# An account that cannot be looked through comes again after so long.
AFTER_A_FAULT = timedelta(hours=1)
# Rounds of a sweep: whatever is due by then was made due meanwhile.
ROUNDS = 10

# A step or two of the index for each tenant, however many accounts each has.
_TENANTS = """
WITH RECURSIVE held AS (
    (SELECT tenant_id FROM perception_review
     WHERE {due} IS NOT NULL ORDER BY tenant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT r.tenant_id FROM perception_review r
            WHERE r.tenant_id > held.tenant_id AND r.{due} IS NOT NULL
            ORDER BY r.tenant_id LIMIT 1)
    FROM held WHERE held.tenant_id IS NOT NULL
)
SELECT tenant_id FROM held h WHERE tenant_id IS NOT NULL AND %s >= (
    SELECT min(d.{due}) FROM perception_review d
    WHERE d.tenant_id = h.tenant_id AND d.{due} IS NOT NULL)
"""

# Whoever takes an account holds it to the end of its transaction; others go past it.
_TAKE = """
SELECT r.account_id, a.closed_at IS NULL
FROM perception_review r
JOIN perception_account a ON a.tenant_id = r.tenant_id AND a.id = r.account_id
WHERE r.tenant_id = %s AND r.{due} <= %s
  AND (%s::uuid IS NULL OR r.account_id = %s::uuid)
ORDER BY r.{due} LIMIT %s
FOR NO KEY UPDATE OF a, r SKIP LOCKED
"""
_PUT_OFF = """
UPDATE perception_review SET {due} = %s
WHERE tenant_id = %s AND account_id = %s AND {due} <= %s
"""
_LOOKED = "SELECT count(*) FROM perception_review WHERE {looked} > %s"

Taken = Sequence[tuple[UUID, bool]]


@dataclass(frozen=True, kw_only=True)
class Served:
    """How many accounts were looked through, what that made, and how many broke."""

    looked: int = 0
    made: int = 0
    broken: int = 0
    # The kind of the first fault.
    error: str = ""

    def __add__(self, other: "Served") -> "Served":
        return Served(
            looked=self.looked + other.looked,
            made=self.made + other.made,
            broken=self.broken + other.broken,
            error=self.error or other.error,
        )


def tenants_due(due: str, *, now: datetime) -> list[UUID]:
    """The tenants with accounts that are due; asked in the system scope."""
    with connection.cursor() as cursor:
        cursor.execute(_TENANTS.format(due=due), [now])
        return [row[0] for row in cursor.fetchall()]


def take(
    due: str, *, most: int, now: datetime, only: UUID | None = None
) -> list[tuple[UUID, bool]]:
    """Accounts of the tenant in scope that are due, and whether each is still open."""
    one = only and str(only)
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE.format(due=due), [str(current_tenant()), now, one, one, most]
        )
        return [(account, is_open) for account, is_open in cursor.fetchall()]


def serve(
    due: str, do: Callable[[Taken], int], *, job: str, most: int, now: datetime
) -> Served:
    """Have a share of each tenant looked through, in one transaction each.

    Where that breaks, its accounts are looked through one by one: what is wrong with one
    is its own, and it comes again later.
    """
    with system_scope(job):
        tenants = tenants_due(due, now=now)
    served = Served()
    for tenant in tenants:
        try:
            with tenant_scope(tenant):
                taken = take(due, most=most, now=now)
                served += Served(made=do(taken), looked=len(taken))
        except Exception as problem:  # noqa: BLE001  said for each account below
            _replaced(problem)
            served += _one_by_one(tenant, due, do, most=most, now=now)
    return served


def sweep(
    due: str, do: Callable[[Taken], int], *, job: str, most: int, now: datetime
) -> Served:
    """Look through all that is due, until nothing is left."""
    served = Served()
    for _ in range(ROUNDS):
        more = serve(due, do, job=job, most=most, now=now)
        served += more
        if not more.looked:
            break
    return served


def looked(due: str, *, since: datetime, job: str) -> int:
    """How many accounts were looked through since a moment, by whomever."""
    with system_scope(job), connection.cursor() as cursor:
        cursor.execute(_LOOKED.format(looked=LOOKED[due]), [since])
        count: int = cursor.fetchone()[0]
    return count


def _one_by_one(
    tenant: UUID, due: str, do: Callable[[Taken], int], *, most: int, now: datetime
) -> Served:
    with tenant_scope(tenant):
        accounts = [account for account, _ in take(due, most=most, now=now)]
    served = Served()
    for account in accounts:
        try:
            with tenant_scope(tenant):
                taken = take(due, most=1, now=now, only=account)
                served += Served(made=do(taken), looked=len(taken))
        except Exception as problem:  # noqa: BLE001  the others are looked through
            _replaced(problem)
            error = type(problem).__name__
            served += Served(broken=1, error=error)
            logger.warning("account not looked through", id=str(account), error=error)
            _put_off(tenant, due, account, now)
    return served


def _put_off(tenant: UUID, due: str, account: UUID, now: datetime) -> None:
    with tenant_scope(tenant), connection.cursor() as cursor:
        later = now + AFTER_A_FAULT
        cursor.execute(
            _PUT_OFF.format(due=due), [later, str(tenant), str(account), now]
        )


def _replaced(problem: Exception) -> None:
    """A connection that may be broken is not used again."""
    if isinstance(problem, DatabaseError):
        connection.close()
