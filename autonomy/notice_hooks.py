"""Notices are told to a tenant's webhooks: signed, each by itself, until it is taken."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from autonomy.models import Telling
from autonomy.rules.notices import TOPIC_OF, again
from ledger.clock import clock
from ledger.scope import current_tenant, system_scope, tenant_scope
from perception import guards
from perception.connectors import secrets_of
from perception.errors import EgressFailed, EgressRefused, NotNow
from perception.models import Connector
from perception.outlets.outbound import deliver
from perception.sources.base import SourceFailed, SourceRefuses, Wire

LIMIT = 64 * 1024
# What one round tells each tenant.
EACH = 20
UNHEARD = "Nobody listens any more."

_TENANTS = """
SELECT DISTINCT tenant_id FROM autonomy_telling
WHERE status = 'WAITING' AND due_at <= %s AND connector_id IS NOT NULL
  AND (%s::uuid IS NULL OR tenant_id = %s::uuid)
"""

Failed = Callable[..., None]


@dataclass(frozen=True, kw_only=True)
class _Call:
    """One telling under way: where, signed with what, and until when it is ours."""

    row: Telling
    connector: Connector
    secrets: list[str]
    at: datetime
    probe: datetime | None


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """What came of it. `error` is empty where it was taken."""

    error: str = ""
    is_there: bool = True
    until: datetime | None = None


def tenants_due(now: datetime, tenant: UUID | None) -> list[UUID]:
    """The tenants with something to tell a webhook."""
    one = tenant and str(tenant)
    with system_scope("post notices"), connection.cursor() as cursor:
        cursor.execute(_TENANTS, [now, one, one])
        return [row[0] for row in cursor.fetchall()]


def post(tenant: UUID, *, now: datetime, failed: Failed) -> int:
    """Tell one tenant's webhooks; how many notices were taken."""
    with tenant_scope(tenant):
        rows = Telling.objects.filter(
            tenant_id=tenant, status=Telling.Status.WAITING, due_at__lte=now
        ).exclude(connector=None)
        ids = list(rows.order_by("due_at", "id").values_list("pk", flat=True)[:EACH])
    count = 0
    for id_ in ids:
        with tenant_scope(tenant):
            call = _taken(id_, now)
        if call is None:
            continue
        answer = _delivered(call)
        with tenant_scope(tenant):
            count += _recorded(call, answer, failed)
    return count


def _taken(id_: UUID, now: datetime) -> _Call | None:
    """Take one, if nobody was faster and its receiver wants it now."""
    rows = Telling.objects.filter(
        tenant_id=current_tenant(), pk=id_, status="WAITING", due_at__lte=now
    )
    held = rows.select_for_update(skip_locked=True, of=("self",))
    row = held.select_related("notice", "connector").first()
    if row is None:
        return None
    connector = row.connector
    if not connector.is_active:
        rows.update(status=Telling.Status.DROPPED, due_at=None, error=UNHEARD)
        return None
    lasts = timedelta(seconds=2 * settings.TOOL_TIMEOUT_SECONDS)
    try:
        probe = guards.admit(connector, probe_for=lasts)
    except NotNow as refusal:
        rows.update(due_at=max(refusal.until, now + timedelta(seconds=1)))
        return None
    row.attempts += 1
    row.due_at = again(row.attempts, now=now) or now + lasts
    rows.update(attempts=row.attempts, due_at=row.due_at)
    return _Call(
        row=row,
        connector=connector,
        secrets=secrets_of(connector),
        at=clock(),
        probe=probe,
    )


def _delivered(call: _Call) -> _Answer:
    seconds, row = settings.TOOL_TIMEOUT_SECONDS, call.row
    newest, *older = call.secrets or [""]
    wire = Wire(
        timeout=seconds,
        pace=lambda: None,
        limit=LIMIT,
        hidden=tuple(call.secrets),
        ends=monotonic() + seconds,
    )
    try:
        deliver(
            call.connector.config,
            newest,
            also=older,
            id=str(row.notice_id),
            type=f"autonomy.{row.notice.kind}",
            subject=str(row.notice.about),
            data=told(row),
            at=call.at,
            wire=wire,
        )
    except SourceFailed as failure:
        # Whoever refuses, or asks to wait, is there.
        is_there = isinstance(failure, SourceRefuses) or (failure.status or 500) < 500
        said = f"It answered {failure.status}." if failure.status else "No answer came."
        return _Answer(error=said, is_there=is_there, until=failure.until)
    except (EgressFailed, EgressRefused) as problem:
        said = f"It was not reached ({type(problem).__name__})."
        return _Answer(error=said, is_there=False)
    return _Answer()


def told(row: Telling) -> dict[str, Any]:
    """A notice as other systems are told of it: ids and codes, no names."""
    notice = row.notice
    return {
        "topic": TOPIC_OF[notice.kind].value,
        "about": str(notice.about),
        "account": str(notice.account_id) if notice.account_id else None,
        "at": notice.at.isoformat(),
        **{name: notice.data[name] for name in SAID if name in notice.data},
    }


# What of the details is for other systems.
SAID = ("scope", "target", "stage")


def _recorded(call: _Call, answer: _Answer, failed: Failed) -> bool:
    """What came of it; then the breaker that guards the receiver."""
    row = call.row
    rows = Telling.objects.filter(
        tenant_id=current_tenant(), pk=row.pk, status="WAITING", due_at=row.due_at
    )
    if not answer.error:
        rows.update(
            status=Telling.Status.TOLD,
            told_at=call.at,
            due_at=None,
            receipt=str(row.notice_id),
            error="",
        )
    elif again(row.attempts, now=call.at) is None:
        if rows.update(status=Telling.Status.FAILED, due_at=None, error=answer.error):
            subjects = {"notice": row.notice_id, "connector": call.connector.pk}
            data = {"way": "webhook", "attempts": row.attempts, "error": answer.error}
            failed(subjects, data, now=call.at)
    else:
        due = max(filter(None, (row.due_at, answer.until)))
        rows.update(due_at=due, error=answer.error)
    guards.note(call.connector, went_well=answer.is_there, probe=call.probe)
    return not answer.error
