"""H5: how long a question was open in front of whoever decided it, from page to click."""

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from autonomy import looks
from autonomy.models import Approval
from autonomy.rules.approvals import LONGEST_LOOK
from ledger.clock import clock
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.pages import SEEN
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.autonomy.test_feed import asked_about
from tests.autonomy.views.clicks import MAIL, answer, enter, read
from tests.autonomy.views.test_together import ALIKE, mails, send

TOKEN = re.compile(r'name="shown" value="([^"]+)"')
AGO = timedelta(seconds=40)


def tokens(html: str) -> list[str]:
    return TOKEN.findall(html)


def shown_to(desk: Desk, id_: UUID, role: Role, at: datetime) -> str:
    return looks.shown(id_, desk.house.caller(role), now=at)


def stated(desk: Desk, id_: UUID) -> Any:
    """What the ledger says of a decision."""
    with tenant_scope(desk.tenant):
        kinds = ("approval.approved", "approval.rejected")
        (entry,) = Entry.objects.filter(subjects__approval=str(id_), kind__in=kinds)
    return entry.data


def approve(desk: Desk, client: Client, id_: UUID, *shown: str) -> Approval:
    """A click that carries back what a page said; what became of the question."""
    hash_ = read(desk, id_).payload_hash
    answer(client, id_, "approve", payload_hash=hash_, shown=list(shown))
    return read(desk, id_)


@pytest.fixture
def mail(desk: Desk) -> UUID:
    """A message that waits for the seller."""
    return asked_about(desk, desk.propose(MAIL))


@pytest.mark.parametrize("path", ["/", "/inbox/", "/inbox/{asked}/"])
@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_every_page_that_asks_says_since_when(
    desk: Desk, mail: UUID, path: str, verb: str
) -> None:
    client, before = enter(desk.house, Role.SELLER), clock()
    (token,) = set(tokens(client.get(path.format(asked=mail)).text))
    given = {"cause": "timing", "payload_hash": read(desk, mail).payload_hash}
    answer(client, mail, verb, shown=token, **given)
    after, asked = clock(), read(desk, mail)
    assert asked.decided_at is not None
    assert asked.dwell_seconds is not None
    assert 0 < asked.dwell_seconds < (after - before).total_seconds()
    data = stated(desk, mail)
    assert data["dwell_seconds"] == asked.dwell_seconds
    assert data["dwell_seconds"] < data["seconds"]


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_the_page_of_an_act_says_it_too(desk: Desk, mail: UUID, verb: str) -> None:
    client, intent = enter(desk.house, Role.SELLER), read(desk, mail).intent_id
    page = client.get(f"/intents/{intent}/").text
    form = page.partition(f'action="/intents/{intent}/{verb}/"')[2]
    given = {"approval": mail, "cause": "idea", "shown": tokens(form)[0]}
    client.post(f"/intents/{intent}/{verb}/", given)
    assert read(desk, mail).dwell_seconds is not None


def test_it_is_the_time_between_page_and_click(desk: Desk, mail: UUID) -> None:
    client, now = enter(desk.house, Role.SELLER), clock()
    token = shown_to(desk, mail, Role.SELLER, now - AGO)
    found = approve(desk, client, mail, token).dwell_seconds
    elapsed = (clock() - now).total_seconds()
    assert found is not None
    assert AGO.total_seconds() < found < AGO.total_seconds() + elapsed


def test_what_makes_no_sense_is_not_known_and_refuses_nothing(desk: Desk) -> None:
    """Missing, forged, another's, of another question, too old, or of tomorrow."""
    *ids, other = mails(desk, 8)
    client, now = enter(desk.house, Role.SELLER), clock()
    ours = [shown_to(desk, each, Role.SELLER, now - AGO) for each in ids]
    head, _, mark = ours[2].rpartition(":")
    given = [
        (),
        ("x",),
        (f"{head}:{mark[::-1]}",),
        (shown_to(desk, ids[3], Role.APPROVER, now - AGO),),
        (shown_to(desk, other, Role.SELLER, now - AGO),),
        (shown_to(desk, ids[5], Role.SELLER, now - LONGEST_LOOK - AGO),),
        (shown_to(desk, ids[6], Role.SELLER, now + LONGEST_LOOK / 2),),
    ]
    for id_, carried in zip(ids, given, strict=True):
        asked = approve(desk, client, id_, *carried)
        assert (asked.status, asked.dwell_seconds) == ("APPROVED", None), carried
        assert stated(desk, id_)["dwell_seconds"] is None


def test_of_many_decided_by_one_click_each_has_its_share(desk: Desk) -> None:
    ids = mails(desk, 4)
    page = enter(desk.house, Role.SELLER).get("/inbox/", ALIKE).text
    assert len(set(tokens(page))) == 4
    now = clock()
    carried = [shown_to(desk, each, Role.SELLER, now - AGO) for each in ids[:3]]
    assert "4 approved." in send(desk, ids, decision="approve", shown=carried).text
    *known, unknown = [read(desk, each).dwell_seconds for each in ids]
    elapsed = (clock() - now).total_seconds()
    for each in known:
        assert each is not None
        assert 10 < each < 10 + elapsed / 4
    assert unknown is None


def test_a_list_that_is_as_it_was_keeps_its_moment(desk: Desk, mail: UUID) -> None:
    """The moment alone makes no news: the page stays as it was opened."""
    client = enter(desk.house, Role.SELLER)
    first = client.get("/", headers={"HX-Request": "true"})
    again = client.get("/", headers={"HX-Request": "true", SEEN: first[SEEN]})
    assert again.status_code == 204
    assert tokens(client.get("/").text) != tokens(first.text)


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_an_approver_is_shown_it_in_the_admin_pages(desk: Desk, verb: str) -> None:
    """What a form asks further counts from the page that showed the question."""
    asked = asked_about(desk, desk.propose("send_email"))
    client = enter(desk.house, Role.APPROVER)
    here = f"/admin/autonomy/approval/{asked}"
    page = client.get(f"{here}/change/").text
    link = page.partition(f'href="{here}/reject/?')[2].partition('"')[0]
    to, given = f"{here}/reject/?{link}", {"cause": "idea", "note": ""}
    if verb == "approve":
        to, given = f"{here}/approve/", {"shown": tokens(page)[0]}
    client.post(to, given)
    assert read(desk, asked).dwell_seconds is not None


def test_without_a_page_it_is_not_known(desk: Desk) -> None:
    asked = asked_about(desk, desk.propose("send_email"))
    client = desk.house.client(Role.APPROVER)
    assert client.send("POST", f"approvals/{asked}/approve/", {}).status_code == 200
    assert read(desk, asked).dwell_seconds is None
