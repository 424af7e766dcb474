"""X6: a tenant's webhook is told of alerts: again until it took it, and not for ever."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from autonomy import alerts, service, telling
from autonomy.models import SloAlert
from autonomy.rules.answers import Meaning, Said
from autonomy.rules.service import TOLD_WITHIN
from ledger.clock import clock
from ledger.record import SYSTEM
from ledger.scope import system_scope, tenant_scope
from perception import connectors, guards
from perception.models import Connector
from perception.rules.breaker import FAILURES
from perception.rules.webhooks import Signed, is_signed
from tests.autonomy.tools.peer import SECRET, Integrator, Reply
from tests.conftest import House
from tests.races import in_threads

WELL = Said(meaning=Meaning.DONE, detail="", status=200)
BROKEN = Said(meaning=Meaning.AMBIGUOUS, detail="", status=500)
SOON = timedelta(minutes=10)


class Killed(BaseException):
    """As abrupt as kill -9."""


class Receiver(Integrator):
    """One that knows a delivery by its webhook-id."""

    def take(self, headers: dict[str, str], body: bytes) -> Reply:
        known = {**headers, "idempotency-key": headers["webhook-id"]}
        return super().take(known, body)


@pytest.fixture
def there(settings: Any) -> Iterator[Receiver]:
    made = Receiver()
    settings.EGRESS_ALLOW = (f"127.0.0.1:{made.port}",)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def now(db: None) -> datetime:
    """By the database's clock; what other tests left is told to nobody."""
    with system_scope("test"):
        SloAlert.objects.exclude(tell_at=None).update(tell_at=None)
        return clock()


def listening(house: House, there: Integrator) -> Connector:
    """A tenant with a webhook out."""
    given = {
        "kind": "outbound",
        "name": "Ops",
        "config": {"url": there.url},
        "secret": SECRET,
    }
    with tenant_scope(house.tenant):
        return connectors.add(given, by=SYSTEM, now=clock())


def alerted(house: House, now: datetime, tool: str = "hook") -> SloAlert:
    with tenant_scope(house.tenant):
        for _ in range(20):
            service.count(tool, BROKEN, 20.0, now)
    alerts.watch(now=now)
    with tenant_scope(house.tenant):
        return SloAlert.objects.get(tool=tool)


def recovered(house: House, at: datetime) -> None:
    with tenant_scope(house.tenant):
        service.count("hook", WELL, 20.0, at)
    alerts.watch(now=at)


def row_of(house: House, id_: UUID) -> Any:
    with tenant_scope(house.tenant):
        return SloAlert.objects.get(pk=id_)


def test_what_opened_and_what_closed_is_told_once(
    house: House, there: Receiver, now: datetime
) -> None:
    """Signed, with an id that stays, and nothing of anybody in it."""
    listening(house, there)
    row = alerted(house, now)
    telling.tell(now=now)
    telling.tell(now=now + SOON)
    held = row_of(house, row.id)
    assert held.told_at is not None
    assert held.tell_at is None
    recovered(house, now + SOON)
    telling.tell(now=now + SOON)
    assert row_of(house, row.id).tell_at is None
    opened, closed = there.bodies()
    assert opened["id"] == f"{row.id}:alerted"
    assert closed["id"] == f"{row.id}:recovered"
    assert opened["type"] == "autonomy.service.alerted"
    assert (opened["subject"], opened["data"]["about"]) == ("hook", "success")
    assert opened["data"]["closed_at"] is None
    assert closed["data"]["closed_at"] == (now + SOON).isoformat()
    for headers, body in there.asked:
        given = Signed(
            message=headers["webhook-id"],
            timestamp=headers["webhook-timestamp"],
            signatures=headers["webhook-signature"],
            body=body,
        )
        tolerance = timedelta(minutes=30)
        assert is_signed(given, [SECRET], now=now, tolerance=tolerance)


