"""Tenants as the ledger knows them: by the entry that began each ledger."""

from uuid import UUID

from ledger.models import Entry
from ledger.rules.kinds import Kind
from ledger.scope import system_scope
from ledger.witness import witnessed_tenants


def tenant_by_slug(slug: str) -> UUID | None:
    """The tenant whose ledger began under this slug."""
    with system_scope("find tenant"):
        return (
            Entry.objects.filter(kind=Kind.TENANT_CREATED, data__slug=slug)
            .values_list("tenant_id", flat=True)
            .first()
        )


def known_tenant(tenant: UUID) -> UUID | None:
    """The tenant, if the database or the witness has ever heard of it."""
    with system_scope("find tenant"):
        is_stored = Entry.objects.filter(tenant_id=tenant).exists()
    return tenant if is_stored or tenant in witnessed_tenants() else None
