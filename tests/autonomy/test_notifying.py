"""H4: members are told by mail of what waits for them, once, and never too much."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from autonomy import decisions, notice_choices, notifying
from autonomy.models import Approval, Notice, Telling
from autonomy.notice_choices import Chosen
from autonomy.rules.notices import TRIES, Topic
from ledger.scope import tenant_scope
from perception.models import Membership, Person
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk, swept
from tests.autonomy.notices import (
    LATER,
    SOON,
    address,
    asked,
    at_once,
    deliver,
    mailing,
    member,
    stated,
    tellings,
    text,
    to,
)
from tests.autonomy.tools.postboxes import Postbox
from tests.races import in_threads


@pytest.fixture
def box(settings: Any) -> Iterator[Postbox]:
    with mailing(settings) as made:
        yield made


def test_a_question_is_kept_with_its_fact_and_told_to_whoever_decides(
    desk: Desk, box: Postbox
) -> None:
    """H4: a link to its page, nothing of the contact, and no way to decide from there."""
    row = asked(desk)
    with tenant_scope(desk.tenant):
        (notice,) = Notice.objects.all()
    assert (notice.kind, notice.about) == ("approval.requested", row.id)
    assert (notice.at, notice.spread_at) == (row.asked_at, None)
    now = at_once()
    assert deliver(desk, now) == 1
    assert box.sent == []
    assert deliver(desk, now + SOON) == 1
    assert to(box) == [address(desk, Role.APPROVER)]
    assert box.mails[0]["Subject"] == "1 decision waits for you"
    for kind in ("plain", "html"):
        said = text(box, kind=kind)
        assert f"https://house.example/inbox/{row.id}/" in said
        assert "Send a proposal" in said
        assert "Acme" in said
        assert "Ann" not in said
        assert "ann@acme" not in said
        assert "approve" not in said.lower()
    (telling,) = tellings(desk)
    assert telling.status == "TOLD"
    assert telling.receipt == box.mails[0]["Message-ID"].strip()
    assert deliver(desk, now + LATER) == 0
    assert len(box.sent) == 1


def test_many_within_a_few_minutes_are_one_mail(desk: Desk, box: Postbox) -> None:
    """H4: however many senders look at once."""
    for _ in range(3):
        asked(desk)
    now = at_once()
    deliver(desk, now)
    asked(desk)
    deliver(desk, now)
    assert sum(in_threads(2, lambda _: deliver(desk, now + SOON))) == 1
    (mail,) = box.mails
    assert mail["Subject"] == "4 decisions wait for you"
    assert text(box).count("https://house.example/inbox/") == 5
    assert {each.status for each in tellings(desk)} == {"TOLD"}
    assert len({each.bundle for each in tellings(desk)}) == 1


def test_what_was_settled_meanwhile_is_not_told(desk: Desk, box: Postbox) -> None:
    row, other = asked(desk), asked(desk)
    now = at_once()
    deliver(desk, now)
    with tenant_scope(desk.tenant):
        by = desk.house.caller(Role.APPROVER)
        decisions.reject(row.id, "timing", by=by)
    deliver(desk, now + SOON)
    assert box.mails[0]["Subject"] == "1 decision waits for you"
    assert str(other.id) in text(box)
    assert str(row.id) not in text(box)
    assert sorted(each.status for each in tellings(desk)) == ["DROPPED", "TOLD"]


def test_sellers_are_asked_about_their_own_and_approvers_when_nobody_answers(
    desk: Desk, box: Postbox
) -> None:
    """H2, H4: asked, reminded, handed up; each reaches whose turn it is."""
    desk.mode("APPROVAL")
    row = asked(desk, "create_internal_note")
    assert row.requires_role == "SELLER"
    now = at_once()
    deliver(desk, now)
    deliver(desk, now + SOON)
    assert to(box) == [address(desk, Role.SELLER)]
    with tenant_scope(desk.tenant):
        Approval.objects.update(remind_at=now, asked_at=now - timedelta(days=1))
    swept(now)
    deliver(desk, now)
    deliver(desk, now + SOON)
    assert box.mails[-1]["Subject"] == "1 decision still waits"
    assert box.sent[-1].rcpt_tos == [address(desk, Role.SELLER)]
    with tenant_scope(desk.tenant):
        expires = Approval.objects.get().expires_at
    late = expires - timedelta(minutes=30)
    swept(late)
    deliver(desk, late)
    deliver(desk, late)
    assert box.mails[-1]["Subject"] == "1 escalation"
    assert box.sent[-1].rcpt_tos == [address(desk, Role.APPROVER)]
    assert len(box.sent) == 3


def test_whoever_it_is_handed_to_is_told_and_nobody_else(
    desk: Desk, box: Postbox
) -> None:
    row = asked(desk)
    with tenant_scope(desk.tenant):
        Notice.objects.all().delete()
        by = desk.house.caller(Role.APPROVER)
        decisions.delegate(row.id, str(member(desk, Role.ADMIN)), by=by)
    now = at_once()
    deliver(desk, now)
    deliver(desk, now + SOON)
    assert to(box) == [address(desk, Role.ADMIN)]
    assert "Was handed to you" in text(box)


def test_a_member_chooses_what_they_are_told_of(desk: Desk, box: Postbox) -> None:
    """H4: topics, or the digest alone; a choice counts for what is on its way, too."""
    caller = desk.house.caller(Role.APPROVER)
    now = at_once()
    rest = tuple(set(Topic) - {Topic.DECISIONS})
    for wanted in (Chosen(mail=rest), Chosen(digest_only=True)):
        with tenant_scope(desk.tenant):
            notice_choices.choose(wanted, by=caller, now=now)
        asked(desk)
        deliver(desk, now)
        assert tellings(desk) == []
    with tenant_scope(desk.tenant):
        notice_choices.choose(Chosen(), by=caller, now=now)
    asked(desk)
    deliver(desk, now)
    with tenant_scope(desk.tenant):
        notice_choices.choose(Chosen(digest_only=True), by=caller, now=now)
    deliver(desk, now + SOON)
    assert box.sent == []
    (row,) = tellings(desk)
    assert row.status == "DROPPED"
    assert len(stated(desk, "setting.changed")) >= 4


def test_whoever_left_meanwhile_is_told_nothing(desk: Desk, box: Postbox) -> None:
    asked(desk)
    now = at_once()
    deliver(desk, now)
    with tenant_scope(desk.tenant):
        Membership.objects.filter(pk=member(desk, Role.APPROVER)).update(
            is_active=False
        )
    deliver(desk, now + SOON)
    assert box.sent == []


def test_who_dies_between_sending_and_recording_sends_the_same_mail_again(
    desk: Desk, box: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once more, under the same Message-ID; what came meanwhile is another mail."""
    asked(desk)
    now = at_once()
    deliver(desk, now)

    def dies(*_: Any, **__: Any) -> int:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(notifying, "_arrived", dies)
        with pytest.raises(SystemExit):
            deliver(desk, now + SOON)
    asked(desk)
    assert deliver(desk, now + SOON) == 1
    assert len(box.sent) == 1
    deliver(desk, now + SOON + notifying.LEASE)
    deliver(desk, now + SOON + notifying.LEASE)
    first, second, third = box.mails
    assert first["Message-ID"] == second["Message-ID"] != third["Message-ID"]
    assert deliver(desk, now + timedelta(hours=1)) == 0


