"""What waits for the sealer."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from ledger.scope import system_scope


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """Entries without a place in the tree, and the age of the oldest."""

    count: int
    oldest_seconds: float


def backlog(*, now: datetime) -> Backlog:
    """Count what is not sealed yet, over all tenants."""
    with system_scope("measure the ledger"), connection.cursor() as cursor:
        cursor.execute(_WAITING)
        count, oldest = cursor.fetchone()
    age = (now - oldest).total_seconds() if oldest else 0.0
    return Backlog(count=count, oldest_seconds=round(max(age, 0.0), 3))


_WAITING = """
SELECT count(*), min(e.at) FROM ledger_pending p LEFT JOIN ledger_entry e USING (number)
"""
