"""A person is erased: the row stays, the person goes out of everything kept of them."""

import json
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Q, TextField
from django.db.models.functions import Cast

from ledger.erase import erase_person
from ledger.record import Actor
from ledger.scope import current_tenant
from perception.errors import NoSuchContact
from perception.interactions import hashes_of
from perception.models import Contact, Delivery, Interaction, Signal
from perception.rules.interactions import ERASED, without, without_in
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
    changed = _forget(found)
    _blot(found)
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


def _forget(contact: Contact) -> int:
    """Interactions with them, and those that speak of them, at any account."""
    marks = {str(contact.id), *hashes_of(contact.email)}
    words = {contact.email: ERASED, contact.name: ERASED}
    about = Q()
    for mark in marks:
        about |= Q(participants__contains=[mark])
    for word in filter(None, words):
        about |= Q(account_id=contact.account_id) & (
            Q(text__icontains=word) | Q(subject__icontains=word)
        )
    changed = 0
    rows = Interaction.objects.filter(about, tenant_id=current_tenant())
    for row in rows.order_by("id").iterator(chunk_size=AT_ONCE):
        if marks & set(row.participants):
            row.participants = [*sorted({*row.participants} - marks), ERASED]
            row.subject, row.text = "", ""
        else:
            row.subject = without(row.subject, words)
            row.text = without(row.text, words)
        row.save(update_fields=["participants", "subject", "text"])
        changed += 1
    return changed


def words_of(contact: Contact) -> dict[str, str]:
    """What names somebody, with what is put there instead."""
    return {word: ERASED for word in (contact.email, contact.name) if word}


def saying(fields: Iterable[str], words: Iterable[str]) -> Q:
    """Rows that say one of these words in one of these texts, plain or as JSON has it."""
    found = Q()
    for field in fields:
        for form in forms_of(words):
            found |= Q(**{f"{field}__icontains": form})
    return found


def forms_of(words: Iterable[str]) -> set[str]:
    """How they may stand in a text, quotation marks and foreign letters escaped or not."""
    return {
        form
        for word in words
        for form in (
            word,
            json.dumps(word)[1:-1],
            json.dumps(word, ensure_ascii=False)[1:-1],
        )
    }


def _blot(contact: Contact) -> None:
    """Signals of the account, and deliveries that were refused: those lose their body."""
    words = words_of(contact)
    written = dict.fromkeys(forms_of(words), ERASED)
    signals = Signal.objects.filter(
        tenant_id=current_tenant(), account_id=contact.account_id
    ).annotate(said=Cast("payload", TextField()))
    for row in (
        signals.filter(saying(["said"], words))
        .order_by("id")
        .iterator(chunk_size=AT_ONCE)
    ):
        Signal.objects.filter(tenant_id=current_tenant(), pk=row.pk).update(
            payload=without_in(row.payload, words)
        )
    kept = Delivery.objects.filter(tenant_id=current_tenant(), body__isnull=False)
    for each in kept.order_by("id").iterator(chunk_size=AT_ONCE):
        text = bytes(each.body or b"").decode(errors="replace")
        if without(text, written) != text:
            each.body, each.error = None, without(each.error, words)
            each.save(update_fields=["body", "error"])
