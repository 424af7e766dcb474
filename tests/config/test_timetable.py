"""Beat while no worker lives: pulses alone are sent, ever fewer; the rest stays due."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from celery.beat import Scheduler
from django_celery_beat.models import PeriodicTask
from kombu.exceptions import OperationalError

from autonomy import simulate
from config.celery import app
from config.operate.management.commands import relay
from config.schedule import ALLOWED_TASKS, PULSE, Timetable
from ledger.clock import clock
from perception.models import Heartbeat
from perception.pulse import Calls, beat

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def timetable(db: None) -> Iterator[Timetable]:
    """One of a house where no worker ever lived, with every tick due, daily ones too."""
    Heartbeat.objects.filter(process="worker").delete()
    PeriodicTask.objects.all().delete()
    one = Timetable(app=app)
    PeriodicTask.objects.update(last_run_at=datetime.now(UTC) - 2 * DAY)
    yield one
    one.close()
    PeriodicTask.objects.all().delete()


@pytest.fixture
def send(timetable: Timetable, monkeypatch: Any) -> Callable[[], set[str]]:
    """Has it look at every tick, and says which it sent."""
    sent: set[str] = set()

    def note(self: Scheduler, entry: Any, *args: Any, **kwargs: Any) -> None:
        sent.add(entry.task)

    monkeypatch.setattr(Scheduler, "apply_async", note)

    def look() -> set[str]:
        sent.clear()
        timetable._heap = None
        for _ in range(2 * len(ALLOWED_TASKS)):
            timetable.tick()
        return set(sent)

    return look


def silent_since(timetable: Timetable, span: timedelta) -> None:
    """A pulse was sent so long ago, and nobody answered."""
    timetable.pulses.begin(now=clock() - span)
    timetable.pulses.sent(now=clock() - span)


def test_ticks_are_held_back_and_stay_due(timetable: Timetable, send: Any) -> None:
    """S4: what nobody takes is not sent again; nothing is left out, once somebody does."""
    silent_since(timetable, HOUR)
    beat("worker", now=clock() - 2 * HOUR)
    assert send() == {PULSE}
    assert send() == set()
    beat("worker", now=clock())
    assert send() | {PULSE} == ALLOWED_TASKS


def test_a_house_that_begins_sends_all(timetable: Timetable, send: Any) -> None:
    """Who has not been called yet is not taken for gone."""
    assert send() == set(ALLOWED_TASKS)


def test_without_a_pulse_nothing_is_held_back(timetable: Timetable, send: Any) -> None:
    """An operator may have switched it off: then silence says nothing."""
    PeriodicTask.objects.filter(task=PULSE).update(enabled=False)
    assert send() == ALLOWED_TASKS - {PULSE}


def test_a_broker_that_refuses_pulses_holds_ticks_back(
    timetable: Timetable, send: Any, monkeypatch: Any
) -> None:
    """S4: a tick of once a day is not lost in the outage; a pulse is tried each time."""

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise OperationalError

    with monkeypatch.context() as away:
        away.setattr(Scheduler, "apply_async", refuse)
        timetable.tick()
        for entry in timetable.schedule.values():
            if entry.task == PULSE:
                timetable.apply_entry(entry)
    assert timetable.pulses.first is not None
    timetable.pulses.first -= HOUR
    assert send() == {PULSE}


def test_calls_grow_rare_and_any_sign_of_life_answers(db: None) -> None:
    """A day without a worker leaves a message a minute, not one every few seconds."""
    Heartbeat.objects.filter(process="worker").delete()
    calls, sent = Calls("worker"), []
    for second in range(0, 86_400, 5):
        now = NOW + second * SECOND
        if calls.may_send(now=now):
            calls.begin(now=now)
            calls.sent(now=now)
            sent.append(now)
    assert len(sent) < 1500
    assert max(b - a for a, b in pairwise(sent)) <= 60 * SECOND
    # The first silence is short, so that a short outage is over soon.
    assert len([at for at in sent if at < NOW + 60 * SECOND]) >= 5
    beat("worker", now=NOW - SECOND)
    calls.listen(now=NOW + DAY)
    assert not calls.is_heard(now=NOW + DAY)
    beat("worker", now=NOW + SECOND)
    calls.listen(now=NOW + DAY)
    assert calls.is_heard(now=NOW + DAY)
    assert calls.may_send(now=NOW + DAY)


def test_a_relay_wakes_nobody_who_does_not_come(db: None, monkeypatch: Any) -> None:
    """Its pulses wait in the same broker."""
    sent: list[str] = []
    for name in ("pulse", "write_exports", "run_simulations"):
        task = getattr(relay, name)
        monkeypatch.setattr(
            task, "apply_async", lambda name=name, **options: sent.append(name)
        )
    monkeypatch.setattr(relay, "due_exports", lambda now: True)
    monkeypatch.setattr(simulate, "due", lambda now: False)
    Heartbeat.objects.filter(process="worker").delete()
    calls = Calls("worker")
    relay.tend(calls)
    assert sent == ["pulse", "write_exports"]
    assert calls.first is not None
    calls.first -= HOUR
    relay.tend(calls)
    assert sent == ["pulse", "write_exports"]
    beat("worker", now=clock())
    relay.tend(calls)
    assert sent == ["pulse", "write_exports"] * 2
