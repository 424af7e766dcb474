"""What is stopped at this moment, as the boards say that starts read: one statement."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db import connection

from autonomy.rules.switches import Scope
from ledger.scope import current_tenant, glance
from perception.rules.callers import Caller

# Both boards by their keys, and the database's time: what starts go by.
_BOARDS = """
SELECT clock_timestamp(),
       (SELECT h.switches::text FROM autonomy_houseboard h WHERE h.id = 1),
       (SELECT b.switches::text FROM autonomy_board b WHERE b.tenant_id = %s)
"""
# And whether a member still is who they were.
_GLIMPSE = f"""
SELECT boards.*, EXISTS (
  SELECT FROM perception_membership m JOIN perception_person p ON p.id = m.person_id
   WHERE m.tenant_id = %s AND m.id = %s AND m.role = %s AND m.is_active AND p.is_active)
  FROM ({_BOARDS}) boards
"""  # noqa: S608  both are ours
UNREADABLE = "The kill switches cannot be read, so nothing starts."


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A kill switch that is on, or not yet wholly off. `id` is empty for no switch at all."""

    id: str
    scope: str
    target: str
    reason: str
    is_returning: bool
    ends_at: datetime | None = None

    @property
    def is_of_house(self) -> bool:
        """Whether only the operators of the house can let it go."""
        return not self.id or self.scope == Scope.GLOBAL


def standing() -> list[Standing]:
    """What is stopped for the tenant in scope; the whole house first."""
    with connection.cursor() as cursor:
        cursor.execute(_BOARDS, [current_tenant()])
        return _read(cursor.fetchone())


def glimpsed(caller: Caller) -> list[Standing] | None:
    """The same for a caller whose tenant is not in scope: one round trip, by keys. None
    for whoever is no member any more, has another role, or may not log in.
    """
    tenant = str(caller.tenant)
    given = [tenant, str(caller.membership), caller.role.value, tenant]
    *boards, is_so = glance(caller.tenant, _GLIMPSE, given)[0]
    return _read(boards) if is_so else None


def seen(stops: Sequence[Standing]) -> str:
    """What differs as soon as something else is stopped, or in another way."""
    said = [(stop.id, stop.is_returning, str(stop.ends_at)) for stop in stops]
    return hashlib.blake2b(orjson.dumps(said), digest_size=9).hexdigest()


def _read(row: Sequence[Any]) -> list[Standing]:
    """A board that is not there stops everything, as it does for starts."""
    now, house, board = row
    if house is None or board is None:
        return [
            Standing(
                id="",
                scope=Scope.TENANT,
                target="",
                reason=UNREADABLE,
                is_returning=False,
            )
        ]
    switches = [*orjson.loads(house), *reversed(orjson.loads(board))]
    return [_standing(each) for each in switches if not _is_over(each, now)]


def _standing(switch: Mapping[str, Any]) -> Standing:
    ends_at = switch.get("ends_at")
    return Standing(
        id=switch["id"],
        scope=switch["scope"],
        target=switch["target"],
        reason=switch["reason"],
        is_returning=switch["full_at"] is not None,
        ends_at=datetime.fromisoformat(ends_at) if ends_at else None,
    )


def _is_over(switch: Mapping[str, Any], now: datetime) -> bool:
    full_at = switch["full_at"]
    return full_at is not None and datetime.fromisoformat(full_at) <= now
