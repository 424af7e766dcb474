"""State in the ledger how often jobs crossed tenants."""

from datetime import datetime

from django.db import connection

from ledger.record import Actor, Fact, record_all
from ledger.rules.kinds import Kind
from ledger.scope import PLATFORM, system_role, tenant_scope

# Hours that are over; a session counts an hour only while it lasts.
_TAKE = """
WITH taken AS (
    DELETE FROM ledger_systemuse WHERE hour < date_trunc('hour', %s::timestamptz)
    RETURNING job, hour, uses
)
SELECT job, hour, sum(uses)::bigint FROM taken GROUP BY job, hour ORDER BY hour, job
"""


def state_system_use(*, now: datetime) -> int:
    """One entry per job and finished hour, in the house's own ledger."""
    # Taken and stated in one transaction: a crash in between loses neither.
    with tenant_scope(PLATFORM):
        with system_role(), connection.cursor() as cursor:
            cursor.execute(_TAKE, [now])
            taken = cursor.fetchall()
        record_all(
            [
                Fact(
                    kind=Kind.SYSTEM_SCOPE_USED,
                    by=Actor(type="system", id=job),
                    data={"job": job, "hour": hour.isoformat(), "uses": uses},
                )
                for job, hour, uses in taken
            ],
            now=now,
        )
    return len(taken)
