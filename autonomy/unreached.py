"""O3, A8: whose digests have not arrived, since when and why: said wherever one looks."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import connection

from ledger.scope import current_tenant, system_scope

# Sending takes seconds; what nobody has sent for so long is late, whatever the cause.
LATE = timedelta(minutes=15)
# So many are named; nobody mends more at once.
NAMED = 50

# A member's newest digest tells everything that has not arrived; so it alone is named.
# Whoever owns nothing any more is told nothing, and holds nothing up.
_NEWEST = """
FROM (SELECT DISTINCT ON (d.tenant_id, d.member_id)
             d.tenant_id, d.member_id, d.id, d.day, d.next_at,
             max(d.error) OVER w AS error,
             bool_or(d.error <> '' OR d.written_at <= %(late)s) OVER w AS is_late
      FROM autonomy_digest d
      WHERE d.delivered_at IS NULL AND d.written_at IS NOT NULL
        AND (%(tenant)s::uuid IS NULL OR d.tenant_id = %(tenant)s::uuid)
        AND (%(member)s::uuid IS NULL OR d.member_id = %(member)s::uuid)
      WINDOW w AS (PARTITION BY d.tenant_id, d.member_id)
      ORDER BY d.tenant_id, d.member_id, d.day DESC) n
JOIN perception_membership m
  ON m.tenant_id = n.tenant_id AND m.id = n.member_id AND m.is_active
JOIN perception_person p ON p.id = m.person_id
WHERE n.is_late AND EXISTS (
    SELECT FROM perception_account a
    WHERE a.tenant_id = n.tenant_id AND a.owner_id = n.member_id
      AND a.closed_at IS NULL)
"""
_MISSING = f"""
SELECT n.member_id, n.id, n.day, n.error, n.next_at, coalesce(nullif(p.name, ''), p.email)
{_NEWEST} ORDER BY n.day, n.member_id LIMIT %(most)s
"""
_COUNTED = f"""
SELECT count(*) FILTER (WHERE n.next_at IS NULL), count(*) {_NEWEST}
"""


@dataclass(frozen=True, kw_only=True)
class Missing:
    """A reader whose newest digest has not arrived. `next_at`: it is tried again then."""

    member: UUID
    name: str
    digest: UUID
    day: date
    why: str
    next_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Readers of all tenants: those that are given up on, and all."""

    given_up: int
    all: int


def missing(*, now: datetime, member: UUID | None = None) -> list[Missing]:
    """The readers of the tenant in scope that are not reached; or the one, if it is so."""
    with connection.cursor() as cursor:
        cursor.execute(
            _MISSING,
            {
                "tenant": str(current_tenant()),
                "member": member and str(member),
                "late": now - LATE,
                "most": NAMED,
            },
        )
        rows = cursor.fetchall()
    return [
        Missing(member=of, digest=id_, day=day, why=why, next_at=at, name=name)
        for of, id_, day, why, at, name in rows
    ]


def counted(*, now: datetime) -> Counted:
    """How many readers of all tenants are not reached."""
    with system_scope("measure digests"), connection.cursor() as cursor:
        named = {"tenant": None, "member": None, "late": now - LATE}
        cursor.execute(_COUNTED, named)
        given_up, every = cursor.fetchone()
    return Counted(given_up=given_up, all=every)
