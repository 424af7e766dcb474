"""Claims of runs for tests that do one stage by itself."""

from uuid import UUID

from autonomy import runs
from autonomy.rules.runs import Stage
from autonomy.runs import Held, May, everywhere
from ledger.scope import tenant_scope


def claim(
    run: UUID, stage: Stage, *, tenant: UUID, may: May = everywhere
) -> Held | None:
    """Take a run, in a transaction of its own."""
    with tenant_scope(tenant):
        return runs.claim(run, stage, tenant=tenant, may=may)
