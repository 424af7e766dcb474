"""The pages of accounts: who sees which, what they tell, what people do, what they cost."""

from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from autonomy.models import Execution
from autonomy.pipeline import act
from ledger.clock import clock
from ledger.models import Entry
from ledger.record import Actor
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from perception import interactions
from perception.accounts import add_account, change_account
from perception.erasure import erase_contact
from perception.heat import heat_of
from perception.intake import receive
from perception.models import Account, Contact, Interaction, Person, Summary
from perception.pages import SEEN
from perception.rules.heat import Tier
from perception.rules.roles import Role
from perception.sources.base import Met
from perception.warmest import by_warmth, shown_as
from tests.autonomy.conftest import Desk
from tests.conftest import NOW, House

Enter = Callable[..., Client]
SELLER, APPROVER, ADMIN, AUDITOR = Role.SELLER, Role.APPROVER, Role.ADMIN, Role.AUDITOR


@pytest.fixture
def enter() -> Enter:
    """A browser that somebody of a tenant is logged in with."""

    def as_role(house: House, role: Role) -> Client:
        client = Client(raise_request_exception=True)
        client.force_login(Person.objects.get(pk=house.members[role].person_id))
        return client

    return as_role


def another(desk: Desk, name: str, owner: Role | None = SELLER, **more: Any) -> Account:
    given = {"external_id": name.lower(), "name": name, **more}
    if owner:
        given["owner"] = str(desk.house.members[owner].id)
    with tenant_scope(desk.tenant):
        return add_account(given, by=desk.admin, now=NOW)


def heat(desk: Desk, account: Account, score: float, tier: Tier, age: float) -> None:
    """As it was weighed so many hours ago."""
    at = clock() - timedelta(hours=age)
    with tenant_scope(desk.tenant):
        Account.objects.filter(pk=account.pk).update(
            heat_score=score, heat_tier=tier, heat_at=at
        )


def meet(desk: Desk, number: int, text: str = "We talked.") -> None:
    now = clock()
    met = [
        Met(
            external_id=f"m-{each}-{uuid4()}",
            channel="email",
            direction="in",
            at=now - timedelta(minutes=each + 1),
            emails=["ann@acme.example"],
            subject="About the pilot",
            text=text,
        )
        for each in range(number)
    ]
    with tenant_scope(desk.tenant):
        interactions.keep(
            [(desk.account.id, each) for each in met], connector=None, now=now
        )


def signal(desk: Desk, type_: str, payload: dict[str, Any]) -> None:
    given = {"account": str(desk.account.id), "type": type_, "payload": payload}
    with tenant_scope(desk.tenant):
        by = Actor(type="person", id=str(desk.house.members[ADMIN].id))
        receive([given], by=by, now=clock())


def page_of(client: Client, account: Account, **asked: str) -> str:
    answer = client.get(f"/accounts/{account.pk}/", asked)
    assert answer.status_code == 200
    return answer.text


def tag(page: str) -> str:
    return unescape(page.partition('name="seen" value="')[2].partition('"')[0])


def test_the_list_has_the_warmest_of_now_first(desk: Desk, enter: Enter) -> None:
    """P4: what cooled since is behind what is warm, however hot it once was."""
    for name, score, tier, age in (
        ("Once hot", 0.9, Tier.HOT, 24 * 30),
        ("Warm today", 0.5, Tier.WARM, 1),
        ("Hot today", 0.8, Tier.HOT, 1),
    ):
        heat(desk, another(desk, name), score, tier, age)
    client = enter(desk.house, SELLER)
    page = client.get("/accounts/").text
    order = [
        page.index(each) for each in ("Hot today", "Warm today", "Once hot", "Acme")
    ]
    assert order == sorted(order)
    shown = {
        tier: {each for each in ("Once hot", "Warm today", "Hot today", "Acme")
               if each in client.get("/accounts/", {"tier": tier}).text}
        for tier in Tier
    }  # fmt: skip
    assert shown == {
        Tier.HOT: {"Hot today"},
        Tier.WARM: {"Warm today"},
        Tier.COLD: {"Once hot", "Acme"},
    }


def test_every_tier_that_is_filtered_for_is_the_one_that_is_shown(desk: Desk) -> None:
    """P4: the filter says of an account what its page says, at every age."""
    now = clock()
    made = [
        another(desk, f"A{tier}{age}{score}")
        for tier in Tier for age in (0, 3, 5, 23, 25, 200) for score in (0.9, 0.5, 0.1)
    ]  # fmt: skip
    for each in made:
        name = each.name[1:]
        tier = next(tier for tier in Tier if name.startswith(tier))
        age, score = name[len(tier) : -3], float(name[-3:])
        heat(desk, each, score, tier, float(age))
    with tenant_scope(desk.tenant):
        rows = by_warmth(Account.objects.filter(tenant_id=desk.tenant))
        for tier in Tier:
            found = set(
                rows.filter(shown_as(tier, now=now)).values_list("pk", flat=True)
            )
            assert found == {
                each.pk for each in rows if heat_of(each, now=now).tier is tier
            }, tier


