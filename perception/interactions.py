"""Who had to do with whom: interactions, kept once, with ids in place of people."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from uuid_utils.compat import uuid7

from ledger.rules.digest import sha256_of
from ledger.scope import current_tenant
from perception.models import Contact, Interaction, Membership
from perception.rules.interactions import (
    LONGEST_ID,
    LONGEST_SUBJECT,
    LONGEST_TEXT,
    cleaned,
    sentiment_of,
)
from perception.rules.meaning import said_in
from perception.rules.summaries import due_after
from perception.sources.base import Met
from perception.vault import stamp, stamps

AT_ONCE = 500
MOST_PEOPLE = 50
# Fresh interactions are looked through at once, and those that follow soon together.
APART = timedelta(minutes=5)
MARK = "participant"

_KEEP = """
INSERT INTO perception_interaction
    (id, tenant_id, account_id, connector_id, external_id, channel, direction, at,
     participants, subject, text, length, sentiment, said, kept_at)
SELECT n.id, %s::uuid, n.account, %s::uuid, n.external, n.channel, n.direction, n.at,
       n.people, n.subject, n.text, n.length, n.sentiment, n.said, %s
FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[],
            %s::timestamptz[], %s::jsonb[], %s::text[], %s::text[], %s::integer[],
            %s::text[], %s::jsonb[])
     AS n(id, account, external, channel, direction, at, people, subject, text, length,
          sentiment, said)
ON CONFLICT (tenant_id, account_id, external_id) DO NOTHING
RETURNING id, account_id, at, direction
"""

# In the order of accounts, so that two lists never wait for each other.
_REVIEW = """
INSERT INTO perception_review AS r
    (id, tenant_id, account_id, scan_at, summary_at, stale_from, engaged_at)
SELECT n.id, %(tenant)s::uuid, n.account, %(now)s, n.due, n.day, n.engaged
FROM unnest(%(ids)s::uuid[], %(accounts)s::uuid[], %(dues)s::timestamptz[],
            %(days)s::date[], %(engaged)s::timestamptz[])
     AS n(id, account, due, day, engaged)
ORDER BY n.account
ON CONFLICT (tenant_id, account_id) DO UPDATE SET
    scan_at = least(r.scan_at, greatest(%(now)s, r.scanned_at + %(apart)s::interval)),
    summary_at = least(r.summary_at, EXCLUDED.summary_at),
    stale_from = least(r.stale_from, EXCLUDED.stale_from),
    engaged_at = greatest(r.engaged_at, EXCLUDED.engaged_at)
"""

# An account, when, and whether somebody there took part by themselves.
_Made = tuple[UUID, datetime, bool]


def keep(
    met: Sequence[tuple[UUID, Met]], *, connector: UUID | None, now: datetime
) -> int:
    """Keep what is new, once for each account and external id; return how many were.

    People are kept by id where the account knows them, and as a keyed hash where not.
    """
    made: list[_Made] = []
    for start in range(0, len(met), AT_ONCE):
        made += _keep(met[start : start + AT_ONCE], connector, now)
    _review(made, now)
    return len(made)


def hashed(address: str) -> str:
    """What is kept of an address that belongs to no contact."""
    return _short(stamp(MARK, _content(address)))


def hashes_of(address: str) -> list[str]:
    """What may have been kept of an address, with whichever key was the newest."""
    return [_short(mark) for mark in stamps(MARK, _content(address)) if address]


def _plain(address: str) -> str:
    return cleaned(address.strip().lower(), LONGEST_ID)


def _content(address: str) -> bytes:
    return address.strip().lower().encode("utf-8", "replace")


def _short(mark: str) -> str:
    return f"x-{mark[:32]}"


def _keep(
    met: Sequence[tuple[UUID, Met]], connector: UUID | None, now: datetime
) -> list[_Made]:
    people = _People([each for _, each in met], {account for account, _ in met})
    # The first of each, in one order, so that two lists never wait for each other.
    first = {(a, external_id(each.external_id)): each for a, each in reversed(met)}
    rows = [
        _row(account, external, each, people)
        for (account, external), each in sorted(first.items(), key=lambda of: of[0])
    ]
    columns = [list(column) for column in zip(*rows, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(
            _KEEP,
            [str(current_tenant()), connector and str(connector), now, *columns],
        )
        found = cursor.fetchall()
    return [(account, at, direction != "out") for _, account, at, direction in found]


def external_id(given: str) -> str:
    """An id as it is kept: what is too long for its column is known by its hash."""
    clean = cleaned(given, len(given))
    if clean == given and len(given) <= LONGEST_ID:
        return given
    return sha256_of(given.encode("utf-8", "replace"))


def _row(account: UUID, external: str, met: Met, people: "_People") -> tuple[Any, ...]:
    subject = cleaned(met.subject, LONGEST_SUBJECT)
    text = cleaned(met.text, LONGEST_TEXT)
    came = met.direction != Interaction.Direction.OUT
    return (
        str(uuid7()),
        str(account),
        external,
        Interaction.Channel(met.channel).value,
        Interaction.Direction(met.direction).value,
        met.at,
        orjson.dumps(people.of(account, met.emails)).decode(),
        subject,
        text,
        len(met.text),
        sentiment_of(f"{subject}\n{text}") if came else "",
        orjson.dumps(said_in(subject, text) if came else []).decode(),
    )


class _People:
    """The contacts of some accounts, and the house's own people, by address."""

    def __init__(self, met: Iterable[Met], accounts: set[UUID]) -> None:
        addresses = {
            _plain(email) for each in met for email in each.emails[:MOST_PEOPLE]
        }
        own = {"tenant_id": current_tenant()}
        self._contacts: dict[UUID, dict[str, str]] = defaultdict(dict)
        for id_, account, email in Contact.objects.filter(
            **own, account_id__in=accounts
        ).values_list("id", "account_id", "email"):
            if email.lower() in addresses:
                self._contacts[account][email.lower()] = str(id_)
        self._ours = set(
            Membership.objects.filter(**own, person__email__in=addresses).values_list(
                "person__email", flat=True
            )
        )

    def of(self, account: UUID, emails: Sequence[str]) -> list[str]:
        """Who took part, the house's own people left out; each once, in one order."""
        known = self._contacts[account]
        given = {_plain(email) for email in emails[:MOST_PEOPLE]} - self._ours
        return sorted({known.get(each) or hashed(each) for each in given if each})


def _review(made: Sequence[_Made], now: datetime) -> None:
    """Have these accounts looked through again: for patterns soon, for summaries in time."""
    of: Mapping[UUID, list[_Made]] = defaultdict(list)
    for each in made:
        of[each[0]].append(each)
    if not of:
        return
    oldest = {account: min(at for _, at, _ in rows) for account, rows in of.items()}
    accounts = sorted(of)
    with connection.cursor() as cursor:
        cursor.execute(
            _REVIEW,
            {
                "tenant": str(current_tenant()),
                "now": now,
                "apart": f"{APART.total_seconds()} seconds",
                "ids": [str(uuid7()) for _ in accounts],
                "accounts": [str(account) for account in accounts],
                "dues": [due_after(oldest[each].date(), now=now) for each in accounts],
                "days": [oldest[each].date() for each in accounts],
                "engaged": [
                    max(
                        (min(at, now) for _, at, there in of[each] if there),
                        default=None,
                    )
                    for each in accounts
                ],
            },
        )
