"""One page of a source, kept: signals, meetings, deals, and the cursor after it.

All of it is one transaction of whoever calls: the cursor moves with what was read.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from uuid_utils.compat import uuid7

from ledger.record import Actor
from ledger.scope import current_tenant
from perception import deals, interactions
from perception.errors import SignalsRefused
from perception.intake import receive
from perception.matching import Book, Naming, look_up
from perception.models import Connector
from perception.rules.signals import MAX_LIST
from perception.sources.base import Found, Sighted

LONGEST_KEY = 255

_MOVE_CURSOR = """
INSERT INTO perception_cursor
    (id, tenant_id, connector_id, account_id, value, moved_at)
VALUES (%s, %s, %s, %s, %s::jsonb, %s)
ON CONFLICT (tenant_id, connector_id, account_id)
DO UPDATE SET value = EXCLUDED.value, moved_at = EXCLUDED.moved_at
"""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What became of a page. `unmatched` named no account, `skipped` was refused."""

    signals: int = 0
    unmatched: int = 0
    skipped: int = 0


def keep(
    found: Found, connector: Connector, *, account: UUID | None, now: datetime
) -> Kept:
    """Keep one page of a connector; what was kept before makes nothing twice."""
    book = look_up([*found.signals, *found.interactions, *_named(found)], asked=account)
    items = [
        item for sighted in found.signals for item in _items(sighted, connector, book)
    ]
    deals.keep(
        [
            (book.names[deal.account], deal)
            for deal in found.deals
            if deal.account in book.names
        ],
        beside={UUID(item["account"]) for item in items},
        now=now,
    )
    made, refused = _received(items, connector, now=now)
    met = [(id_, each) for each in found.interactions for id_ in book.accounts_of(each)]
    interactions.keep(met, connector=connector.id, now=now)
    _move_cursor(found.cursor, connector, account=account, now=now)
    named: list[Naming] = [*found.signals, *found.interactions]
    return Kept(
        signals=made,
        unmatched=sum(not book.accounts_of(each) for each in named),
        skipped=refused + len(found.skipped),
    )


@dataclass(frozen=True, kw_only=True)
class _Name:
    account: str
    emails: Sequence[str] = ()


def _named(found: Found) -> list[_Name]:
    return [_Name(account=deal.account) for deal in found.deals]


def _items(sighted: Sighted, connector: Connector, book: Book) -> list[dict[str, Any]]:
    """The signal as it is taken in, once for each account that it is about."""
    return [
        {
            "account": str(account),
            "type": sighted.type,
            "payload": dict(sighted.payload),
            "occurred_at": sighted.occurred_at,
            "dedupe_key": _key(connector, sighted, account),
        }
        for account in book.accounts_of(sighted)
    ]


def _key(connector: Connector, sighted: Sighted, account: UUID) -> str:
    """No connector knows another's keys; what concerns several accounts comes to each."""
    if not sighted.dedupe_key:
        return ""
    key = f"{connector.id}:{sighted.dedupe_key}"
    if sighted.emails:
        key += f":{account}"
    if len(key) <= LONGEST_KEY and "\0" not in key:
        return key
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{connector.id}:{digest}"


def _received(
    items: Sequence[Mapping[str, Any]], connector: Connector, *, now: datetime
) -> tuple[int, int]:
    """How many were new, and how many cannot be kept: those lose nobody else."""
    by = Actor(type="system", id=f"connector {connector.id}")
    made = refused = 0
    for start in range(0, len(items), MAX_LIST):
        rest = list(items[start : start + MAX_LIST])
        while rest:
            try:
                answers = receive(
                    rest,
                    by=by,
                    now=now,
                    source=str(connector.kind),
                    connector=connector.id,
                )
            except SignalsRefused as refusal:
                faulty = {index for index, _, _ in refusal.faults}
                refused += len(faulty)
                rest = [each for at, each in enumerate(rest) if at not in faulty]
            else:
                made += sum(not answer.duplicate for answer in answers)
                break
    return made, refused


def _move_cursor(
    value: Mapping[str, Any],
    connector: Connector,
    *,
    account: UUID | None,
    now: datetime,
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            _MOVE_CURSOR,
            [
                str(uuid7()),
                str(current_tenant()),
                str(connector.id),
                None if account is None else str(account),
                orjson.dumps(value).decode(),
                now,
            ],
        )
