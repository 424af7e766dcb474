"""The relay: what is due is sent, tenant by tenant in turn; what was lost is sent again."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from autonomy.entering import enter, waiting_tenants
from autonomy.rows import Writes
from autonomy.rules.flow import Seen, room_after
from autonomy.rules.runs import Stage
from ledger.riding import ride
from ledger.scope import system_scope

# A later version's stages are for its own relay to send.
KNOWN = frozenset(Stage)

_BUSY = "SELECT autonomy_busy_tenants()"
_RUNS = "SELECT * FROM autonomy_send_runs(%s::uuid[], %s, %s)"
_UNDOS = "SELECT * FROM autonomy_send_undos(%s, %s)"
_INTENTS = "SELECT * FROM autonomy_send_intents(%s::uuid[], %s, %s)"

# What is sent and that nobody has taken up, within the windows of these tenants.
_SEEN = """
SELECT count(*) FILTER (WHERE waits),
       coalesce(extract(epoch FROM clock_timestamp() - percentile_disc(0.5)
           WITHIN GROUP (ORDER BY dispatched_at) FILTER (WHERE waits)), 0),
       coalesce(bool_or(place >= %s), false)
FROM unnest(%s::uuid[]) AS t(id), LATERAL (
    (SELECT dispatched_at, row_number() OVER (ORDER BY due_at) AS place,
            dispatched_at IS NOT NULL
            AND (lease_until IS NULL OR lease_until < clock_timestamp()) AS waits
     FROM autonomy_run
     WHERE tenant_id = t.id AND due_at <= clock_timestamp()
       AND status IN ('RECEIVED', 'TRIGGERED', 'DEFERRED', 'DECIDED')
     ORDER BY due_at LIMIT %s)
    UNION ALL
    (SELECT dispatched_at, row_number() OVER (ORDER BY due_at) AS place,
            dispatched_at IS NOT NULL
            AND (lease_until IS NULL OR lease_until < clock_timestamp()) AS waits
     FROM autonomy_intent
     WHERE tenant_id = t.id AND due_at <= clock_timestamp()
       AND status IN ('APPROVED', 'EXECUTING')
     ORDER BY due_at LIMIT %s)) AS w
"""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One message: a run from a stage on, an intent that is to be done, or taken back."""

    tenant: UUID
    stage: Stage
    run: UUID | None = None
    intent: UUID | None = None
    undo: UUID | None = None


class Relay:
    """Sends what is due. Any number may run: each row is sent by one of them.

    The turn of tenants, and how much hands take up soon, is all that it remembers, and
    that only makes it fairer. `room`: how much it sends at first.
    """

    def __init__(
        self, publish: Callable[[Sent], None], *, room: int | None = None
    ) -> None:
        self.publish = publish
        self.turn: deque[UUID] = deque()
        self.room = room or settings.IN_FLIGHT

    def round(self) -> int:
        """Send what is due and has room; return how much that was."""
        count, entering = self._send()
        # Doors enter what they receive themselves; this is what others left.
        if sum(enter(tenant) for tenant in entering):
            count += self._send()[0]
        return count

    def _send(self) -> tuple[int, list[UUID]]:
        """The same, and whose signals wait to be entered."""
        with system_scope("relay"):
            # Should the machine lose this, the same is sent again, to claims that hold.
            ride("SET LOCAL synchronous_commit = off", (), writes=False)
            entering = waiting_tenants()
            again = settings.LEASE_SECONDS / 2
            undos = Writes().ask(_UNDOS, [settings.IN_FLIGHT, again])
            sent = [
                Sent(tenant=tenant, stage=Stage.EXECUTE, undo=undo)
                for undo, tenant in undos
            ]
            tenants = self._in_turn([row[0] for row in Writes().ask(_BUSY, [])])
            if tenants:
                self._look(tenants)
                sent += self._due(tenants, again)
        # Only now: a message that comes before its commit would find nothing to take.
        for message in mixed(sent):
            self.publish(message)
        return len(sent), entering

    def _due(self, tenants: Sequence[str], again: float) -> list[Sent]:
        """What is due of these tenants, acts before runs."""
        given = [list(tenants), self._each(tenants), again]
        sent = [
            Sent(tenant=tenant, stage=Stage.EXECUTE, intent=intent)
            for intent, tenant in Writes().ask(_INTENTS, given)
        ]
        sent += [
            Sent(tenant=tenant, stage=Stage(stage), run=run)
            for run, tenant, stage in Writes().ask(_RUNS, given)
            if stage in KNOWN
        ]
        return sent

    def _look(self, tenants: Sequence[str]) -> None:
        """Make room for what hands take up soon."""
        each = self._each(tenants)
        ((waiting, age, full),) = Writes().ask(_SEEN, [each, list(tenants), each, each])
        seen = Seen(waiting=waiting, age=float(age), full=full)
        self.room = room_after(self.room, seen, most=settings.IN_FLIGHT)

    def _each(self, tenants: Sequence[str]) -> int:
        """The window of each of them."""
        room = max(1, self.room // len(tenants))
        return min(room, settings.IN_FLIGHT_PER_TENANT)

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
