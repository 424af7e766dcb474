"""A10: versions of policy: saved, in force by one or two persons, rolled back."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from autonomy.errors import (
    AdminAsksFirst,
    AutonomyError,
    BundleFails,
    NeedsSecondPerson,
    NeedsSimulation,
    NothingToRollBack,
)
from autonomy.models import Activation, Bundle
from autonomy.models import Simulation as Trial
from autonomy.policies import activate, in_force, roll_back, save_bundle, widens
from autonomy.policy import Source, read, shipped
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.api.small import (
    NARROWER,
    NARROWEST,
    SMALL,
    WIDER,
    clause,
    ship_small,
)
from tests.autonomy.conftest import Desk
from tests.conftest import NOW
from tests.races import in_threads

Plain = dict[str, Any]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Source:
    return ship_small(monkeypatch)


@pytest.fixture
def inside(desk: Desk, small: Source) -> Iterator[Desk]:
    """Within the tenant of a desk, where the small bundle is the shipped one."""
    with tenant_scope(desk.tenant):
        yield desk


def saved(desk: Desk, plain: Plain) -> Bundle:
    return save_bundle(plain, by=desk.admin, now=NOW)


def simulated(desk: Desk, bundle: Bundle) -> Trial:
    return Trial.objects.create(
        tenant_id=desk.tenant,
        asked_at=NOW,
        begin=NOW,
        end=NOW + timedelta(days=1),
        candidate={"bundle_version": bundle.version},
        status=Trial.Status.COMPLETED,
    )


def into_force(desk: Desk, plain: Plain, at: int = 0) -> Bundle:
    """By two persons, where it takes two."""
    kept, now = saved(desk, plain), NOW + timedelta(minutes=at)
    simulated(desk, kept)
    made = activate(kept, simulation=None, by=desk.admin, now=now)
    if made.widens:
        approver = desk.house.caller(Role.APPROVER)
        activate(kept, simulation=None, by=approver, now=now)
    return kept


def version() -> str:
    held = in_force()
    return held.bundle.version if held else "shipped"


def test_saving_keeps_a_version_once(inside: Desk) -> None:
    """A10: known by the hash of its source; key order is none of its business."""
    first = saved(inside, SMALL)
    shuffled = {
        "tests": SMALL["tests"],
        "clauses": [dict(reversed(each.items())) for each in SMALL["clauses"]],
        "name": "small",
    }
    assert saved(inside, shuffled).pk == first.pk
    assert saved(inside, {**SMALL, "name": "renamed"}).pk != first.pk
    assert Entry.objects.filter(kind="policy.saved").count() == 2
    assert first.version == read(SMALL).version == read(first.source).version


def test_what_fails_is_not_kept(inside: Desk) -> None:
    """A10, A14."""
    failing = {**SMALL, "tests": [{"given": {}, "expect": {"clause": "other"}}]}
    with pytest.raises(BundleFails, match=r"tests\[0\]: clause is listed, not other"):
        saved(inside, failing)
    assert not Bundle.objects.exists()
    assert not Entry.objects.filter(kind="policy.saved").exists()


def test_narrowing_takes_one_person_and_no_simulation(inside: Desk) -> None:
    """A10: narrowing is always one click."""
    kept = saved(inside, NARROWER)
    assert widens(kept) is None
    made = activate(kept, simulation=None, by=inside.admin, now=NOW)
    assert (made.widens, made.in_force_at, made.signed_by_id) == (False, NOW, None)
    assert version() == kept.version


def test_narrowing_the_shipped_one_is_one_click(desk: Desk) -> None:
    """A10: whatever a further clause that asks or stops speaks of."""
    with tenant_scope(desk.tenant):
        plain = shipped().plain()
        strict = clause(
            "winter", "REQUIRE_APPROVAL",
            "stage == 'stalled' && lifecycle == 'CHURNED' && origin == 'plan' "
            "&& mode == 'SCHEDULED'",
        )  # fmt: skip
        kept = saved(desk, {**plain, "clauses": [*plain["clauses"], strict]})
        assert widens(kept) is None


def test_widening_takes_a_simulation_and_two_persons(inside: Desk) -> None:
    """A10: the same person twice is one person."""
    kept = saved(inside, WIDER)
    case = widens(kept)
    assert case is not None
    assert case["lifecycle"] == "PROSPECT"
    with pytest.raises(NeedsSimulation, match="PROSPECT"):
        activate(kept, simulation=None, by=inside.admin, now=NOW)
    trial = simulated(inside, kept)
    made = activate(kept, simulation=None, by=inside.admin, now=NOW)
    assert (made.simulation_id, made.in_force_at) == (trial.id, None)
    with pytest.raises(NeedsSecondPerson):
        activate(kept, simulation=None, by=inside.admin, now=NOW)
    assert (version(), Activation.objects.count()) == ("shipped", 1)
    approver = inside.house.caller(Role.APPROVER)
    done = activate(kept, simulation=None, by=approver, now=NOW)
    assert (done.pk, done.signed_by_id) == (made.pk, approver.membership)
    assert version() == kept.version


@pytest.mark.parametrize("status", ["PENDING", "FAILED"])
def test_a_simulation_that_is_not_done_does_not_count(
    inside: Desk, status: str
) -> None:
    """A10: nor does one of another version."""
    kept, other = saved(inside, WIDER), saved(inside, NARROWER)
    simulated(inside, other)
    Trial.objects.filter(pk=simulated(inside, kept).pk).update(status=status)
    with pytest.raises(NeedsSimulation):
        activate(kept, simulation=None, by=inside.admin, now=NOW)


def test_one_person_cannot_be_both_in_the_database_either(inside: Desk) -> None:
    """A10: whatever code would try it."""
    kept = saved(inside, WIDER)
    me = inside.admin.membership
    whole: Plain = {"bundle": kept, "widens": True, "asked_by_id": me, "asked_at": NOW}
    for signer in (me, None):
        with pytest.raises(DatabaseError, match="activation_two_persons"):
            alone(inside, {**whole, "signed_by_id": signer, "in_force_at": NOW})
    assert not Activation.objects.exists()


def alone(desk: Desk, fields: Plain) -> None:
    with transaction.atomic():
        Activation.objects.create(tenant_id=desk.tenant, **fields)


def test_a_request_that_was_overtaken_is_asked_again(inside: Desk) -> None:
    """A10: the second person signs what would change now, not what would have then."""
    wide = saved(inside, WIDER)
    simulated(inside, wide)
    activate(wide, simulation=None, by=inside.admin, now=NOW)
    later = NOW + timedelta(hours=1)
    activate(saved(inside, NARROWEST), simulation=None, by=inside.admin, now=later)
    approver = inside.house.caller(Role.APPROVER)
    with pytest.raises(AdminAsksFirst):
        activate(wide, simulation=None, by=approver, now=later)
    made = activate(wide, simulation=None, by=inside.admin, now=later)
    assert made.in_force_at is None
    signed = activate(wide, simulation=None, by=approver, now=later)
    assert (signed.pk, signed.in_force_at) == (made.pk, later)


def test_two_who_sign_at_once_are_one_activation(desk: Desk, small: Source) -> None:
    """A10: one of them signed, and the ledger says it once."""
    with tenant_scope(desk.tenant):
        wide = saved(desk, WIDER)
        simulated(desk, wide)
        activate(wide, simulation=None, by=desk.admin, now=NOW)

    def signed(number: int) -> None:
        role = (Role.APPROVER, Role.AUDITOR)[number % 2]
        caller = replace(desk.house.caller(role), role=Role.APPROVER)
        with tenant_scope(desk.tenant), suppress(AutonomyError):
            activate(wide, simulation=None, by=caller, now=NOW)

    in_threads(6, signed)
    with tenant_scope(desk.tenant):
        assert Activation.objects.exclude(in_force_at=None).count() == 1
        (entry,) = Entry.objects.filter(kind="policy.activated")
        assert entry.actor["id"] == str(Activation.objects.get().signed_by_id)


def test_rolling_back_step_by_step(inside: Desk) -> None:
    """A10: to the one before, to the shipped one, and then there is none."""
    one = into_force(inside, NARROWEST, at=1)
    two = into_force(inside, NARROWER, at=2)
    three = into_force(inside, WIDER, at=3)
    seen = [version()]
    for _ in range(3):
        roll_back(by=inside.admin, now=NOW + timedelta(hours=1))
        seen.append(version())
    assert seen == [three.version, two.version, one.version, "shipped"]
    with pytest.raises(NothingToRollBack):
        roll_back(by=inside.admin, now=NOW)
    stated = Entry.objects.filter(kind="policy.rolled_back").order_by("number")
    assert [entry.data["after"] for entry in stated] == [
        two.version,
        one.version,
        read(SMALL).version,
    ]
    again = activate(three, simulation=None, by=inside.admin, now=NOW)
    assert again.in_force_at is None


# --- The profile routine_outreach (A5) ---------------------------------------------------


def test_the_order_of_activations_is_that_of_their_moments(
    make_desk: Callable[..., Desk], small: Source
) -> None:
    """A10: the last one in force judges, in each tenant its own."""
    one, two = make_desk(), make_desk()
    with tenant_scope(one.tenant):
        kept = into_force(one, NARROWER)
        assert version() == kept.version
    with tenant_scope(two.tenant):
        assert version() == "shipped"
        assert saved(two, NARROWER).version == kept.version
