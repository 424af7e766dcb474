"""Signals enter the walk: each that may start a run gets the run it was promised."""

from collections.abc import Collection
from uuid import UUID

from django.conf import settings
from django.db import connection

from autonomy.rules.runs import RunStatus, Stage
from autonomy.rules.triggers import OF_SIGNAL, trigger_of
from autonomy.waking import wake as wake
from ledger.scope import current_tenant, tenant_scope
from perception.errors import TooBusy
from perception.rules.signals import MAX_CHAIN, SILENT

# Signals of one tenant that one transaction takes along.
AT_ONCE = 1000
BUSY_FOR = 5

# What others are entering is theirs. Echoes are marked too: they have been seen.
_ENTER = """
WITH waiting AS (
    SELECT s.id FROM perception_signal s
    WHERE s.tenant_id = %(tenant)s AND s.entered_at IS NULL
      AND (%(ids)s::uuid[] IS NULL OR s.id = ANY(%(ids)s::uuid[]))
    ORDER BY s.received_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), entered AS (
    UPDATE perception_signal s SET entered_at = clock_timestamp() FROM waiting w
    WHERE s.tenant_id = %(tenant)s AND s.id = w.id
    RETURNING s.id, s.tenant_id, s.account_id, s.type, s.run_id, s.caused_by, s.depth
), made AS (
    INSERT INTO autonomy_run
        (id, tenant_id, account_id, signal_id, trigger, origin, key, status, stage,
         fence, attempts, due_at, gate_result, gate_reason, gate_explanation, deferred,
         error, created_at, updated_at)
    SELECT e.run_id, e.tenant_id, e.account_id, e.id, coalesce(t.trigger, %(usual)s),
           'signal', 'signal ' || e.id, %(received)s, %(first)s,
           0, 0, clock_timestamp(), '', '', '', 0,
           '', clock_timestamp(), clock_timestamp()
    FROM entered e
    LEFT JOIN unnest(%(types)s::text[], %(triggers)s::text[]) AS t(type, trigger)
           ON t.type = e.type
    WHERE e.caused_by IS NULL AND e.depth <= %(chain)s AND e.type <> ALL(%(silent)s)
    ORDER BY e.id
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT count(*) FROM made
"""

# The tenants whose signals wait; asked in the system scope. One step of the index for
# each tenant, however much each has.
WAITING = """
WITH RECURSIVE waiting AS (
    (SELECT tenant_id FROM perception_signal WHERE entered_at IS NULL
     ORDER BY tenant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT s.tenant_id FROM perception_signal s
            WHERE s.tenant_id > w.tenant_id AND s.entered_at IS NULL
            ORDER BY s.tenant_id LIMIT 1)
    FROM waiting w WHERE w.tenant_id IS NOT NULL
)
SELECT tenant_id FROM waiting WHERE tenant_id IS NOT NULL
"""

_FULL = """
SELECT FROM autonomy_run
WHERE tenant_id = %s AND status IN ('RECEIVED', 'TRIGGERED', 'DEFERRED', 'DECIDED')
OFFSET %s LIMIT 1
"""


def enter(tenant: UUID, *, limit: int = AT_ONCE) -> int:
    """Enter a tenant's waiting signals, the oldest first; return the runs made."""
    with tenant_scope(tenant):
        return _enter(limit=limit, ids=None)


def enter_these(signals: Collection[UUID]) -> int:
    """Enter signals of the tenant in scope, in the transaction that received them."""
    if not signals:
        return 0
    return _enter(limit=len(signals), ids=sorted({str(id_) for id_ in signals}))


def insist_on_room() -> None:
    """Refuse more while the tenant in scope has its fill of open runs."""
    with connection.cursor() as cursor:
        cursor.execute(_FULL, [str(current_tenant()), settings.MAX_BACKLOG])
        if cursor.rowcount:
            raise TooBusy(wait=BUSY_FOR)


def _enter(*, limit: int, ids: Collection[str] | None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            _ENTER,
            {
                "tenant": str(current_tenant()),
                "ids": None if ids is None else list(ids),
                "limit": limit,
                "usual": trigger_of("").value,
                "received": RunStatus.RECEIVED.value,
                "first": Stage.TRIGGER.value,
                "types": list(OF_SIGNAL),
                "triggers": [trigger.value for trigger in OF_SIGNAL.values()],
                "chain": MAX_CHAIN,
                "silent": list(SILENT),
            },
        )
        made: int = cursor.fetchone()[0]
    return made
