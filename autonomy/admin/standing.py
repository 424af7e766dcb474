"""What is stopped just now, as every page of governance says it on top."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from autonomy.admin.words import SCOPES, accounts, people, spaced
from autonomy.rules.switches import Scope
from autonomy.stopped import Standing, standing
from perception.accounts import visible_to
from perception.pages import tenant_time
from perception.rules.callers import Caller
from perception.rules.roles import sees_all_accounts

ENGAGED, RETURNING, RELEASED = "ENGAGED", "RETURNING", "RELEASED"


@dataclass(frozen=True, kw_only=True)
class Stop:
    """A kill switch that is on, or not yet wholly off, in words."""

    id: str
    what: str
    reason: str
    is_returning: bool
    is_of_house: bool
    until: str

    @property
    def key(self) -> str:
        """What tells it from every other, and from itself when it is on its way off."""
        state = "returning" if self.is_returning else "on"
        return f"stop-{self.id or 'unreadable'}-{state}"


def stops() -> Sequence[Stop]:
    """Everything that is stopped, or returns, at this moment."""
    return told(standing())


def told(found: Sequence[Standing]) -> Sequence[Stop]:
    """What is stopped, with names for ids and the tenant's time."""
    named = names_of(found)
    return [
        Stop(
            id=each.id,
            what=covered(each, named),
            reason=each.reason,
            is_returning=each.is_returning,
            is_of_house=each.is_of_house,
            until=_until(each.ends_at),
        )
        for each in found
    ]


def meant_for(caller: Caller, found: Sequence[Standing]) -> Sequence[Standing]:
    """Without what concerns accounts or members that are none of the caller's business."""
    if sees_all_accounts(caller.role):
        return found
    asked = [each.target for each in found if each.scope == Scope.ACCOUNT]
    mine = {str(caller.membership)}
    if asked:
        rows = visible_to(caller).filter(pk__in=asked)
        mine |= {str(id_) for id_ in rows.values_list("id", flat=True)}
    narrow = (Scope.ACCOUNT, Scope.SELLER)
    return [each for each in found if each.scope not in narrow or each.target in mine]


def _until(at: datetime | None) -> str:
    if at is None:
        return ""
    return f"{at.astimezone(tenant_time()):%-d %b, %H:%M %Z}"


def names_of(rows: Sequence[Any]) -> Mapping[str, str]:
    """The names of the accounts, members and types of plans that switches are about."""
    targets: dict[str, list[str]] = {}
    for row in rows:
        targets.setdefault(row.scope, []).append(row.target)
    named: dict[str, str] = {}
    if Scope.ACCOUNT in targets:
        named |= accounts(targets[Scope.ACCOUNT])
    if Scope.SELLER in targets:
        named |= people(targets[Scope.SELLER])
    if Scope.PLAN_TYPE in targets:
        named |= settings.PLAN_TYPES
    return named


def covered(row: Any, named: Mapping[str, str]) -> str:
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
