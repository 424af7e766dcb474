"""A ritual's turn on one day: claimed, kept, handed on, ended by whoever runs it."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection
from uuid_utils.compat import uuid7

from autonomy.rules.rituals import LEASE, Due
from autonomy.rules.triggers import Trigger
from ledger.record import Actor, Fact, record_all
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant

LEFT = "A newer day came before it ended."

# A day is begun once; what nobody goes on with is taken up again, unless a newer day
# has begun meanwhile.
_CLAIM = """
INSERT INTO autonomy_ritual AS r
    (id, tenant_id, kind, day, due_at, started_at, count, broken, error)
SELECT %(id)s, %(tenant)s, %(kind)s, %(day)s, %(due)s, clock_timestamp(), 0, 0, ''
WHERE NOT EXISTS (SELECT FROM autonomy_ritual n
                  WHERE n.tenant_id = %(tenant)s AND n.kind = %(kind)s
                    AND n.day > %(day)s)
ON CONFLICT (tenant_id, kind, day) DO UPDATE SET started_at = clock_timestamp()
WHERE r.ended_at IS NULL AND r.started_at <= clock_timestamp() - %(lease)s
RETURNING r.id, r.started_at
"""
_LEAVE = """
UPDATE autonomy_ritual SET ended_at = clock_timestamp(), error = %(left)s
WHERE tenant_id = %(tenant)s AND kind = %(kind)s AND day < %(day)s
  AND ended_at IS NULL AND started_at <= clock_timestamp() - %(lease)s
RETURNING id, day
"""
# Whoever runs it moves the moment on as it goes: nobody else takes it up meanwhile.
_KEEP = """
UPDATE autonomy_ritual SET started_at = clock_timestamp()
WHERE tenant_id = %s AND id = %s AND started_at = %s AND ended_at IS NULL
RETURNING started_at
"""
_END = """
UPDATE autonomy_ritual
SET ended_at = CASE WHEN %(ends)s THEN clock_timestamp() END,
    started_at = CASE WHEN %(ends)s THEN started_at
                 ELSE clock_timestamp() - %(lease)s END,
    count = count + %(count)s, broken = broken + %(broken)s, error = %(error)s
WHERE tenant_id = %(tenant)s AND id = %(id)s AND started_at = %(fence)s
  AND ended_at IS NULL
"""


class Lost(Exception):
    """Somebody else has taken it up meanwhile."""


@dataclass(frozen=True, kw_only=True)
class Occasion:
    """The ritual that is being run: which, and of which day."""

    id: UUID
    kind: Trigger
    day: date

    def about(self) -> dict[str, str]:
        return {"ritual": self.kind.value, "day": self.day.isoformat()}


@dataclass(kw_only=True)
class Held:
    """A turn that this process, and no other, runs; and what came of it so far."""

    tenant: UUID
    occasion: Occasion
    due_at: datetime
    fence: datetime
    count: int = 0
    started: int = 0
    proposed: int = 0
    broken: int = 0
    errors: list[str] = field(default_factory=list)


def claim(turn: Due, *, now: datetime) -> Held | None:
    """Take a turn of the tenant in scope; None where somebody else has it. Older ones
    that nobody went on with are ended.
    """
    tenant = current_tenant()
    named: dict[str, Any] = {
        "id": str(uuid7()),
        "tenant": str(tenant),
        "kind": turn.kind.value,
        "day": turn.day,
        "due": turn.at,
        "lease": LEASE,
        "left": LEFT,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, named)
        row = cursor.fetchone()
        if row is None:
            return None
        cursor.execute(_LEAVE, named)
        left = cursor.fetchall()
    facts = [
        _fact(Occasion(id=id_, kind=turn.kind, day=day), {"error": LEFT})
        for id_, day in left
    ]
    record_all(facts, now=now)
    return Held(
        tenant=tenant,
        occasion=Occasion(id=row[0], kind=turn.kind, day=turn.day),
        due_at=turn.at,
        fence=row[1],
    )


def keep(held: Held) -> datetime:
    """Show that it is still being run, in the transaction at hand; the new fence, which
    holds once that is committed.
    """
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [str(held.tenant), str(held.occasion.id), held.fence])
        row = cursor.fetchone()
    if row is None:
        raise Lost
    fence: datetime = row[0]
    return fence


def end(held: Held, *, more: bool, is_off: bool = False, now: datetime) -> None:
    """End it, and state what came of it. `more`: whoever looks next goes on with it."""
    error = ", ".join(sorted(set(held.errors)))[:300]
    named: dict[str, Any] = {
        "ends": not more,
        "lease": LEASE,
        "count": held.count,
        "broken": held.broken,
        "error": error,
        "tenant": str(held.tenant),
        "id": str(held.occasion.id),
        "fence": held.fence,
    }
    with connection.cursor() as cursor:
        cursor.execute(_END, named)
        if not cursor.rowcount:
            raise Lost
    said = {
        "due_at": held.due_at.isoformat(),
        "count": held.count,
        "runs": held.started,
        "plans": held.proposed,
        "broken": held.broken,
        "error": error,
        **({"off": True} if is_off else {}),
        **({"more": True} if more else {}),
    }
    record_all([_fact(held.occasion, said)], now=now)


def _fact(occasion: Occasion, said: dict[str, Any]) -> Fact:
    kind, day = occasion.kind.value, occasion.day.isoformat()
    return Fact(
        kind=Kind.RITUAL_RUN,
        by=Actor(type="schedule", id=kind),
        subjects={"ritual": occasion.id},
        data={"kind": kind, "day": day, **said},
    )
