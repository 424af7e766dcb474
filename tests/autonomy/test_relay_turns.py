"""S3: the relay asks once a round for those whose turn it is, and misses nobody."""

from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from autonomy import relay as relays
from autonomy.models import Intent, Run
from autonomy.relay import LATELY, Relay, Sent
from ledger.scope import system_scope, tenant_scope
from tests.autonomy.claims import waiting
from tests.autonomy.conftest import Desk


class Office:
    """A relay whose messages are kept, and which counts how often it asks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[Sent] = []
        self.asked = 0
        real = relays._glance

        def glance(*words: Any) -> list[tuple[Any, ...]]:
            self.asked += 1
            return real(*words)

        monkeypatch.setattr(relays, "_glance", glance)
        self.relay = Relay(self.sent.append)

    def round(self) -> tuple[Counter[UUID], int]:
        """Whose runs were sent, and how often it asked."""
        self.sent.clear()
        self.asked = 0
        self.relay.round()
        found: Counter[UUID] = Counter()
        for message in self.sent:
            found.update([message.tenant, *(tenant for _, tenant in message.along)])
        return found, self.asked


@pytest.fixture
def office(db: None, monkeypatch: pytest.MonkeyPatch) -> Office:
    """Of a house in which nothing is left to do, nor to be entered."""
    while True:
        with system_scope("test"):
            Run.objects.update(status="DONE")
            Intent.objects.update(due_at=None)
        if not Relay(lambda message: None).round():
            break
    return Office(monkeypatch)


def done(desk: Desk) -> None:
    with tenant_scope(desk.tenant):
        Run.objects.update(status="DONE")


def test_whose_turn_it_was_lately_is_asked_for_at_once(
    office: Office, make_desk: Callable[..., Desk]
) -> None:
    """A signal to an idle house is found and sent in one question."""
    one, other = make_desk(), make_desk()
    waiting(one)
    # Nobody is known yet, so that it takes a second one.
    assert office.round() == ({one.tenant: 1}, 2)
    done(one)
    assert office.round() == ({}, 1)
    waiting(one)
    assert office.round() == ({one.tenant: 1}, 1)
    # Somebody else is served in the same round.
    waiting(other)
    assert office.round() == ({other.tenant: 1}, 2)
    waiting(one)
    waiting(other)
    assert office.round() == ({one.tenant: 1, other.tenant: 1}, 1)


def test_an_idle_house_asks_for_a_few_only(
    office: Office, make_desk: Callable[..., Desk]
) -> None:
    desks = [make_desk() for _ in range(LATELY + 2)]
    for desk in desks:
        waiting(desk)
    assert office.round()[0] == {desk.tenant: 1 for desk in desks}
    for desk in desks:
        done(desk)
    office.round()
    assert len(office.relay.lately) == LATELY
    for desk in desks:
        waiting(desk)
    assert office.round() == ({desk.tenant: 1 for desk in desks}, 2)


def test_a_crowd_of_tenants_takes_turns(
    office: Office, make_desk: Callable[..., Desk], settings: Any
) -> None:
    """More tenants than may be under way at once: each is served before any is again."""
    settings.IN_FLIGHT = 2
    office.relay.room = 2
    desks = [make_desk() for _ in range(5)]
    for desk in desks:
        for _ in range(2):
            waiting(desk)
    served: list[UUID] = []
    for _ in range(12):
        found, _ = office.round()
        assert len(found) <= 2
        served += found
        for desk in desks:
            with tenant_scope(desk.tenant):
                # Hands are quick: what was sent is done.
                rows = Run.objects.exclude(dispatched_at=None)
                rows.update(status="DONE")
        if len(served) == 10:
            break
    tenants = {desk.tenant for desk in desks}
    assert set(served[:5]) == tenants == set(served[5:])
