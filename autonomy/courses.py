"""Plans of accounts, as runs get to know of them. Plans stand above and tell."""

from datetime import datetime
from uuid import UUID

from autonomy.models import Course
from ledger.scope import current_tenant

TOLD = ("account_id", "plan_type", "status", "objective", "expires_at", "updated_at")


def set_course(
    plan: UUID,
    *,
    account: UUID,
    plan_type: str,
    status: str,
    objective: str,
    expires_at: datetime,
    now: datetime,
) -> None:
    """Tell of a plan as it is now, in place of what was told of it before."""
    row = Course(
        tenant_id=current_tenant(),
        plan_id=plan,
        account_id=account,
        plan_type=plan_type,
        status=str(status),
        objective=objective,
        expires_at=expires_at,
        updated_at=now,
    )
    Course.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["tenant", "plan_id"],
        update_fields=TOLD,
    )


def drop_course(plan: UUID) -> None:
    """Tell of a plan no more."""
    Course.objects.filter(tenant_id=current_tenant(), plan_id=plan).delete()