def test_the_list_is_searched_filtered_and_paged(desk: Desk, enter: Enter) -> None:
    for number in range(27):
        another(desk, f"Company {number:02}")
    another(desk, "Over", None)
    closed = another(desk, "Shut")
    with tenant_scope(desk.tenant):
        change_account(closed, {"closed": True}, by=desk.admin, now=NOW)
    client = enter(desk.house, APPROVER)
    first = client.get("/accounts/").text
    assert first.count('scope="row"') == 25
    more = first.partition('rel="next"')[0].rpartition('href="')[2].rpartition('"')[0]
    second = client.get(f"/accounts/{more.replace('&amp;', '&')}").text
    rest = second.count('scope="row"')
    assert (rest, "Back to the warmest" in second) == (29 - 25, True)
    assert client.get("/accounts/", {"name": "pany 1"}).text.count('scope="row"') == 10
    nobodys = client.get("/accounts/", {"owner": "nobody"}).text
    assert (nobodys.count('scope="row"'), "Over" in nobodys) == (1, True)
    assert "Shut" not in first + second
    assert "Shut" in client.get("/accounts/", {"phase": "CLOSED"}).text
    assert "No account is like that" in client.get("/accounts/?name=zzz").text
    for odd in ("?after=x~y", "?after=nan~1", "?tier=x&phase=y&owner=z"):
        assert client.get(f"/accounts/{odd}").status_code == 200


def test_sellers_see_their_own_and_others_nothing(
    desk: Desk, enter: Enter, other: House
) -> None:
    """T2, T4: another's account is not there, for reading or for doing."""
    foreign = another(desk, "Foreign", APPROVER)
    seller = enter(desk.house, SELLER)
    page = seller.get("/accounts/").text
    assert ("Acme" in page, "Foreign" in page) == (True, False)
    assert "Any owner" not in page
    assert page_of(seller, desk.account)
    for client, account in (
        (seller, foreign),
        (enter(other, ADMIN), desk.account),
    ):
        url = f"/accounts/{account.pk}/"
        assert client.get(url).status_code == 404
        assert client.post(f"{url}undo/{uuid4()}/").status_code == 404
    stranger = enter(other, ADMIN)
    posted = stranger.post(f"/accounts/{desk.account.pk}/closing/", {"closed": "yes"})
    assert posted.status_code == 404
    for path in ("/accounts/", f"/accounts/{desk.account.pk}/"):
        assert enter(desk.house, Role.INTEGRATION).get(path).status_code == 403
        assert Client().get(path).headers["Location"].startswith("/login/")


def test_nothing_known_says_what_has_to_happen(make_desk: Any, enter: Enter) -> None:
    desk = make_desk()
    bare = another(desk, "Bare")
    page = page_of(enter(desk.house, SELLER), bare)
    for said in (
        "Nothing happened yet.", "No deal.", "Nobody is known there.",
        "No plan is under way.", "Nothing was noted.", "No summary yet.",
        "No source was read", "Nothing has warmed it yet.", "Not known yet",
    ):  # fmt: skip
        # Adding the account is all that happened.
        assert said in page or said == "Nothing happened yet."
    assert "The account was added" in page
    assert "Nothing of this kind" in page_of(
        enter(desk.house, SELLER), bare, show="acts"
    )


def test_the_page_tells_how_it_stands_and_what_happened(
    desk: Desk, enter: Enter
) -> None:
    """P3, P4, P11: heat in parts, posture, the next look; one timeline of all."""
    signal(desk, "ticket_escalated", {"ticket": "T-7", "severity": "high"})
    meet(desk, 2, "Could we meet next week?")
    note = desk.propose()
    desk.propose("send_follow_up_email")
    act(note.id, tenant=desk.tenant)
    page = page_of(enter(desk.house, SELLER), desk.account)
    for said in (
        "At risk", "of 40", "of 35", "of 25", "A look is due now because it was never looked at.", "1 question",
        "A support ticket T-7 was escalated, severity high.",
        "They wrote a mail", "Could we meet next week?",
        "Write an internal note: done", "Send a follow-up e-mail: a person is asked",
        "In touch 2 times", "Reached in seven days", "Discovery",
        f"/intents/{note.id}/",
    ):  # fmt: skip
        assert said.rstrip(".") in page, said
    client = enter(desk.house, SELLER)
    with tenant_scope(desk.tenant):
        soon, before = clock() + timedelta(hours=3), clock() - timedelta(hours=3)
        rows = Account.objects.filter(pk=desk.account.pk)
        rows.update(heat_tier=Tier.WARM, next_poll_at=soon, seen_at=before)
    watched = page_of(client, desk.account)
    assert "Next look in 3 h because WARM, every 6 h." in watched
    talks = page_of(client, desk.account, show="talks")
    assert ("They wrote a mail" in talks, "T-7" in talks) == (True, False)
    acts = page_of(client, desk.account, show="acts")
    assert ("internal note: done" in acts, "They wrote" in acts) == (True, False)
    looks = page_of(client, desk.account, show="looks")
    assert "Nothing of this kind so far." in looks


