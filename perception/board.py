"""What the admission of pulls goes by, of one tenant: read, held, and written in bulk.

Its rows are held in one order (connectors, units of the day, kinds), so that two who
judge at once wait for each other, and never for ever.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from uuid_utils.compat import uuid7

from ledger.scope import current_tenant
from perception import guards
from perception.models import Connector, Pull, Tenant
from perception.rules import breaker as breakers
from perception.rules.breaker import COOLDOWN, BreakerState
from perception.rules.days import local_day, next_midnight, zone_at
from perception.rules.pulls import Board, Judged, KindLane, Lane

RATE_OF_KIND = 50.0

# Made where missing, held where not.
_USES = """
INSERT INTO perception_pulluse (id, tenant_id, connector_id, day, used)
SELECT n.id, %s::uuid, n.connector, %s, 0
FROM unnest(%s::uuid[], %s::uuid[]) AS n(id, connector)
ON CONFLICT (tenant_id, connector_id, day)
DO UPDATE SET used = perception_pulluse.used
RETURNING connector_id, used
"""

_KINDS = """
INSERT INTO perception_kindrate (kind, rate_per_s)
SELECT k, %s FROM unnest(%s::text[]) AS k
ON CONFLICT (kind) DO UPDATE SET rate_per_s = perception_kindrate.rate_per_s
RETURNING kind, rate_per_s, free_at
"""

_KEYS = """
SELECT key FROM perception_pull WHERE tenant_id = %s AND key = ANY(%s::text[])
"""

_LAST = """
SELECT a.id, c.id, p.created_at, coalesce(p.is_open, false), k.moved_at
FROM unnest(%s::uuid[]) AS a(id) CROSS JOIN unnest(%s::uuid[]) AS c(id)
LEFT JOIN LATERAL (
    SELECT l.created_at, l.status IN ('QUEUED', 'RUNNING') AS is_open
    FROM perception_pull l
    WHERE l.tenant_id = %s AND l.account_id = a.id AND l.connector_id = c.id
    ORDER BY l.id DESC LIMIT 1) p ON true
LEFT JOIN perception_cursor k
    ON k.tenant_id = %s AND k.connector_id = c.id AND k.account_id = a.id
"""

_OPEN = """
SELECT p.connector_id FROM perception_pull p
WHERE p.tenant_id = %s AND p.connector_id = ANY(%s::uuid[]) AND p.account_id IS NULL
  AND p.status IN ('QUEUED', 'RUNNING')
"""

_USED = """
UPDATE perception_pulluse u SET used = v.used
FROM unnest(%s::uuid[], %s::integer[]) AS v(connector, used)
WHERE u.tenant_id = %s AND u.day = %s AND u.connector_id IS NOT DISTINCT FROM v.connector
"""

_FREE = """
UPDATE perception_connector c SET free_at = v.free_at
FROM unnest(%s::uuid[], %s::timestamptz[]) AS v(id, free_at)
WHERE c.tenant_id = %s AND c.id = v.id
"""

_KIND_FREE = """
UPDATE perception_kindrate k SET free_at = v.free_at
FROM unnest(%s::text[], %s::timestamptz[]) AS v(kind, free_at) WHERE k.kind = v.kind
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Last:
    """How an account was last read from a connector."""

    at: datetime | None = None
    is_open: bool = False
    read_at: datetime | None = None


def hold_connectors(kinds: Collection[str]) -> list[Connector]:
    """The tenant's active connectors of these kinds, held to the transaction's end."""
    rows = Connector.objects.select_for_update(no_key=True).defer("sealed_secrets")
    found = rows.filter(
        tenant_id=current_tenant(), is_active=True, kind__in=sorted(kinds)
    )
    return list(found.order_by("id"))


def last_of(
    accounts: Sequence[UUID], connectors: Sequence[UUID]
) -> dict[tuple[UUID, UUID], Last]:
    """How each account was last read from each connector."""
    if not accounts or not connectors:
        return {}
    tenant = str(current_tenant())
    with connection.cursor() as cursor:
        cursor.execute(_LAST, [_texts(accounts), _texts(connectors), tenant, tenant])
        return {
            (account, connector): Last(at=at, is_open=is_open, read_at=read_at)
            for account, connector, at, is_open, read_at in cursor.fetchall()
        }


