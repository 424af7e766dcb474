"""N5: models and where they stand: each move is compared, set and stated at once.

CANDIDATE, then SHADOW, then ACTIVE, then RETIRED. One at most is ACTIVE; without one the
order is that of the house, or of confidence.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from autonomy.errors import GateRefused, ModelMoved, NoActiveModel, NoSuchModel
from autonomy.models import Ranking
from autonomy.rules.ranking import HEURISTIC, LOGISTIC, usable
from ledger.record import SYSTEM, Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception.members import person_acting
from perception.rules.callers import Caller

Status = Ranking.Status
Said = Mapping[str, Any]
DIGEST = slice(7, 15)


def keep(artefact: Said, provenance: Said, *, now: datetime) -> Ranking:
    """A fitted model as a candidate; the same fit twice in a day is one."""
    version = version_of(provenance, now=now)
    held, made = Ranking.objects.get_or_create(
        tenant_id=current_tenant(),
        version=version,
        defaults={
            "kind": Ranking.Kind.LOGISTIC,
            "status": Status.CANDIDATE,
            "artefact": dict(artefact),
            "provenance": dict(provenance),
            "made_at": now,
            "moved_at": now,
        },
    )
    if made:
        _state(held, "", provenance=dict(provenance), by=None, now=now)
    return held


def version_of(provenance: Said, *, now: datetime) -> str:
    """Kind, day, and the beginning of what its numbers come to."""
    return f"{LOGISTIC}-{now:%Y%m%d}-{provenance['artefact_digest'][DIGEST]}"


def found(version: str) -> Ranking:
    """A model of the tenant in scope."""
    rows = Ranking.objects.filter(tenant_id=current_tenant(), version=version)
    held = rows.first()
    if held is None:
        raise NoSuchModel
    return held


def shadow(version: str, *, by: Caller | None, now: datetime) -> Ranking:
    """Let a candidate score what is decided, without effect."""
    held = _locked(version)
    if not usable(held.artefact):
        raise GateRefused("Its numbers are not sound.")
    _move(held, Status.CANDIDATE, Status.SHADOW, now=now, by=by)
    return held


def activate(version: str, gate: Said, *, by: Caller | None, now: datetime) -> Ranking:
    """Let a model in SHADOW rank, if the gate was passed; the one before is retired."""
    held = _locked(version)
    if gate.get("passes") is not True:
        raise GateRefused(f"The gate says: {str(gate.get('why', '')).lower()}.")
    if held.status != Status.SHADOW:
        raise ModelMoved(f"It is {held.status}, not SHADOW.")
    before = _active()
    if before is not None:
        _move(before, Status.ACTIVE, Status.RETIRED, now=now, by=by)
    kept = {**gate, "replaced": before.version if before else HEURISTIC}
    _move(held, Status.SHADOW, Status.ACTIVE, now=now, by=by, gate=kept)
    return held


def retire(version: str, *, by: Caller | None, now: datetime) -> Ranking:
    """No longer try a model that does not rank; it stays to be looked at."""
    held = _locked(version)
    if held.status == Status.ACTIVE:
        raise ModelMoved("It ranks: roll it back instead.")
    if held.status == Status.RETIRED:
        raise ModelMoved("It is RETIRED already.")
    _move(held, Status(held.status), Status.RETIRED, now=now, by=by)
    return held


def roll_back(*, by: Caller | None, now: datetime) -> str:
    """Retire what ranks; what it replaced ranks again from the next decision on."""
    _locked(None)
    held = _active()
    if held is None:
        raise NoActiveModel
    _move(held, Status.ACTIVE, Status.RETIRED, now=now, by=by)
    version = str((held.gate or {}).get("replaced", HEURISTIC))
    if version != HEURISTIC:
        _move(found(version), Status.RETIRED, Status.ACTIVE, now=now, by=by)
    return version


def _locked(version: str | None) -> Ranking:
    """The model, with all of the tenant's held: who moves one at a time moves alone."""
    rows = Ranking.objects.filter(tenant_id=current_tenant()).order_by("id")
    held = list(rows.select_for_update())
    if version is None and held:
        return held[0]
    for each in held:
        if each.version == version:
            return each
    raise NoActiveModel if version is None else NoSuchModel


def _active() -> Ranking | None:
    rows = Ranking.objects.filter(tenant_id=current_tenant(), status=Status.ACTIVE)
    return rows.first()


def _move(
    held: Ranking,
    before: Status,
    after: Status,
    *,
    now: datetime,
    by: Caller | None,
    gate: Said | None = None,
) -> None:
    more = {} if gate is None else {"gate": dict(gate)}
    values: dict[str, Any] = {
        "status": after,
        "moved_at": now,
        "moved_by_id": by.membership if by else None,
        **more,
    }
    rows = Ranking.objects.filter(tenant_id=current_tenant(), pk=held.pk, status=before)
    if not rows.update(**values):
        raise ModelMoved(f"It is {held.status}, not {before.value}.")
    for name, value in values.items():
        setattr(held, name, value)
    _state(held, before.value, by=by, now=now, **more)


def _state(
    held: Ranking, before: str, *, by: Caller | None, now: datetime, **more: Any
) -> None:
    data = {
        "version": held.version,
        "before": before,
        "after": str(held.status),
        **more,
    }
    actor = person_acting(by) if by else SYSTEM
    fact = Fact(kind=Kind.MODEL_MOVED, by=actor, subjects={"model": held.id}, data=data)
    record(fact, now=now)
