"""Notices are spread: for each, whom it concerns and who wants it, once."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

from autonomy import notice_facts
from autonomy.models import Notice, Telling
from autonomy.notice_facts import Told
from autonomy.rules.notices import ALERTS, Reader, Topic, pause, readers_of
from ledger.scope import PLATFORM, current_tenant, system_scope, tenant_scope
from perception.models import Connector, Tenant

# What one look spreads of each tenant.
MOST = 200

_TENANTS = """
SELECT DISTINCT tenant_id FROM autonomy_notice
WHERE spread_at IS NULL AND (%s::uuid IS NULL OR tenant_id = %s::uuid)
"""


def tenants_with_news(tenant: UUID | None = None) -> list[UUID]:
    """Those of whose notices it is not known yet who is to be told."""
    one = tenant and str(tenant)
    with system_scope("spread notices"), connection.cursor() as cursor:
        cursor.execute(_TENANTS, [one, one])
        return [row[0] for row in cursor.fetchall()]


def spread(tenant: UUID, *, now: datetime) -> int:
    """Write down who is to be told of a tenant's notices; how many notices those were.

    Any number may look at once: each notice is spread by one, to each reader once.
    """
    if tenant == PLATFORM:
        return _everywhere(now)
    with tenant_scope(tenant):
        rows = _waiting()
        if rows:
            _spread(rows, now)
        return len(rows)


def zone_of_tenant() -> ZoneInfo:
    """The time that the tenant in scope reads."""
    return ZoneInfo(Tenant.objects.values_list("timezone", flat=True).get())


def _waiting() -> list[Notice]:
    rows = Notice.objects.filter(tenant_id=current_tenant(), spread_at=None)
    return list(rows.select_for_update(skip_locked=True).order_by("at", "id")[:MOST])


def _spread(rows: Sequence[Notice], now: datetime) -> None:
    told = notice_facts.read(rows, now=now, zone=zone_of_tenant())
    members = list(notice_facts.readers().values())
    receivers = _receivers()
    made: list[Telling] = []
    for each in told.values():
        if each.stands:
            made += _mails(each, members, now) + _hooks(each, receivers, now)
    Telling.objects.bulk_create(made, ignore_conflicts=True)
    heard = {telling.notice_id for telling in made}
    mine = Notice.objects.filter(tenant_id=current_tenant())
    mine.filter(pk__in=heard).update(spread_at=now)
    # What nobody is told of is not kept.
    mine.filter(pk__in=[row.pk for row in rows if row.pk not in heard]).delete()


def _mails(told: Told, members: Sequence[Reader], now: datetime) -> list[Telling]:
    if not settings.DIGESTS_BY_MAIL:
        return []
    due = max(now, told.row.at + pause(told.topic))
    return [
        Telling(
            tenant_id=current_tenant(), notice=told.row, member_id=each.id, due_at=due
        )
        for each in readers_of(told.about, members)
        if each.wants(told.topic)
    ]


def _hooks(
    told: Told, receivers: Sequence[tuple[Connector, set[str]]], now: datetime
) -> list[Telling]:
    return [
        Telling(tenant_id=current_tenant(), notice=told.row, connector=each, due_at=now)
        for each, topics in receivers
        if told.topic in topics
        # The one that tools act through is told of alerts in any case.
        and not (told.row.kind in ALERTS and each.acts_as)
    ]


def _receivers() -> list[tuple[Connector, set[str]]]:
    """Webhooks out that want notices, and of what."""
    rows = Connector.objects.filter(
        tenant_id=current_tenant(), kind=Connector.Kind.OUTBOUND, is_active=True
    )
    found = [(row, set(row.config.get("notices", ()))) for row in rows]
    return [(row, topics & set(Topic)) for row, topics in found if topics]


def _everywhere(now: datetime) -> int:
    """What an operator does to the whole house concerns every tenant."""
    with system_scope("spread notices of the house"):
        ids = Tenant.objects.exclude(pk=PLATFORM).values_list("pk", flat=True)
        tenants = list(ids)
    with tenant_scope(PLATFORM):
        rows = _waiting()
    for tenant in tenants:
        with tenant_scope(tenant):
            Notice.objects.bulk_create(
                [
                    Notice(
                        tenant_id=tenant,
                        kind=row.kind,
                        about=row.about,
                        data=row.data,
                        at=row.at,
                    )
                    for row in rows
                ],
                ignore_conflicts=True,
            )
    with tenant_scope(PLATFORM):
        Notice.objects.filter(tenant_id=PLATFORM, pk__in=[r.pk for r in rows]).delete()
    return len(rows)