def open_of(connectors: Sequence[UUID]) -> set[UUID]:
    """Those that are being read whole."""
    if not connectors:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, [str(current_tenant()), _texts(connectors)])
        return {row[0] for row in cursor.fetchall()}


def hold_board(
    tenant: Tenant,
    connectors: Sequence[Connector],
    keys: Collection[str],
    *,
    now: datetime,
) -> Board:
    """What is left of units and rates, held to the transaction's end."""
    zone = _zone(tenant, now)
    ids: list[UUID | None] = [None, *(each.id for each in connectors)]
    kinds = sorted({each.kind for each in connectors})
    with connection.cursor() as cursor:
        cursor.execute(_KEYS, [str(tenant.id), sorted(keys)])
        taken = frozenset(row[0] for row in cursor.fetchall())
        cursor.execute(
            _USES,
            [
                str(tenant.id),
                local_day(now, zone),
                [str(uuid7()) for _ in ids],
                [None if id_ is None else str(id_) for id_ in ids],
            ],
        )
        used = dict(cursor.fetchall())
        cursor.execute(_KINDS, [RATE_OF_KIND, kinds])
        rates = {
            kind: KindLane(kind=kind, rate_per_s=rate, free_at=free_at)
            for kind, rate, free_at in cursor.fetchall()
        }
    return Board(
        lanes={each.id: _lane(each, used[each.id], now) for each in connectors},
        kinds=rates,
        limit=tenant.pull_units_per_day,
        used=used[None],
        midnight=next_midnight(now, zone),
        keys=taken,
    )


def write(
    tenant: Tenant, after: Board, judged: Iterable[Judged], *, now: datetime
) -> dict[str, UUID]:
    """Put the admitted pulls in the queue, and write what they took. Ids by key."""
    pulls = [
        Pull(
            tenant_id=tenant.id,
            connector_id=each.wish.connector,
            account_id=each.wish.account,
            key=each.wish.key,
            depth=each.depth.value,
            units=each.units,
            due_at=each.at,
            created_at=now,
        )
        for each in judged
        if each.admitted
    ]
    if not pulls:
        return {}
    Pull.objects.bulk_create(pulls)
    lanes, day = list(after.lanes.values()), local_day(now, _zone(tenant, now))
    with connection.cursor() as cursor:
        cursor.execute(
            _USED,
            [
                [None, *(str(lane.id) for lane in lanes)],
                [after.used, *(lane.used for lane in lanes)],
                str(tenant.id),
                day,
            ],
        )
        cursor.execute(
            _FREE,
            [
                [str(lane.id) for lane in lanes],
                [lane.free_at for lane in lanes],
                str(tenant.id),
            ],
        )
        kinds: Mapping[str, KindLane] = after.kinds
        cursor.execute(
            _KIND_FREE, [list(kinds), [kind.free_at for kind in kinds.values()]]
        )
    return {pull.key: pull.id for pull in pulls}


def _lane(row: Connector, used: int, now: datetime) -> Lane:
    breaker = guards.breaker_of(row)
    asked = breakers.ask(breaker, now=now, probe_for=COOLDOWN)
    is_closed = breakers.state(breaker, now=now) is BreakerState.CLOSED
    return Lane(
        id=row.id,
        name=row.name,
        kind=row.kind,
        rate_per_s=row.rate_per_s,
        free_at=row.free_at,
        limit=row.units_per_day,
        used=used,
        open_until=None if asked.admitted else asked.until,
        one_only=not is_closed,
    )


def _zone(tenant: Tenant, now: datetime) -> str:
    return zone_at(
        now,
        timezone=tenant.timezone,
        previous=tenant.previous_timezone,
        since=tenant.timezone_since,
    )


def _texts(ids: Iterable[UUID]) -> list[str]:
    return [str(id_) for id_ in ids]
