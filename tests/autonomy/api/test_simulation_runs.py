"""A13: simulations are asked for, run by whoever comes, once, and reported."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from autonomy import simulate as room
from autonomy.models import Bundle, Intent, Simulation
from autonomy.policies import save_bundle
from autonomy.simulate import ask_for, run, run_due, simulate
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.api.doors import problem
from tests.autonomy.api.replay import (
    BEGIN,
    END,
    Plain,
    tried,
)
from tests.autonomy.api.small import bundle
from tests.autonomy.conftest import Desk
from tests.conftest import NOW
from tests.races import in_threads


@pytest.fixture
def asked(desk: Desk) -> Simulation:
    desk.propose()
    with tenant_scope(desk.tenant):
        return ask_for(BEGIN, END, {}, by=desk.admin, now=datetime.now(UTC))


def again(desk: Desk) -> Simulation:
    with tenant_scope(desk.tenant):
        return Simulation.objects.get()


def test_two_workers_run_it_once(desk: Desk, asked: Simulation) -> None:
    """S: the claim decides; one report, one entry."""
    now = datetime.now(UTC)
    found = in_threads(4, lambda _: run(asked.id, tenant=desk.tenant, now=now))
    assert sorted(found) == [False] * 3 + [True]
    done = again(desk)
    assert (done.status, done.progress, done.attempts) == ("COMPLETED", 1, 1)
    with tenant_scope(desk.tenant):
        assert Entry.objects.filter(kind="policy.simulated").count() == 1
    assert not run(asked.id, tenant=desk.tenant, now=now + timedelta(days=1))


def test_a_run_that_goes_on_keeps_its_lease(
    desk: Desk, asked: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S: however long it takes, nobody else begins while it makes progress."""
    whole = room.simulate
    ahead: list[timedelta] = []

    def slow(*args: Any, progressed: Callable[[float], None], **more: Any) -> Plain:
        report = whole(*args, progressed=progressed, **more)
        held = again(desk).lease_until
        assert held is not None
        ahead.append(held - datetime.now(UTC))
        return report

    monkeypatch.setattr(room, "simulate", slow)
    # As if it had been claimed a while ago, and were at work since.
    begun = datetime.now(UTC) - timedelta(seconds=90)
    assert run(asked.id, tenant=desk.tenant, now=begun)
    assert ahead[0] > timedelta(0)


def test_progress_grows(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A13: a share of what there is, and in the end all of it."""
    for _ in range(5):
        desk.propose()
    monkeypatch.setattr(room, "CHUNK", 2)
    shown: list[float] = []
    simulate(BEGIN, END, {}, tenant=desk.tenant, progressed=shown.append)
    assert shown == [0.4, 0.8, 1.0]


def lapse(desk: Desk) -> None:
    """As if whoever was at it had not been heard of for long."""
    before = datetime.now(UTC) - timedelta(hours=1)
    with tenant_scope(desk.tenant):
        Simulation.objects.update(lease_until=before)


def test_a_run_that_breaks_is_given_up_in_words(
    desk: Desk, asked: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S: begun three times, then FAILED; never for ever."""

    def broken(*args: Any, **more: Any) -> Plain:
        raise RuntimeError("a power cut")

    monkeypatch.setattr(room, "simulate", broken)
    now = datetime.now(UTC)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            run(asked.id, tenant=desk.tenant, now=now)
        assert again(desk).status == "PENDING"
        lapse(desk)
    assert run(asked.id, tenant=desk.tenant, now=now + timedelta(hours=1))
    assert (again(desk).status, bool(again(desk).error)) == ("FAILED", True)


def test_the_oldest_goes_first_and_then_there_is_none(desk: Desk) -> None:
    """A13: whatever tenant it belongs to."""
    now = datetime.now(UTC)
    while run_due(now=now):
        pass
    with tenant_scope(desk.tenant):
        for hours in (2, 1):
            at = now - timedelta(hours=hours)
            ask_for(BEGIN, END, {"modes": [{"mode": "ASSIST"}]}, by=desk.admin, now=at)
    assert run_due(now=now) == 1
    with tenant_scope(desk.tenant):
        order = list(
            Simulation.objects.order_by("asked_at").values_list("status", flat=True)
        )
    assert order == ["COMPLETED", "PENDING"]
    assert (run_due(now=now), run_due(now=now)) == (1, 0)


def test_a_bundle_of_another_tenant_is_not_there(
    make_desk: Callable[..., Desk],
) -> None:
    """T1."""
    one, two = make_desk(), make_desk()
    with tenant_scope(one.tenant):
        kept = save_bundle(bundle(), by=one.admin, now=NOW)
    one.propose()
    two.propose()
    with pytest.raises(Bundle.DoesNotExist):
        tried(two, bundle_version=kept.version)
    with tenant_scope(two.tenant):
        assert Intent.objects.count() == 1
    refused = two.house.client(Role.ADMIN).send(
        "POST",
        "policy/simulate/",
        {"from": BEGIN.isoformat(), "to": END.isoformat(), "bundle": str(kept.id)},
    )
    assert problem(refused) == (404, "NOT_FOUND")
