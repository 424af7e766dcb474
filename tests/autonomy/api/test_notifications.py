"""H4: notifications/ and their page: one's own alone, chosen by oneself."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from autonomy.models import NoticeChoice, Telling
from autonomy.rules.notices import Topic
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.autonomy.notices import SOON, asked, at_once, deliver, mailing, stated
from tests.autonomy.tools.postboxes import Postbox
from tests.conftest import PASSWORD

PAGE = "/settings/notifications/"


@pytest.fixture
def box(settings: Any) -> Iterator[Postbox]:
    with mailing(settings) as made:
        yield made


def page_of(desk: Desk, role: Role) -> Client:
    client = Client()
    email = f"{role.lower()}@{desk.house.slug}.example"
    answer = client.post("/login/", {"login": email, "password": PASSWORD})
    assert answer.status_code == 302
    return client


def told(desk: Desk, count: int = 1) -> None:
    for _ in range(count):
        asked(desk)
    now = at_once()
    deliver(desk, now)
    deliver(desk, now + SOON)


def test_everybody_reads_what_they_were_told_alone(desk: Desk, box: Postbox) -> None:
    told(desk)
    (row,) = (
        desk.house.client(Role.APPROVER).send("GET", "notifications/").json()["results"]
    )
    assert (row["kind"], row["topic"]) == ("approval.requested", "decisions")
    assert (row["status"], row["attempts"]) == ("TOLD", 1)
    assert row["account"] == str(desk.account.id)
    for role in (Role.ADMIN, Role.SELLER, Role.AUDITOR):
        found = desk.house.client(role).send("GET", "notifications/")
        assert found.json()["results"] == []
    assert (
        desk.house.client(Role.INTEGRATION).send("GET", "notifications/").status_code
        == 403
    )


def test_choices_are_changed_with_the_tag_in_hand(desk: Desk) -> None:
    """A configuration resource: 428 without, 412 stale; stated; one's own."""
    client = desk.house.client(Role.APPROVER)
    first = client.send("GET", "notifications/choices/")
    assert first.json() == {
        "digest_only": False,
        "mail": [each.value for each in Topic],
    }
    tag = {"If_Match": first.headers["ETag"]}
    body = {"mail": ["switches", "decisions"]}
    path = "notifications/choices/"
    assert client.send("PATCH", path, body).status_code == 428
    done = client.send("PATCH", path, body, **tag)
    assert done.json() == {"digest_only": False, "mail": ["decisions", "switches"]}
    assert client.send("PATCH", path, {"digest_only": True}, **tag).status_code == 412
    wrong = client.send("PATCH", path, {"mail": ["weather"]}, If_Match="*")
    assert wrong.status_code == 400
    assert client.send("GET", path).json() == done.json()
    said = stated(desk, "setting.changed")[-1]
    assert said["after"]["mail"] == ["decisions", "switches"]
    other = desk.house.client(Role.ADMIN).send("GET", path).json()
    assert other["mail"] == [each.value for each in Topic]


@pytest.mark.parametrize("role", list(Role))
def test_the_page_is_for_everybody_who_has_pages(desk: Desk, role: Role) -> None:
    page = page_of(desk, role).get(PAGE)
    if role is Role.INTEGRATION:
        assert page.status_code == 403
        return
    said = page.content.decode()
    assert page.status_code == 200
    assert ("Work got stuck" in said) is (role is Role.ADMIN)
    assert ("Something waits" in said) is (role is not Role.AUDITOR)
    assert "No mails yet." in said
    assert "Mails are not set up" in said
    assert len(page.content) < 60_000


def test_a_choice_on_the_page_keeps_what_is_not_shown(desk: Desk) -> None:
    client = page_of(desk, Role.SELLER)
    answer = client.post(PAGE, {"how": "mail", "mail": ["decisions"]}, follow=True)
    assert "Saved." in answer.content.decode()
    with tenant_scope(desk.tenant):
        (row,) = NoticeChoice.objects.all()
    assert sorted(row.muted) == ["reminders", "switches"]
    client.post(PAGE, {"how": "digest"})
    with tenant_scope(desk.tenant):
        (row,) = NoticeChoice.objects.all()
    assert row.digest_only is True
    assert "parked" not in row.muted


def test_what_was_not_delivered_is_said_to_its_reader_and_to_admins(
    desk: Desk, box: Postbox
) -> None:
    box.says["RCPT"] = "550 Nobody"
    told(desk)
    page = page_of(desk, Role.APPROVER).get(PAGE).content.decode()
    assert "could not be delivered" in page
    assert "does not take the recipient (550)" in page
    assert "Send a proposal" in page
    admin = page_of(desk, Role.ADMIN).get(
        "/admin/autonomy/telling/?status__exact=FAILED"
    )
    said = admin.content.decode()
    assert admin.status_code == 200
    assert "undeliverable" in said
    with tenant_scope(desk.tenant):
        id_ = Telling.objects.get().id
    one = page_of(desk, Role.ADMIN).get(f"/admin/autonomy/telling/{id_}/change/")
    assert one.status_code == 200


def test_the_page_costs_the_same_however_much_was_told(
    desk: Desk, box: Postbox
) -> None:
    client = page_of(desk, Role.APPROVER)
    counted = []
    for _ in range(2):
        told(desk, 4)
        client.get(PAGE)
        with CaptureQueriesContext(connection) as queries:
            client.get(PAGE)
        counted.append(len(queries))
    assert counted[0] == counted[1]
