"""Set up a tenant with everything that governs it."""

from datetime import datetime
from uuid import UUID

from autonomy.switchboard import open_board
from ledger.record import SYSTEM, Actor
from ledger.scope import tenant_scope
from perception.tenants import create_tenant


def open_tenant(
    slug: str, name: str, *, timezone: str, now: datetime, by: Actor = SYSTEM
) -> UUID:
    """Add a tenant, with a board of switches: without one nothing could start."""
    tenant = create_tenant(slug, name, timezone=timezone, now=now, by=by)
    with tenant_scope(tenant):
        open_board(tenant)
    return tenant