def test_the_timeline_is_paged_without_loss(desk: Desk, enter: Enter) -> None:
    """Both lists go on where they were; everything is shown once."""
    meet(desk, 33)
    for number in range(30):
        signal(desk, "ticket_escalated", {"ticket": f"T-{number:03}"})
    with tenant_scope(desk.tenant):
        for number, each in enumerate(Interaction.objects.order_by("at")):
            subject = f"Subject {number:03}"
            Interaction.objects.filter(pk=each.pk).update(subject=subject)
    client, url, seen = enter(desk.house, SELLER), "", ""
    for _ in range(4):
        page = client.get(f"/accounts/{desk.account.pk}/{url}").text
        seen += page
        url = page.partition('rel="next">Earlier')[0].rpartition('href="')[2]
        url = url.partition("#")[0].replace("&amp;", "&")
        if 'rel="next">Earlier' not in page:
            break
    assert [seen.count(f"Subject {each:03}") for each in range(33)] == [1] * 33
    assert [seen.count(f"T-{each:03}") for each in range(30)] == [1] * 30
    for odd in ("?after=x~y~z", "?after=~~", "?after=1~2026-01-01~", "?show=nope"):
        assert client.get(f"/accounts/{desk.account.pk}/{odd}").status_code == 200


def test_an_act_is_undone_from_the_timeline(desk: Desk, enter: Enter) -> None:
    """X4: the same verb; afterwards the page says how it stands."""
    note = desk.propose()
    act(note.id, tenant=desk.tenant)
    with tenant_scope(desk.tenant):
        done = Execution.objects.get()
    url = f"/accounts/{desk.account.pk}/undo/{done.pk}/"
    auditor = enter(desk.house, AUDITOR)
    assert url not in page_of(auditor, desk.account)
    assert auditor.post(url).status_code == 403
    client = enter(desk.house, SELLER)
    assert f'action="{url}"' in page_of(client, desk.account)
    assert client.get(url).status_code == 302
    sent = client.post(url, {"next": "acts", "reason": "Wrong."})
    assert sent.headers["Location"] == f"/accounts/{desk.account.pk}/?show=acts"
    with tenant_scope(desk.tenant):
        assert Execution.objects.get().status == "UNDONE"
    after = page_of(client, desk.account)
    assert "It was taken back already." in after
    assert "Write an internal note: taken back" in after
    assert f'action="{url}"' not in after
    again = client.post(url, {"next": "//evil.example"}, follow=True)
    assert again.redirect_chain[-1][0] == f"/accounts/{desk.account.pk}/"
    assert "It was taken back already." in again.text


def test_who_may_hand_it_over_and_close_it(desk: Desk, enter: Enter) -> None:
    """T2: approvers say whose it is, admins close it; each click is in the ledger."""
    url = f"/accounts/{desk.account.pk}/"
    seller, approver = enter(desk.house, SELLER), enter(desk.house, APPROVER)
    admin = enter(desk.house, ADMIN)
    assert "Change the owner" not in page_of(seller, desk.account)
    assert seller.post(f"{url}owner/", {"owner": ""}).status_code == 403
    shown = page_of(approver, desk.account)
    assert f'action="{url}closing/"' not in shown
    assert approver.post(f"{url}closing/", {"closed": "yes"}).status_code == 403
    new = str(desk.house.members[APPROVER].id)
    approver.post(f"{url}owner/", {"owner": new, "seen": tag(shown)})
    late = approver.post(f"{url}owner/", {"owner": "", "seen": tag(shown)}, follow=True)
    assert "changed by somebody else" in late.text
    wrong = {"owner": str(uuid4()), "seen": tag(page_of(approver, desk.account))}
    refused = approver.post(f"{url}owner/", wrong, follow=True)
    assert "is neither the id nor the e-mail of one" in refused.text
    seen = tag(page_of(admin, desk.account))
    admin.post(f"{url}closing/", {"closed": "yes", "seen": seen})
    shut = page_of(admin, desk.account)
    assert "This account was closed" in shut
    assert "Propose a plan" not in shut
    admin.post(f"{url}closing/", {"closed": "no", "seen": tag(shut)})
    with tenant_scope(desk.tenant):
        row = Account.objects.get(pk=desk.account.pk)
        told = Entry.objects.filter(kind=Kind.ACCOUNT_CHANGED, account_id=row.pk)
        changes = [each.data["after"] for each in told.order_by("number")]
    assert (str(row.owner_id), row.closed_at) == (new, None)
    assert changes == [{"owner": new}, {"closed": True}, {"closed": False}]
    page = page_of(admin, desk.account, show="changes")
    assert "The owner changed from Seller of" in page
    assert seller.get(url).status_code == 404


