"""Accounts: who may see which, and the one way to add one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from ledger.record import Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception.errors import AlreadyThere
from perception.members import find_member, person_acting
from perception.models import Account, Contact, Opportunity
from perception.rules.callers import Caller
from perception.rules.roles import sees_all_accounts


def visible_to(caller: Caller) -> QuerySet[Account]:
    """The accounts that a caller sees, of the tenant in scope."""
    accounts = Account.objects.filter(tenant_id=caller.tenant)
    if sees_all_accounts(caller.role):
        return accounts
    return accounts.filter(owner_id=caller.membership)


def add_account(given: Mapping[str, Any], *, by: Caller, now: datetime) -> Account:
    """Add an account with its opportunities and contacts."""
    owner = find_member(given["owner"]) if given.get("owner") else None
    fields = {
        name: given[name]
        for name in ("external_id", "name", "lifecycle", "timezone")
        if name in given
    }
    tenant = current_tenant()
    account = Account(
        tenant_id=tenant,
        owner=owner,
        next_poll_at=now,
        created_at=now,
        updated_at=now,
        **fields,
    )
    try:
        with transaction.atomic():
            account.save(force_insert=True)
    except IntegrityError as error:
        raise AlreadyThere(f"external_id {given['external_id']!r}.") from error
    _add_opportunities(account, given.get("opportunities", []))
    _add_contacts(account, given.get("contacts", []))
    record(
        Fact(
            kind=Kind.ACCOUNT_CREATED,
            by=person_acting(by),
            subjects=_subjects(account),
            data={
                "external_id": account.external_id,
                "lifecycle": str(account.lifecycle),
                "opportunities": len(given.get("opportunities", [])),
                "contacts": len(given.get("contacts", [])),
            },
        ),
        now=now,
    )
    return account


def _subjects(account: Account) -> dict[str, UUID]:
    subjects = {"account": account.id}
    if account.owner_id is not None:
        subjects["member"] = account.owner_id
    return subjects


def _add_opportunities(account: Account, given: list[dict[str, Any]]) -> None:
    Opportunity.objects.bulk_create(
        Opportunity(tenant_id=account.tenant_id, account=account, **each)
        for each in given
    )


def _add_contacts(account: Account, given: list[dict[str, Any]]) -> None:
    Contact.objects.bulk_create(
        Contact(tenant_id=account.tenant_id, account=account, **each) for each in given
    )
