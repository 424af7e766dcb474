"""Tenants as the ledger knows them: by the entry that began each ledger."""

from uuid import UUID

from ledger.models import Entry
from ledger.rules.kinds import Kind
from ledger.scope import system_scope


def tenant_by_slug(slug: str) -> UUID | None:
    """The tenant whose ledger began under this slug."""
    with system_scope("find tenant"):
        return (
            Entry.objects.filter(kind=Kind.TENANT_CREATED, data__slug=slug)
            .values_list("tenant_id", flat=True)
            .first()
        )
