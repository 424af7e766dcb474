"""N7: autonomy that is earned: suggested by the record, widened by a person, narrowed by
the record again.

Nothing here takes part in a verdict. A suggestion changes nothing; whoever signs it sets
the mode through the verb that admins use. What a signature widened goes back to what it
was when the record falls below the floor, and never further.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, connection
from django.db.models import Exists, OuterRef, QuerySet

from autonomy import steering
from autonomy.errors import (
    NeedsSecondPerson,
    NoSuchSuggestion,
    RecordFell,
    SuggestionDecided,
)
from autonomy.models import Approval, Mode, Suggestion
from autonomy.rules.earned import Says
from autonomy.rules.earning import REST, Record
from autonomy.track import Standing, records, standing
from ledger.record import Actor, Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant, system_scope, tenant_scope
from perception.faults import Tell, unheard
from perception.members import person_acting
from perception.models import Tenant
from perception.rules.callers import Caller

logger = structlog.get_logger("autonomy.earning")

HOUSE = Actor(type="system", id="earned_autonomy")
Status = Suggestion.Status


def look_all(*, now: datetime, broke: Tell = unheard) -> int:
    """Look at the records of every tenant, each in a transaction of its own."""
    return sum(_safely(tenant, broke, now=now) for tenant in _known())


def _known() -> list[UUID]:
    """The tenants of whose acts there is any record."""
    decided = Approval.objects.filter(
        tenant_id=OuterRef("pk"), status__in=["APPROVED", "REJECTED"]
    )
    with system_scope("look at earned autonomy"):
        found = Tenant.objects.filter(Exists(decided)).order_by("id")
        return list(found.values_list("id", flat=True))


def _safely(tenant: UUID, broke: Tell, *, now: datetime) -> int:
    try:
        with tenant_scope(tenant):
            return look(now=now)
    except Exception as problem:  # noqa: BLE001  the others are looked at
        if isinstance(problem, DatabaseError):
            connection.close()
        broke(problem)
        error = type(problem).__name__
        logger.warning("records not looked at", tenant=str(tenant), error=error)
        return 0


def look(*, now: datetime) -> int:
    """Narrow what fell, withdraw what no longer holds, suggest what was earned.

    Doing it again changes nothing. How many modes and suggestions moved.
    """
    _alone()
    before = standing()
    found = records(now=now, found=before)
    moved = sum(
        _narrow(each, found[each.action_type], before, now=now)
        for each in _widened()
        if each.action_type in found
    )
    held = {each.action_type: each for each in _mine(status=Status.OPEN)}
    rests = set(
        _mine(status=Status.DECLINED, decided_at__gt=now - REST).values_list(
            "action_type", flat=True
        )
    )
    for key, each in held.items():
        if key not in found or found[key].says is not Says.WIDEN:
            moved += _withdraw(each, found.get(key), now=now)
    for key, earned in found.items():
        if earned.says is Says.WIDEN and key not in held and key not in rests:
            _suggest(earned, now=now)
            moved += 1
    return moved


def sign(id_: UUID, *, by: Caller, now: datetime) -> Suggestion:
    """Set the wider mode, as the record bears it out now. The first decision counts.

    With four eyes the first of two only says that they would.
    """
    tenant = _alone()
    held = _taken(id_)
    if _is_repeated(held, Status.SIGNED, by):
        return held
    stands = standing()
    found = records(now=now, found=stands).get(held.action_type)
    if found is None or found.says is not Says.WIDEN:
        raise RecordFell(
            found.stated()["explanation"] if found else "The type is gone."
        )
    if tenant.four_eyes and held.first_by_id is None:
        return _signed_first(held, by=by, now=now)
    if tenant.four_eyes and held.first_by_id == by.membership:
        raise NeedsSecondPerson(f"You signed at {held.first_at:%H:%M} UTC.")
    was = stands.row_of(held.action_type)
    before = {"row": was.mode if was else None, "mode": found.mode}
    to = held.record["to"]
    row = steering.set_mode(to, {"action_type": held.action_type}, by=by, now=now)
    _move(
        held, Status.SIGNED, decided_at=now, decided_by_id=by.membership,
        before=before, mode_set_at=row.set_at,
    )  # fmt: skip
    _state(held, {"what": "signed", "to": to, "record": found.stated()}, by=by, now=now)
    return held


def decline(id_: UUID, *, by: Caller, now: datetime) -> Suggestion:
    """Leave the mode as it is; for a while it is not suggested again."""
    _alone()
    held = _taken(id_)
    if _is_repeated(held, Status.DECLINED, by):
        return held
    _move(held, Status.DECLINED, decided_at=now, decided_by_id=by.membership)
    _state(held, {"what": "declined"}, by=by, now=now)
    return held


def suggestions() -> QuerySet[Suggestion]:
    """Those of the tenant in scope."""
    return Suggestion.objects.filter(tenant_id=current_tenant())


def _alone() -> Tenant:
    """The tenant, held: who looks or decides does so one after another."""
    rows = Tenant.objects.select_for_update(no_key=True)
    return rows.get(pk=current_tenant())


def _taken(id_: UUID) -> Suggestion:
    held = suggestions().filter(pk=id_).first()
    if held is None:
        raise NoSuchSuggestion(f"There is none with the id {id_}.")
    return held


def _is_repeated(held: Suggestion, status: Status, by: Caller) -> bool:
    """Whether the same person decided the same before; what is decided stays so."""
    if held.status == Status.OPEN:
        return False
    if held.status == status and held.decided_by_id == by.membership:
        return True
    raise SuggestionDecided(f"It is {held.status}.")


def _mine(**conditions: Any) -> QuerySet[Suggestion]:
    return suggestions().filter(**conditions).order_by("id")


def _widened() -> QuerySet[Suggestion]:
    """What signatures widened, and nobody narrowed since."""
    return _mine(status=Status.SIGNED, narrowed_at=None)


def _suggest(earned: Record, *, now: datetime) -> None:
    made = Suggestion.objects.create(
        tenant_id=current_tenant(),
        action_type=earned.action_type,
        status=Status.OPEN,
        record=earned.stated(),
        suggested_at=now,
    )
    data = {"what": "suggested", "record": made.record}
    _record(Kind.AUTONOMY_SUGGESTED, made, data, by=HOUSE, now=now)


def _withdraw(held: Suggestion, found: Record | None, *, now: datetime) -> int:
    _move(held, Status.WITHDRAWN, decided_at=now)
    said = found.stated() if found else None
    _state(held, {"what": "withdrawn", "record": said}, by=None, now=now)
    return 1


def _signed_first(held: Suggestion, *, by: Caller, now: datetime) -> Suggestion:
    _move(held, Status.OPEN, first_by_id=by.membership, first_at=now)
    _state(held, {"what": "signed first of two"}, by=by, now=now)
    return held


def _narrow(held: Suggestion, found: Record, stands: Standing, *, now: datetime) -> int:
    """Back to what it was before the signature, if that still is what holds: what a
    person set since is theirs, and stays.
    """
    rows = Mode.objects.select_for_update().filter(
        tenant_id=current_tenant(), account=None, action_type=held.action_type
    )
    row = rows.first()
    if row is None or row.set_at != held.mode_set_at or found.says is not Says.NARROW:
        return 0
    was = held.before or {"row": None, "mode": "APPROVAL"}
    if was["row"] is None and stands.beside() == was["mode"]:
        steering.unset_mode(row, by=HOUSE, now=now)
    else:
        # Where the modes around it were changed meanwhile, its own says what it was.
        scope = {"action_type": held.action_type}
        steering.set_mode(was["row"] or was["mode"], scope, by=HOUSE, now=now)
    _move(held, Status.SIGNED, narrowed_at=now)
    modes = {"from": row.mode, "to": was["mode"]}
    data = {"what": "narrowed", **modes, "record": found.stated()}
    _record(Kind.AUTONOMY_NARROWED, held, data, by=HOUSE, now=now)
    return 1


def _move(held: Suggestion, status: Status, **values: Any) -> None:
    """Only from where it was seen."""
    rows = suggestions().filter(
        pk=held.pk, status=held.status, first_by_id=held.first_by_id, narrowed_at=None
    )
    if not rows.update(status=status, **values):
        raise SuggestionDecided
    for name, value in {"status": status, **values}.items():
        setattr(held, name, value)


def _state(
    held: Suggestion, data: dict[str, Any], *, by: Caller | None, now: datetime
) -> None:
    actor = person_acting(by) if by else HOUSE
    _record(Kind.SUGGESTION_MOVED, held, data, by=actor, now=now)


def _record(
    kind: Kind, held: Suggestion, data: dict[str, Any], *, by: Actor, now: datetime
) -> None:
    said = {"action_type": held.action_type, "status": str(held.status), **data}
    subjects = {"suggestion": held.id}
    record(Fact(kind=kind, by=by, subjects=subjects, data=said), now=now)
