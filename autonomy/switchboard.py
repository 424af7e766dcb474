"""Kill switches: engage, release in stages, hold for a start, certify the stop.

A start takes the shared lock in a statement of its own, then reads the boards; engaging
takes the same lock alone. So no start can come later than the moment that is written
under the lock when a switch is engaged.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from autonomy import notices
from autonomy.errors import NeedsTarget, NoSuchScope, NotEngaged
from autonomy.models import Board, Execution, HouseBoard, KillSwitch
from autonomy.registry import all_types, tools
from autonomy.rows import Writes
from autonomy.rules.actions import normalise
from autonomy.rules.switches import STOPPED, WHOLE, Act, Scope, covering
from autonomy.waking import wake
from ledger.clock import clock
from ledger.record import SYSTEM, Actor, Fact, record
from ledger.rules.ids import id_in
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant, system_role, system_scope, tenant_scope
from perception.models import Account, Connector, Membership

# How long everything is only proposed after a release, where nobody says otherwise.
HOLD = timedelta(seconds=60)
HOUSE = "kill switch"
# What reached its end is let go, so many at once.
ENDED = "Its end was reached."
BATCH = 100

_SHARED = """
SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 0)),
       pg_advisory_xact_lock_shared(hashtextextended(%s, 0))
"""
_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
_ENDED = """
SELECT tenant_id, id FROM autonomy_killswitch
WHERE ends_at <= %s AND released_at IS NULL ORDER BY ends_at LIMIT %s
"""
_ROUSE = """
UPDATE autonomy_intent SET due_at = clock_timestamp(), dispatched_at = NULL
WHERE due_at > clock_timestamp() AND error = %s
  AND status IN ('APPROVED', 'EXECUTING')
  AND (%s::uuid IS NULL OR tenant_id = %s::uuid)
"""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What somebody wants to stop, and why."""

    scope: Scope
    target: str
    reason: str
    # It is let go then by itself, in stages as ever.
    ends_at: datetime | None = None


def hold() -> Writes:
    """Let no switch of the tenant in scope change until this transaction ends.

    To be sent before what reads the boards, which is a statement of its own: one
    statement reads before it locks.
    """
    return Writes().add(_SHARED, [HOUSE, f"{HOUSE} {current_tenant()}"])


def engage(wanted: Wanted, *, by: Actor, now: datetime) -> KillSwitch:
    """Stop everything that a scope covers; `committed_at` is when nothing starts any more."""
    target = target_of(wanted)
    _lock(wanted.scope)
    committed = clock()
    switch = KillSwitch.objects.create(
        tenant_id=current_tenant(),
        scope=wanted.scope.value,
        target=target,
        reason=wanted.reason,
        engaged_by=by.id,
        asked_at=min(now, committed),
        committed_at=committed,
        ends_at=wanted.ends_at,
    )
    _post(wanted.scope, switch)
    data = {"reason": wanted.reason}
    if wanted.ends_at is not None:
        data["ends_at"] = wanted.ends_at.isoformat()
    _state(Kind.SWITCH_ENGAGED, switch, data, by=by, now=committed)
    return switch


def release(id_: UUID, reason: str, *, by: Actor, hold: timedelta = HOLD) -> KillSwitch:
    """Let things start again: first what people approve, after the hold everything.

    Releasing once more ends the hold at once.
    """
    found = KillSwitch.objects.filter(tenant_id=current_tenant(), pk=id_)
    switch = found.first()
    if switch is None:
        raise NotEngaged(f"There is none with the id {id_}.")
    _lock(Scope(switch.scope))
    switch = found.get()
    at = clock()
    if switch.full_at is not None and switch.full_at <= at:
        raise NotEngaged(f"It was released at {switch.released_at:%Y-%m-%d %H:%M}.")
    if switch.released_at is None:
        switch.released_at, switch.full_at = at, at + hold
        switch.released_by, switch.release_reason = by.id, reason
    else:
        switch.full_at = at
    switch.save(
        update_fields=["released_at", "full_at", "released_by", "release_reason"]
    )
    _post(Scope(switch.scope), switch)
    data = {"reason": reason, "full_at": switch.full_at.isoformat()}
    _state(Kind.SWITCH_RELEASED, switch, data, by=by, now=at)
    _rouse(Scope(switch.scope))
    return switch


def end_due(*, now: datetime) -> int:
    """Let go what has reached its end, of every tenant; how many that were."""
    with system_scope("end stops"), connection.cursor() as cursor:
        cursor.execute(_ENDED, [now, BATCH])
        due: list[tuple[UUID, UUID]] = cursor.fetchall()
    count = 0
    for tenant, id_ in due:
        with tenant_scope(tenant), suppress(NotEngaged):
            count += _end(id_)
    return count


def _end(id_: UUID) -> int:
    """Somebody may have let it go meanwhile; that must not end its hold."""
    rows = KillSwitch.objects.filter(tenant_id=current_tenant(), pk=id_)
    scope = rows.values_list("scope", flat=True).get()
    _lock(Scope(scope))
    if not rows.filter(released_at=None).exists():
        return 0
    release(id_, ENDED, by=SYSTEM)
    return 1


def open_board(tenant: UUID) -> None:
    """A new tenant's board, with nothing on it; without one nothing could start."""
    Board.objects.get_or_create(tenant_id=tenant)


def _lock(scope: Scope) -> None:
    """Wait for the starts under way, and keep new ones out until the commit."""
    name = HOUSE if scope is Scope.GLOBAL else f"{HOUSE} {current_tenant()}"
    with connection.cursor() as cursor:
        cursor.execute(_ALONE, [name])


