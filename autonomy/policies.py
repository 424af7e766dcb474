"""Versions of policy: saved, brought into force, rolled back; and the data they use."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from autonomy.errors import (
    AdminAsksFirst,
    BundleFails,
    NeedsSecondPerson,
    NeedsSimulation,
    NothingToRollBack,
)
from autonomy.facts import Answer
from autonomy.models import Activation, Bundle, PolicyData, Simulation
from autonomy.opa import OpaPolicy
from autonomy.policy import Program, compiled, program, read, shipped
from autonomy.registry import all_types
from autonomy.rules.data import DEFAULT
from autonomy.rules.judge import Policy
from autonomy.rules.theorems import broken, widening
from ledger.record import Actor, Fact, record
from ledger.rules.canonical import canonical
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception.members import person_acting
from perception.rules.callers import Caller
from perception.rules.roles import Role


def policy_of(answer: Answer) -> Policy:
    """What judges: the tenant's server, its version in force, or the shipped one."""
    if answer.opa is not None:
        return OpaPolicy(**answer.opa)
    if answer.policy is None:
        return program(shipped().version, shipped().plain)
    version, id_ = answer.policy
    return program(version, lambda: Bundle.objects.get(pk=id_).source)


def texts_of(versions: Collection[str]) -> dict[str, str]:
    """The texts whose hashes these versions are, of those that are kept here. A server
    that judges in their place keeps its own.
    """
    saved = Bundle.objects.filter(tenant_id=current_tenant(), version__in=versions)
    plain = {each.version: each.source for each in saved}
    if shipped().version in versions:
        plain[shipped().version] = shipped().plain()
    return {version: canonical(each).decode() for version, each in plain.items()}


def in_force() -> Activation | None:
    """What judges in the tenant in scope; None: the shipped bundle, never changed."""
    return _in_force().select_related("bundle").first()


def save_bundle(plain: Mapping[str, Any], *, by: Caller, now: datetime) -> Bundle:
    """Keep a version that compiles, passes its own tests and breaks no theorem."""
    checked = compiled(read(plain))
    insist(checked)
    source = checked.source
    bundle, is_new = Bundle.objects.get_or_create(
        tenant_id=current_tenant(),
        version=source.version,
        defaults={
            "name": source.name,
            "source": source.plain(),
            "saved_by_id": by.membership,
            "saved_at": now,
        },
    )
    if is_new:
        _state(Kind.POLICY_SAVED, bundle, {}, by=person_acting(by), now=now)
    return bundle


def insist(checked: Program) -> None:
    """Refuse a bundle that fails its own tests or a theorem."""
    if failures := checked.failures():
        raise BundleFails("; ".join(failures[:5]))
    if found := broken(checked, all_types(), minimums()):
        first = found[0].stated()
        raise BundleFails(f"“{first['theorem']}” is false: {first['case']}.")


def widens(bundle: Bundle) -> Mapping[str, Any] | None:
    """A case that this bundle lets run further than the one in force, if any."""
    held = in_force()
    current = compiled(read(held.bundle.source)) if held else compiled(shipped())
    wanted = compiled(read(bundle.source))
    return widening(current, wanted, all_types(), minimums())


def activate(
    bundle: Bundle, *, simulation: Simulation | None, by: Caller, now: datetime
) -> Activation:
    """Bring a version into force. One that widens autonomy waits for a second person."""
    insist(compiled(read(bundle.source)))
    waiting = _waiting(bundle)
    if waiting is None and by.role is not Role.ADMIN:
        raise AdminAsksFirst
    if waiting is not None:
        if waiting.asked_by_id == by.membership:
            raise NeedsSecondPerson(f"You asked for it at {waiting.asked_at:%H:%M}.")
        waiting.signed_by_id, waiting.in_force_at = by.membership, now
        waiting.save(update_fields=["signed_by", "in_force_at"])
        return _activated(waiting, by=by, now=now)
    case = widens(bundle)
    trial = simulation or _trial_of(bundle)
    if case is not None and trial is None:
        raise NeedsSimulation(f"It lets more run, as in the case {dict(case)}.")
    made = Activation.objects.create(
        tenant_id=current_tenant(),
        bundle=bundle,
        simulation=trial,
        widens=case is not None,
        asked_by_id=by.membership,
        asked_at=now,
        in_force_at=None if case is not None else now,
    )
    return made if made.widens else _activated(made, by=by, now=now)


