"""Which accounts are due to be looked through, found and held: for patterns, for summaries."""

from datetime import datetime
from uuid import UUID

from django.db import connection

from ledger.scope import current_tenant

SCAN, SUMMARY = "scan_at", "summary_at"

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
ORDER BY r.{due} LIMIT %s
FOR NO KEY UPDATE OF a, r SKIP LOCKED
"""


def tenants_due(due: str, *, now: datetime) -> list[UUID]:
    """The tenants with accounts that are due; asked in the system scope."""
    with connection.cursor() as cursor:
        cursor.execute(_TENANTS.format(due=due), [now])
        return [row[0] for row in cursor.fetchall()]


def take(due: str, *, most: int, now: datetime) -> list[tuple[UUID, bool]]:
    """Accounts of the tenant in scope that are due, and whether each is still open."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE.format(due=due), [str(current_tenant()), now, most])
        return [(account, is_open) for account, is_open in cursor.fetchall()]