@pytest.mark.parametrize("answer", [500, 0, 404, (503, {"Retry-After": "600"})])
def test_what_was_not_taken_is_told_again_later(
    house: House, there: Receiver, now: datetime, answer: Any
) -> None:
    """Never at once, never by two, and with the same id."""
    listening(house, there)
    there.says(answer, 200)
    row = alerted(house, now)
    telling.tell(now=now)
    held = row_of(house, row.id)
    assert held.told_at is None
    assert held.tell_at >= now + timedelta(seconds=30)
    telling.tell(now=now + timedelta(seconds=5))
    assert len(there.asked) == 1
    telling.tell(now=held.tell_at)
    assert row_of(house, row.id).told_at is not None
    assert len({event["id"] for event in there.bodies()}) == 1
    assert len(there.asked) == 2


def test_nobody_is_told_for_ever(house: House, there: Receiver, now: datetime) -> None:
    listening(house, there)
    there.says(500)
    row = alerted(house, now)
    at: datetime | None = now
    for _ in range(4):
        assert at is not None
        telling.tell(now=at)
        at = row_of(house, row.id).tell_at
    assert at is not None
    tried = len(there.asked)
    telling.tell(now=now + TOLD_WITHIN)
    held = row_of(house, row.id)
    assert (held.tell_at, held.told_at) == (None, None)
    assert len(there.asked) == tried
    # The alert itself is there all the same.
    assert held.closed_at is None


def test_where_nobody_listens_nothing_is_tried(house: House, now: datetime) -> None:
    row = alerted(house, now)
    telling.tell(now=now)
    held = row_of(house, row.id)
    assert (held.tell_at, held.told_at) == (None, None)


def test_a_teller_that_dies_is_followed_by_another(
    house: House, there: Receiver, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the call and its record: it comes twice, and has the same id."""
    listening(house, there)
    row = alerted(house, now)

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(telling, "_recorded", die)
        with pytest.raises(Killed):
            telling.tell(now=now)
    held = row_of(house, row.id)
    assert held.told_at is None
    assert held.tell_at is not None
    telling.tell(now=held.tell_at)
    assert row_of(house, row.id).told_at is not None
    first, second = there.bodies()
    assert first["id"] == second["id"]


def test_rounds_side_by_side_tell_it_once(
    house: House, there: Receiver, now: datetime
) -> None:
    listening(house, there)
    alerted(house, now)
    in_threads(4, lambda _: telling.tell(now=now))
    assert len(there.asked) == 1


def test_what_closed_while_it_was_told_is_told_too(
    house: House, there: Receiver, now: datetime
) -> None:
    """The newer news are not lost behind the older ones."""
    listening(house, there)
    row = alerted(house, now)

    def close() -> None:
        there.before = lambda: None
        in_threads(1, lambda _: recovered(house, now + SOON))

    there.before = close
    telling.tell(now=now)
    assert row_of(house, row.id).tell_at == now + SOON
    telling.tell(now=now + SOON)
    ids = [event["id"].rpartition(":")[2] for event in there.bodies()]
    assert ids == ["alerted", "recovered"]


def test_a_dead_receiver_opens_its_breaker_and_others_are_told(
    house: House, other: House, there: Receiver, now: datetime
) -> None:
    """One tenant's receiver is none of another's business."""
    made = listening(house, there)
    listening(other, there)
    with tenant_scope(house.tenant):
        for _ in range(FAILURES):
            guards.note(made, went_well=False, probe=None)
    mine, theirs = alerted(house, now), alerted(other, now)
    telling.tell(now=now)
    assert row_of(other, theirs.id).told_at is not None
    held = row_of(house, mine.id)
    assert held.told_at is None
    assert held.tell_at > now
    assert [event["id"] for event in there.bodies()] == [f"{theirs.id}:alerted"]


def test_a_tenant_with_many_alerts_gets_its_share_of_a_round(
    house: House, other: House, there: Receiver, now: datetime
) -> None:
    listening(house, there)
    listening(other, there)
    for number in range(telling.EACH + 2):
        alerted(house, now, f"hook-{number}")
    alerted(other, now)
    telling.tell(now=now)
    assert len(there.asked) == telling.EACH + 1
    telling.tell(now=now)
    assert len(there.asked) == telling.EACH + 3