def _post(scope: Scope, switch: KillSwitch) -> None:
    """Write the switch on the board that starts read; what is over is taken off."""
    if scope is Scope.GLOBAL:
        with system_role():
            house = HouseBoard.objects.get(pk=1)
            HouseBoard.objects.filter(pk=1).update(
                epoch=F("epoch") + 1, switches=_with(house.switches, switch)
            )
        return
    board, _ = Board.objects.get_or_create(tenant_id=current_tenant())
    Board.objects.filter(pk=board.pk).update(
        epoch=F("epoch") + 1, switches=_with(board.switches, switch)
    )


def _rouse(scope: Scope) -> None:
    """What was stopped is due at once; whatever waits for another reason waits on."""
    if scope is Scope.GLOBAL:
        with system_role(), connection.cursor() as cursor:
            cursor.execute(_ROUSE, [STOPPED, None, None])
    else:
        tenant = str(current_tenant())
        with connection.cursor() as cursor:
            cursor.execute(_ROUSE, [STOPPED, tenant, tenant])
    transaction.on_commit(wake)


def _with(switches: list[dict[str, Any]], switch: KillSwitch) -> list[dict[str, Any]]:
    now = switch.released_at or switch.committed_at
    others = [
        each
        for each in switches
        if each["id"] != str(switch.id)
        and not (each["full_at"] and datetime.fromisoformat(each["full_at"]) <= now)
    ]
    return [*others, _shown(switch)]


def _shown(switch: KillSwitch) -> dict[str, Any]:
    return {
        "id": str(switch.id),
        "scope": switch.scope,
        "target": switch.target,
        "reason": switch.reason,
        "full_at": switch.full_at.isoformat() if switch.full_at else None,
        "ends_at": switch.ends_at.isoformat() if switch.ends_at else None,
    }


def target_of(wanted: Wanted) -> str:
    """What the scope covers, as it is stored; a target must be there to be found.

    A switch for something that is not there would stop nothing, and look as if it did.
    """
    scope, target = wanted.scope, wanted.target.strip()
    if scope in WHOLE:
        if target:
            raise NeedsTarget(f"{scope.value} covers everything and takes no target.")
        return ""
    if not target:
        raise NeedsTarget(f"Name the {scope.value.replace('_', ' ')} to stop.")
    if scope is Scope.CONNECTOR and id_in(target) is not None:
        return _way(_row(Connector, "connector", target))
    return _row(*ROWS[scope], target) if scope in ROWS else _named(scope, target)


def names(scope: Scope) -> list[str]:
    """What a scope can name for the tenant in scope; nothing where it names a row."""
    return sorted(NAMES[scope]()) if scope in NAMES else []


def _named(scope: Scope, target: str) -> str:
    """As it is written where it is looked for, however whoever stops it wrote it."""
    known = {normalise(each): each for each in names(scope)}
    if (found := known.get(normalise(target))) is None:
        noun = scope.value.replace("_", " ")
        raise NoSuchScope(f"There is no {noun} {target!r}.", "target")
    return found


def _row(model: Any, noun: str, target: str) -> str:
    id_ = id_in(target)
    if id_ is None:
        raise NoSuchScope(f"{target!r} is not the id of an {noun}.", "target")
    if not model.objects.filter(tenant_id=current_tenant(), pk=id_).exists():
        raise NoSuchScope(f"No {noun} has the id {id_}.", "target")
    return str(id_)


def _way(id_: str) -> str:
    """What tools go through a connector; their names begin with it."""
    row = Connector.objects.get(tenant_id=current_tenant(), pk=id_)
    if not row.acts_as:
        raise NoSuchScope(f"No tool acts through the connector {id_}.", "target")
    return str(row.acts_as)


def _keys() -> set[str]:
    return {each.key for each in all_types()}


def _connectors() -> set[str]:
    return {tool.partition(".")[0] for tool in tools()}


def _plan_types() -> set[str]:
    return set(settings.PLAN_TYPES)


# What names the target of a scope: a row, or one of a list. A connector has both.
ROWS = {Scope.ACCOUNT: (Account, "account"), Scope.SELLER: (Membership, "seller")}
NAMES: Mapping[Scope, Callable[[], Iterable[str]]] = {
    Scope.ACTION_TYPE: _keys,
    Scope.TOOL: tools,
    Scope.CONNECTOR: _connectors,
    Scope.PLAN_TYPE: _plan_types,
}


def _state(
    kind: Kind, switch: KillSwitch, data: Mapping[str, Any], *, by: Actor, now: datetime
) -> None:
    subjects = {"kill_switch": switch.id}
    if switch.scope == Scope.ACCOUNT:
        subjects["account"] = UUID(switch.target)
    record(
        Fact(
            kind=kind,
            by=by,
            subjects=subjects,
            data={"scope": switch.scope, "target": switch.target, **data},
        ),
        now=now,
    )
    said = {"scope": switch.scope, "target": switch.target, "reason": data["reason"]}
    notices.note(kind, switch.id, at=now, by=by.id, **said)


def is_stopped(execution: Execution) -> bool:
    """Whether a switch covers an act under way; a board that is not there does."""
    board = Board.objects.filter(tenant_id=current_tenant()).first()
    house = HouseBoard.objects.filter(pk=1).first()
    if board is None or house is None:
        return True
    act = Act(
        account=str(execution.account_id),
        seller=str(execution.seller_id or ""),
        action_type=execution.action_type,
        tool=execution.tool,
        plan_type=execution.plan_type,
    )
    found = covering([*house.switches, *board.switches], act, now=clock())
    return any(not switch.returning for switch in found)
