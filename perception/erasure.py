"""A person is erased: the row stays, the person goes out of everything kept of them."""

import json
from collections.abc import Iterable
from datetime import datetime
from functools import reduce
from operator import and_, or_
from typing import Any
from uuid import UUID

from django.db.models import Model, Q, TextField
from django.db.models.functions import Cast

from ledger.erase import erase_person
from ledger.record import Actor
from ledger.scope import current_tenant
from perception.errors import NoSuchContact
from perception.interactions import hashes_of
from perception.models import Contact, Delivery, Interaction, Signal
from perception.rules.erasing import ERASED, Gone, unescaped, without, without_in
from perception.summaries import forget_person

AT_ONCE = 500


def erase_contact(contact: UUID, *, by: Actor, now: datetime) -> int:
    """Erase a contact of the tenant in scope; return the interactions that changed.

    What they took part in keeps its time and channel and loses its words; elsewhere,
    in signals too, their name and address are blotted out. Summaries count them without
    naming them, and proofs in the ledger stay whole. Doing it again changes nothing.
    Acts stand above: `autonomy.forgetting` does this, and theirs.
    """
    found = (
        Contact.objects.select_for_update()
        .filter(tenant_id=current_tenant(), pk=contact, erased_at__isnull=True)
        .first()
    )
    if found is None:
        if Contact.objects.filter(tenant_id=current_tenant(), pk=contact).exists():
            return 0
        raise NoSuchContact
    gone = gone_of(found)
    changed = _forget(found, gone)
    _blot(found, gone)
    forget_person(found.account_id, found.id)
    Contact.objects.filter(tenant_id=current_tenant(), pk=contact).update(
        name=ERASED,
        email="",
        external_id=f"{ERASED} {contact}",
        opted_out=True,
        erased_at=now,
    )
    erase_person(contact, by=by, now=now)
    return changed


def gone_of(contact: Contact) -> Gone:
    """What names somebody who is about to be erased, and who else is at the account."""
    here = Contact.objects.filter(
        tenant_id=current_tenant(), account_id=contact.account_id
    ).exclude(pk=contact.pk)
    others = [word for both in here.values_list("email", "name") for word in both]
    return Gone(
        words=frozenset(filter(None, (contact.email, contact.name))),
        others=frozenset(filter(None, others)),
    )


def saying(fields: Iterable[str], gone: Gone) -> Q:
    """Rows that may name them in one of these texts, plain or as JSON has it.

    Every part of a name stands there, however spaced: what is found is to be looked at.
    """
    found = Q(pk__in=[])
    for field in fields:
        for form in gone.forms:
            parts = [_part(f"{field}__icontains", part) for part in form.split()]
            found |= reduce(and_, parts)
    return found


def _part(where: str, part: str) -> Q:
    written = json.dumps(part, ensure_ascii=False)[1:-1]
    return reduce(or_, (Q(**{where: each}) for each in sorted({part, written})))


def said_without(row: Model, field: str, gone: Gone, *, keys: bool = True) -> Any:
    """What a row says without them: what stands for them may be longer than its column."""
    told = without_in(getattr(row, field), gone, keys=keys)
    most = getattr(row._meta.get_field(field), "max_length", None)
    return told[:most] if isinstance(told, str) else told


def _forget(contact: Contact, gone: Gone) -> int:
    """Interactions with them, and those that speak of them, at their account."""
    marks = {str(contact.id), *hashes_of(contact.email)}
    about = Q(account_id=contact.account_id) & saying(("subject", "text"), gone)
    for mark in marks:
        about |= Q(participants__contains=[mark])
    changed = 0
    rows = Interaction.objects.filter(about, tenant_id=current_tenant())
    for row in rows.order_by("id").iterator(chunk_size=AT_ONCE):
        before = row.subject, row.text
        if took_part := marks & set(row.participants):
            row.participants = [*sorted({*row.participants} - marks), ERASED]
            row.subject, row.text = "", ""
        else:
            row.subject = said_without(row, "subject", gone)
            row.text = said_without(row, "text", gone)
        if took_part or (row.subject, row.text) != before:
            row.save(update_fields=["participants", "subject", "text"])
            changed += 1
    return changed


def _blot(contact: Contact, gone: Gone) -> None:
    """Signals of the account, and deliveries that were refused: those lose their body."""
    signals = Signal.objects.filter(
        tenant_id=current_tenant(), account_id=contact.account_id
    ).annotate(said=Cast("payload", TextField()))
    rows = signals.filter(saying(["said"], gone)).order_by("id")
    for row in rows.iterator(chunk_size=AT_ONCE):
        Signal.objects.filter(tenant_id=current_tenant(), pk=row.pk).update(
            payload=said_without(row, "payload", gone)
        )
    kept = Delivery.objects.filter(tenant_id=current_tenant(), body__isnull=False)
    for each in kept.order_by("id").iterator(chunk_size=AT_ONCE):
        text = bytes(each.body or b"").decode(errors="replace")
        if any(without(told, gone) != told for told in (text, unescaped(text))):
            each.body, each.error = None, said_without(each, "error", gone)
            each.save(update_fields=["body", "error"])
