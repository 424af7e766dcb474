"""The page of goals: who sees which, who may do what, what is said, what it costs."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from autonomy.models import Goal, Intent
from autonomy.rules.goals import ACTIONS
from autonomy.views.helping import FIELDS, WORDS
from ledger.clock import clock
from ledger.scope import tenant_scope
from perception.models import Contact, Person
from perception.pages import SEEN
from perception.rules.roles import Role
from tests.autonomy.aims import DAY, a_goal, did, other_account
from tests.autonomy.conftest import Desk
from tests.conftest import House

Enter = Callable[..., Client]


@pytest.fixture
def enter() -> Enter:
    """A browser that somebody of a tenant is logged in with."""

    def as_role(house: House, role: Role) -> Client:
        client = Client(raise_request_exception=True)
        client.force_login(Person.objects.get(pk=house.members[role].person_id))
        return client

    return as_role


def running(desk: Desk, type_: str = "activity", **more: Any) -> Goal:
    """A goal of which half the time is over."""
    now = clock()
    given = {"start": now - 45 * DAY, "end": now + 45 * DAY, "now": now, **more}
    return a_goal(desk, type_, **given)


def set_by_form(**more: Any) -> dict[str, Any]:
    today = clock().date()
    return {
        "type": "activity", "target": "40", "start": today.isoformat(),
        "end": (today + 30 * DAY).isoformat(), "whose": "all", **more,
    }  # fmt: skip


def test_each_state_is_said_in_words(desk: Desk, enter: Enter) -> None:
    """O1: not started, on track, behind, reached, missed; and what was due."""
    now = clock()
    for days in range(6):
        did(desk, "create_internal_note", at=now - days * DAY)
    running(desk, target=Decimal(10))
    running(desk, target=Decimal(100))
    running(desk, target=Decimal("13.5"))
    running(desk, target=Decimal(3))
    a_goal(desk, start=now + DAY, end=now + 9 * DAY, now=now)
    a_goal(desk, start=now - 90 * DAY, end=now - 60 * DAY, now=now)
    page = enter(desk.house, Role.ADMIN)
    current = page.get("/goals/").text
    for words in ("On track", "Behind", "A little behind", "Not started"):
        assert f">{words}</span>" in current, words
    assert "6 of 100 reached (6 %); 50 % was due by now." in current
    assert "44 more would put it back on track." in current
    assert "four times out of five between" in current
    assert "That is not enough." in current
    assert "Nothing counts before it starts." in current
    assert "Counted from 6 acts." in current
    past = page.get("/goals/?tab=past").text
    for words in ("Reached", "Missed"):
        assert f">{words}</span>" in past
    assert "On track" not in past


def test_everybody_sees_the_goals_that_the_api_shows_them(
    desk: Desk, enter: Enter, other: House
) -> None:
    """R7, T4: sellers their own and those of their accounts; auditors read."""
    running(desk, account=desk.account.id, target=Decimal(111))
    running(desk, target=Decimal(222))
    seller = desk.house.members[Role.SELLER].id
    running(desk, seller=seller, target=Decimal(333))
    seen = {
        role: [
            number
            for number in ("111", "222", "333")
            if f"Activity: {number}" in enter(desk.house, role).get("/goals/").text
        ]
        for role in (Role.SELLER, Role.APPROVER, Role.ADMIN, Role.AUDITOR)
    }
    assert seen.pop(Role.SELLER) == ["111", "333"]
    assert set(map(tuple, seen.values())) == {("111", "222", "333")}
    assert "No goals yet." in enter(other, Role.ADMIN).get("/goals/").text
    auditor = enter(desk.house, Role.AUDITOR).get("/goals/").text
    assert 'action="/goals/' not in auditor
    assert 'href="/goals/set/"' not in auditor
    assert enter(desk.house, Role.INTEGRATION).get("/goals/").status_code == 403
    assert Client().get("/goals/").headers["Location"].startswith("/login/")
    page = enter(desk.house, Role.ADMIN)
    assert "Activity: 111" not in page.get(f"/goals/?whose={seller}").text
    assert "Activity: 333" in page.get(f"/goals/?whose={seller}").text
    assert "No goal is like that." in page.get("/goals/?type=quality").text


def test_goals_are_set_and_taken_back_by_the_verbs(desk: Desk, enter: Enter) -> None:
    """O1: what is refused loses nothing; who may not, does not."""
    client = enter(desk.house, Role.SELLER)
    answer = client.post("/goals/set/", set_by_form(whose=f"account:{desk.account.id}"))
    assert answer.headers["Location"] == "/goals/"
    with tenant_scope(desk.tenant):
        goal = Goal.objects.get()
        assert goal.set_by_id == desk.house.members[Role.SELLER].id
        assert (goal.account_id, goal.target) == (desk.account.id, Decimal(40))
        assert goal.end - goal.start >= 30 * DAY
    for wrong, why in (
        ({"target": "0"}, "greater than or equal to 0.01"),
        ({"end": "2000-01-01"}, "It must come after the start."),
        ({"end": "9999-01-01"}, "out of reach"),
        ({"whose": "nobody"}, "Choose for whom"),
        ({"whose": f"member:{desk.house.members[Role.ADMIN].id}"}, "Sellers set goals"),
    ):
        page = client.post("/goals/set/", set_by_form(**{"target": "77", **wrong}))
        assert why in page.text, wrong
        assert "target" in wrong or 'value="77"' in page.text
    auditor = enter(desk.house, Role.AUDITOR)
    assert auditor.post("/goals/set/", set_by_form()).status_code == 403
    back = f"/goals/{goal.pk}/withdraw/"
    assert auditor.post(back).status_code == 403
    with tenant_scope(desk.tenant):
        assert Goal.objects.count() == 1
    assert client.get(back).status_code == 302
    assert "The goal was taken back." in client.post(back, follow=True).text
    assert client.post(back).status_code == 404
    theirs = running(desk, seller=desk.house.members[Role.SELLER].id)
    refused = client.post(f"/goals/{theirs.pk}/withdraw/", follow=True)
    assert "Sellers set goals for themselves" in refused.text
    with tenant_scope(desk.tenant):
        assert Goal.objects.count() == 1


def test_one_that_ended_is_set_anew_from_its_card(desk: Desk, enter: Enter) -> None:
    now = clock()
    ended = a_goal(
        desk, start=now - 90 * DAY, end=now - 60 * DAY, now=now, target=Decimal("12.5")
    )
    client = enter(desk.house, Role.ADMIN)
    assert f'href="/goals/set/?like={ended.pk}"' in client.get("/goals/?tab=past").text
    page = client.get(f"/goals/set/?like={ended.pk}").text
    assert 'value="12.5"' in page
    today = now.date()
    assert (today + 29 * DAY).isoformat() in page or (
        today + 30 * DAY
    ).isoformat() in page


FILLED = {
    "send_follow_up_email": {"subject": "Hello", "body": "How are you?"},
    "draft_email": {"subject": "Hello", "body": "How are you?"},
    "create_follow_up_task": {"title": "Call them", "due": "2126-12-01"},
    "schedule_meeting": {"title": "Coffee", "start": "2126-12-01T10:00"},
    "qualify_conversation": {"summary": "They want it.", "fit": "high"},
    "create_briefing": {"title": "Before we talk"},
}


@pytest.mark.parametrize(
    ("type_", "action_type"),
    [(type_, action) for type_, actions in ACTIONS.items() for action in actions],
)
def test_whatever_helps_is_proposed_from_its_form(
    desk: Desk, enter: Enter, type_: str, action_type: str
) -> None:
    """O1: through the verb of the API, by whoever clicked; judged like anything else."""
    goal = running(desk, type_)
    client = enter(desk.house, Role.SELLER)
    with tenant_scope(desk.tenant):
        contact = str(Contact.objects.get(external_id="c1").id)
    given = {
        **FILLED[action_type],
        "account": str(desk.account.id),
        "action_type": action_type,
    }
    if any(field.kind == "whom" for field in FIELDS[action_type]):
        given["contact"] = contact
    url = f"/goals/{goal.pk}/help/"
    # Everybody's goal is not a seller's to see; an admin acts on it.
    assert client.post(url, given).status_code == 404
    admin = enter(desk.house, Role.ADMIN)
    asked = {name: given[name] for name in ("account", "action_type")}
    form = admin.get(url, asked).text
    assert WORDS[action_type] in form
    assert all(f'name="{name}"' in form for name in given)
    assert "Acme: " in admin.post(url, given, follow=True).text
    with tenant_scope(desk.tenant):
        intent = Intent.objects.get()
        assert (intent.action_type, intent.origin) == (action_type, "agent")
        assert intent.proposed_by_id == desk.house.members[Role.ADMIN].id
        assert intent.verdicts.count() == 1
        assert set(intent.parameters) == set(FILLED[action_type])
        assert (intent.contact_id is not None) == ("contact" in given)


def test_what_does_not_help_is_not_proposed(desk: Desk, enter: Enter) -> None:
    """A refusal proposes nothing, and says why."""
    goal = running(desk, "revenue", account=desk.account.id)
    client, url = enter(desk.house, Role.SELLER), f"/goals/{goal.pk}/help/"
    given = {**FILLED["draft_email"], "account": str(desk.account.id)}
    helps = {**given, "action_type": "draft_email"}
    page = client.post(url, {**helps, "subject": "", "body": "Kept as it was."})
    assert "subject" in page.text
    assert "Kept as it was." in page.text
    sent = {**given, "action_type": "modify_discount"}
    assert client.post(url, sent).status_code == 404
    foreign = other_account(desk, "foreign")
    sent = {**helps, "account": str(foreign.id)}
    assert client.post(url, sent).status_code == 404
    assert enter(desk.house, Role.AUDITOR).post(url, sent).status_code == 403
    with tenant_scope(desk.tenant):
        assert not Intent.objects.exists()


def test_a_page_of_goals_costs_the_same_however_many(desk: Desk, enter: Enter) -> None:
    """A constant number of queries, with people, suggestions and their forms."""
    client = enter(desk.house, Role.ADMIN)
    page, costs = client.get("/goals/"), []
    seller = desk.house.members[Role.SELLER].id
    for count in (2, 4, 8):
        for number in range(count):
            other_account(desk, f"a {count} {number}", owner=str(seller))
            running(desk, "revenue", target=Decimal(1000 + number))
            running(desk, "quality", seller=seller)
            running(desk, "activity", account=desk.account.id)
        with CaptureQueriesContext(connection) as counted:
            page = client.get("/goals/")
        assert page.text.count("Do it") >= 6
        assert len(page.content) < 40_000
        costs.append(len(counted))
    assert len(set(costs)) == 1, costs
    assert 'rel="next"' in page.text


def test_what_is_as_it_was_is_not_sent_again(desk: Desk, enter: Enter) -> None:
    """U1: live, and cheap where nothing moves."""
    goal = running(desk)
    client, asking = enter(desk.house, Role.ADMIN), {"HX-Request": "true"}
    first = client.get("/goals/", headers=asking)
    assert "<html" not in first.text
    seen = {**asking, SEEN: first.headers[SEEN]}
    assert client.get("/goals/", headers=seen).status_code == 204
    with tenant_scope(desk.tenant):
        Goal.objects.filter(pk=goal.pk).update(measured_at=clock() - timedelta(days=2))
    assert client.get("/goals/", headers=seen).status_code == 200
