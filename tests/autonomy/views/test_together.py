"""Many questions of one action type and risk, decided at once from the inbox (H1)."""

from typing import Any
from uuid import UUID

from autonomy import decisions
from autonomy.models import Approval
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.autonomy.test_feed import asked_about
from tests.autonomy.views.clicks import MAIL, enter, read

ALIKE = {"kind": "approval", "type": MAIL, "risk": "LOW", "together": "1"}


def mails(desk: Desk, count: int) -> list[UUID]:
    return [asked_about(desk, desk.propose(MAIL)) for _ in range(count)]


def send(desk: Desk, ids: list[UUID], **given: Any) -> Any:
    client = enter(desk.house, Role.SELLER)
    return client.post("/inbox/together/", {"ids": ids, **ALIKE, **given}, follow=True)


def statuses(desk: Desk) -> list[str]:
    with tenant_scope(desk.tenant):
        rows = Approval.objects.order_by("id")
        return list(rows.values_list("status", flat=True))


def test_what_is_alike_is_counted_and_decided_together(desk: Desk) -> None:
    """H1: with counts; what is stale is left out, listed, and told why."""
    ids = mails(desk, 4)
    asked_about(desk, desk.propose("create_follow_up_task", confidence=0.1))
    client = enter(desk.house, Role.SELLER)
    page = client.get("/inbox/").text
    assert "Look at 4" in page
    alike = client.get("/inbox/", ALIKE).text
    assert alike.count('name="ids"') == 4
    with tenant_scope(desk.tenant):
        approver = desk.house.caller(Role.APPROVER)
        decisions.reject(ids[0], "idea", by=approver)
        words = {"subject": "Other", "body": "Other."}
        decisions.edit(ids[1], words, by=approver)
    done = send(desk, ids, decision="approve").text
    assert "2 approved." in done
    assert "2 left out." in done
    assert "Left out" in done
    assert "rejected it on" in done
    assert "It was edited, judged again, or called off" in done
    assert statuses(desk)[:4] == ["REJECTED", "WITHDRAWN", "APPROVED", "APPROVED"]


def test_many_are_rejected_with_one_cause(desk: Desk) -> None:
    ids = mails(desk, 2)
    assert "2 rejected." in send(desk, ids, cause="timing").text
    assert [read(desk, each).cause for each in ids] == ["timing", "timing"]


def test_nothing_is_decided_that_is_not_said_or_not_alike(desk: Desk) -> None:
    """H1: one action type and one risk, or nothing at all."""
    mail, high = mails(desk, 1)[0], asked_about(desk, desk.propose("send_email"))
    assert "Tick at least one" in send(desk, [], decision="approve").text
    assert "Tick at least one" in send(desk, [mail], cause="mood").text
    mixed = send(desk, [mail, high], decision="approve").text
    assert "2 left out." in mixed
    assert "one action type and one risk" in mixed
    assert statuses(desk) == ["PENDING", "PENDING"]


def test_the_inbox_is_filtered_and_has_pages(desk: Desk) -> None:
    mails(desk, 12)
    high = desk.propose("send_email")
    client = enter(desk.house, Role.APPROVER)
    with tenant_scope(desk.tenant):
        desk.account.owner = desk.house.members[Role.APPROVER]
        desk.account.save(update_fields=["owner"])
    assert f"/intents/{high.pk}/" in client.get("/inbox/?risk=MEDIUM").text
    assert "data-card" not in client.get("/inbox/?type=nothing").text
    assert "data-card" not in client.get("/inbox/?kind=doubt").text
    first = client.get("/inbox/")
    assert first.text.count("data-card") == 5
    after = first.text.partition('href="/inbox/?after=')[2].partition('"')[0]
    second = client.get(f"/inbox/?after={after}")
    assert second.text.count("data-card") == 5
    after = second.text.partition('rel="next"')[0].rpartition("after=")[2]
    third = client.get(f"/inbox/?after={after.partition(chr(34))[0]}")
    assert third.text.count("data-card") == 3
