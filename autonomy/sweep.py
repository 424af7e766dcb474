"""Everything since a moment is taken back: newest first, and what cannot be is listed."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q, QuerySet

from autonomy.errors import NothingSince
from autonomy.models import Execution, Intent, Permit, Sweep, Undo
from autonomy.retract import retract
from autonomy.undo import OPEN, asked_for
from autonomy.waking import wake
from ledger.clock import clock
from ledger.record import Actor, Fact, record_all
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant

# Kept in pieces, so that no statement grows without end.
PIECE = 1000


def request(
    since: datetime,
    *,
    account: UUID | None,
    only_automatic: bool,
    reason: str,
    by: Actor,
    member: UUID | None,
) -> Sweep:
    """Call off what has not started, and let workers take back what has."""
    at = clock()
    if since >= at:
        raise NothingSince(f"{since:%Y-%m-%d %H:%M} has not come yet.")
    sweep = Sweep.objects.create(
        tenant_id=current_tenant(),
        account_id=account,
        since=since,
        only_automatic=only_automatic,
        reason=reason,
        by_id=member,
        asked_at=at,
    )
    about = {"account": account} if account else {}
    data = {
        "since": since.isoformat(),
        "only_automatic": only_automatic,
        "reason": reason,
    }
    fact = Fact(kind=Kind.SWEEP_REQUESTED, by=by, subjects=about, data=data)
    record_all([fact], now=at)
    count = 0
    for intent in _unstarted(sweep):
        retract(
            intent, by=by, member=member, reason=reason, sweep=sweep.id, place=count
        )
        count += 1
    for rows in _pieces(sweep, at, member, first=count):
        Undo.objects.bulk_create(rows)
        record_all([asked_for(row, by) for row in rows], now=at)
        count += len(rows)
    if not sweep.undos.filter(status=Undo.Status.REQUESTED).exists():
        sweep.status, sweep.finished_at = Sweep.Status.DONE, at
        sweep.save(update_fields=["status", "finished_at"])
    transaction.on_commit(wake)
    return sweep


def _unstarted(sweep: Sweep) -> list[UUID]:
    """Acts that wait for their start, newest first, locked before any starts."""
    rows = Intent.objects.select_for_update().filter(
        tenant_id=current_tenant(),
        status=Intent.Status.APPROVED,
        judged_at__gte=sweep.since,
        **({"account_id": sweep.account_id} if sweep.account_id else {}),
    )
    if sweep.only_automatic:
        permits = Permit.objects.filter(
            tenant_id=current_tenant(), source=Permit.Source.POLICY, spent_at=None
        )
        rows = rows.filter(id__in=permits.values("intent_id"))
    return list(rows.order_by("-id").values_list("id", flat=True))


def _pieces(
    sweep: Sweep, at: datetime, member: UUID | None, *, first: int
) -> Iterator[list[Undo]]:
    """One undo for each act, newest first; of each account the newest is due at once."""
    seen: set[UUID] = set()
    rows: list[Undo] = []
    for place, (id_, intent, account) in enumerate(_acts(sweep).iterator(PIECE), first):
        rows.append(
            Undo(
                tenant_id=current_tenant(),
                account_id=account,
                intent_id=intent,
                execution_id=id_,
                sweep=sweep,
                place=place,
                reason=sweep.reason,
                by_id=member,
                asked_at=at,
                due_at=None if account in seen else at,
            )
        )
        seen.add(account)
        if len(rows) == PIECE:
            yield rows
            rows = []
    if rows:
        yield rows


def _acts(sweep: Sweep) -> QuerySet[Execution, Any]:
    here = {"tenant_id": current_tenant()}
    under_way = Undo.objects.filter(**here, execution__isnull=False, status__in=OPEN)
    rows = Execution.objects.filter(
        **here, status=Execution.Status.SUCCEEDED, started_at__gte=sweep.since
    ).exclude(id__in=under_way.values("execution_id"))
    if sweep.account_id:
        rows = rows.filter(account_id=sweep.account_id)
    if sweep.only_automatic:
        rows = rows.filter(auto_executed=True)
    newest = rows.order_by("-started_at", "-id")
    return newest.values_list("id", "intent_id", "account_id")


def with_counts(rows: QuerySet[Sweep]) -> QuerySet[Sweep]:
    """Sweeps, each with how many of its undos stand how, in the same question."""
    return rows.annotate(
        **{
            f"undos_{status.lower()}": Count("undos", Q(undos__status=status))
            for status in Undo.Status.values
        }
    )


def counted(sweep: Any) -> Mapping[str, int]:
    """How many of its undos stand how; of a sweep that was read with its counts."""
    counts = {
        status: getattr(sweep, f"undos_{status.lower()}")
        for status in Undo.Status.values
    }
    return {status: count for status, count in counts.items() if count}


def one(id_: UUID) -> Sweep:
    """A sweep with its counts."""
    return with_counts(Sweep.objects.filter(tenant_id=current_tenant())).get(pk=id_)
