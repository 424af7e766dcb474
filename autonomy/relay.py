"""The relay: what is due is sent, tenant by tenant in turn; what was lost is sent again."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.conf import settings

from autonomy.entering import WAITING, enter
from autonomy.rules.flow import LEAST, Seen, rest_after, room_after, together
from autonomy.rules.runs import Stage
from ledger.scope import system_glance

# A later version's stages are for its own relay to send.
KNOWN = frozenset(Stage)

# Tenants that had something to do lately are looked at first, this many of them.
LATELY = 4

# Who has something to be done; what is to be taken back, sent along the way; and, within
# the windows of these tenants, what was sent and nobody has taken up, before more is
# sent: acts, then runs.
_ROUND = f"""
SELECT 'enters' AS what, NULL::uuid AS id, tenant_id AS tenant, NULL AS stage,
       NULL::bigint AS waiting, NULL::float AS age, NULL::boolean AS is_full
FROM ({WAITING}) w
UNION ALL SELECT 'undo', u.undo, u.tenant, NULL, NULL, NULL, NULL
FROM autonomy_send_undos(%s, %s) u
UNION ALL SELECT 'busy', NULL, b, NULL, NULL, NULL, NULL FROM autonomy_busy_tenants() b
UNION ALL
SELECT 'seen', NULL, NULL, NULL, count(*) FILTER (WHERE waits),
       coalesce(extract(epoch FROM clock_timestamp() - percentile_disc(0.5)
           WITHIN GROUP (ORDER BY dispatched_at) FILTER (WHERE waits)), 0)::float,
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
UNION ALL SELECT 'act', a.intent, a.tenant, NULL, NULL, NULL, NULL
FROM autonomy_send_intents(%s::uuid[], %s, %s) a
UNION ALL SELECT 'run', r.run, r.tenant, r.stage, NULL, NULL, NULL
FROM autonomy_send_runs(%s::uuid[], %s, %s) r
"""  # noqa: S608  nothing in it comes from outside


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
        self.turn: list[UUID] = []
        # Whose turn it was when somebody had something to do.
        self.lately: list[UUID] = []
        self.room = room or settings.IN_FLIGHT
        # What may be under way of those whose turn it was, and for how many seconds
        # hands have enough of it.
        self.window, self.rest = LEAST, 0.0

    def round(self) -> int:
        """Send what is due and has room; return how much that was."""
        count, entering = self._send()
        # Doors enter what they receive themselves; this is what others left.
        if sum(enter(tenant) for tenant in entering):
            count += self._send()[0]
        return count

    def _send(self) -> tuple[int, set[UUID]]:
        """The same, and whose signals wait to be entered.

        It asks for those whose turn it is by the round before, and once more only where
        that missed somebody.
        """
        self.window, self.rest = 0, 0.0
        asked = self.turn[: settings.IN_FLIGHT] or self.lately
        found = self._ask(asked, busy=bool(self.turn))
        busy = [tenant for what, _, tenant, *_ in found if what == "busy"]
        if missed := self._in_turn(busy, asked):
            found += self._ask(missed, busy=True)
        sent = [one for row in found if (one := _sent(*row[:4]))]
        # Only now: a message that comes before its commit would find nothing to take.
        is_literal = settings.SPINE_STRIDE is not None
        for message in bundled(mixed(sent), LEAST if is_literal else self.window):
            self.publish(message)
        return len(sent), {tenant for what, _, tenant, *_ in found if what == "enters"}

    def _ask(self, tenants: Sequence[UUID], *, busy: bool) -> list[tuple[Any, ...]]:
        """What is due of these tenants, and who has something to be done; where they
        were `busy`, the room of the next round, by what hands take up soon.
        """
        again, each = settings.LEASE_SECONDS / 2, self._each(tenants)
        given = [list(map(str, tenants)), each, again]
        standing = [settings.IN_FLIGHT, again]
        found = _glance(_ROUND, [*standing, each, given[0], each, each, *given, *given])
        self.window += each * len(tenants)
        ((*_, waiting, age, full),) = [row for row in found if row[0] == "seen"]
        seen = Seen(waiting=waiting, age=age, full=full)
        if busy:
            self.room = room_after(self.room, seen, most=settings.IN_FLIGHT)
        self.rest = max(self.rest, rest_after(seen))
        return found

    def _each(self, tenants: Sequence[UUID]) -> int:
        """The window of each of them."""
        room = max(1, self.room // max(1, len(tenants)))
        return min(room, settings.IN_FLIGHT_PER_TENANT)

    def _in_turn(self, busy: Sequence[UUID], asked: Sequence[UUID]) -> list[UUID]:
        """Whose turn it was besides those who were asked for, at most as many as there
        is room for; all of them come last from now on.
        """
        wanted, had = set(busy), set(asked)
        known = dict.fromkeys([*self.turn, *busy])
        waiting = [each for each in known if each in wanted and each not in had]
        missed = waiting[: settings.IN_FLIGHT - len(had & wanted)]
        had.update(missed)
        self.turn = [each for each in waiting if each not in had]
        self.turn += [each for each in [*asked, *missed] if each in wanted]
        if busy:
            self.lately = self.turn[-LATELY:]
        return missed


def _sent(what: str, id_: UUID, tenant: UUID, stage: str | None) -> Sent | None:
    """What a row of the answer sends."""
    if what == "undo":
        return Sent(tenant=tenant, stage=Stage.EXECUTE, undo=id_)
    if what == "act":
        return Sent(tenant=tenant, stage=Stage.EXECUTE, intent=id_)
    if what == "run" and stage in KNOWN:
        return Sent(tenant=tenant, stage=Stage(stage), run=id_)
    return None


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
