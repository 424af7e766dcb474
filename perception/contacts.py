"""People at accounts: added, changed, and who of them wants no messages."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ledger.record import Fact, record_all
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception.errors import NamelessContact, NoSuchContact, OnlyOptsOut
from perception.members import person_acting
from perception.models import Account, Contact
from perception.rules.callers import Caller
from perception.rules.roles import may_change_contact

FIELDS = ("name", "email", "opted_out")


def change_contacts(
    account: Account, given: Sequence[Mapping[str, Any]], *, by: Caller, now: datetime
) -> int:
    """Add who is new, change what differs of the others; return how many that were.

    Each of `given` holds an external_id and any of name, email and opted_out.
    """
    if not all(may_change_contact(by.role, each) for each in given):
        raise OnlyOptsOut
    # Whoever adds the same person waits here.
    Account.objects.select_for_update(no_key=True).get(
        tenant_id=current_tenant(), pk=account.pk
    )
    rows = Contact.objects.filter(
        tenant_id=current_tenant(),
        account=account,
        external_id__in=[each["external_id"] for each in given],
    )
    known = {row.external_id: row for row in rows.select_for_update()}
    facts = []
    for each in given:
        row = known.get(each["external_id"])
        said = _add(account, each, by) if row is None else _change(row, each)
        if said:
            facts.append(said)
    record_all(
        [
            Fact(
                kind=Kind.ACCOUNT_CHANGED,
                by=person_acting(by),
                subjects={"account": account.pk, "contact": contact.pk},
                data=data,
            )
            for contact, data in facts
        ],
        now=now,
    )
    return len(facts)


def _add(
    account: Account, given: Mapping[str, Any], by: Caller
) -> tuple[Contact, dict[str, Any]]:
    if not may_change_contact(by.role, given, is_new=True):
        raise NoSuchContact
    if "name" not in given:
        raise NamelessContact(f"{given['external_id']!r} is new here.")
    made = Contact(tenant_id=account.tenant_id, account=account, **given)
    made.save(force_insert=True)
    return made, {"before": {}, "after": {"opted_out": made.opted_out}}


def _change(
    row: Contact, given: Mapping[str, Any]
) -> tuple[Contact, dict[str, Any]] | None:
    """The fact names nobody: that they are called otherwise, or have another address."""
    if row.erased_at is not None:
        raise NoSuchContact
    before = {name: getattr(row, name) for name in FIELDS}
    changed = {
        name: given[name]
        for name in FIELDS
        if name in given and given[name] != before[name]
    }
    if not changed:
        return None
    Contact.objects.filter(tenant_id=row.tenant_id, pk=row.pk).update(**changed)
    shown = [name for name in changed if name == "opted_out"]
    data: dict[str, Any] = {
        "before": {name: before[name] for name in shown},
        "after": {name: changed[name] for name in shown},
    }
    data |= {"renamed": True} if "name" in changed else {}
    data |= {"readdressed": True} if "email" in changed else {}
    return row, data