def is_asked_for(bundle: Bundle) -> bool:
    """Whether this version waits for a second person."""
    return _waiting(bundle) is not None


def roll_back(*, by: Caller, now: datetime) -> Activation | None:
    """Go back to what was in force before; None: to the bundle as shipped."""
    newest = _in_force().select_for_update().first()
    if newest is None:
        raise NothingToRollBack
    newest.rolled_back_at = now
    newest.save(update_fields=["rolled_back_at"])
    earlier = in_force()
    version = earlier.bundle.version if earlier else shipped().version
    _state(
        Kind.POLICY_ROLLED_BACK,
        newest.bundle,
        {"after": version},
        by=person_acting(by),
        now=now,
    )
    return earlier


def data_in_force() -> dict[str, Any]:
    """The data that the tenant's policy is asked with."""
    newest = PolicyData.objects.filter(tenant_id=current_tenant()).order_by("-number")
    held = newest.values_list("data", flat=True).first()
    return dict(DEFAULT if held is None else held)


def save_data(data: Mapping[str, Any], *, by: Caller, now: datetime) -> dict[str, Any]:
    """Change the data; the earlier ones stay for those whom they judged."""
    before = data_in_force()
    if before != data:
        PolicyData.objects.create(
            tenant_id=current_tenant(),
            data=dict(data),
            saved_by_id=by.membership,
            saved_at=now,
        )
        record(
            Fact(
                kind=Kind.SETTING_CHANGED,
                by=person_acting(by),
                data={
                    "setting": "policy_data",
                    "before": _changed(before, data),
                    "after": _changed(data, before),
                },
            ),
            now=now,
        )
    return data_in_force()


def minimums() -> list[float]:
    """The minimums of confidence that the tenant's data name."""
    named = data_in_force()["min_confidence"].values()
    own = [each.min_confidence for each in all_types() if each.min_confidence]
    return sorted({float(each) for each in (*named, *own)})


def _in_force() -> QuerySet[Activation]:
    return Activation.objects.filter(
        tenant_id=current_tenant(), in_force_at__isnull=False, rolled_back_at=None
    ).order_by("-in_force_at")


def _waiting(bundle: Bundle) -> Activation | None:
    """The request for this bundle that nothing has overtaken since."""
    rows = Activation.objects.filter(tenant_id=current_tenant(), bundle=bundle)
    # Locked: of two who sign at once, the second finds it in force.
    asked = rows.select_for_update().filter(in_force_at=None)
    found = asked.order_by("-asked_at").first()
    held = in_force()
    if found is None or (
        held and held.in_force_at and held.in_force_at > found.asked_at
    ):
        return None
    return found


def _trial_of(bundle: Bundle) -> Simulation | None:
    """The newest completed simulation of this very version."""
    return (
        Simulation.objects.filter(
            tenant_id=current_tenant(),
            status=Simulation.Status.COMPLETED,
            candidate__bundle_version=bundle.version,
        )
        .order_by("-asked_at")
        .first()
    )


def _activated(made: Activation, *, by: Caller, now: datetime) -> Activation:
    data = {
        "asked_by": str(made.asked_by_id),
        "simulation": str(made.simulation_id) if made.simulation_id else None,
        "widens": made.widens,
    }
    _state(Kind.POLICY_ACTIVATED, made.bundle, data, by=person_acting(by), now=now)
    return made


def _state(
    kind: Kind, bundle: Bundle, data: Mapping[str, Any], *, by: Actor, now: datetime
) -> None:
    record(
        Fact(
            kind=kind,
            by=by,
            subjects={"bundle": bundle.id},
            data={"name": bundle.name, "version": bundle.version, **data},
        ),
        now=now,
    )


def _changed(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in one.items() if other.get(name) != value}
