"""Who holds an act that is under way: claimed for a while, put off, let go."""

from datetime import timedelta
from uuid import UUID

from django.db import InterfaceError, OperationalError
from django.db.models import F, Q, QuerySet

from autonomy.models import Intent
from autonomy.tools.base import Clock
from ledger.clock import clock
from ledger.scope import current_tenant, tenant_scope
from perception.errors import NotNow

LONGEST_QUEUE = timedelta(seconds=60)
LONGEST_PAUSE = 3600.0
LONGEST_ERROR = 300
OPEN = (Intent.Status.APPROVED, Intent.Status.EXECUTING)


def claim(id_: UUID, span: timedelta, *, is_first: bool) -> Intent | None:
    """Hold an act alone: it is due, and nobody's lease covers it."""
    until = clock() + span
    claimed = (
        _unheld(id_)
        .filter(Q(due_at=None) | Q(due_at__lte=Clock()), status=Intent.Status.EXECUTING)
        .update(
            fence=F("fence") + 1,
            attempts=1 if is_first else F("attempts") + 1,
            lease_until=until,
            due_at=until,
            dispatched_at=None,
            updated_at=Clock(),
        )
    )
    return Intent.objects.get(tenant_id=current_tenant(), pk=id_) if claimed else None


def is_held(intent: Intent) -> bool:
    """Whether an act is still held by this claim; it stays so until the commit."""
    rows = Intent.objects.select_for_update(no_key=True)
    held = rows.filter(
        tenant_id=current_tenant(),
        pk=intent.pk,
        status=Intent.Status.EXECUTING,
        fence=intent.fence,
        lease_until__gt=Clock(),
    )
    return held.exists()


def let_go(intent: Intent, *, pause: timedelta, counts: bool, error: str) -> bool:
    """Give the lease back until the next call; False where somebody else has it."""
    held = Intent.objects.filter(
        tenant_id=current_tenant(),
        pk=intent.pk,
        status=Intent.Status.EXECUTING,
        fence=intent.fence,
    )
    return bool(
        held.update(
            attempts=F("attempts") - (0 if counts else 1),
            lease_until=None,
            due_at=clock() + pause,
            dispatched_at=None,
            error=error[:LONGEST_ERROR],
        )
    )


def count(id_: UUID) -> None:
    """Count an attempt before it begins, so that it stays counted whatever happens."""
    rows = Intent.objects.filter(
        tenant_id=current_tenant(), pk=id_, status=Intent.Status.APPROVED
    )
    rows.update(attempts=F("attempts") + 1)


def put_off(id_: UUID, refusal: NotNow, *, tenant: UUID, counted: bool = False) -> None:
    """Come back later to what nobody holds; a crowd comes back one after the other.

    Having to wait is no attempt.
    """
    with tenant_scope(tenant):
        until = refusal.until
        if refusal.every:
            ahead = Intent.objects.filter(
                tenant_id=tenant, status=Intent.Status.APPROVED, due_at__gt=Clock()
            )
            until += min(LONGEST_QUEUE, ahead.count() * refusal.every)
        _unheld(id_).update(
            attempts=F("attempts") - int(counted),
            due_at=until,
            dispatched_at=None,
            lease_until=None,
            error=refusal.detail[:LONGEST_ERROR],
        )


def stumble(
    id_: UUID, error: Exception, *, tenant: UUID, counted: bool = False
) -> None:
    """Something broke before anything was done: count it, and come back later.

    A database that is away is no fault of the act, and no attempt.
    """
    tried = not isinstance(error, OperationalError | InterfaceError)
    with tenant_scope(tenant):
        held = _unheld(id_).first()
        if held is None:
            return
        pause = min(LONGEST_PAUSE, 2.0 ** min(held.attempts, 12))
        _unheld(id_).update(
            attempts=F("attempts") + int(tried) - int(counted),
            due_at=clock() + timedelta(seconds=pause),
            dispatched_at=None,
            lease_until=None,
            error=type(error).__name__[:LONGEST_ERROR],
        )


def _unheld(id_: UUID) -> QuerySet[Intent]:
    return Intent.objects.filter(
        Q(lease_until=None) | Q(lease_until__lt=Clock()),
        tenant_id=current_tenant(),
        pk=id_,
        status__in=OPEN,
    )
