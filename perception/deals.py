"""Deals as a CRM has them: what is new or has changed is kept, and stated."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from uuid_utils.compat import uuid7

from ledger.record import Fact, record_all
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception import news
from perception.models import Opportunity
from perception.sources.base import Deal

LONGEST_ID = 200

# In the order of ids, so that two pages never wait for each other.
_KEEP = """
INSERT INTO perception_opportunity AS o
    (id, tenant_id, account_id, external_id, stage, amount, renewal_date)
SELECT n.id, %s::uuid, n.account, n.external_id, n.stage, n.amount, n.renewal
FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::numeric[], %s::date[])
     AS n(id, account, external_id, stage, amount, renewal)
ON CONFLICT (tenant_id, account_id, external_id) DO UPDATE SET
    stage = EXCLUDED.stage, amount = EXCLUDED.amount,
    renewal_date = coalesce(EXCLUDED.renewal_date, o.renewal_date)
"""


def keep(
    deals: Sequence[tuple[UUID, Deal]],
    *,
    now: datetime,
    beside: Collection[UUID] = (),
) -> int:
    """Keep what differs from what is known; return how many did.

    `beside`: the accounts that the same transaction means to hold afterwards.
    """
    given = {
        (account, deal.external_id): deal for account, deal in deals if _is_sound(deal)
    }
    if not given:
        return 0
    known = _known({account for account, _ in given})
    fresh = {
        key: deal
        for key, deal in sorted(given.items())
        if known.get(key) != _shown(deal, known.get(key))
    }
    if not fresh:
        return 0
    _write(fresh)
    news.tell({account for account, _ in fresh}, beside=beside, now=now)
    record_all(
        [
            Fact(
                kind=Kind.ACCOUNT_CHANGED,
                subjects={"account": key[0]},
                data={
                    "opportunity": key[1],
                    "before": known.get(key, {}),
                    "after": _shown(deal, known.get(key)),
                },
            )
            for key, deal in fresh.items()
        ],
        now=now,
    )
    return len(fresh)


def _write(fresh: Mapping[tuple[UUID, str], Deal]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            _KEEP,
            [
                str(current_tenant()),
                [str(uuid7()) for _ in fresh],
                [str(account) for account, _ in fresh],
                [external_id for _, external_id in fresh],
                [deal.stage for deal in fresh.values()],
                [deal.amount for deal in fresh.values()],
                [deal.renewal_date for deal in fresh.values()],
            ],
        )


def _is_sound(deal: Deal) -> bool:
    return (
        0 < len(deal.external_id) <= LONGEST_ID
        and "\0" not in deal.external_id
        and deal.stage in Opportunity.Stage.values
        and (deal.amount is None or abs(deal.amount) < 10**12)
    )


def _known(accounts: set[UUID]) -> dict[tuple[UUID, str], dict[str, Any]]:
    rows = Opportunity.objects.filter(
        tenant_id=current_tenant(), account_id__in=accounts
    ).values_list("account_id", "external_id", "stage", "amount", "renewal_date")
    return {
        (account, external_id): {
            "stage": stage,
            "amount": None if amount is None else f"{amount:.2f}",
            "renewal_date": None if renewal is None else renewal.isoformat(),
        }
        for account, external_id, stage, amount, renewal in rows
    }


def _shown(deal: Deal, known: dict[str, Any] | None) -> dict[str, Any]:
    renewal = deal.renewal_date.isoformat() if deal.renewal_date else None
    return {
        "stage": deal.stage,
        "amount": None if deal.amount is None else f"{deal.amount:.2f}",
        "renewal_date": renewal or (known or {}).get("renewal_date"),
    }
