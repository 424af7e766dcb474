"""Watching: what is due is looked at, and a pull of each source is judged for it.

A look refreshes an account from what is kept and costs no units. A pull does: whether it
goes out, `rules/pulls.py` says; each answer is stated with its reason.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from ledger.record import Actor, Fact, record_all
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant, system_scope, tenant_scope
from perception import board
from perception.board import Last
from perception.heat import look_again
from perception.models import Account, Connector, Tenant
from perception.noticing import notice
from perception.rules import cadence
from perception.rules.cadence import Cadence, Depth
from perception.rules.heat import Heat, Tier, cooled
from perception.rules.pulls import Judged, Reason, Wish, admit
from perception.sources.base import Reach
from perception.sources.registry import SOURCES

# Accounts that one tick looks at, and tenants that it serves; who they are changes.
MOST, TENANTS, LEAST_EACH = 1000, 50, 20
BY = Actor(type="schedule", id="watch accounts")
# How often a source is read that is read whole, unless its connector says otherwise.
WHOLE_EVERY = timedelta(minutes=5)
SHORTEST, LONGEST = 60, 7 * 86_400

_DUE_TENANTS = "SELECT perception_due_tenants(%s)"
_TAKE_DUE = "SELECT account, slot FROM perception_take_due(%s, %s, %s)"

_MOVE = """
UPDATE perception_account a SET
    next_poll_at = v.next_at, deep_at = v.deep_at, seen_at = %s
FROM unnest(%s::uuid[], %s::timestamptz[], %s::timestamptz[]) AS v(id, next_at, deep_at)
WHERE a.tenant_id = %s AND a.id = v.id
"""

_MOVE_WHOLE = """
UPDATE perception_connector c SET next_pull_at = v.next_at
FROM unnest(%s::uuid[], %s::timestamptz[]) AS v(id, next_at)
WHERE c.tenant_id = %s AND c.id = v.id
"""


@dataclass(frozen=True, kw_only=True)
class Ticked:
    """What one tick came to."""

    looked: int = 0
    admitted: int = 0
    refused: int = 0

    def __add__(self, other: "Ticked") -> "Ticked":
        return Ticked(
            looked=self.looked + other.looked,
            admitted=self.admitted + other.admitted,
            refused=self.refused + other.refused,
        )


@dataclass(frozen=True, kw_only=True)
class _Due:
    """An account that is looked at now, as it is after the look."""

    id: UUID
    slot: datetime
    tier: Tier
    heat: float
    deep_at: datetime | None
    created_at: datetime


def tick(*, now: datetime, most: int = MOST) -> Ticked:
    """Look at what is due, of each tenant its share. Any number of ticks may run."""
    with system_scope("watch accounts"), connection.cursor() as cursor:
        cursor.execute(_DUE_TENANTS, [now])
        tenants = [row[0] for row in cursor.fetchall()]
    # Whose turn it is, is drawn by lot, so that nobody's backlog holds up the others.
    random.shuffle(tenants)
    done = Ticked()
    each = max(LEAST_EACH, most // max(1, min(len(tenants), TENANTS)))
    problems: list[Exception] = []
    for tenant in tenants[:TENANTS]:
        try:
            with tenant_scope(tenant):
                done += _watch(now, each)
        except Exception as problem:  # noqa: BLE001  raised below
            # The others are served first.
            problems.append(problem)
    if problems:
        raise problems[0]
    return done


def every_of(connector: Connector) -> timedelta:
    """How often a connector is read that is read whole."""
    config = connector.config if isinstance(connector.config, dict) else {}
    given = config.get("every_s")
    if isinstance(given, int) and SHORTEST <= given <= LONGEST:
        return timedelta(seconds=given)
    return WHOLE_EVERY


def _watch(now: datetime, most: int) -> Ticked:
    """One tenant's share: one transaction, as many statements for one as for a thousand."""
    slots = _take(now, most)
    facts = look_again(slots, fresh=(), now=now)
    notice(list(slots), now=now)
    due = _seen(slots, now)
    tenant = Tenant.objects.get(pk=current_tenant())
    table = cadence.cadence_of(tenant.cadence)
    connectors = board.hold_connectors(SOURCES)
    wishes = _wishes(due, connectors, table, now)
    judged: list[Judged] = []
    if wishes:
        held = board.hold_board(
            tenant, connectors, {wish.key for wish in wishes}, now=now
        )
        judged, after = admit(held, wishes, now=now)
        ids = board.write(tenant, after, judged, now=now)
        facts += _stated(judged, ids, connectors, {each.id: each for each in due})
    _move_accounts(due, judged, table, now)
    _move_connectors(connectors, judged, now)
    record_all(facts, now=now)
    admitted = sum(each.admitted for each in judged)
    return Ticked(looked=len(due), admitted=admitted, refused=len(judged) - admitted)


def _take(now: datetime, most: int) -> dict[UUID, datetime]:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_DUE, [str(current_tenant()), now, most])
        return dict(cursor.fetchall())


def _seen(slots: dict[UUID, datetime], now: datetime) -> list[_Due]:
    if not slots:
        return []
    rows = Account.objects.filter(
        tenant_id=current_tenant(), id__in=list(slots)
    ).values_list("id", "heat_tier", "heat_score", "heat_at", "deep_at", "created_at")
    return [
        _Due(
            id=id_,
            slot=slots[id_],
            tier=Tier(tier),
            heat=cooled(Heat(score=score, tier=Tier(tier), at=at), now=now).score,
            deep_at=deep_at,
            created_at=created_at,
        )
        for id_, tier, score, at, deep_at, created_at in rows
    ]


