"""What moved about an account, told to who stands above: kept until it is heard.

Nothing here calls upward; whoever wants news comes and asks.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from ledger.scope import current_tenant

_TENANTS = "SELECT perception_news_tenants()"

_FOUND = """
SELECT id, news_at FROM perception_account
WHERE tenant_id = %s AND news_at IS NOT NULL
ORDER BY news_at, id LIMIT %s
"""

# Held in the order of ids, so that two pages never wait for each other. No two news of
# an account have the same moment.
_TELL = """
WITH held AS (
    SELECT id FROM perception_account
    WHERE tenant_id = %(tenant)s AND id = ANY(%(ids)s::uuid[])
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE perception_account a
SET news_at = greatest(%(now)s, a.news_at + interval '1 microsecond')
FROM held h
WHERE a.tenant_id = %(tenant)s AND a.id = h.id
"""

# What came since then has another moment, and stays.
_HEARD = """
WITH held AS (
    SELECT a.id FROM perception_account a
    JOIN unnest(%(ids)s::uuid[], %(ats)s::timestamptz[]) AS v(id, at) ON a.id = v.id
    WHERE a.tenant_id = %(tenant)s AND a.news_at = v.at
    ORDER BY a.id FOR NO KEY UPDATE OF a
)
UPDATE perception_account a SET news_at = NULL FROM held h
WHERE a.tenant_id = %(tenant)s AND a.id = h.id
"""


def tenants_with_news() -> list[UUID]:
    """The tenants with accounts that have news; asked in the system scope."""
    with connection.cursor() as cursor:
        cursor.execute(_TENANTS)
        return [row[0] for row in cursor.fetchall()]


def account_news(most: int) -> list[tuple[UUID, datetime]]:
    """Accounts of the tenant in scope with news that nobody has heard, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_FOUND, [str(current_tenant()), most])
        return [(id_, at) for id_, at in cursor.fetchall()]


def heard(pairs: Sequence[tuple[UUID, datetime]]) -> int:
    """Take news as heard, each as it was read; return how many were the last word."""
    if not pairs:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            _HEARD,
            {
                "tenant": str(current_tenant()),
                "ids": [str(id_) for id_, _ in pairs],
                "ats": [at for _, at in pairs],
            },
        )
        count: int = cursor.rowcount
    return count


def moment(before: datetime | None, *, now: datetime) -> datetime:
    """When news is told: no two news of an account have the same moment."""
    return now if before is None else max(now, before + timedelta(microseconds=1))


def tell(accounts: Collection[UUID], *, now: datetime) -> None:
    """There is news of these accounts of the tenant in scope."""
    with connection.cursor() as cursor:
        cursor.execute(
            _TELL,
            {
                "tenant": str(current_tenant()),
                "ids": [str(id_) for id_ in accounts],
                "now": now,
            },
        )
