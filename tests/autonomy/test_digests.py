"""O3, A8: digests written once, sent until they arrive, and the gate that they hold."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from autonomy import digests
from autonomy.errors import NoSuchDigest
from autonomy.jobs import Did
from autonomy.models import Digest, Intent
from autonomy.steering import set_opt_in
from config.operate.jobs import DOERS
from ledger.clock import clock
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.accounts import add_account
from perception.models import Membership, Person
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.autonomy.tools.postboxes import Postbox, postbox
from tests.conftest import NOW
from tests.races import in_threads

DAY = timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def box(settings: Any) -> Iterator[Postbox]:
    """A mail server, and a house that sends its digests through it."""
    with postbox() as made:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", made.port
        settings.EMAIL_TIMEOUT = 30
        settings.DEFAULT_FROM_EMAIL = "autonomy@house.example"
        settings.DIGESTS_BY_MAIL = True
        settings.PUBLIC_URL = "https://house.example"
        yield made


def morning(days: int) -> datetime:
    """A minute after the digest hour, so many local days from now."""
    day = clock().astimezone(BERLIN).date() + days * DAY
    return datetime(day.year, day.month, day.day, 8, 1, tzinfo=BERLIN)


def seller(desk: Desk) -> Membership:
    return desk.house.members[Role.SELLER]


def write(desk: Desk, now: datetime) -> int:
    return digests.write_due(now=now, tenant=desk.tenant).count


def send(desk: Desk, now: datetime) -> int:
    return digests.send_due(now=now, tenant=desk.tenant).count


def rows(desk: Desk) -> list[Digest]:
    with tenant_scope(desk.tenant):
        return list(Digest.objects.order_by("member_id", "day"))


def stated(desk: Desk, kind: str) -> list[dict[str, Any]]:
    with tenant_scope(desk.tenant):
        entries = Entry.objects.filter(kind=kind).order_by("number")
        return [dict(entry.data) for entry in entries]


def reason(desk: Desk) -> str:
    """Why something that a ritual wants does not run by itself; nothing if it does."""
    intent: Intent = desk.propose(origin="ritual")
    with tenant_scope(desk.tenant):
        verdict = intent.verdicts.get()
        return "" if verdict.decision == "AUTO_EXECUTE" else verdict.reason


def opted_in(desk: Desk, at: datetime) -> None:
    desk.mode("SCHEDULED")
    with tenant_scope(desk.tenant):
        set_opt_in(True, None, by=desk.admin, now=at)


def days_ago(count: int) -> datetime:
    return clock() - count * DAY


def test_without_mails_a_digest_arrives_as_it_is_written_once(desk: Desk) -> None:
    """O3: two look, one writes; each owner of accounts has one, nobody else has any."""
    desk.propose()
    waits = desk.propose("send_follow_up_email")
    with tenant_scope(desk.tenant):
        owner = str(desk.house.members[Role.APPROVER].id)
        given = {"external_id": "quiet", "name": "Quiet", "owner": owner}
        add_account(given, by=desk.admin, now=NOW)
    now = morning(1)
    assert sum(in_threads(2, lambda _: write(desk, now))) == 2
    assert write(desk, now + timedelta(hours=3)) == 0
    found = {row.member_id: row for row in rows(desk)}
    assert set(found) == {
        desk.house.members[role].id for role in (Role.SELLER, Role.APPROVER)
    }
    mine = found[seller(desk).id]
    assert (mine.way, mine.attempts, mine.error) == ("app", 0, "")
    assert mine.delivered_at == mine.written_at == now
    assert [each["intent"] for each in mine.body["waits"]["items"]] == [str(waits.id)]
    assert mine.body["held"]["count"] == 1
    assert mine.body["held"]["reasons"][0]["examples"][0]["name"] == "Acme"
    assert "ann@acme" not in str(mine.body)
    told = stated(desk, "digest.delivered")
    assert sorted(each["empty"] for each in told) == [False, True]
    assert write(desk, morning(2)) == 2


def test_every_day_since_the_opt_in_needs_its_receipt(desk: Desk) -> None:
    """A8: days that nobody wrote are covered by the next one, and have its receipt."""
    opted_in(desk, days_ago(3))
    assert reason(desk) == "DIGEST_NOT_DELIVERED"
    assert write(desk, clock()) == 1
    found = rows(desk)
    assert len(found) >= 2
    newest = found[-1]
    assert newest.body["covers"] == [row.day.isoformat() for row in found[:-1]]
    assert {row.delivered_at for row in found} == {newest.delivered_at}
    assert all(row.body == {"told_by": newest.day.isoformat()} for row in found[:-1])
    assert reason(desk) == ""


def test_a_digest_leaves_by_mail_and_its_receipt_is_the_servers(
    desk: Desk, box: Postbox
) -> None:
    """O3: text and HTML, to its reader alone, under an id of that member and day."""
    desk.propose("send_follow_up_email")
    now = morning(1)
    assert (write(desk, now), box.sent) == (1, [])
    (row,) = rows(desk)
    assert (row.delivered_at, row.next_at) == (None, now)
    assert sum(in_threads(2, lambda _: send(desk, now))) == 1
    assert send(desk, now + DAY) == 0
    (envelope,), (mail,) = box.sent, box.mails
    assert envelope.rcpt_tos == [f"seller@{desk.house.slug}.example"]
    (row,) = rows(desk)
    assert row.receipt == mail["Message-ID"].strip()
    assert seller(desk).id.hex in row.receipt
    assert (row.way, row.next_at, row.attempts) == ("mail", None, 1)
    assert "1 waiting for you" in mail["Subject"]
    texts = [mail.get_body((kind,)).get_content() for kind in ("plain", "html")]
    link = f"https://house.example/digest/?day={row.day.isoformat()}"
    assert all("Acme" in text and link in text for text in texts)
    (said,) = stated(desk, "digest.delivered")
    assert (said["way"], said["empty"]) == ("mail", False)
    assert "example" not in str(said)


def test_one_that_is_refused_closes_the_gate_until_the_next_arrives(
    desk: Desk, box: Postbox
) -> None:
    """A8: undeliverable is said once, with why; the next digest covers that day too."""
    opted_in(desk, days_ago(2))
    box.says["RCPT"] = "550 5.1.1 Nobody of that name"
    now = clock()
    assert (write(desk, now), send(desk, now)) == (1, 0)
    assert send(desk, now + 2 * DAY) == 0
    row = rows(desk)[-1]
    assert (row.delivered_at, row.next_at) == (None, None)
    assert "does not take the recipient (550)" in row.error
    (failed,) = stated(desk, "digest.failed")
    assert failed["final"] is True
    assert box.sent == []
    assert reason(desk) == "DIGEST_NOT_DELIVERED"
    box.says.clear()
    later = morning(1)
    assert (write(desk, later), send(desk, later)) == (1, 1)
    found = rows(desk)
    assert all(each.delivered_at is not None for each in found)
    assert row.day.isoformat() in found[-1].body["covers"]
    assert reason(desk) == ""


def test_its_reader_can_say_that_they_have_read_it(desk: Desk, box: Postbox) -> None:
    """A8: whoever read it in the app was reached; others cannot say so for them."""
    opted_in(desk, days_ago(2))
    box.says["RCPT"] = "550 Nobody"
    now = clock()
    write(desk, now)
    send(desk, now)
    row = rows(desk)[-1]
    with tenant_scope(desk.tenant):
        with pytest.raises(NoSuchDigest):
            digests.seen(row.id, by=desk.admin, now=now)
        assert Digest.objects.filter(delivered_at=None).exists()
        caller = desk.house.caller(Role.SELLER)
        for _ in range(2):
            digests.seen(row.id, by=caller, now=now)
        assert not Digest.objects.filter(delivered_at=None).exists()
    assert len(stated(desk, "digest.delivered")) == 1
    assert reason(desk) == ""


def test_what_is_put_off_is_tried_again_as_the_same_mail(
    desk: Desk, box: Postbox
) -> None:
    """O3: servers put off, break off, are gone; the id stays, and nothing is sent twice."""
    box.says["RCPT"] = "451 Later"
    now = morning(1)
    write(desk, now)
    assert send(desk, now) == 0
    (row,) = rows(desk)
    assert row.next_at is not None
    assert "(451)" in row.error
    assert stated(desk, "digest.failed") == []
    box.says.clear()
    assert send(desk, now) == 1
    (row,) = rows(desk)
    assert (row.attempts, row.error) == (2, "")
    assert len(box.sent) == 1


def test_who_dies_between_sending_and_recording_sends_the_same_mail_again(
    desk: Desk, box: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O3: at least once; both carry one Message-ID, so that a mailbox can tell."""
    now = morning(1)
    write(desk, now)

    def dies(*_: Any, **__: Any) -> bool:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(digests, "_arrived", dies)
        with pytest.raises(SystemExit):
            send(desk, now)
    assert send(desk, clock()) == 0
    assert send(desk, max(now, clock()) + digests.LEASE) == 1
    first, second = box.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert len(stated(desk, "digest.delivered")) == 1