def test_a_plan_is_proposed_by_the_route_of_plans(desk: Desk, enter: Enter) -> None:
    """R1: the button posts where plans are proposed; auditors have none."""
    page = page_of(enter(desk.house, SELLER), desk.account)
    assert 'action="/plans/propose/"' in page
    assert f'name="account" value="{desk.account.pk}"' in page
    assert "/plans/propose/" not in page_of(enter(desk.house, AUDITOR), desk.account)


def test_an_erased_person_is_nowhere(desk: Desk, enter: Enter) -> None:
    """L9: not among people, not in conversations, not in summaries."""
    meet(desk, 2, "Ann here: please call me.")
    with tenant_scope(desk.tenant):
        ann = Contact.objects.get(account=desk.account)
        facts = {
            "people": {str(ann.id): 2}, "interactions": 2, "days": 1, "strangers": 0,
            "channels": {}, "directions": {}, "sentiments": {}, "signals": {}, "moves": {},
        }  # fmt: skip
        met = [str(each) for each in Interaction.objects.values_list("id", flat=True)]
        Summary.objects.create(
            tenant_id=desk.tenant, account=desk.account, span="week",
            starts=NOW.date(), facts=facts, sources={"interactions": met, "more": 0},
            text=f"Week: 2 interactions. With: {ann.id} 2.", made_at=NOW,
        )  # fmt: skip
    client = enter(desk.house, SELLER)
    before = page_of(client, desk.account)
    assert "With: Ann 2." in before
    assert "Made of 2 conversations and 0 signals" in before
    assert "Email: “About the pilot”" in before
    with tenant_scope(desk.tenant):
        erase_contact(ann.id, by=Actor(type="person", id=str(uuid4())), now=NOW)
    after = page_of(client, desk.account)
    assert "Nobody is known there." in after
    for gone in ("Ann", "ann@acme", "please call me", "About the pilot", str(ann.id)):
        assert gone not in after, gone


def test_the_top_renews_itself_alone(desk: Desk, enter: Enter) -> None:
    """U1: what is as it was is not sent again; what somebody types is not in it."""
    client, url = enter(desk.house, SELLER), f"/accounts/{desk.account.pk}/"
    asking = {"HX-Request": "true"}
    first = client.get(url, headers=asking)
    assert ("<html" in first.text, "What happened" in first.text) == (False, False)
    again = client.get(url, headers={**asking, SEEN: first.headers[SEEN]})
    assert (again.status_code, again.content) == (204, b"")
    desk.propose("send_follow_up_email")
    moved = client.get(url, headers={**asking, SEEN: first.headers[SEEN]})
    assert "1 question" in moved.text


def queries(client: Client, url: str) -> int:
    client.get(url)
    with CaptureQueriesContext(connection) as counted:
        answer = client.get(url)
    assert answer.status_code == 200
    assert len(answer.content) < 90_000
    return len(counted)


def test_pages_cost_the_same_however_much_there_is(desk: Desk, enter: Enter) -> None:
    """A constant number of queries; a page of bounded size."""
    client, one = enter(desk.house, ADMIN), f"/accounts/{desk.account.pk}/"
    costs: list[tuple[int, ...]] = []
    for _ in range(2):
        for number in range(2):
            another(desk, f"Company {uuid4()}", opportunities=[
                {"external_id": f"o{number}", "stage": "discovery"}
            ])  # fmt: skip
            act(desk.propose().id, tenant=desk.tenant)
            desk.propose("send_follow_up_email")
            signal(desk, "ticket_escalated", {"ticket": f"T-{uuid4()}"})
        meet(desk, 2)
        costs.append(tuple(queries(client, url) for url in ("/accounts/", one)))
    assert costs[0] == costs[1]
