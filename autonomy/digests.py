"""Digests: written as they fall due, sent until they arrive, and whose receipts they are.

A day's digest has arrived when the mail server took it, or, where no mails are sent, when
it stands in the app; or when its reader says that they have read it there. What is sent
is taken first and recorded after: who dies between sends the same mail again, under the
same Message-ID.
"""

import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Min, Q

from autonomy import digest_body, digest_mail, notices
from autonomy.digest_mail import Letter, Unsent
from autonomy.errors import NoSuchDigest
from autonomy.models import Digest, OptIn
from autonomy.rules.digest_words import is_quiet
from autonomy.rules.digests import Owed, again, newest, owed, tells_since
from ledger.clock import clock
from ledger.record import Actor, Fact, record_all
from ledger.rules.kinds import Kind
from ledger.scope import PLATFORM, current_tenant, system_scope, tenant_scope
from perception.faults import Faults
from perception.members import person_acting
from perception.models import Account, Membership, Tenant
from perception.rules.callers import Caller
from perception.rules.days import local_day, zone_at
from perception.rules.roles import Role

logger = structlog.get_logger("autonomy.digests")

BY = Actor(type="schedule", id="digests")
MAIL, APP = "mail", "app"
# What one look writes and sends, and for how long it sends at most.
WRITTEN, SENT, SECONDS = 200, 100, 20.0
# Whoever has taken one to send and shows no sign of life has died.
LEASE = timedelta(minutes=5)

_TENANTS = """
SELECT id, timezone, previous_timezone, timezone_since, digest_hour, created_at
FROM perception_tenant WHERE id <> %s AND (%s::uuid IS NULL OR id = %s::uuid)
"""
# Whoever owns an open account and has no digest of the newest day yet.
_OWED = """
SELECT m.tenant_id, m.id
FROM unnest(%s::uuid[], %s::date[], %s::boolean[]) AS k(tenant_id, day, is_first)
JOIN perception_membership m ON m.tenant_id = k.tenant_id AND m.is_active
WHERE EXISTS (SELECT FROM perception_account a
              WHERE a.tenant_id = m.tenant_id AND a.owner_id = m.id
                AND a.closed_at IS NULL)
  AND NOT EXISTS (SELECT FROM autonomy_digest d
                  WHERE d.tenant_id = m.tenant_id AND d.member_id = m.id
                    AND d.day = k.day
                    AND coalesce(d.written_at, d.delivered_at) IS NOT NULL)
  AND (NOT k.is_first OR EXISTS (SELECT FROM autonomy_optin p
                                 WHERE p.tenant_id = m.tenant_id AND p.granted))
LIMIT %s
"""
_DUE = """
SELECT tenant_id, id FROM autonomy_digest
WHERE next_at <= %s AND (%s::uuid IS NULL OR tenant_id = %s::uuid)
ORDER BY next_at LIMIT %s
"""


@dataclass(frozen=True, kw_only=True)
class Done:
    """How many it came to, how many broke, and of which kind the first was."""

    count: int
    broken: int = 0
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class _Days:
    """How a tenant counts its days, and since when it does."""

    zone: str
    hour: int
    begun: datetime


def write_due(*, now: datetime, tenant: UUID | None = None) -> Done:
    """Write the digests that are due, of every tenant; each member's by itself."""
    one = tenant and str(tenant)
    with system_scope("write digests"), connection.cursor() as cursor:
        cursor.execute(_TENANTS, [str(PLATFORM), one, one])
        days = {row[0]: _days(row[1:], now) for row in cursor.fetchall()}
        turns = [newest(now, zone=each.zone, hour=each.hour) for each in days.values()]
        first = [
            turn.day <= local_day(each.begun, each.zone)
            for turn, each in zip(turns, days.values(), strict=True)
        ]
        ids, due = [str(each) for each in days], [turn.day for turn in turns]
        cursor.execute(_OWED, [ids, due, first, WRITTEN])
        found = cursor.fetchall()
    random.shuffle(found)
    done, faults = 0, Faults()
    for of, member in found:
        try:
            with tenant_scope(of):
                done += _write(member, days[of], now=now)
        except Exception as problem:  # noqa: BLE001  counted; the others get theirs
            faults(problem)
            _broke("write", problem)
    return Done(count=done, broken=faults.count, error=faults.first)