def test_an_address_that_no_mail_can_go_to_is_undeliverable(
    desk: Desk, box: Postbox
) -> None:
    Person.objects.filter(pk=seller(desk).person_id).update(
        email=f"two words@{desk.house.slug}"
    )
    box.says["RCPT"] = "553 No"
    now = morning(1)
    write(desk, now)
    assert send(desk, now) == 0
    (row,) = rows(desk)
    assert row.next_at is None
    assert row.error


def test_days_are_the_tenants(desk: Desk) -> None:
    """O3: its hour in its zone, by local date."""
    early = morning(1) - timedelta(minutes=2)
    assert write(desk, early) == 0
    assert write(desk, morning(1)) == 1
    (row,) = rows(desk)
    assert row.day == morning(1).date()
    assert row.due_at == morning(1) - timedelta(minutes=1)


def test_the_job_of_the_house_is_the_sweep_behind_the_ticks(
    desk: Desk, box: Postbox
) -> None:
    """O2: it writes and sends what nobody came for, and counts what ticks wrote too."""
    opted_in(desk, days_ago(2))
    now = clock()
    did = DOERS["daily_digest_generation"](now)
    assert isinstance(did, Did)
    assert (did.broken, did.count >= 1) == (0, True)
    assert all(row.delivered_at is not None for row in rows(desk))
    mine = [each for each in box.sent if desk.house.slug in each.rcpt_tos[0]]
    assert len(mine) == 1
    sent = len(box.sent)
    assert DOERS["daily_digest_generation"](now) == did
    assert len(box.sent) == sent
