"""Accounts: who may see which, and the one way to add one, or to change one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from ledger.record import Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception import news
from perception.errors import AdminChanges, AlreadyThere
from perception.members import find_member, person_acting
from perception.models import Account, Contact, Opportunity
from perception.rules.callers import Caller
from perception.rules.roles import may_change_accounts, sees_all_accounts

# What whoever stands above is told of.
TOLD = frozenset({"owner", "lifecycle", "closed"})
# Of a deal, it is kept when these were said.
KNOWN = frozenset({"stage", "amount", "renewal_date"})


def visible_to(caller: Caller) -> QuerySet[Account]:
    """The accounts that a caller sees, of the tenant in scope."""
    accounts = Account.objects.filter(tenant_id=caller.tenant)
    if sees_all_accounts(caller.role):
        return accounts
    return accounts.filter(owner_id=caller.membership)


def add_account(given: Mapping[str, Any], *, by: Caller, now: datetime) -> Account:
    """Add an account with its opportunities and contacts."""
    owner = find_member(given["owner"], at="owner") if given.get("owner") else None
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


def change_account(
    account: Account, given: Mapping[str, Any], *, by: Caller, now: datetime
) -> Account:
    """Change what differs, state before and after; return the account as it is then.

    `given` holds any of owner, name, lifecycle, timezone and closed.
    """
    if not may_change_accounts(by.role, set(given)):
        raise AdminChanges
    held = Account.objects.select_for_update(no_key=True).get(
        tenant_id=current_tenant(), pk=account.pk
    )
    wanted = dict(given)
    if wanted.get("owner"):
        wanted["owner"] = find_member(str(wanted["owner"]), at="owner").id
    before = changeable(held)
    changed = {name: value for name, value in wanted.items() if before[name] != value}
    if not changed:
        return held
    fields = _columns(changed, held, now=now)
    Account.objects.filter(tenant_id=held.tenant_id, pk=held.pk).update(**fields)
    for name, value in fields.items():
        setattr(held, name, value)
    record(_changed(held, before, changed, by=by), now=now)
    return held


def changeable(account: Account) -> dict[str, Any]:
    """What can be changed about an account, as it is."""
    return {
        "owner": account.owner_id,
        "name": account.name,
        "lifecycle": str(account.lifecycle),
        "timezone": account.timezone,
        "closed": account.closed_at is not None,
    }


def _columns(
    changed: Mapping[str, Any], held: Account, *, now: datetime
) -> dict[str, Any]:
    """How a change is written. A closed account is not looked at; an open one soon is."""
    fields = {**changed, "updated_at": now}
    if "owner" in fields:
        fields["owner_id"] = fields.pop("owner")
    if "closed" in fields:
        is_closed = fields.pop("closed")
        fields["closed_at"] = now if is_closed else None
        fields["next_poll_at"] = None if is_closed else now
    if TOLD & changed.keys():
        fields["news_at"] = news.moment(held.news_at, now=now)
    return fields


def _changed(
    account: Account,
    before: Mapping[str, Any],
    changed: Mapping[str, Any],
    *,
    by: Caller,
) -> Fact:
    """The fact: an owner by id, and that it was renamed without its names."""
    shown = [name for name in changed if name != "name"]
    renamed = {"renamed": True} if "name" in changed else {}
    return Fact(
        kind=Kind.ACCOUNT_CHANGED,
        by=person_acting(by),
        subjects=_subjects(account),
        data={
            "before": {name: _plain(before[name]) for name in shown},
            "after": {name: _plain(changed[name]) for name in shown},
            **renamed,
        },
    )


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


def _subjects(account: Account) -> dict[str, UUID]:
    subjects = {"account": account.id}
    if account.owner_id is not None:
        subjects["member"] = account.owner_id
    return subjects


def _add_opportunities(account: Account, given: list[dict[str, Any]]) -> None:
    Opportunity.objects.bulk_create(
        Opportunity(
            tenant_id=account.tenant_id,
            account=account,
            **each,
            **{f"{name}_at": account.created_at for name in each if name in KNOWN},
        )
        for each in given
    )


def _add_contacts(account: Account, given: list[dict[str, Any]]) -> None:
    Contact.objects.bulk_create(
        Contact(tenant_id=account.tenant_id, account=account, **each) for each in given
    )
