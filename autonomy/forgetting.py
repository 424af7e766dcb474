"""A contact is forgotten whole: what perception keeps of them, and what acts say of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Model, QuerySet, TextField
from django.db.models.functions import Cast

from autonomy import briefing
from autonomy.models import (
    Approval,
    ContextField,
    Effect,
    Execution,
    Intent,
    Run,
    Undo,
)
from ledger.record import Actor
from ledger.scope import current_tenant
from perception.erasure import AT_ONCE, erase_contact, saying, words_of
from perception.models import Contact
from perception.rules.interactions import without_in

# What belongs to an account and may name its people, and where. Whoever decides locks
# questions before intents, and so does this.
NAMING: Sequence[tuple[type[Model], tuple[str, ...]]] = (
    (Run, ("context", "decided")),
    (Approval, ("edits", "note")),
    (Intent, ("parameters", "rationale")),
    (Execution, ("before", "after")),
    (Effect, ("data", "before")),
    (Undo, ("reason", "found")),
    (ContextField, ("value",)),
)


def forget_contact(contact: UUID, *, by: Actor, now: datetime) -> int:
    """Erase a contact of the tenant in scope; return the interactions that changed.

    What was done stays done, and says their name and address no more; briefs lose what
    they quote of them. An act that is still open has other words then than those that
    somebody said yes to, so that it is not started by that yes. Plans stand above:
    `plans.forgetting` does this, and theirs.
    """
    found = Contact.objects.filter(
        tenant_id=current_tenant(), pk=contact, erased_at__isnull=True
    ).first()
    changed = erase_contact(contact, by=by, now=now)
    if found is not None:
        for model, fields in NAMING:
            _blot(model, fields, found)
        _unquote(found.account_id)
    return changed


def _blot(model: type[Model], fields: Sequence[str], contact: Contact) -> None:
    words = words_of(contact)
    rows = _of(model, contact.account_id).annotate(
        **{f"{field}_said": Cast(field, TextField()) for field in fields}
    )
    named = saying([f"{field}_said" for field in fields], words)
    for row in rows.filter(named).order_by("id").iterator(chunk_size=AT_ONCE):
        told = {field: without_in(getattr(row, field), words) for field in fields}
        _of(model, contact.account_id).filter(pk=row.pk).update(**told)


def _unquote(account: UUID) -> None:
    briefs = list(_of(Effect, account).filter(kind="brief").order_by("id"))
    for row, data in zip(briefs, briefing.unquoted(briefs), strict=True):
        if data != row.data:
            _of(Effect, account).filter(pk=row.pk).update(data=data)


def _of(model: type[Model], account: UUID) -> QuerySet[Any]:
    return model._default_manager.filter(tenant_id=current_tenant(), account_id=account)
