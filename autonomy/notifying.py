"""Notices are told by mail: what waits for a reader goes out as one, until it arrives.

What is sent is taken first and recorded after: who dies between sends the same mail once
more, under the same Message-ID.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from autonomy import notice_facts, notice_hooks, notice_mail, spreading
from autonomy.digest_mail import Unsent
from autonomy.models import Notice, Telling
from autonomy.notice_mail import Letter
from autonomy.rules.notices import Reader, again, readers_of
from ledger.clock import clock
from ledger.record import Actor, Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant, system_scope, tenant_scope
from perception.models import Membership, Tenant

logger = structlog.get_logger("autonomy.notifying")

BY = Actor(type="schedule", id="notices")
# What one look sends, and for how long at most; what goes into one mail.
SENT, SECONDS, TOGETHER = 100, 20.0, 200
# Whoever has taken one to send and shows no sign of life has died.
LEASE = timedelta(minutes=5)
KEPT = timedelta(days=90)
SETTLED = "It was settled before it was sent."

_DUE = """
SELECT tenant_id, member_id FROM autonomy_telling
WHERE status = 'WAITING' AND due_at <= %s AND member_id IS NOT NULL
  AND (%s::uuid IS NULL OR tenant_id = %s::uuid)
GROUP BY tenant_id, member_id ORDER BY min(due_at) LIMIT %s
"""
_OLD = "SELECT DISTINCT tenant_id FROM autonomy_notice WHERE spread_at < %s"


@dataclass(frozen=True, kw_only=True)
class Done:
    """How many it came to, and how many broke."""

    count: int
    broken: int = 0


@dataclass(frozen=True, kw_only=True)
class _Taken:
    """A mail that is ours until `due_at`."""

    letter: Letter
    attempts: int
    due_at: datetime


def deliver_due(*, now: datetime, tenant: UUID | None = None) -> Done:
    """Spread what is new and tell what is due, by mail and by webhook."""
    parts = [
        _spread(now, tenant),
        _mail(now, tenant),
        _each("post", notice_hooks.tenants_due(now, tenant), _posted(now)),
    ]
    count, broken = sum(d.count for d in parts), sum(d.broken for d in parts)
    return Done(count=count, broken=broken)


def forget(*, now: datetime) -> int:
    """Drop what was told long ago; how many notices."""
    with system_scope("forget notices"), connection.cursor() as cursor:
        cursor.execute(_OLD, [now - KEPT])
        tenants = [row[0] for row in cursor.fetchall()]
    count = 0
    for tenant in tenants:
        with tenant_scope(tenant):
            old = Notice.objects.filter(tenant_id=tenant, spread_at__lt=now - KEPT)
            waiting = Telling.objects.filter(tenant_id=tenant, status="WAITING")
            ids = list(old.exclude(pk__in=waiting.values("notice_id"))[:5000])
            mine = Telling.objects.filter(tenant_id=tenant, notice__in=ids)
            mine.delete()
            old.filter(pk__in=[row.pk for row in ids]).delete()
            count += len(ids)
    return count


def _spread(now: datetime, tenant: UUID | None) -> Done:
    found = spreading.tenants_with_news(tenant)
    return _each("spread", found, lambda of: spreading.spread(of, now=now))


def _posted(now: datetime) -> Callable[[UUID], int]:
    return lambda of: notice_hooks.post(of, now=now, failed=failed)


def _mail(now: datetime, tenant: UUID | None) -> Done:
    one = tenant and str(tenant)
    with system_scope("send notices"), connection.cursor() as cursor:
        cursor.execute(_DUE, [now, one, one, SENT])
        found = cursor.fetchall()
    return _each("send", found, lambda pair: _sent(*pair, now=now))


def _each(doing: str, found: Sequence[Any], do: Callable[[Any], int]) -> Done:
    """One after the other for a while; what goes wrong at one is counted."""
    ends, count, broken = monotonic() + SECONDS, 0, 0
    for each in random.sample(found, len(found)):
        if monotonic() >= ends:
            break
        try:
            count += do(each)
        except Exception as problem:  # noqa: BLE001  it is taken up again
            broken += 1
            if isinstance(problem, DatabaseError):
                connection.close()
            name = type(problem).__name__
            logger.warning("a notice failed", doing=doing, error=name)
    return Done(count=count, broken=broken)


def _sent(tenant: UUID, member: UUID, *, now: datetime) -> int:
    with tenant_scope(tenant):
        taken = _taken(member, now=now)
    if taken is None:
        return 0
    try:
        receipt = notice_mail.send(taken.letter)
    except Unsent as problem:
        with tenant_scope(tenant):
            _missed(taken, problem, now=clock())
        return 0
    with tenant_scope(tenant):
        return _arrived(taken.letter.bundle, receipt, now=clock())


def _taken(member: UUID, *, now: datetime) -> _Taken | None:
    """Take all that waits for a reader, if nobody is at it; free again after a lease."""
    holder = Membership.objects.select_for_update(
        no_key=True, skip_locked=True, of=("self",)
    ).select_related("person")
    held = holder.filter(tenant_id=current_tenant(), pk=member).first()
    batch = _batch(member, now=now) if held else []
    if held is None or not batch:
        return None
    zone = spreading.zone_of_tenant()
    told = notice_facts.read([each.notice for each in batch], now=now, zone=zone)
    reader = notice_facts.readers([member]).get(str(member))
    kept = [each for each in batch if _is_wanted(each, told, reader)]
    _drop([each.pk for each in batch if each not in kept])
    if not kept or reader is None:
        return None
    bundle, due = kept[0].bundle or kept[0].pk, now + LEASE
    attempts = kept[0].attempts + 1
    _rows([each.pk for each in kept]).update(
        bundle=bundle, attempts=attempts, due_at=due
    )
    letter = Letter(
        bundle=bundle,
        to=held.person.email,
        tenant=Tenant.objects.values_list("name", flat=True).get(),
        lines=[told[each.notice_id].line(reader) for each in kept],
    )
    return _Taken(letter=letter, attempts=attempts, due_at=due)


def _batch(member: UUID, *, now: datetime) -> list[Telling]:
    """A mail that was begun, once it is due again; else all that waits, if any is due."""
    rows = Telling.objects.filter(
        tenant_id=current_tenant(), member_id=member, status=Telling.Status.WAITING
    )
    waiting = list(rows.select_related("notice").order_by("id")[:TOGETHER])
    begun = [each for each in waiting if each.bundle is not None]
    found = [each for each in begun if each.bundle == begun[0].bundle] or waiting
    is_due = any(each.due_at and each.due_at <= now for each in found)
    return found if is_due else []


def _is_wanted(
    each: Telling, told: dict[UUID, notice_facts.Told], reader: Reader | None
) -> bool:
    """Whether it is still news, and still theirs."""
    found = told.get(each.notice_id)
    if found is None or reader is None or not settings.DIGESTS_BY_MAIL:
        return False
    concerned = readers_of(found.about, [reader])
    return found.stands and bool(concerned) and reader.wants(found.topic)


def _rows(ids: Sequence[UUID]) -> Any:
    return Telling.objects.filter(
        tenant_id=current_tenant(), pk__in=ids, status=Telling.Status.WAITING
    )


def _drop(ids: Sequence[UUID]) -> None:
    if ids:
        _rows(ids).update(status=Telling.Status.DROPPED, due_at=None, error=SETTLED)


def _of(bundle: UUID) -> Any:
    return Telling.objects.filter(
        tenant_id=current_tenant(), bundle=bundle, status=Telling.Status.WAITING
    )


def _arrived(bundle: UUID, receipt: str, *, now: datetime) -> int:
    moved = _of(bundle).update(
        status=Telling.Status.TOLD,
        told_at=now,
        due_at=None,
        receipt=receipt[:255],
        error="",
    )
    return int(moved > 0)


def _missed(taken: _Taken, problem: Unsent, *, now: datetime) -> None:
    """It was not taken: once more later, or never."""
    following = None if problem.is_final else again(taken.attempts, now=now)
    rows = _of(taken.letter.bundle).filter(due_at=taken.due_at)
    if following is not None:
        rows.update(due_at=following, error=str(problem)[:300])
        return
    ids = list(rows.values_list("pk", "notice_id", "member_id"))
    rows.update(status=Telling.Status.FAILED, due_at=None, error=str(problem)[:300])
    if ids:
        subjects = {"notice": ids[0][1], "member": ids[0][2]}
        data = {"way": "mail", "notices": len(ids), "attempts": taken.attempts}
        failed(subjects, {**data, "error": str(problem)[:300]}, now=now)


def failed(subjects: dict[str, UUID], data: dict[str, Any], *, now: datetime) -> None:
    """State that somebody could not be told."""
    record(Fact(kind=Kind.NOTICE_FAILED, by=BY, subjects=subjects, data=data), now=now)
