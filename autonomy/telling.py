"""Tenants are told of alerts by their outbound webhook, between two transactions."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from autonomy.alerts import each_of
from autonomy.models import SloAlert
from autonomy.rules.service import tell_again
from ledger.clock import clock
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant, system_scope, tenant_scope
from perception import guards
from perception.connectors import secrets_of
from perception.errors import EgressFailed, EgressRefused, NotNow
from perception.models import Connector
from perception.outlets.outbound import deliver
from perception.sources.base import SourceFailed, SourceRefuses, Wire

# Through which connector a tenant is told.
ACTS_AS = "webhook"
LIMIT = 64 * 1024
# What one round tells at most: of each tenant, and of all.
EACH, MOST = 3, 60


_DUE = """
SELECT tenant_id, id FROM (
    SELECT tenant_id, id, tell_at,
           row_number() OVER (PARTITION BY tenant_id ORDER BY tell_at, id) AS place
    FROM autonomy_sloalert WHERE tell_at <= %s) AS due
WHERE place <= %s ORDER BY tell_at LIMIT %s
"""
# Whoever takes it has until the next try; nobody else tells it meanwhile.
_TAKE = """
UPDATE autonomy_sloalert SET tell_at = %s
WHERE tenant_id = %s AND id = %s AND tell_at <= %s
"""


def tell(*, now: datetime) -> int:
    """Tell tenants' webhooks of alerts that opened or closed; how many were taken."""
    with system_scope("tell alerts"), connection.cursor() as cursor:
        cursor.execute(_DUE, [now, EACH, MOST])
        due: dict[UUID, list[UUID]] = {}
        for tenant, alert in cursor.fetchall():
            due.setdefault(tenant, []).append(alert)
    # Whose receiver is slow holds up nobody in particular.
    tenants = random.sample(sorted(due), len(due))
    return each_of(tenants, lambda tenant: _told(tenant, due[tenant], now))


@dataclass(frozen=True, kw_only=True)
class _Call:
    """One telling that is under way: what is told, where, and until when it is ours."""

    row: SloAlert
    connector: Connector
    secret: str
    at: datetime
    probe: datetime | None

    @property
    def kind(self) -> Kind:
        is_over = self.row.closed_at is not None
        return Kind.SERVICE_RECOVERED if is_over else Kind.SERVICE_ALERTED


def _told(tenant: UUID, alerts: Iterable[UUID], now: datetime) -> int:
    """Tell one tenant, until its receiver does not take one."""
    count = 0
    for alert in alerts:
        try:
            with tenant_scope(tenant):
                call = _taken(alert, now)
        except NotNow as refusal:
            with tenant_scope(tenant):
                _put_off(alert, refusal.until, now)
            break
        if call is None:
            continue
        is_taken, went_well, until = _delivered(call)
        with tenant_scope(tenant):
            _recorded(call, is_taken, went_well, until)
        if not is_taken:
            break
        count += 1
    return count


def _taken(alert: UUID, now: datetime) -> _Call | None:
    """Take what is to be told, if somebody listens and nobody was faster."""
    rows = SloAlert.objects.filter(tenant_id=current_tenant(), pk=alert)
    row = rows.first()
    ways = Connector.objects.filter(
        tenant_id=current_tenant(), acts_as=ACTS_AS, is_active=True
    )
    connector = ways.first()
    if row is None or row.tell_at is None:
        return None
    following = tell_again(since=row.closed_at or row.opened_at, now=now)
    if connector is None or following is None:
        # Nobody listens, or nobody has for too long: it stands on its page.
        rows.filter(tell_at=row.tell_at).update(tell_at=None)
        return None
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [following, current_tenant(), alert, now])
        if not cursor.rowcount:
            return None
    # It may have closed between being read and being taken.
    row.refresh_from_db()
    secret = next(iter(secrets_of(connector)), "")
    lasts = timedelta(seconds=2 * settings.TOOL_TIMEOUT_SECONDS)
    probe = guards.admit(connector, probe_for=lasts)
    return _Call(row=row, connector=connector, secret=secret, at=clock(), probe=probe)


def _delivered(call: _Call) -> tuple[bool, bool, datetime | None]:
    """Whether it was taken, whether the receiver works, and when it wants it again."""
    row, seconds = call.row, settings.TOOL_TIMEOUT_SECONDS
    event = call.kind.value
    wire = Wire(
        timeout=seconds,
        pace=lambda: None,
        limit=LIMIT,
        hidden=(call.secret,),
        ends=monotonic() + seconds,
    )
    try:
        deliver(
            call.connector.config,
            call.secret,
            id=f"{row.id}:{event.rpartition('.')[2]}",
            type=f"autonomy.{event}",
            subject=row.tool,
            data=told(row),
            at=call.at,
            wire=wire,
        )
    except SourceFailed as failure:
        # Whoever refuses, or asks to wait, is there.
        is_there = isinstance(failure, SourceRefuses) or (failure.status or 500) < 500
        return False, is_there, failure.until
    except (EgressFailed, EgressRefused):
        return False, False, None
    return True, True, None


def told(row: SloAlert) -> dict[str, Any]:
    """An alert as the tenant is told of it."""
    return {
        "alert": str(row.id),
        "tool": row.tool,
        "about": row.about,
        "burn_short": row.burn_short,
        "burn_long": row.burn_long,
        "opened_at": row.opened_at.isoformat(),
        "closed_at": row.closed_at.isoformat() if row.closed_at else None,
    }


def _recorded(
    call: _Call, is_taken: bool, went_well: bool, until: datetime | None
) -> None:
    """What came of it, unless there is something newer to tell; then the breaker."""
    rows = SloAlert.objects.filter(
        tenant_id=current_tenant(), pk=call.row.pk, tell_at=call.row.tell_at
    )
    if is_taken:
        rows.update(told_at=call.at, tell_at=None)
    elif until is not None:
        rows.filter(tell_at__lt=until).update(tell_at=until)
    guards.note(call.connector, went_well=went_well, probe=call.probe)


def _put_off(alert: UUID, until: datetime, now: datetime) -> None:
    rows = SloAlert.objects.filter(tenant_id=current_tenant(), pk=alert)
    rows.filter(tell_at__lte=now).update(tell_at=until)
