"""Rituals: run on a tenant's days, each once, however many look and however late. G2."""

import random
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Protocol
from uuid import UUID

import structlog
from django.db import DatabaseError, connection

from autonomy import rites, turns
from autonomy.alerts import each_of
from autonomy.entering import wake
from autonomy.models import TriggerRow
from autonomy.rites import Seller
from autonomy.rules.rituals import WEEKDAY, Calendar, Due, Last, due, ritual_hour
from autonomy.rules.triggers import Trigger
from autonomy.turns import Held, Lost
from ledger.scope import PLATFORM, current_tenant, system_scope, tenant_scope

logger = structlog.get_logger("autonomy.rituals")

JOB = "run rituals"
# Tenants that one look serves, and accounts whose plans are proposed between two signs
# of life: nobody's worker is held up for long.
TENANTS, TOGETHER = 50, 20

_HELD = """
SELECT t.id, k.kind, t.timezone, t.previous_timezone, t.timezone_since, t.digest_hour,
       t.created_at, r.day, r.started_at, r.ended_at IS NOT NULL
FROM perception_tenant t
CROSS JOIN unnest(%s::text[]) WITH ORDINALITY AS k(kind, place)
LEFT JOIN LATERAL (
    SELECT n.day, n.started_at, n.ended_at FROM autonomy_ritual n
    WHERE n.tenant_id = t.id AND n.kind = k.kind ORDER BY n.day DESC LIMIT 1) r ON true
WHERE t.id <> %s AND (%s::uuid IS NULL OR t.id = %s::uuid) ORDER BY t.id, k.place
"""


class Foresee(Protocol):
    """Whoever stands above and proposes plans for renewals that come near."""

    def __call__(
        self, accounts: Sequence[UUID], /, *, tenant: UUID, now: datetime
    ) -> int: ...


def nothing_ahead(accounts: Sequence[UUID], /, *, tenant: UUID, now: datetime) -> int:
    """For houses in which nobody plans."""
    return 0


def run_due(*, now: datetime, foresee: Foresee = nothing_ahead) -> int:
    """Run what is due, of some tenants; how many rituals were run. Any number may look.

    `foresee`: proposes plans for the accounts of a tenant whose renewals come near.
    """
    with system_scope(JOB):
        due_of = _due(now)
    tenants = list(due_of)
    # Whose turn it is, is drawn by lot, so that nobody's backlog holds up the others.
    random.shuffle(tenants)
    return each_of(
        tenants[:TENANTS], lambda tenant: _run_all(tenant, due_of[tenant], now, foresee)
    )


def run_of(tenant: UUID, *, now: datetime, foresee: Foresee = nothing_ahead) -> int:
    """Run what is due of one tenant."""
    with tenant_scope(tenant):
        found = _due(now, tenant).get(tenant, [])
    return _run_all(tenant, found, now, foresee)


def _due(now: datetime, only: UUID | None = None) -> dict[UUID, list[Due]]:
    """What is due by tenant, in the order in which it is run."""
    one = only and str(only)
    with connection.cursor() as cursor:
        kinds = [kind.value for kind in WEEKDAY]
        cursor.execute(_HELD, [kinds, str(PLATFORM), one, one])
        rows = cursor.fetchall()
    found: dict[UUID, list[Due]] = {}
    for tenant, kind, zone, before, since, hour, begun, day, started, ended in rows:
        calendar = Calendar(
            timezone=zone, previous=before, since=since, hour=ritual_hour(hour)
        )
        last = Last(day=day, started_at=started, ended=ended) if day else None
        turn = due(Trigger(kind), calendar, last, begun=begun, now=now)
        if turn is not None:
            found.setdefault(tenant, []).append(turn)
    return found


def _run_all(
    tenant: UUID, found: Sequence[Due], now: datetime, foresee: Foresee
) -> int:
    """One tenant's rituals, one after the other."""
    done = sum(_run(tenant, turn, now, foresee) for turn in found)
    if done:
        wake()
    return done


def _run(tenant: UUID, turn: Due, now: datetime, foresee: Foresee) -> bool:
    with tenant_scope(tenant):
        held = turns.claim(turn, now=now)
        wanted = held is not None and _is_wanted(turn.kind)
    if held is None:
        return False
    more = False
    try:
        if wanted and turn.kind is Trigger.RITUAL_RENEWAL_RUNWAY:
            more = _look_ahead(held, now, foresee)
        elif wanted:
            _tell_all(held, now)
        with tenant_scope(tenant):
            turns.end(held, more=more, is_off=not wanted, now=now)
    except Lost:
        return False
    return True


def _is_wanted(kind: Trigger) -> bool:
    """Whoever switches a ritual's trigger off wants nothing of it."""
    off = TriggerRow.objects.filter(
        tenant_id=current_tenant(), type=kind.value, enabled=False
    )
    return not off.exists()


def _tell_all(held: Held, now: datetime) -> None:
    """One seller after the other, each in a transaction of their own."""
    with tenant_scope(held.tenant):
        sellers = rites.sellers(held.occasion)
    for seller in sellers:
        _step(held, partial(_tell, held, seller, now))


def _tell(held: Held, seller: Seller, now: datetime) -> None:
    is_review = held.occasion.kind is Trigger.RITUAL_WEEKLY_REVIEW
    does = rites.review if is_review else rites.brief
    held.started += does(held.occasion, seller, now=now)
    held.count += 1


def _look_ahead(held: Held, now: datetime, foresee: Foresee) -> bool:
    """Plans first: they are proposed once each, and what was not begun is found again.
    Whether there is more than one look takes, and nothing stands in its way.
    """
    with tenant_scope(held.tenant):
        found = rites.ahead(held.occasion)
    accounts = list(found)
    for start in range(0, len(accounts), TOGETHER):
        keys = {each: found[each] for each in accounts[start : start + TOGETHER]}
        _step(held, lambda: None)
        try:
            held.proposed += foresee(list(keys), tenant=held.tenant, now=now)
        except Exception as problem:  # noqa: BLE001  stated as the ritual ends
            _broke(held, problem)
            continue
        _step(held, partial(_run_up, held, keys))
    return len(accounts) == rites.AHEAD and not held.broken


def _run_up(held: Held, keys: dict[UUID, str]) -> None:
    held.started += rites.run_up(held.occasion, keys)
    held.count += len(keys)


def _step(held: Held, do: Callable[[], None]) -> None:
    """One step, if it is still ours; what breaks in it is its own."""
    try:
        with tenant_scope(held.tenant):
            fence = turns.keep(held)
            do()
    except Lost:
        raise
    except Exception as problem:  # noqa: BLE001  stated as the ritual ends
        _broke(held, problem)
    else:
        held.fence = fence


def _broke(held: Held, problem: Exception) -> None:
    """It is counted; the others get theirs. A broken connection is replaced."""
    if isinstance(problem, DatabaseError):
        connection.close()
    error = type(problem).__name__
    held.broken += 1
    held.errors.append(error)
    kind = held.occasion.kind.value
    logger.warning("part of a ritual failed", ritual=kind, error=error)