def test_what_is_put_off_is_tried_again_as_the_same_mail(
    desk: Desk, box: Postbox
) -> None:
    asked(desk)
    now = at_once()
    deliver(desk, now)
    box.says["RCPT"] = "451 Later"
    assert deliver(desk, now + SOON) == 0
    (row,) = tellings(desk)
    assert (row.status, row.attempts) == ("WAITING", 1)
    assert "(451)" in row.error
    box.says.clear()
    assert deliver(desk, row.due_at) == 1
    (row,) = tellings(desk)
    assert (row.status, row.attempts, row.error) == ("TOLD", 2, "")


def test_what_cannot_be_delivered_is_said_and_not_tried_for_ever(
    desk: Desk, box: Postbox
) -> None:
    """Refused for good, or tried too often: it stands where people look."""
    asked(desk)
    now = at_once()
    deliver(desk, now)
    box.says["RCPT"] = "550 5.1.1 Nobody of that name"
    deliver(desk, now + SOON)
    (row,) = tellings(desk)
    assert (row.status, row.due_at) == ("FAILED", None)
    assert "does not take the recipient (550)" in row.error
    (said,) = stated(desk, "notice.failed")
    assert (said["way"], said["notices"]) == ("mail", 1)
    assert "example" not in str(said)
    asked(desk)
    deliver(desk, now)
    with tenant_scope(desk.tenant):
        Telling.objects.filter(status="WAITING").update(attempts=TRIES - 1)
    box.says["RCPT"] = "451 Later"
    deliver(desk, now + SOON)
    assert {each.status for each in tellings(desk)} == {"FAILED"}
    assert len(stated(desk, "notice.failed")) == 2


def test_an_address_or_a_name_that_is_odd_breaks_nothing(
    desk: Desk, box: Postbox
) -> None:
    person = desk.house.members[Role.APPROVER].person_id
    Person.objects.filter(pk=person).update(email=f"two words@{desk.house.slug}")
    asked(desk)
    now = at_once()
    deliver(desk, now)
    box.says["RCPT"] = "553 No"
    deliver(desk, now + SOON)
    (row,) = tellings(desk)
    assert row.status == "FAILED"


def test_without_a_mail_server_nothing_is_kept(desk: Desk, settings: Any) -> None:
    """What waits stands in the app; no notice piles up."""
    settings.DIGESTS_BY_MAIL = False
    asked(desk)
    deliver(desk, at_once())
    with tenant_scope(desk.tenant):
        assert not Notice.objects.exists()
        assert not Telling.objects.exists()


def test_what_was_told_long_ago_is_forgotten(desk: Desk, box: Postbox) -> None:
    asked(desk)
    now = at_once()
    deliver(desk, now)
    notifying.forget(now=now + timedelta(days=100))
    assert len(tellings(desk)) == 1
    deliver(desk, now + SOON)
    notifying.forget(now=now + timedelta(days=80))
    assert len(tellings(desk)) == 1
    assert notifying.forget(now=now + timedelta(days=100)) >= 1
    assert tellings(desk) == []