def send_due(*, now: datetime, tenant: UUID | None = None) -> Done:
    """Send what is due; how many arrived. Any number may look: each is sent by one."""
    one = tenant and str(tenant)
    with system_scope("send digests"), connection.cursor() as cursor:
        cursor.execute(_DUE, [now, one, one, SENT])
        found = cursor.fetchall()
    ends, arrived, faults = monotonic() + SECONDS, 0, Faults()
    for of, digest in found:
        if monotonic() >= ends:
            break
        try:
            arrived += _sent(of, digest, now=now)
        except Exception as problem:  # noqa: BLE001  it is taken up again
            faults(problem)
            _broke("send", problem)
    return Done(count=arrived, broken=faults.count, error=faults.first)


def seen(digest: UUID, *, by: Caller, now: datetime) -> Digest:
    """Its reader says that they have read it in the app. That is a receipt too."""
    mine = Digest.objects.filter(
        tenant_id=current_tenant(), member_id=by.membership, written_at__isnull=False
    )
    row = mine.select_for_update().filter(pk=digest).first()
    if row is None:
        raise NoSuchDigest
    if row.seen_at is None:
        row.seen_at = now
        Digest.objects.filter(tenant_id=current_tenant(), pk=row.pk).update(seen_at=now)
    # Only the newest tells everything that has not arrived.
    if row.delivered_at is None and not mine.filter(day__gt=row.day).exists():
        _arrived(row, way=APP, receipt=f"seen {row.id}", by=person_acting(by), now=now)
    return row


def written_since(since: datetime) -> int:
    """How many were written since then, of all tenants."""
    with system_scope("count digests"):
        rows = Digest.objects.filter(written_at__gt=since)
        return rows.exclude(body={}).exclude(body__has_key="told_by").count()


def _days(row: tuple[Any, ...], now: datetime) -> _Days:
    zone, previous, since, hour, begun = row
    found = zone_at(now, timezone=zone, previous=previous, since=since)
    return _Days(zone=found, hour=hour, begun=begun)


def _write(member: UUID, days: _Days, *, now: datetime) -> bool:
    """Write one member's digest, unless somebody else has meanwhile."""
    tenant = current_tenant()
    holder = Membership.objects.select_for_update(no_key=True)
    held = holder.filter(tenant_id=tenant, pk=member, is_active=True).first()
    if held is None:
        return False
    rows = Digest.objects.filter(tenant_id=tenant, member_id=member)
    kept = list(rows.values_list("day", "written_at", "delivered_at"))
    found = owed(
        begun=days.begun,
        opted_in=_opted_in(member),
        written=[day for day, at, came in kept if at or came],
        delivered=[day for day, _, at in kept if at],
        now=now,
        zone=days.zone,
        hour=days.hour,
    )
    if found is None:
        return False
    last = max((at for _, at, came in kept if at and came), default=None)
    caller = Caller(tenant=tenant, membership=member, role=Role(held.role))
    since = tells_since(found, last, begun=days.begun)
    said = digest_body.body(caller, since=since, until=now)
    row = _kept(member, found, said, now=now)
    # Where no mails are sent, it stands in the app from now on.
    if not settings.DIGESTS_BY_MAIL:
        _arrived(row, way=APP, receipt=f"app {row.id}", by=BY, now=now)
    return True


def _opted_in(member: UUID) -> datetime | None:
    """Since when somebody wants scheduled work at any of the member's accounts."""
    own = Account.objects.filter(tenant_id=current_tenant(), owner_id=member)
    rows = OptIn.objects.filter(
        Q(account=None) | Q(account_id__in=own.values("id")),
        tenant_id=current_tenant(),
        granted=True,
    )
    first: datetime | None = rows.aggregate(first=Min("at"))["first"]
    return first


def _kept(member: UUID, found: Owed, said: dict[str, Any], *, now: datetime) -> Digest:
    """The digest, and the days before it that it tells of."""
    tenant, day = current_tenant(), found.turn.day
    earlier = [
        Digest(
            tenant_id=tenant, member_id=member, day=each.day, due_at=each.at,
            written_at=now, body={"told_by": day.isoformat()},
        )
        for each in found.covers
    ]  # fmt: skip
    Digest.objects.bulk_create(earlier, ignore_conflicts=True)
    # What has not arrived until now arrives with this one.
    waiting = Digest.objects.filter(
        tenant_id=tenant, member_id=member, day__lt=day, delivered_at=None
    )
    waiting.update(next_at=None)
    covers = [each.isoformat() for each in waiting.values_list("day", flat=True)]
    values = {
        "due_at": found.turn.at,
        "written_at": now,
        "next_at": now if settings.DIGESTS_BY_MAIL else None,
        "body": {**said, "covers": sorted(covers)},
    }
    row, _ = Digest.objects.update_or_create(
        tenant_id=tenant, member_id=member, day=day, defaults=values
    )
    return row


