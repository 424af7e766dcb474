"""N3, N5: the model of the house, for tenants without one: fitted on what was agreed to.

Choices are read in the scope of each tenant that shares what is learned, and of no other;
what stays are weights and counts. Features that fewer than three tenants know are left
out, and so are types of a tenant's own: a model names nobody.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from autonomy.errors import GateRefused, ModelMoved, NoActiveModel, NoSuchModel
from autonomy.learning import fitting
from autonomy.learning.gating import SHIPPED, Gate, begin_of, weigh
from autonomy.learning.labels import HORIZON, Labelled, labelled
from autonomy.learning.registry import version_of
from autonomy.models import HouseRanking, Ranking
from autonomy.ranking import OF_HOUSE, of_house
from autonomy.rules.catalogue import CORE
from autonomy.rules.ranking import HEURISTIC, usable
from ledger.record import SYSTEM, Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import PLATFORM, system_scope, tenant_scope
from perception.faults import Tell, unheard
from perception.models import Tenant

JOB = "learn for the house"
# Fewer would give away what is known of one; so would one that drowns the others.
LEAST_TENANTS, LEAST_OF_ONE, MOST_OF_ONE = 3, 20, 5_000
# What is held in mind at once; many tenants share it evenly.
MOST_IN_ALL = 100_000
TYPE = "type."

Status = Ranking.Status
Said = Mapping[str, Any]


def sharing() -> list[UUID]:
    """The tenants that agreed; across tenants, and counted."""
    with system_scope(JOB):
        rows = Tenant.objects.filter(shares_learning=True).exclude(pk=PLATFORM)
        return list(rows.order_by("id").values_list("id", flat=True))


def gathered(
    *,
    begin: datetime,
    now: datetime,
    horizon: timedelta = HORIZON,
    broke: Tell = unheard,
) -> list[Labelled]:
    """What became of choices, of all who agreed, the oldest first."""
    found: list[Labelled] = []
    tenants = sharing()
    share = MOST_IN_ALL // max(len(tenants), 1)
    most = min(MOST_OF_ONE, max(LEAST_OF_ONE, share))
    for tenant in tenants:
        try:
            with tenant_scope(tenant):
                # Whoever took it back meanwhile is not read.
                if Tenant.objects.filter(pk=tenant, shares_learning=True).exists():
                    found += labelled(begin=begin, now=now, horizon=horizon, most=most)
        except Exception as problem:  # noqa: BLE001  counted; the others teach
            broke(problem)
    return sorted(found, key=lambda each: (each.at, each.intent))


def common(rows: Sequence[Labelled]) -> list[Labelled]:
    """Clear choices of tenants with enough of them, with features that several know."""
    held: dict[UUID, list[Labelled]] = defaultdict(list)
    for row in rows:
        if row.reward is not None:
            held[row.tenant].append(row)
    enough = {key: each for key, each in held.items() if len(each) >= LEAST_OF_ONE}
    if len(enough) < LEAST_TENANTS:
        raise fitting.TooFew(
            f"{len(enough)} tenants share enough to learn from: it takes "
            f"{LEAST_TENANTS} with {LEAST_OF_ONE} clear choices each."
        )
    known: dict[str, int] = defaultdict(int)
    for each in enough.values():
        for name in {name for row in each for name in row.features}:
            known[name] += 1
    kept = {name for name, count in known.items() if count >= LEAST_TENANTS}
    own = {name for name in kept if name.startswith(TYPE)}
    kept -= {name for name in own if name.removeprefix(TYPE) not in CORE}
    return [
        replace(row, features={name: row.features[name] for name in row.features if name in kept})
        for row in rows
        if row.tenant in enough and row.reward is not None
    ]  # fmt: skip


def fit(
    *, now: datetime, horizon: timedelta = HORIZON, broke: Tell = unheard
) -> HouseRanking:
    """Fit what is shared, and keep it as a candidate."""
    begin = now - fitting.LOOKS_BACK
    rows = common(gathered(begin=begin, now=now, horizon=horizon, broke=broke))
    made = fitting.fit(rows)
    tenants = len({each.tenant for each in rows})
    return _keep(made.artefact, {**made.provenance, "tenants": tenants}, now=now)


def judge(
    model: HouseRanking,
    *,
    now: datetime,
    gate: Gate = SHIPPED,
    horizon: timedelta = HORIZON,
) -> dict[str, Any]:
    """Whether it passes the gate, by choices that it would have ranked: of tenants that
    share, as long as no model of their own ranked there.
    """
    begin = begin_of(model, now=now, gate=gate, horizon=horizon)
    rows = [
        each
        for each in gathered(begin=begin, now=now, horizon=horizon)
        if each.model == HEURISTIC or each.model.startswith(OF_HOUSE)
    ]
    said = {"from": begin.isoformat(), "to": now.isoformat()}
    return {**said, **weigh(model, rows, of_house(model.version), gate=gate)}


def found(version: str) -> HouseRanking:
    """A model of the house."""
    held = HouseRanking.objects.filter(pk=version).first()
    if held is None:
        raise NoSuchModel
    return held


def shadow(version: str, *, now: datetime) -> HouseRanking:
    """Let a candidate score beside what ranks, where learning is shared."""
    with tenant_scope(PLATFORM):
        held = _locked(version)
        if not usable(held.artefact):
            raise GateRefused("Its numbers are not sound.")
        return _move(held, Status.CANDIDATE, Status.SHADOW, now=now)


def activate(version: str, gate: Said, *, now: datetime) -> HouseRanking:
    """Let it rank where there is no other, if the gate was passed."""
    with tenant_scope(PLATFORM):
        held = _locked(version)
        if gate.get("passes") is not True:
            raise GateRefused(f"The gate says: {str(gate.get('why', '')).lower()}.")
        if held.status != Status.SHADOW:
            raise ModelMoved(f"It is {held.status}, not SHADOW.")
        before = HouseRanking.objects.filter(status=Status.ACTIVE).first()
        if before is not None:
            _move(before, Status.ACTIVE, Status.RETIRED, now=now)
        kept = {**gate, "replaced": before.version if before else HEURISTIC}
        return _move(held, Status.SHADOW, Status.ACTIVE, now=now, gate=kept)


def retire(version: str, *, now: datetime) -> HouseRanking:
    """No longer try a model that does not rank."""
    with tenant_scope(PLATFORM):
        held = _locked(version)
        return _move(held, Status.SHADOW, Status.RETIRED, now=now)


def roll_back(*, now: datetime) -> str:
    """Retire what ranks for the house; what it replaced ranks again."""
    with tenant_scope(PLATFORM):
        held = next((each for each in _held() if each.status == Status.ACTIVE), None)
        if held is None:
            raise NoActiveModel
        _move(held, Status.ACTIVE, Status.RETIRED, now=now)
        version = str((held.gate or {}).get("replaced", HEURISTIC))
        if version != HEURISTIC:
            _move(found(version), Status.RETIRED, Status.ACTIVE, now=now)
        return version


def _keep(artefact: Said, provenance: Said, *, now: datetime) -> HouseRanking:
    with tenant_scope(PLATFORM):
        held, made = HouseRanking.objects.get_or_create(
            version=version_of(provenance, now=now),
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
            _state(held, "", now=now, provenance=dict(provenance))
        return held


def _held() -> list[HouseRanking]:
    """All models of the house, held: who moves one at a time moves alone."""
    return list(HouseRanking.objects.order_by("pk").select_for_update())


def _locked(version: str) -> HouseRanking:
    for each in _held():
        if each.version == version:
            return each
    raise NoSuchModel


def _move(
    held: HouseRanking,
    before: Status,
    after: Status,
    *,
    now: datetime,
    gate: Said | None = None,
) -> HouseRanking:
    more = {} if gate is None else {"gate": dict(gate)}
    values: dict[str, Any] = {"status": after, "moved_at": now, **more}
    if not HouseRanking.objects.filter(pk=held.pk, status=before).update(**values):
        raise ModelMoved(f"It is {held.status}, not {before.value}.")
    for name, value in values.items():
        setattr(held, name, value)
    _state(held, before.value, now=now, **more)
    return held


def _state(held: HouseRanking, before: str, *, now: datetime, **more: Any) -> None:
    data = {
        "version": of_house(held.version),
        "before": before,
        "after": str(held.status),
        **more,
    }
    record(Fact(kind=Kind.MODEL_MOVED, by=SYSTEM, subjects={}, data=data), now=now)
