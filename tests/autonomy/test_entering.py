"""S2, D0: signals get the runs they were promised, once, whoever enters them."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from autonomy import entering
from autonomy.models import Run
from ledger.scope import system_scope, tenant_scope
from perception.errors import TooBusy
from perception.intake import Received, receive
from perception.models import Signal
from tests.autonomy.conftest import AGENT, Desk
from tests.conftest import NOW
from tests.races import in_threads


def _receive(desk: Desk, *items: dict[str, Any]) -> list[Received]:
    with tenant_scope(desk.tenant):
        return receive(
            [
                {"account": "acme", "type": "news", "payload": {}, **each}
                for each in items
            ],
            by=AGENT,
            now=NOW,
        )


def _runs(desk: Desk) -> list[Run]:
    with tenant_scope(desk.tenant):
        return list(Run.objects.order_by("id"))


def _waiting(desk: Desk) -> int:
    with tenant_scope(desk.tenant):
        return Signal.objects.filter(entered_at=None).count()


def test_a_signal_gets_the_run_that_it_names(desk: Desk) -> None:
    """S2: the row is its own outbox."""
    [received] = _receive(desk, {})
    assert entering.enter(desk.tenant, limit=10) == 1
    [run] = _runs(desk)
    assert (run.id, run.signal_id) == (received.run_id, received.id)
    assert run.account_id == desk.account.id
    assert (run.status, run.stage, run.trigger) == (
        "RECEIVED",
        "TRIGGER",
        "SIGNAL_ARRIVED",
    )
    assert (run.origin, run.key) == ("signal", f"signal {received.id}")
    assert (run.fence, run.attempts, run.deferred, run.lease_until) == (0, 0, 0, None)
    assert run.due_at is not None
    assert _waiting(desk) == 0


@pytest.mark.parametrize(
    ("type_", "trigger"),
    [
        ("lifecycle_change", "LIFECYCLE_CHANGE"),
        ("posture_change", "POSTURE_CHANGE"),
        ("crm_update", "SIGNAL_ARRIVED"),
        ("never_heard_of", "SIGNAL_ARRIVED"),
    ],
)
def test_what_a_type_triggers(desk: Desk, type_: str, trigger: str) -> None:
    """G1."""
    _receive(desk, {"type": type_})
    entering.enter(desk.tenant)
    assert [run.trigger for run in _runs(desk)] == [trigger]


def test_echoes_and_long_chains_get_no_run(desk: Desk) -> None:
    """D0: they are marked as seen, and no run is there."""
    received = _receive(
        desk,
        {"type": "execution_outcome"},
        {"caused_by": uuid4()},
        {"depth": 4},
        {"depth": 3},
    )
    assert entering.enter(desk.tenant) == 1
    assert [run.id for run in _runs(desk)] == [received[3].run_id]
    assert _waiting(desk) == 0


def test_entering_again_makes_nothing(desk: Desk) -> None:
    """S2: any number of times, by anybody."""
    received = _receive(desk, {}, {})
    with tenant_scope(desk.tenant):
        assert entering.enter_these([each.id for each in received]) == 2
        assert entering.enter_these([each.id for each in received]) == 0
        Signal.objects.update(entered_at=None)
    assert entering.enter(desk.tenant) == 0
    assert len(_runs(desk)) == 2


def test_many_that_enter_at_once_make_each_run_once(desk: Desk) -> None:
    """S2: relays, beats and doors together."""
    _receive(desk, *[{}] * 50)
    made = in_threads(6, lambda _number: entering.enter(desk.tenant, limit=20))
    while _waiting(desk):
        made.append(entering.enter(desk.tenant, limit=20))
    assert sum(made) == 50
    assert len(_runs(desk)) == 50


def test_only_these_and_no_other(desk: Desk) -> None:
    first, second = _receive(desk, {}, {})
    with tenant_scope(desk.tenant):
        assert entering.enter_these([second.id]) == 1
        assert entering.enter_these([]) == 0
    assert [run.signal_id for run in _runs(desk)] == [second.id]
    assert first.run_id != second.run_id


def test_the_limit_leaves_the_rest_waiting(desk: Desk) -> None:
    _receive(desk, *[{}] * 5)
    assert entering.enter(desk.tenant, limit=3) == 3
    assert _waiting(desk) == 2


def test_whoever_comes_by_enters_all_tenants(make_desk: Callable[..., Desk]) -> None:
    """S2, T3: found across tenants, entered in each one's own scope."""
    desks = [make_desk(), make_desk()]
    for desk in desks:
        _receive(desk, {}, {})
    with system_scope("test"), connection.cursor() as cursor:
        cursor.execute(entering.WAITING)
        waiting = [tenant for (tenant,) in cursor.fetchall()]
    assert sum(entering.enter(tenant) for tenant in waiting) >= 4
    for desk in desks:
        assert len(_runs(desk)) == 2
        assert {run.tenant_id for run in _runs(desk)} == {desk.tenant}


def test_a_thousand_enter_in_one_statement(desk: Desk) -> None:
    received = _receive(desk, *[{}] * 1000)
    with tenant_scope(desk.tenant), CaptureQueriesContext(connection) as queries:
        assert entering.enter_these([each.id for each in received]) == 1000
    assert len(queries) == 1


def test_a_full_tenant_is_told_to_wait(desk: Desk, monkeypatch: Any) -> None:
    """S4: as many open runs as allowed, and not one more."""
    monkeypatch.setattr(settings, "MAX_BACKLOG", 3)
    _receive(desk, *[{}] * 3)
    entering.enter(desk.tenant)
    with tenant_scope(desk.tenant):
        Run.objects.filter(pk=_first(desk)).update(status="DONE", stage="APPROVE")
        entering.insist_on_room()
    _receive(desk, {}, {})
    entering.enter(desk.tenant)
    with tenant_scope(desk.tenant), pytest.raises(TooBusy) as refusal:
        entering.insist_on_room()
    assert refusal.value.wait == 5


def _first(desk: Desk) -> Any:
    return _runs(desk)[0].pk


def test_one_full_tenant_is_not_all(
    make_desk: Callable[..., Desk], monkeypatch: Any
) -> None:
    """S4, T1."""
    monkeypatch.setattr(settings, "MAX_BACKLOG", 0)
    full, quiet = make_desk(), make_desk()
    _receive(full, {})
    entering.enter(full.tenant)
    with tenant_scope(full.tenant), pytest.raises(TooBusy):
        entering.insist_on_room()
    with tenant_scope(quiet.tenant):
        entering.insist_on_room()


def test_waking_is_never_worth_an_error(db: None, monkeypatch: Any) -> None:
    """S2: who listens also looks by themselves."""

    def broken() -> None:
        raise DatabaseError("gone")

    entering.wake()
    monkeypatch.setattr("autonomy.waking.connection.cursor", broken)
    entering.wake()
