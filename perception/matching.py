"""Which accounts a page of a source speaks of: by external id, or by people's addresses.

Addresses match as a whole and within the tenant, never by their domain.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from django.db import connection

from ledger.scope import current_tenant

_BY_NAME = """
SELECT external_id, id FROM perception_account
WHERE tenant_id = %s AND external_id = ANY(%s::text[])
"""

_BY_ADDRESS = """
SELECT DISTINCT lower(email), account_id FROM perception_contact
WHERE tenant_id = %s AND lower(email) = ANY(%s::text[])
"""


class Naming(Protocol):
    """What names an account."""

    @property
    def account(self) -> str: ...

    @property
    def emails(self) -> Sequence[str]: ...


@dataclass(frozen=True, kw_only=True)
class Book:
    """The accounts that a page names, and the one that it was asked about."""

    names: Mapping[str, UUID]
    addresses: Mapping[str, Collection[UUID]]
    asked: UUID | None

    def accounts_of(self, item: Naming) -> list[UUID]:
        """All accounts that an item is about; one that names none is about the asked."""
        if item.account in self.names:
            return [self.names[item.account]]
        found = {
            account
            for email in item.emails
            for account in self.addresses.get(email.lower(), ())
        }
        if not found and not item.account and not item.emails and self.asked:
            return [self.asked]
        return sorted(found)


def look_up(items: Collection[Naming], *, asked: UUID | None) -> Book:
    """Read the accounts and people that these items name, all at once."""
    names = {item.account for item in items if _is_text(item.account)}
    emails = {
        email.lower() for item in items for email in item.emails if _is_text(email)
    }
    tenant = str(current_tenant())
    by_name: dict[str, UUID] = {}
    by_address: dict[str, set[UUID]] = defaultdict(set)
    with connection.cursor() as cursor:
        if names:
            cursor.execute(_BY_NAME, [tenant, sorted(names)])
            by_name = dict(cursor.fetchall())
        if emails:
            cursor.execute(_BY_ADDRESS, [tenant, sorted(emails)])
            for email, account in cursor.fetchall():
                by_address[email].add(account)
    return Book(names=by_name, addresses=by_address, asked=asked)


def _is_text(value: str) -> bool:
    return bool(value) and "\0" not in value
