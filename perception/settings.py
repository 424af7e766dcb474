"""How a tenant wants things: read by all, changed here."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ledger.record import Fact, record
from ledger.rules.kinds import Kind
from perception.members import person_acting
from perception.models import Tenant
from perception.rules.callers import Caller
from perception.rules.days import next_midnight, zone_at

MODES = ("DISABLED", "ASSIST", "APPROVAL", "AUTOPILOT", "SCHEDULED")
CAPS = ("account_per_week", "contact_per_week")
MOST_UNITS = 10_000_000


def change_settings(
    given: Mapping[str, Any], *, by: Caller, now: datetime
) -> dict[str, Any]:
    """Change what differs, state before and after; return what changed."""
    tenant = Tenant.objects.get()
    before = {name: getattr(tenant, name) for name in given}
    changed = {name: value for name, value in given.items() if before[name] != value}
    if not changed:
        return {}
    Tenant.objects.filter(pk=tenant.pk).update(
        **changed, **_day_kept(tenant, changed, now=now)
    )
    record(
        Fact(
            kind=Kind.SETTING_CHANGED,
            by=person_acting(by),
            subjects={"tenant": tenant.id},
            data={
                "before": {name: before[name] for name in changed},
                "after": changed,
            },
        ),
        now=now,
    )
    return changed


def _day_kept(
    tenant: Tenant, changed: Mapping[str, Any], *, now: datetime
) -> dict[str, Any]:
    """A change of zone lets the running day end where it would have ended."""
    if "timezone" not in changed:
        return {}
    zone = zone_at(
        now,
        timezone=tenant.timezone,
        previous=tenant.previous_timezone,
        since=tenant.timezone_since,
    )
    return {"previous_timezone": zone, "timezone_since": next_midnight(now, zone)}
