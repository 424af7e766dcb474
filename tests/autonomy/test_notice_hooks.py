"""H4: webhooks are told what they were set up for: signed, once taken, not for ever."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from autonomy.models import Telling
from autonomy.rules.notices import TRIES
from ledger.clock import clock
from ledger.record import SYSTEM
from ledger.scope import tenant_scope
from perception import connectors
from perception.models import Connector
from perception.rules.webhooks import Signed, is_signed
from tests.autonomy.conftest import Desk
from tests.autonomy.notices import asked, at_once, deliver, stated, tellings
from tests.autonomy.tools.peer import SECRET, Integrator, Reply
from tests.races import in_threads

HOUR = timedelta(hours=1)


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


def listening(desk: Desk, there: Receiver, *topics: str, acts: bool = False) -> Any:
    given = {
        "kind": "outbound",
        "name": f"Ops {'acting' if acts else 'told'}",
        "config": {"url": there.url, "notices": list(topics)},
        "secret": SECRET,
        "acts": acts,
    }
    with tenant_scope(desk.tenant):
        return connectors.add(given, by=SYSTEM, now=clock())


def signed_with(there: Receiver, secret: str, place: int) -> bool:
    headers, body = there.asked[place]
    given = Signed(
        message=headers["webhook-id"],
        timestamp=headers["webhook-timestamp"],
        signatures=headers["webhook-signature"],
        body=body,
    )
    return is_signed(given, [secret], now=at_once(), tolerance=timedelta(minutes=30))


def test_a_receiver_is_told_once_of_what_it_asked_for(
    desk: Desk, there: Receiver
) -> None:
    """Signed, at once, with ids and no names; what it did not ask for stays away."""
    listening(desk, there, "decisions")
    row = asked(desk)
    now = at_once()
    in_threads(2, lambda _: deliver(desk, now))
    deliver(desk, now + HOUR)
    (event,) = there.bodies()
    (telling,) = tellings(desk)
    assert event["type"] == "autonomy.approval.requested"
    assert event["id"] == str(telling.notice_id) == telling.receipt
    assert event["data"] == {
        "topic": "decisions",
        "about": str(row.id),
        "account": str(desk.account.id),
        "at": row.asked_at.isoformat(),
    }
    assert "Acme" not in str(event)
    assert signed_with(there, SECRET, 0)
    assert (telling.status, telling.attempts) == ("TOLD", 1)


def test_a_topic_that_nobody_asked_for_is_not_told(desk: Desk, there: Receiver) -> None:
    listening(desk, there, "switches")
    listening(desk, there, acts=True)
    asked(desk)
    deliver(desk, at_once())
    assert there.asked == []


def test_a_new_secret_signs_beside_the_old_one_until_that_ends(
    desk: Desk, there: Receiver
) -> None:
    """A receiver changes over in its own time, and loses nothing."""
    made = listening(desk, there, "decisions")
    with tenant_scope(desk.tenant):
        second = connectors.rotate(made, by=SYSTEM, now=clock())
    asked(desk)
    deliver(desk, at_once())
    assert signed_with(there, SECRET, 0)
    assert signed_with(there, second, 0)
    with tenant_scope(desk.tenant):
        third = connectors.rotate(made, by=SYSTEM, now=clock(), keep_old=False)
    asked(desk)
    deliver(desk, at_once())
    assert signed_with(there, third, 1)
    assert not signed_with(there, second, 1)


@pytest.mark.parametrize("answer", [500, 0, 404, (503, {"Retry-After": "600"})])
def test_what_was_not_taken_is_told_again_under_the_same_id(
    desk: Desk, there: Receiver, answer: Any
) -> None:
    listening(desk, there, "decisions")
    there.says(answer, 200)
    asked(desk)
    now = at_once()
    assert deliver(desk, now) == 1
    (row,) = tellings(desk)
    assert (row.status, row.attempts) == ("WAITING", 1)
    assert row.due_at is not None
    assert row.due_at >= now + timedelta(seconds=30)
    assert row.error
    deliver(desk, now + timedelta(seconds=5))
    assert len(there.asked) == 1
    deliver(desk, row.due_at)
    (row,) = tellings(desk)
    assert (row.status, row.error) == ("TOLD", "")
    assert len({event["id"] for event in there.bodies()}) == 1


def test_it_gives_up_in_the_end_and_says_so(desk: Desk, there: Receiver) -> None:
    listening(desk, there, "decisions")
    there.says(500)
    asked(desk)
    now = at_once()
    deliver(desk, now)
    with tenant_scope(desk.tenant):
        Telling.objects.update(attempts=TRIES - 1, due_at=now)
    deliver(desk, now + HOUR)
    (row,) = tellings(desk)
    assert (row.status, row.due_at) == ("FAILED", None)
    (said,) = stated(desk, "notice.failed")
    assert (said["way"], said["attempts"]) == ("webhook", TRIES)
    assert SECRET not in str(said)


def test_one_that_was_switched_off_is_told_nothing(desk: Desk, there: Receiver) -> None:
    made = listening(desk, there, "decisions")
    there.says(500)
    asked(desk)
    now = at_once()
    deliver(desk, now)
    with tenant_scope(desk.tenant):
        Connector.objects.filter(pk=made.pk).update(is_active=False)
    deliver(desk, now + 2 * HOUR)
    (row,) = tellings(desk)
    assert row.status == "DROPPED"
    assert len(there.asked) == 1
