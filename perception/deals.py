"""Deals as a CRM shows them, or tells of them: what differs is kept, and stated."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from uuid_utils.compat import uuid7

from ledger.record import Fact, record_all
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception import news
from perception.models import Account, Opportunity
from perception.rules.signals import normalised, said_of
from perception.sources.base import Deal
from perception.sources.crm import amount_of

# The type of signals that tell of deals, and what their objects may be called.
TYPE, OBJECTS = "crm_update", ("", "opportunity", "deal")
FIELDS = ("stage", "amount", "renewal_date")
LONGEST_ID = 200

# In the order of ids, so that two pages never wait for each other.
_KEEP = """
INSERT INTO perception_opportunity AS o
    (id, tenant_id, account_id, external_id, stage, amount, renewal_date,
     stage_at, amount_at, renewal_date_at)
SELECT n.id, %s::uuid, n.account, n.external_id, n.stage, n.amount, n.renewal,
       n.stage_at, n.amount_at, n.renewal_at
FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::numeric[], %s::date[],
            %s::timestamptz[], %s::timestamptz[], %s::timestamptz[])
     AS n(id, account, external_id, stage, amount, renewal, stage_at, amount_at,
          renewal_at)
ON CONFLICT (tenant_id, account_id, external_id) DO UPDATE SET
    stage = EXCLUDED.stage, amount = EXCLUDED.amount,
    renewal_date = EXCLUDED.renewal_date, stage_at = EXCLUDED.stage_at,
    amount_at = EXCLUDED.amount_at, renewal_date_at = EXCLUDED.renewal_date_at
"""

_Key = tuple[UUID, str]
# Each field as it is, and when that was said.
_State = Mapping[str, tuple[Any, datetime | None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What was said of one deal at a moment; of what is left out, nothing."""

    account: UUID
    deal: str
    said: Mapping[str, Any]
    at: datetime


def keep(
    deals: Sequence[tuple[UUID, Deal]],
    *,
    now: datetime,
    beside: Collection[UUID] = (),
) -> int:
    """Keep deals as a CRM shows them now; return how many differ from what was known.

    `beside`: the accounts that the same transaction means to hold afterwards.
    """
    told = [_shown_by(deal, account, now) for account, deal in deals if _is_sound(deal)]
    facts = hear(told, now=now, beside=beside)
    record_all(facts, now=now)
    return len(facts)


def told_by(account: UUID, payload: str, *, at: datetime) -> Told | None:
    """What a signal's payload says of the deal that it names, if it does."""
    given = orjson.loads(payload)
    name = str(given.get("opportunity", ""))
    said = dict(_readable(given))
    if (
        not said
        or not 0 < len(name) <= LONGEST_ID
        or normalised(given.get("object", "")) not in OBJECTS
    ):
        return None
    return Told(account=account, deal=name, said=said, at=at)


def hear(
    told: Sequence[Told], *, now: datetime, beside: Collection[UUID] = ()
) -> list[Fact]:
    """Keep what is newer than what is known, field by field; return what changed."""
    if not told:
        return []
    accounts = {each.account for each in told}
    # Accounts before deals, so that nobody who holds both waits for another.
    _hold({*accounts, *beside})
    before = _known(accounts)
    after: dict[_Key, _State] = {}
    for each in sorted(told, key=lambda each: each.at):
        key = each.account, each.deal
        after[key] = _with(after.get(key, before.get(key, {})), each)
    fresh = {
        key: state
        for key, state in sorted(after.items())
        if "stage" in state and state != before.get(key)
    }
    if not fresh:
        return []
    _write(fresh)
    changed = {
        key: (_plain(before.get(key, {})), _plain(state))
        for key, state in fresh.items()
        if _plain(before.get(key, {})) != _plain(state)
    }
    if changed:
        news.tell({account for account, _ in changed}, now=now)
    return [
        Fact(
            kind=Kind.ACCOUNT_CHANGED,
            subjects={"account": account},
            data={"opportunity": name, "before": was, "after": is_},
        )
        for (account, name), (was, is_) in changed.items()
    ]


def _shown_by(deal: Deal, account: UUID, now: datetime) -> Told:
    """Without a renewal date, the one that is kept stays."""
    said: dict[str, Any] = {"stage": deal.stage, "amount": deal.amount}
    if deal.renewal_date:
        said["renewal_date"] = deal.renewal_date
    return Told(account=account, deal=deal.external_id, said=said, at=now)


def _readable(given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields of a deal that a payload states so that they can be read."""
    stage = normalised(str(said_of(given, "stage", "")))
    if stage in Opportunity.Stage.values:
        yield "stage", stage
    amount = said_of(given, "amount", "")
    if amount is None or amount_of(amount) is not None:
        yield "amount", amount_of(amount)
    try:
        day = str(said_of(given, "renewal_date", ""))[:10]
        yield "renewal_date", date.fromisoformat(day)
    except ValueError:
        return


def _hold(accounts: Collection[UUID]) -> None:
    rows = Account.objects.filter(tenant_id=current_tenant(), pk__in=accounts)
    list(rows.order_by("pk").select_for_update(no_key=True).values_list("pk"))


def _with(known: _State, told: Told) -> _State:
    """What is known, with what was said later, or at the same moment."""
    later = {
        name: (value, told.at)
        for name, value in told.said.items()
        if (at := known.get(name, (None, None))[1]) is None or at <= told.at
    }
    return {**known, **later}


def _write(fresh: Mapping[_Key, _State]) -> None:
    columns = [
        [state.get(name, (None, None))[part] for state in fresh.values()]
        for part in (0, 1)
        for name in FIELDS
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            _KEEP,
            [
                str(current_tenant()),
                [str(uuid7()) for _ in fresh],
                [str(account) for account, _ in fresh],
                [external_id for _, external_id in fresh],
                *columns,
            ],
        )


def _is_sound(deal: Deal) -> bool:
    return (
        0 < len(deal.external_id) <= LONGEST_ID
        and "\0" not in deal.external_id
        and deal.stage in Opportunity.Stage.values
        and (deal.amount is None or abs(deal.amount) < 10**12)
    )


def _known(accounts: set[UUID]) -> dict[_Key, _State]:
    rows = Opportunity.objects.filter(
        tenant_id=current_tenant(), account_id__in=accounts
    ).values("account_id", "external_id", *FIELDS, *(f"{name}_at" for name in FIELDS))
    return {
        (row["account_id"], row["external_id"]): {
            name: (row[name], row[f"{name}_at"]) for name in FIELDS
        }
        for row in rows
    }


def _plain(state: _State) -> dict[str, Any]:
    """A deal as the ledger states it; nothing of one that is not there."""
    if not state:
        return {}
    stage, amount, renewal = (state.get(name, (None, None))[0] for name in FIELDS)
    return {
        "stage": stage,
        "amount": None if amount is None else f"{amount:.2f}",
        "renewal_date": None if renewal is None else renewal.isoformat(),
    }
