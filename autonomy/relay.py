"""The relay: what is due is sent, tenant by tenant in turn; what was lost is sent again."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import connection

from autonomy.entering import enter_waiting
from autonomy.rules.runs import Stage
from ledger.scope import system_scope

_BUSY = "SELECT autonomy_busy_tenants()"
_RUNS = "SELECT * FROM autonomy_send_runs(%s::uuid[], %s, %s)"
_INTENTS = "SELECT * FROM autonomy_send_intents(%s::uuid[], %s, %s)"


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One message: a run from a stage on, or an intent that is to be done."""

    tenant: UUID
    stage: Stage
    run: UUID | None = None
    intent: UUID | None = None


class Relay:
    """Sends what is due. Any number may run: each row is sent by one of them.

    The turn of tenants is all that it remembers, and that only makes it fairer.
    """

    def __init__(self, publish: Callable[[Sent], None]) -> None:
        self.publish = publish
        self.turn: deque[UUID] = deque()

    def round(self) -> int:
        """Send what is due and has room; return how much that was."""
        enter_waiting()
        with system_scope("relay"), connection.cursor() as cursor:
            cursor.execute(_BUSY)
            tenants = self._in_turn([row[0] for row in cursor.fetchall()])
            if not tenants:
                return 0
            room = max(1, settings.IN_FLIGHT // len(tenants))
            each = min(room, settings.IN_FLIGHT_PER_TENANT)
            again = settings.LEASE_SECONDS / 2
            cursor.execute(_INTENTS, [tenants, each, again])
            sent = [
                Sent(tenant=tenant, stage=Stage.EXECUTE, intent=intent)
                for intent, tenant in cursor.fetchall()
            ]
            cursor.execute(_RUNS, [tenants, each, again])
            sent += [
                Sent(tenant=tenant, stage=Stage(stage), run=run)
                for run, tenant, stage in cursor.fetchall()
            ]
        # Only now: a message that comes before its commit would find nothing to take.
        for message in mixed(sent):
            self.publish(message)
        return len(sent)

    def _in_turn(self, busy: Sequence[UUID]) -> list[str]:
        """The tenants whose turn it is, at most as many as there is room for."""
        known = set(self.turn)
        self.turn.extend(tenant for tenant in busy if tenant not in known)
        wanted = set(busy)
        self.turn = deque(tenant for tenant in self.turn if tenant in wanted)
        chosen = list(self.turn)[: settings.IN_FLIGHT]
        self.turn.rotate(-len(chosen))
        return [str(tenant) for tenant in chosen]


def mixed(sent: Sequence[Sent]) -> list[Sent]:
    """One of each tenant in turn, so that no tenant stands behind all of another's."""
    by_tenant: dict[UUID, deque[Sent]] = {}
    for message in sent:
        by_tenant.setdefault(message.tenant, deque()).append(message)
    queues, ordered = deque(by_tenant.values()), []
    while queues:
        queue = queues.popleft()
        ordered.append(queue.popleft())
        if queue:
            queues.append(queue)
    return ordered