def _sent(tenant: UUID, digest: UUID, *, now: datetime) -> bool:
    with tenant_scope(tenant):
        letter = _taken(digest, now=now)
    if letter is None:
        return False
    try:
        way, receipt = MAIL, ""
        if settings.DIGESTS_BY_MAIL:
            receipt = digest_mail.send(letter)
        else:
            # Whoever switched mails off meanwhile reads it in the app.
            way, receipt = APP, f"app {digest}"
    except Unsent as problem:
        with tenant_scope(tenant):
            _missed(letter.row, problem, now=clock())
        return False
    with tenant_scope(tenant):
        return _arrived(letter.row, way=way, receipt=receipt, by=BY, now=clock())


def _taken(digest: UUID, *, now: datetime) -> Letter | None:
    """Take one to send, if nobody was faster; it is free again when the lease ends."""
    rows = Digest.objects.filter(tenant_id=current_tenant(), pk=digest)
    due = rows.filter(next_at__lte=now, delivered_at=None)
    row = due.select_for_update(skip_locked=True, of=("self",)).first()
    if row is None:
        return None
    row.attempts += 1
    row.next_at = now + LEASE
    rows.update(attempts=row.attempts, next_at=row.next_at)
    tenant = Tenant.objects.get(pk=current_tenant())
    member = Membership.objects.select_related("person").get(
        tenant_id=current_tenant(), pk=row.member_id
    )
    zone = zone_at(
        now,
        timezone=tenant.timezone,
        previous=tenant.previous_timezone,
        since=tenant.timezone_since,
    )
    return Letter(row=row, to=member.person.email, tenant=tenant.name, zone=zone)


def _missed(row: Digest, problem: Unsent, *, now: datetime) -> None:
    """It was not taken: once more later, or never. Then the gate of A8 stays closed."""
    following = None if problem.is_final else again(row.attempts, now=now)
    rows = Digest.objects.filter(
        tenant_id=current_tenant(), pk=row.pk, delivered_at=None, next_at=row.next_at
    )
    if not rows.update(next_at=following, error=str(problem)[:300]):
        return
    if following is None:
        data = {"day": row.day.isoformat(), "attempts": row.attempts}
        said = {**data, "error": str(problem)[:300], "final": problem.is_final}
        record_all([_fact(Kind.DIGEST_FAILED, row, said, by=BY)], now=now)
        notices.note(Kind.DIGEST_FAILED, row.id, at=now, by=str(row.member_id))


def _arrived(row: Digest, *, way: str, receipt: str, by: Actor, now: datetime) -> bool:
    """It has reached its reader; and with it every earlier day that it tells of."""
    mine = Digest.objects.filter(
        tenant_id=current_tenant(), member_id=row.member_id, delivered_at=None
    )
    values = {"delivered_at": now, "next_at": None, "way": way, "receipt": receipt}
    if not mine.filter(pk=row.pk).update(**values, error=""):
        return False
    covers = row.body.get("covers", [])
    mine.filter(day__in=[date.fromisoformat(day) for day in covers]).update(**values)
    data = {
        "day": row.day.isoformat(),
        "way": way,
        "attempts": row.attempts,
        "covers": covers,
        "empty": is_quiet(row.body),
    }
    record_all([_fact(Kind.DIGEST_DELIVERED, row, data, by=by)], now=now)
    row.delivered_at, row.way, row.receipt = now, way, receipt
    return True


def _fact(kind: Kind, row: Digest, data: dict[str, Any], *, by: Actor) -> Fact:
    subjects = {"digest": row.id, "member": row.member_id}
    return Fact(kind=kind, by=by, subjects=subjects, data=data)


def _broke(what: str, problem: Exception) -> None:
    if isinstance(problem, DatabaseError):
        connection.close()
    logger.warning("a digest failed", doing=what, error=type(problem).__name__)
