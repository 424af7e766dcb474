"""Tools that miss their objective: alerts opened and closed, each once, and stated."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from uuid_utils.compat import uuid7

from autonomy import notices, service
from autonomy.models import SloAlert
from autonomy.rows import Writes
from autonomy.rules.service import (
    LONG,
    SHORT,
    About,
    Aim,
    Move,
    Tally,
    bad,
    burn,
    judge,
)
from ledger.record import Actor, Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant, system_scope, tenant_scope

BY = Actor(type="schedule", id="service levels")
# Where nobody calls any more, what is open still has to close.
_OPEN = "SELECT DISTINCT tenant_id FROM autonomy_sloalert WHERE closed_at IS NULL"


def watch(*, now: datetime) -> int:
    """Hold every tool that was called against its objective; how many alerts moved.

    Any number may run at once: an alert opens once, and closes once.
    """
    with system_scope("watch service levels"), connection.cursor() as cursor:
        tenants = set(service.tenants_called(now=now))
        cursor.execute(_OPEN)
        tenants |= {row[0] for row in cursor.fetchall()}
    return each_of(sorted(tenants), lambda tenant: _watched(tenant, now))


def each_of(tenants: Iterable[UUID], do: Callable[[UUID], int]) -> int:
    """One tenant after the other; what goes wrong at one is raised after all others."""
    count, problems = 0, []
    for tenant in tenants:
        try:
            count += do(tenant)
        except Exception as problem:  # noqa: BLE001  raised below
            problems.append(problem)
    if problems:
        raise problems[0]
    return count


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """One objective of one tool, with what was counted."""

    tool: str
    about: About
    aim: Aim
    short: Tally
    long: Tally

    def burns(self) -> tuple[float, float]:
        short, long = (
            round(burn(each, self.aim, self.about), 2)
            for each in (self.short, self.long)
        )
        return short, long

    def stated(self) -> dict[str, Any]:
        """What the ledger and the tenant are told."""
        short, long = self.burns()
        return {
            "tool": self.tool,
            "about": self.about.value,
            "objective": asdict(self.aim),
            "short": {
                "calls": self.short.calls,
                "bad": bad(self.short, self.aim, self.about),
                "burn": short,
            },
            "long": {
                "calls": self.long.calls,
                "bad": bad(self.long, self.aim, self.about),
                "burn": long,
            },
        }


def _watched(tenant: UUID, now: datetime) -> int:
    """The tools of one tenant, always in the same order."""
    with tenant_scope(tenant):
        counted = service.tallies([SHORT, LONG], now=now)
        aims = service.objectives()
        held = {(row.tool, row.about): row for row in service.open_alerts()}
        moved = 0
        for tool in sorted({*counted, *(tool for tool, _ in held)}):
            short, long = counted.get(tool, [Tally(), Tally()])
            aim = aims.get(tool, Aim())
            for about in About:
                seen = _Seen(tool=tool, about=about, aim=aim, short=short, long=long)
                moved += _move(seen, held.get((tool, about.value)), now)
    return moved


def _move(seen: _Seen, row: SloAlert | None, now: datetime) -> bool:
    is_open = row is not None
    match judge(seen.short, seen.long, seen.aim, seen.about, is_open=is_open):
        case Move.OPEN:
            return _opened(seen, now)
        case Move.CLOSE if row is not None:
            return _closed(seen, row, now)
        case _:
            return False


def _opened(seen: _Seen, now: datetime) -> bool:
    """Open an alert, unless somebody has just done so."""
    short, long = seen.burns()
    row = SloAlert(
        id=uuid7(),
        tenant_id=current_tenant(),
        tool=seen.tool,
        about=seen.about.value,
        burn_short=short,
        burn_long=long,
        opened_at=now,
        tell_at=now,
    )
    if not Writes().insert(row, unless_there=True).send():
        return False
    _state(Kind.SERVICE_ALERTED, row, seen.stated(), now)
    return True


def _closed(seen: _Seen, row: SloAlert, now: datetime) -> bool:
    """Close an alert, unless somebody has; its end is told as its beginning was."""
    rows = SloAlert.objects.filter(
        tenant_id=current_tenant(), pk=row.pk, closed_at=None
    )
    if not rows.update(closed_at=now, told_at=None, tell_at=now):
        return False
    data = {**seen.stated(), "opened_at": row.opened_at.isoformat()}
    _state(Kind.SERVICE_RECOVERED, row, data, now)
    return True


def _state(kind: Kind, row: SloAlert, data: dict[str, Any], now: datetime) -> None:
    record(Fact(kind=kind, by=BY, subjects={"alert": row.id}, data=data), now=now)
    notices.note(kind, row.id, at=now)
