"""Heat and lifecycle of accounts, looked at again after signals came."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from ledger.record import Fact
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception.models import Account, Opportunity
from perception.rules.cadence import brought_forward, cadence_of
from perception.rules.heat import Heat, Tier, cooled, refreshed, score
from perception.rules.lifecycle import (
    TELLING,
    WORDS,
    Deal,
    Lifecycle,
    Sighting,
    Standing,
    lifecycle,
    standing,
)
from perception.rules.signals import stirs

# Signals of an account that are looked at, the newest first.
LOOKED_AT = 100

# In the order of ids, so that two lists never wait for each other.
_LOCK = """
SELECT a.id, a.lifecycle, a.heat_score, a.heat_tier, a.heat_at, a.next_poll_at,
       a.seen_at, t.cadence::text
FROM perception_account a JOIN perception_tenant t ON t.tenant_id = a.tenant_id
WHERE a.tenant_id = %s AND a.id = ANY(%s::uuid[])
ORDER BY a.id FOR NO KEY UPDATE OF a
"""

_SIGHTINGS = """
SELECT s.account_id, s.id, s.type, s.occurred_at, s.said
FROM unnest(%s::uuid[]) AS a(id), LATERAL (
    SELECT w.account_id, w.id, w.type, w.occurred_at,
           CASE WHEN w.type = ANY(%s::text[]) THEN (
               SELECT jsonb_object_agg(p.key, p.value) FROM jsonb_each(w.payload) p
               WHERE p.key = ANY(%s::text[]) AND length(p.value::text) < 100)::text END AS said
    FROM perception_signal w WHERE w.tenant_id = %s AND w.account_id = a.id
    ORDER BY w.id DESC LIMIT %s) s
"""

# What an account's standing rests on, as a part of anybody's statement; `standing_asked`
# has its values, and `standing_in` reads it.
STANDING = f"""
jsonb_build_object(
    'seen', (SELECT coalesce(jsonb_agg(to_jsonb(seen)), '[]')
             FROM ({_SIGHTINGS}) AS seen),
    'deals', (SELECT coalesce(jsonb_agg(jsonb_build_array(o.stage, o.renewal_date)), '[]')
              FROM perception_opportunity o
              WHERE o.tenant_id = %s AND o.account_id = %s))
"""  # noqa: S608  its own pieces

_CHANGE = """
UPDATE perception_account a SET
    lifecycle = v.lifecycle, heat_score = v.score, heat_tier = v.tier, heat_at = v.at,
    next_poll_at = CASE WHEN a.closed_at IS NULL THEN v.next END,
    updated_at = CASE WHEN v.changed THEN %s ELSE a.updated_at END,
    news_at = CASE WHEN v.lifecycle = a.lifecycle THEN a.news_at
                   ELSE greatest(%s, a.news_at + interval '1 microsecond') END
FROM unnest(%s::uuid[], %s::text[], %s::float8[], %s::text[], %s::timestamptz[],
            %s::timestamptz[], %s::boolean[])
     AS v(id, lifecycle, score, tier, at, next, changed)
