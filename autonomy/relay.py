"""The relay: what is due is sent, tenant by tenant in turn; what was lost is sent again."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.conf import settings

from autonomy.entering import WAITING, enter
from autonomy.rules.flow import LEAST, Seen, room_after, together
from autonomy.rules.runs import Stage
from ledger.scope import system_glance

# A later version's stages are for its own relay to send.
KNOWN = frozenset(Stage)

# Who has something to be done; and what is to be taken back, sent along the way.
_STANDING = f"""
SELECT 'enters', tenant_id, NULL::uuid FROM ({WAITING}) w
UNION ALL SELECT 'undo', u.tenant, u.undo FROM autonomy_send_undos(%s, %s) u
UNION ALL SELECT 'busy', b, NULL FROM autonomy_busy_tenants() b
"""  # noqa: S608  nothing in it comes from outside

# What was sent and nobody has taken up, within the windows of these tenants, before
# more is sent: acts, then runs.
_DUE = """
SELECT 'seen' AS what, NULL::uuid AS id, NULL::uuid AS tenant, NULL AS stage,
       count(*) FILTER (WHERE waits) AS waiting,
       coalesce(extract(epoch FROM clock_timestamp() - percentile_disc(0.5)
           WITHIN GROUP (ORDER BY dispatched_at) FILTER (WHERE waits)), 0)::float AS age,
       coalesce(bool_or(place >= %s), false) AS is_full
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
UNION ALL SELECT 'act', a.intent, a.tenant, NULL, NULL, NULL, NULL
FROM autonomy_send_intents(%s::uuid[], %s, %s) a
UNION ALL SELECT 'run', r.run, r.tenant, r.stage, NULL, NULL, NULL
FROM autonomy_send_runs(%s::uuid[], %s, %s) r
"""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One message: a run from a stage on, an intent that is to be done, or taken back.

    `along`: runs at the same stage that travel with it, each with its tenant.
    """

    tenant: UUID
    stage: Stage
    run: UUID | None = None
    intent: UUID | None = None
    undo: UUID | None = None
    along: tuple[tuple[UUID, UUID], ...] = ()


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
        # What may be under way of those whose turn it was, and whether somebody has
        # more to do than that.
        self.window, self.full = LEAST, False

    def round(self) -> int:
        """Send what is due and has room; return how much that was."""
        count, entering = self._send()
        # Doors enter what they receive themselves; this is what others left.
        if sum(enter(tenant) for tenant in entering):
            count += self._send()[0]
        return count

    def _send(self) -> tuple[int, list[UUID]]:
        """The same, and whose signals wait to be entered."""
        self.full = False
        again = settings.LEASE_SECONDS / 2
        found = _glance(_STANDING, [settings.IN_FLIGHT, again])
        entering = [tenant for what, tenant, _ in found if what == "enters"]
        sent = [
            Sent(tenant=tenant, stage=Stage.EXECUTE, undo=undo)
            for what, tenant, undo in found
            if what == "undo"
        ]
        busy = [tenant for what, tenant, _ in found if what == "busy"]
        if tenants := self._in_turn(busy):
            sent += self._due(tenants, again)
        # Only now: a message that comes before its commit would find nothing to take.
        is_literal = settings.SPINE_STRIDE is not None
        for message in bundled(mixed(sent), LEAST if is_literal else self.window):
            self.publish(message)
        return len(sent), entering

    def _due(self, tenants: Sequence[str], again: float) -> list[Sent]:
        """What is due of these tenants, acts before runs; and the room of the next round,
        by what hands take up soon.
        """
        given = [list(tenants), each := self._each(tenants), again]
        due = _glance(_DUE, [each, given[0], each, each, *given, *given])
        ((*_, waiting, age, full),) = [row for row in due if row[0] == "seen"]
        seen = Seen(waiting=waiting, age=age, full=full)
        self.window, self.full = each * len(tenants), full
        self.room = room_after(self.room, seen, most=settings.IN_FLIGHT)
        return [
            Sent(tenant=tenant, stage=Stage.EXECUTE, intent=id_)
            if what == "act"
            else Sent(tenant=tenant, stage=Stage(stage), run=id_)
            for what, id_, tenant, stage, *_ in due
            if what == "act" or (what == "run" and stage in KNOWN)
        ]

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


def _glance(statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Should the machine lose this, the same is sent again, to claims that hold."""
    return system_glance("relay", statement, values, lasting=False)


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


def bundled(sent: Sequence[Sent], window: int) -> list[Sent]:
    """Fresh runs in messages of some, in their order; all others in one of their own."""
    fresh = [message for message in sent if _is_fresh(message)]
    size = together(window, len(fresh))
    messages = [message for message in sent if not _is_fresh(message)]
    for first in range(0, len(fresh), size):
        leader, *others = fresh[first : first + size]
        along = tuple((one.run, one.tenant) for one in others if one.run)
        messages.append(replace(leader, along=along))
    return messages


def _is_fresh(message: Sent) -> bool:
    """Nothing of it is done yet: a walk from its beginning, which any hand can take."""
    return message.run is not None and message.stage is Stage.TRIGGER
