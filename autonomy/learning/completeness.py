"""N1: whether every intent that ended has its outcome; what has none is named, not hidden."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from autonomy.rules.outcomes import OTHER_FACTS, OWED, normalized
from ledger.scope import current_tenant

DAYS = 30
# So long a transaction elsewhere may take to show its outcome.
GRACE = timedelta(minutes=5)
LISTED = 100

_ENDED = """
SELECT i.id, i.action_type, i.status, i.updated_at, coalesce(
    (SELECT array_agg(o.taxonomy) FROM autonomy_outcome o
     WHERE o.tenant_id = i.tenant_id AND o.intent_id = i.id), '{}')
FROM autonomy_intent i
WHERE i.tenant_id = %s AND i.status = ANY(%s)
  AND i.updated_at >= %s AND i.updated_at < %s
ORDER BY i.id
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """An intent that ended, and what is missing of it."""

    intent: UUID
    action_type: str
    status: str
    owed: str
    since: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Completeness:
    """How many ended, as what; those without their outcome, the first of them by name."""

    ended: int
    by_outcome: dict[str, int]
    missing: int
    gaps: tuple[Gap, ...]

    def stated(self) -> dict[str, Any]:
        """As plain JSON."""
        return {
            "ended": self.ended,
            "by_outcome": self.by_outcome,
            "missing": self.missing,
            "gaps": [
                {
                    "intent": str(gap.intent),
                    "action_type": gap.action_type,
                    "status": gap.status,
                    "owed": gap.owed,
                    "since": gap.since.isoformat(),
                }
                for gap in self.gaps
            ],
        }


def completeness(*, now: datetime, days: int = DAYS) -> Completeness:
    """What ended in the last days, of the tenant in scope."""
    statuses = [*OWED, *sorted(OTHER_FACTS)]
    count: Counter[str] = Counter()
    gaps: list[Gap] = []
    missing = 0
    begin, end = now - timedelta(days=days), now - GRACE
    with connection.cursor() as cursor:
        cursor.execute(_ENDED, [current_tenant(), statuses, begin, end])
        for intent, action_type, status, at, held in cursor.fetchall():
            word = normalized(status, held)
            if word is not None:
                count[word] += 1
                continue
            missing += 1
            if len(gaps) < LISTED:
                gap = Gap(
                    intent=intent, action_type=action_type, status=status,
                    owed=OWED[status].value, since=at,
                )  # fmt: skip
                gaps.append(gap)
    return Completeness(
        ended=sum(count.values()) + missing,
        by_outcome=dict(sorted(count.items())),
        missing=missing,
        gaps=tuple(gaps),
    )
