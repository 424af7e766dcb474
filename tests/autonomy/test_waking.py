"""A1, S2: what a switch stopped goes on when it is released, not at the next look."""

import select
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg2
import pytest
from django.conf import settings

from autonomy.models import Intent
from autonomy.perform import perform
from autonomy.rules.switches import Scope
from autonomy.switchboard import Wanted, engage, release
from autonomy.waking import CHANNEL
from config.operate.management.commands.relay import Ear
from ledger.clock import clock
from ledger.record import Actor
from ledger.scope import PLATFORM, system_scope, tenant_scope
from tests.autonomy.conftest import Desk
from tests.autonomy.tools.peer import Integrator, approved, bound, integrator
from tests.conftest import NOW

BY = Actor(type="system", id="test")


@pytest.fixture
def ear(db: None) -> Iterator[Any]:
    """Listens as the relay does."""
    line = psycopg2.connect(settings.APP_URL)
    line.autocommit = True
    with line.cursor() as cursor:
        cursor.execute(f"LISTEN {CHANNEL}")
    yield line
    line.close()


@pytest.fixture
def peer(settings: Any) -> Iterator[Integrator]:
    with integrator(settings) as made:
        yield made


def _heard(line: Any) -> list[str]:
    select.select([line], [], [], 30)
    line.poll()
    return [each.channel for each in line.notifies]


def _row(desk: Desk, intent: UUID) -> Any:
    with tenant_scope(desk.tenant):
        return Intent.objects.get(pk=intent)


def _is_due(desk: Desk, intent: UUID) -> bool:
    with tenant_scope(desk.tenant):
        return bool(_row(desk, intent).due_at <= clock())


def _engaged(desk: Desk) -> UUID:
    with tenant_scope(desk.tenant):
        wanted = Wanted(scope=Scope.TENANT, target="", reason="a trial")
        return engage(wanted, by=BY, now=NOW).id


def _released(desk: Desk, switch: UUID) -> None:
    with tenant_scope(desk.tenant):
        release(switch, "over", by=BY)


def test_a_release_wakes_what_was_stopped(desk: Desk, ear: Any) -> None:
    """A1: the relay is called, and what was stopped is due at once."""
    intent, switch = approved(desk), _engaged(desk)
    assert perform(intent, tenant=desk.tenant) == "WAITS"
    assert not _is_due(desk, intent)
    _released(desk, switch)
    assert _heard(ear) == [CHANNEL]
    assert _is_due(desk, intent)
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    assert _row(desk, intent).error == ""


def test_a_call_that_waits_for_its_repeat_is_woken_too(
    desk: Desk, peer: Integrator
) -> None:
    """A1, X3: it was stopped between two calls."""
    bound(desk, peer.url)
    peer.says(500, 200)
    intent = approved(desk)
    assert perform(intent, tenant=desk.tenant) == "WAITS"
    switch = _engaged(desk)
    with tenant_scope(desk.tenant):
        Intent.objects.filter(pk=intent).update(due_at=clock())
    assert perform(intent, tenant=desk.tenant) == "WAITS"
    assert len(peer.asked) == 1
    _released(desk, switch)
    assert _is_due(desk, intent)
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"


def test_what_waits_for_something_else_sleeps_on(desk: Desk) -> None:
    """A release is no leave to come early."""
    intent = approved(desk)
    with tenant_scope(desk.tenant):
        later = clock() + timedelta(seconds=3)
        Intent.objects.filter(pk=intent).update(due_at=later)
    _released(desk, _engaged(desk))
    assert _row(desk, intent).due_at == later


def test_a_release_wakes_nobody_else(make_desk: Any) -> None:
    """T1: what another tenant's own switch stopped stays where it is."""
    mine, theirs = make_desk(), make_desk()
    intent = approved(theirs)
    _engaged(theirs)
    perform(intent, tenant=theirs.tenant)
    before = _row(theirs, intent).due_at
    _released(mine, _engaged(mine))
    assert _row(theirs, intent).due_at == before


def test_the_whole_house_is_woken_at_once(make_desk: Any) -> None:
    """A1: the global switch stops all, and its release wakes all."""
    desks = [make_desk(), make_desk()]
    intents = [approved(desk) for desk in desks]
    with tenant_scope(PLATFORM):
        wanted = Wanted(scope=Scope.GLOBAL, target="", reason="a trial")
        switch = engage(wanted, by=BY, now=NOW).id
    try:
        for desk, intent in zip(desks, intents, strict=True):
            assert perform(intent, tenant=desk.tenant) == "WAITS"
    finally:
        with tenant_scope(PLATFORM):
            release(switch, "over", by=BY, hold=timedelta(0))
    with system_scope("read"):
        due = Intent.objects.filter(pk__in=intents, due_at__lte=clock())
        assert due.count() == len(intents)


def test_relay_and_release_speak_of_one_channel(db: None) -> None:
    """S2: the relay hears what a release says."""
    ear = Ear()
    ear.wait(0)
    with ear.line.cursor() as cursor:
        cursor.execute("SELECT pg_listening_channels()")
        assert cursor.fetchall() == [(CHANNEL,)]
    ear.close()
