"""What is stopped just now, as every page of governance says it on top."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from autonomy.admin.words import SCOPES, accounts, people, spaced
from autonomy.models import KillSwitch
from autonomy.rules.switches import Scope
from ledger.scope import current_tenant

ENGAGED, RETURNING, RELEASED = "ENGAGED", "RETURNING", "RELEASED"


@dataclass(frozen=True, kw_only=True)
class Stop:
    """A kill switch that is on, or not yet wholly off."""

    id: str
    what: str
    reason: str
    is_returning: bool


def stops(*, now: datetime) -> Sequence[Stop]:
    """Everything that is stopped, or returns, at this moment."""
    rows = KillSwitch.objects.filter(tenant_id=current_tenant()).exclude(
        full_at__lte=now
    )
    found = list(rows.order_by("-id")[:20])
    named = names_of(found)
    return [
        Stop(
            id=str(row.id),
            what=covered(row, named),
            reason=row.reason,
            is_returning=row.full_at is not None,
        )
        for row in found
    ]


def names_of(rows: Sequence[KillSwitch]) -> Mapping[str, str]:
    """The names of the accounts and members that switches are about."""
    targets: dict[str, list[str]] = {}
    for row in rows:
        targets.setdefault(row.scope, []).append(row.target)
    named: dict[str, str] = {}
    if Scope.ACCOUNT in targets:
        named |= accounts(targets[Scope.ACCOUNT])
    if Scope.SELLER in targets:
        named |= people(targets[Scope.SELLER])
    return named


def covered(row: KillSwitch, named: Mapping[str, str]) -> str:
    """What a switch covers, in words."""
    if not row.target:
        return SCOPES[row.scope].capitalize()
    noun = "member" if row.scope == Scope.SELLER else spaced(row.scope)
    return f"{noun.capitalize()} “{named.get(row.target, spaced(row.target))}”"


def status(row: Any, *, now: datetime) -> str:
    """ENGAGED, RETURNING (only what people approve starts) or RELEASED."""
    if row.full_at is None:
        return ENGAGED
    return RETURNING if row.full_at > now else RELEASED
