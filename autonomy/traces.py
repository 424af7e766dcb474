"""Which trace an act belongs to: that of the signal, or else the run, that it goes back to."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import connection

from autonomy.rules.runs import Stage
from ledger import spans
from ledger.scope import glance

if TYPE_CHECKING:
    from autonomy.runs import Held

_OF_INTENT = """
SELECT coalesce(r.signal_id, r.id, i.id) FROM autonomy_intent i
LEFT JOIN autonomy_run r ON r.tenant_id = i.tenant_id AND r.id = i.run_id
WHERE i.tenant_id = %s AND i.id = %s
"""


def of_intent(intent: UUID, tenant: UUID) -> Callable[[], UUID | None]:
    """How to find it: only who is heard has to ask the database."""

    def found() -> UUID | None:
        asked = [tenant, intent]
        if not connection.in_atomic_block:
            rows = glance(tenant, _OF_INTENT, asked)
            return rows[0][0] if rows else None
        with connection.cursor() as cursor:
            cursor.execute(_OF_INTENT, asked)
            row = cursor.fetchone()
        return row[0] if row else None

    return found


def act(intent: UUID, tenant: UUID) -> AbstractContextManager[object]:
    """An act, in the trace that it goes back to."""
    ids = {"tenant": tenant, "intent": intent}
    return spans.span("execute", of_intent(intent, tenant), stage="EXECUTE", **ids)


def stage(at: Stage, held: "Held") -> AbstractContextManager[object]:
    """A stage of a run, in its signal's trace. Acts are executed one by one, by whoever
    has them, and tell of themselves.
    """
    if at is Stage.EXECUTE:
        return nullcontext()
    return spans.span(
        at.value.lower(),
        held.signal or held.id,
        stage=at.value,
        tenant=held.tenant,
        account=held.account,
        run=held.id,
        trigger=held.trigger,
        claim=held.fence,
    )
