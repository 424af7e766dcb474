"""What time alone brings: renewals come near, and nobody is heard of. Said once each."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection
from uuid_utils.compat import uuid7

from ledger.record import Actor
from ledger.scope import current_tenant
from perception.intake import receive
from perception.models import Opportunity, Signal
from perception.rules.noticing import Heard, noticed
from perception.rules.signals import ENGAGING, MAX_LIST
from perception.rules.summaries import due_after

BY = Actor(type="schedule", id="watch accounts")
SOURCE = "time"
# Signals of an account that are looked at, the newest first.
LOOKED_AT = 100

_HEARD = """
SELECT a.id, a.lifecycle, a.created_at,
       greatest(r.engaged_at, s.engaged_at), r.engaged_at,
       CASE WHEN r.summary_at IS NULL THEN s.first_at END
FROM perception_account a
LEFT JOIN perception_review r ON r.tenant_id = a.tenant_id AND r.account_id = a.id
CROSS JOIN LATERAL (
    SELECT max(w.occurred_at) FILTER (WHERE w.type = ANY(%(engaging)s)) AS engaged_at,
           min(w.occurred_at) FILTER (
               WHERE w.received_at > coalesce(r.summarised_at, '-infinity')) AS first_at
    FROM (SELECT type, occurred_at, received_at FROM perception_signal
          WHERE tenant_id = %(tenant)s AND account_id = a.id
          ORDER BY id DESC LIMIT %(most)s) w) s
WHERE a.tenant_id = %(tenant)s AND a.id = ANY(%(accounts)s::uuid[])
  AND a.closed_at IS NULL
"""

# In the order of accounts, so that two lists never wait for each other.
_REVIEW = """
INSERT INTO perception_review AS r
    (id, tenant_id, account_id, summary_at, stale_from, engaged_at)
SELECT n.id, %s::uuid, n.account, n.due, n.day, n.engaged
FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[], %s::date[], %s::timestamptz[])
     AS n(id, account, due, day, engaged)
ORDER BY n.account
ON CONFLICT (tenant_id, account_id) DO UPDATE SET
    summary_at = least(r.summary_at, EXCLUDED.summary_at),
    stale_from = least(r.stale_from, EXCLUDED.stale_from),
    engaged_at = greatest(r.engaged_at, EXCLUDED.engaged_at)
"""


def notice(accounts: Sequence[UUID], *, now: datetime) -> int:
    """Say what time has brought to these accounts; return the signals that are new.

    Each is said once for an account, a window and a renewal date, or for one silence.
    """
    if not accounts:
        return 0
    rows = _heard(accounts)
    _keep(rows, now)
    renewals = _renewals([row[0] for row in rows], now)
    items = [
        item
        for id_, lifecycle, created_at, engaged_at, _, _ in rows
        for item in noticed(
            Heard(
                account=id_,
                lifecycle=lifecycle,
                created_at=created_at,
                engaged_at=engaged_at,
                renewals=renewals.get(id_, ()),
            ),
            now=now,
        )
    ]
    return len(say(items, by=BY, source=SOURCE, now=now))


def _heard(accounts: Sequence[UUID]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            _HEARD,
            {
                "tenant": str(current_tenant()),
                "accounts": [str(account) for account in accounts],
                "engaging": list(ENGAGING),
                "most": LOOKED_AT,
            },
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _keep(rows: Sequence[tuple[Any, ...]], now: datetime) -> None:
    """What was learned of when they were last heard of, and what is to be summarised."""
    moved = sorted(
        (id_, engaged, first)
        for id_, _, _, engaged, before, first in rows
        if engaged != before or first is not None
    )
    if not moved:
        return
    days = [None if first is None else first.date() for _, _, first in moved]
    with connection.cursor() as cursor:
        cursor.execute(
            _REVIEW,
            [
                str(current_tenant()),
                [str(uuid7()) for _ in moved],
                [str(id_) for id_, _, _ in moved],
                [None if day is None else due_after(day, now=now) for day in days],
                days,
                [engaged for _, engaged, _ in moved],
            ],
        )


def _renewals(
    accounts: Sequence[UUID], now: datetime
) -> Mapping[UUID, Sequence[tuple[date, str]]]:
    found: dict[UUID, list[tuple[date, str]]] = {}
    rows = Opportunity.objects.filter(
        tenant_id=current_tenant(),
        account_id__in=accounts,
        renewal_date__gt=now.date(),
    ).values_list("account_id", "renewal_date", "stage")
    for account, day, stage in rows:
        if day is None:
            continue
        found.setdefault(account, []).append((day, stage))
    return found


def say(
    items: Sequence[dict[str, Any]], *, by: Actor, source: str, now: datetime
) -> list[tuple[dict[str, Any], UUID]]:
    """Keep those that were not said before; return them with their signals."""
    if not items:
        return []
    keys = [item["dedupe_key"] for item in items]
    said = set(
        Signal.objects.filter(
            tenant_id=current_tenant(), dedupe_key__in=keys
        ).values_list("dedupe_key", flat=True)
    )
    fresh = [item for item in items if item["dedupe_key"] not in said]
    made: list[tuple[dict[str, Any], UUID]] = []
    for start in range(0, len(fresh), MAX_LIST):
        given = fresh[start : start + MAX_LIST]
        answers = receive(given, by=by, now=now, source=source)
        made += [
            (item, answer.id)
            for item, answer in zip(given, answers, strict=True)
            if not answer.duplicate
        ]
    return made