def _wishes(
    due: Sequence[_Due],
    connectors: Sequence[Connector],
    table: Cadence,
    now: datetime,
) -> list[Wish]:
    by_account = [each for each in connectors if not _is_whole(each)]
    whole = [each for each in connectors if _is_whole(each) and _is_due(each, now)]
    last = board.last_of([each.id for each in due], [each.id for each in by_account])
    being_read = board.open_of([each.id for each in whole])
    wishes = [
        _wish(each, connector, last[each.id, connector.id], table, now)
        for each in due
        for connector in by_account
        if _is_owed(last[each.id, connector.id], now)
    ]
    for connector in whole:
        unread = now - (connector.pulled_at or connector.created_at)
        wishes.append(
            Wish(
                connector=connector.id,
                account=None,
                key=_key(connector.id, "all", connector.next_pull_at or now),
                depth=Depth.SHALLOW if connector.pulled_at else Depth.DEEP,
                worth=cadence.worth(1.0, unread),
                is_overdue=unread >= cadence.SWEEP,
                is_open=connector.id in being_read,
            )
        )
    return wishes


def _wish(
    due: _Due, connector: Connector, last: Last, table: Cadence, now: datetime
) -> Wish:
    since = last.read_at or due.created_at
    is_overdue = cadence.is_overdue(last.read_at, since=due.created_at, now=now)
    depth = cadence.depth_of(table[due.tier], deep_at=due.deep_at, now=now)
    return Wish(
        connector=connector.id,
        account=due.id,
        key=_key(connector.id, due.id, due.slot),
        # What coverage asks for is a look: so more of them are served.
        depth=Depth.SHALLOW if is_overdue else depth,
        worth=cadence.worth(due.heat, now - since),
        is_overdue=is_overdue,
        is_open=last.is_open,
    )


def _is_owed(last: Last, now: datetime) -> bool:
    """Not where it was read just now, and only another connector had to wait."""
    return last.at is None or last.is_open or now - last.at >= cadence.APART


def _is_whole(connector: Connector) -> bool:
    return SOURCES[connector.kind].reach is Reach.WHOLE


def _is_due(connector: Connector, now: datetime) -> bool:
    return connector.next_pull_at is not None and connector.next_pull_at <= now


def _key(connector: UUID, what: UUID | str, slot: datetime) -> str:
    return f"{connector}:{what}:{slot.timestamp():.3f}"


def _move_accounts(
    due: Sequence[_Due], judged: Iterable[Judged], table: Cadence, now: datetime
) -> None:
    """When each is looked at next; what was refused comes back sooner."""
    if not due:
        return
    of: dict[UUID, list[Judged]] = {each.id: [] for each in due}
    for each in judged:
        if each.wish.account is not None:
            of[each.wish.account].append(each)
    moves = [_next(each, of[each.id], table, now) for each in due]
    with connection.cursor() as cursor:
        cursor.execute(
            _MOVE,
            [
                now,
                [str(each.id) for each in due],
                [next_at for next_at, _ in moves],
                [deep_at for _, deep_at in moves],
                str(current_tenant()),
            ],
        )


def _next(
    due: _Due, judged: Sequence[Judged], table: Cadence, now: datetime
) -> tuple[datetime, datetime | None]:
    pace, deep_at = table[due.tier], due.deep_at
    if any(each.admitted and each.depth is Depth.DEEP for each in judged):
        deep_at = now + cadence.every(pace, due.id)
    times = [cadence.next_look(pace, due.id, now=now, deep_at=deep_at)]
    for each in judged:
        if each.reason is Reason.BUDGET_EXCEEDED:
            wish = each.wish
            times.append(
                cadence.after_midnight(each.at, wish.worth, is_overdue=wish.is_overdue)
            )
        elif not each.admitted:
            times.append(cadence.retry_at(pace, due.id, now=now, after=each.at))
    return min(times), deep_at


def _move_connectors(
    connectors: Sequence[Connector], judged: Iterable[Judged], now: datetime
) -> None:
    by_id = {each.id: each for each in connectors}
    moves = []
    for each in judged:
        if each.wish.account is not None:
            continue
        every = every_of(by_id[each.wish.connector])
        # A little off each time, so that those made together do not stay together.
        usual = now + every * random.uniform(0.95, 1.05)  # noqa: S311  no secret
        later = max(each.at, now + every / cadence.RETRY_SHARE)
        moves.append((each.wish.connector, usual if each.admitted else later))
    if not moves:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _MOVE_WHOLE,
            [
                [str(id_) for id_, _ in moves],
                [at for _, at in moves],
                str(current_tenant()),
            ],
        )


def _stated(
    judged: Iterable[Judged],
    ids: dict[str, UUID],
    connectors: Sequence[Connector],
    due: dict[UUID, _Due],
) -> list[Fact]:
    names = {each.id: each.name for each in connectors}
    blank = Fact(kind=Kind.PULL_JUDGED, by=BY)
    facts = []
    for each in judged:
        wish = each.wish
        subjects = {"connector": wish.connector}
        data: dict[str, Any] = {
            "connector": names[wish.connector],
            "reason": each.reason.value,
            "explanation": each.words,
            "depth": each.depth.value,
            "units": each.units,
            "worth": wish.worth,
            "overdue": wish.is_overdue,
            "at": each.at.isoformat(),
        }
        if wish.account is not None:
            subjects["account"] = wish.account
            data["tier"] = due[wish.account].tier.value
        if wish.key in ids and each.admitted:
            subjects["pull"] = ids[wish.key]
        facts.append(replace(blank, subjects=subjects, data=data))
    return facts
