"""S4, S5: a run's first try commits with its admission; every later one is counted first."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings

from autonomy import pipeline
from autonomy.models import Run
from autonomy.relay import Relay, Sent
from autonomy.rules.runs import Stage
from autonomy.runs import Held
from ledger.models import Entry
from ledger.scope import tenant_scope
from tests.autonomy.claims import waiting
from tests.autonomy.conftest import Desk
from tests.races import in_threads


class _Killed(BaseException):
    """As if the process were gone: nothing after it runs."""


def _row(desk: Desk, run: UUID) -> Run:
    with tenant_scope(desk.tenant):
        return Run.objects.get(pk=run)


def _facts(desk: Desk, run: UUID) -> list[str]:
    with tenant_scope(desk.tenant):
        entries = Entry.objects.filter(run_id=run).order_by("id")
        return list(entries.values_list("kind", flat=True))


def _walk(desk: Desk, run: UUID) -> None:
    pipeline.walk(run, Stage.TRIGGER, tenant=desk.tenant, may=lambda stage: True)


def _at_once(desk: Desk, run: UUID) -> None:
    """Long after it was sent or put off."""
    with tenant_scope(desk.tenant):
        rows = Run.objects.filter(pk=run, status="RECEIVED")
        rows.update(due_at="2020-01-01T00:00:00Z")
        rows.exclude(dispatched_at=None).update(dispatched_at="2020-01-01T00:00:00Z")
        rows.exclude(lease_until=None).update(lease_until="2020-01-01T00:00:00Z")


def _gate_that(does: Callable[[], Any], tried: list[int]) -> Callable[[Held], Any]:
    def gate(held: Held) -> Any:
        tried.append(held.fence)
        does()

    return gate


def _breaks() -> None:
    raise KeyError("nobody expected this")


def _dies() -> None:
    raise _Killed


def test_what_breaks_at_first_is_taken_back_whole_and_counts(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the failed admission stays; it is put off, with the error."""
    tried: list[int] = []
    run = waiting(desk)
    monkeypatch.setitem(pipeline.STAGES, Stage.GATE, _gate_that(_breaks, tried))
    with pytest.raises(KeyError):
        _walk(desk, run)
    row = _row(desk, run)
    assert (row.status, row.stage, row.fence, row.attempts) == (
        "RECEIVED", "TRIGGER", 0, 1,
    )  # fmt: skip
    assert (row.error, row.lease_until) == ("KeyError", None)
    assert row.due_at > datetime.now(UTC)
    assert _facts(desk, run) == []
    monkeypatch.undo()
    _at_once(desk, run)
    _walk(desk, run)
    assert _row(desk, run).status == "DONE"
    assert _facts(desk, run)[:3] == ["trigger.fired", "gate.judged", "run.decided"]


def test_what_breaks_every_time_is_parked(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As often as MAX_ATTEMPTS, wherever it breaks; what went well before stays."""
    tried: list[int] = []
    run = waiting(desk)
    monkeypatch.setitem(pipeline.STAGES, Stage.TRIGGER, _gate_that(_breaks, tried))
    for _ in range(settings.MAX_ATTEMPTS):
        with pytest.raises(KeyError):
            _walk(desk, run)
        _at_once(desk, run)
    _walk(desk, run)
    assert len(tried) == settings.MAX_ATTEMPTS
    assert _row(desk, run).status == "PARKED"
    assert _facts(desk, run) == ["run.parked"]


def test_attempts_whose_process_died_are_counted_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once a message stayed without an answer, each claim counts by itself."""
    tried: list[int] = []
    run = waiting(desk)
    monkeypatch.setitem(pipeline.STAGES, Stage.TRIGGER, _gate_that(_dies, tried))

    def sent(message: Sent) -> None:
        if message.run == run:
            _walk(desk, run)

    rounds = 0
    while _row(desk, run).status == "RECEIVED":
        rounds += 1
        assert rounds <= settings.MAX_ATTEMPTS + 2
        _at_once(desk, run)
        try:
            Relay(sent).round()
        except _Killed:
            continue
    assert _row(desk, run).status == "PARKED"
    assert len(tried) <= settings.MAX_ATTEMPTS + 1
    # The first two were taken for first tries; nobody saw their claims.
    assert tried == sorted(tried)


def test_two_who_take_up_a_fresh_run_are_one(desk: Desk) -> None:
    """X1: whoever comes second finds it held, though the claim is not committed yet."""
    run = waiting(desk)
    in_threads(8, lambda _: _walk(desk, run))
    row = _row(desk, run)
    assert (row.status, row.fence) == ("DONE", 1)
    assert _facts(desk, run).count("trigger.fired") == 1
    assert _facts(desk, run).count("run.decided") == 1
