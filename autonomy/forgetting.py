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
    Replay,
    Run,
    Undo,
)
from ledger.record import Actor
from ledger.scope import current_tenant
from perception.erasure import AT_ONCE, erase_contact, gone_of, said_without, saying
from perception.models import Contact
from perception.rules.erasing import Gone

# What belongs to an account and may name its people, and where. Whoever decides locks
# questions before intents, and so does this.
NAMING: Sequence[tuple[type[Model], tuple[str, ...]]] = (
    (Run, ("context", "decided", "error")),
    (Approval, ("edits", "note")),
    (Intent, ("parameters", "rationale", "error")),
    (Execution, ("before", "after", "error")),
    (Effect, ("data", "before")),
    (Undo, ("reason", "found", "error")),
    (Replay, ("reason", "result", "error")),
    (ContextField, ("value",)),
)


def forget_contact(contact: UUID, *, by: Actor, now: datetime) -> int:
    """Erase a contact of the tenant in scope; return the interactions that changed.

    What was done stays done, and says their name and address no more; briefs lose what
    they quote of them. An act that is still open has other words then than those that
    somebody said yes to, so that it is not started by that yes. Plans stand above:
    `plans.forgetting` does this, and theirs.
    """
    found = (
        Contact.objects.select_for_update()
        .filter(tenant_id=current_tenant(), pk=contact, erased_at__isnull=True)
        .first()
    )
    gone = gone_of(found) if found else None
    changed = erase_contact(contact, by=by, now=now)
    if found and gone:
        for model, fields in NAMING:
            _blot(_of(model, found.account_id), fields, gone)
        _unquote(found.account_id)
    return changed


def _blot(rows: QuerySet[Any], fields: Sequence[str], gone: Gone) -> None:
    said = {f"{field}_said": Cast(field, TextField()) for field in fields}
    named = rows.annotate(**said).filter(saying(said, gone)).order_by("id")
    for row in named.iterator(chunk_size=AT_ONCE):
        told = {field: said_without(row, field, gone) for field in fields}
        rows.filter(pk=row.pk).update(**told)


def _unquote(account: UUID) -> None:
    briefs = list(_of(Effect, account).filter(kind="brief").order_by("id"))
    for row, data in zip(briefs, briefing.unquoted(briefs), strict=True):
        if data != row.data:
            _of(Effect, account).filter(pk=row.pk).update(data=data)


def _of(model: type[Model], account: UUID) -> QuerySet[Any]:
    return model._default_manager.filter(tenant_id=current_tenant(), account_id=account)