WHERE a.tenant_id = %s AND a.id = v.id
"""


@dataclass(frozen=True, kw_only=True)
class _Looked:
    """An account before and after a look."""

    account: UUID
    before: Mapping[str, str]
    after: Mapping[str, str]
    heat: Heat
    next: datetime | None

    @property
    def changed(self) -> bool:
        return self.before != self.after


def look_again(
    accounts: Iterable[UUID], *, fresh: Collection[UUID], now: datetime
) -> list[Fact]:
    """Refresh heat and lifecycle of many accounts at once; return what changed."""
    ids = sorted({str(account) for account in accounts})
    if not ids:
        return []
    tenant = str(current_tenant())
    with connection.cursor() as cursor:
        # In a statement of its own: what others committed meanwhile is read after it.
        cursor.execute(_LOCK, [tenant, ids])
        held = cursor.fetchall()
        seen, deals = _sightings(ids), _deals(ids)
        looked = [
            _look(row, seen[row[0]], standing(seen[row[0]], deals[row[0]], now=now),
                  fresh=fresh, now=now)
            for row in held
        ]  # fmt: skip
        cursor.execute(
            _CHANGE,
            [
                now,
                now,
                [str(each.account) for each in looked],
                [each.after["lifecycle"] for each in looked],
                [each.heat.score for each in looked],
                [each.heat.tier.value for each in looked],
                [each.heat.at for each in looked],
                [each.next for each in looked],
                [each.changed for each in looked],
                tenant,
            ],
        )
    return [_stated(each) for each in looked if each.changed]


def heat_of(account: Account, *, now: datetime) -> Heat:
    """How warm an account is now: what is kept was true when it was looked at."""
    kept = Heat(
        score=account.heat_score, tier=Tier(account.heat_tier), at=account.heat_at
    )
    return cooled(kept, now=now)


def standing_of(account: Account, *, now: datetime) -> Standing:
    """How one account stands now."""
    with connection.cursor() as cursor:
        asked = standing_asked(current_tenant(), account.id)
        cursor.execute(f"SELECT ({STANDING})::text", asked)
        return standing_in(orjson.loads(cursor.fetchone()[0]), now=now)


def standing_asked(tenant: UUID, account: Any) -> list[Any]:
    """The values of `STANDING`, for one account."""
    looked = [list(TELLING), list(WORDS), tenant, LOOKED_AT]
    return [[account], *looked, tenant, account]


def standing_in(row: Mapping[str, Any], *, now: datetime) -> Standing:
    """How an account stands, by what was read as `STANDING`."""
    seen = [
        _sighting(
            UUID(each["id"]),
            each["type"],
            datetime.fromisoformat(each["occurred_at"]),
            each["said"],
        )
        for each in row["seen"]
    ]
    deals = [
        Deal(stage=stage, renewal=date.fromisoformat(day) if day else None)
        for stage, day in row["deals"]
    ]
    return standing(seen, deals, now=now)


def _look(
    row: tuple[Any, ...],
    seen: list[Sighting],
    stands: Standing,
    *,
    fresh: Collection[UUID],
    now: datetime,
) -> _Looked:
    account, stage, value, tier, at, next_at, seen_at, cadence = row
    kept = Heat(score=value, tier=Tier(tier), at=at)
    heat = refreshed(
        kept, score(stands.posture, stands.moments, now=now), stands.moments, now=now
    )
    then = lifecycle(Lifecycle(stage), seen, fresh)
    return _Looked(
        account=account,
        before={"lifecycle": stage, "heat_tier": tier},
        after={"lifecycle": then.value, "heat_tier": heat.tier.value},
        heat=heat,
        next=brought_forward(
            cadence_of(orjson.loads(cadence)),
            account,
            before=kept.tier,
            after=heat.tier,
            is_fresh=any(each.id in fresh and stirs(each.type) for each in seen),
            next_at=next_at,
            seen_at=seen_at,
            now=now,
        ),
    )


def _sightings(ids: list[str]) -> dict[UUID, list[Sighting]]:
    found: dict[UUID, list[Sighting]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(
            _SIGHTINGS,
            [ids, list(TELLING), list(WORDS), str(current_tenant()), LOOKED_AT],
        )
        for account, id_, type_, occurred_at, said in cursor.fetchall():
            found[account].append(_sighting(id_, type_, occurred_at, said))
    return found


def _sighting(
    id_: UUID, type_: str, occurred_at: datetime, said: str | None
) -> Sighting:
    words = orjson.loads(said) if said else {}
    return Sighting(id=id_, type=type_, occurred_at=occurred_at, said=words)


def _deals(ids: list[str]) -> dict[UUID, list[Deal]]:
    rows = Opportunity.objects.filter(
        tenant_id=current_tenant(), account_id__in=ids
    ).values_list("account_id", "stage", "renewal_date")
    found: dict[UUID, list[Deal]] = defaultdict(list)
    for account, stage, renewal in rows:
        found[account].append(Deal(stage=stage, renewal=renewal))
    return found


def _stated(looked: _Looked) -> Fact:
    changed = [
        name for name, value in looked.after.items() if looked.before[name] != value
    ]
    return Fact(
        kind=Kind.ACCOUNT_CHANGED,
        subjects={"account": looked.account},
        data={
            "before": {name: looked.before[name] for name in changed},
            "after": {name: looked.after[name] for name in changed},
        },
    )
