"""The pages of plans: who sees which, who may do what, and what a page costs."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from perception.models import Person
from perception.pages import POLICY, SEEN
from perception.rules.roles import Role
from tests.conftest import House
from tests.plans.conftest import ESCALATE, NOTE, Course

Enter = Callable[..., Client]


@pytest.fixture
def enter() -> Enter:
    """A browser that somebody of a tenant is logged in with."""

    def as_role(house: House, role: Role) -> Client:
        client = Client(raise_request_exception=True)
        person = Person.objects.get(pk=house.members[role].person_id)
        client.force_login(person)
        return client

    return as_role


def test_a_page_of_plans_costs_the_same_however_many(
    course: Course, enter: Enter
) -> None:
    """A constant number of queries, with waits, questions and buttons."""
    client = enter(course.house, Role.APPROVER)
    costs = []
    for name in ("Bolt", "Cobalt", "Dynamo"):
        plan = course.active(NOTE, ESCALATE, account=course.another_account(name))
        course.look(plan)
        with CaptureQueriesContext(
            connection,
        ) as counted:
            page = client.get("/plans/")
        assert page.status_code == 200
        assert name in page.text
        assert len(page.content) < 40_000
        costs.append(len(counted))
    assert len(set(costs)) == 1, costs


def test_the_plans_of_one_account_alone(
    course: Course, enter: Enter, other: House
) -> None:
    """As its page leads there; of a stranger's account nothing is said."""
    client, account = enter(course.house, Role.APPROVER), course.another_account("Bolt")
    course.active(NOTE)
    course.active(NOTE, account=account)
    page = client.get(f"/plans/?account={account.pk}").text
    assert "Plans of Bolt alone." in page
    assert "plan for Bolt" in page
    assert "plan for Acme" not in page
    assert f"account={account.pk}" in page.partition('hx-get="')[2][:200]
    strange = enter(other, Role.ADMIN).get(f"/plans/?account={account.pk}").text
    assert "Bolt" not in strange
    assert "Plans of an account that you do not see alone." in strange


def test_sellers_see_their_own_and_others_nothing(
    course: Course, enter: Enter, other: House
) -> None:
    """R7, T4: another's plan is not there, for reading or for doing."""
    plan = course.active(NOTE)
    with tenant_scope(course.tenant):
        account = course.account
        account.owner = course.house.members[Role.APPROVER]
        account.save(update_fields=["owner"])
    for client in (enter(course.house, Role.SELLER), enter(other, Role.ADMIN)):
        assert "Acme" not in client.get("/plans/").text
        assert client.get(f"/plans/{plan.pk}/").status_code == 404
        assert client.post(f"/plans/{plan.pk}/pause/").status_code == 404
    assert course.read(plan).status == "ACTIVE"


def test_auditors_read_and_integrations_are_told_that_it_is_not_theirs(
    course: Course, enter: Enter
) -> None:
    """R7: who reads changes nothing."""
    plan = course.active(NOTE)
    auditor = enter(course.house, Role.AUDITOR)
    page = auditor.get(f"/plans/{plan.pk}/")
    assert page.status_code == 200
    assert '<form method="post" action="/plans/' not in page.text
    assert "this is for the plan’s owner" in page.text.replace("&#x27;", "’")
    assert auditor.post(f"/plans/{plan.pk}/pause/").status_code == 403
    integration = enter(course.house, Role.INTEGRATION)
    for path in ("/plans/", f"/plans/{plan.pk}/"):
        refused = integration.get(path)
        assert refused.status_code == 403
        assert "This is not for your role." in refused.text
    assert Client().get("/plans/").headers["Location"].startswith("/login/")
    assert course.read(plan).status == "ACTIVE"


def test_a_token_opens_no_page(course: Course) -> None:
    plan = course.active(NOTE)
    api = course.house.client(Role.ADMIN)
    assert api.get(f"/plans/{plan.pk}/").status_code in (302, 403)
    assert api.post(f"/plans/{plan.pk}/abort/").status_code in (302, 403)
    assert course.read(plan).status == "ACTIVE"


def test_what_is_as_it_was_is_not_sent_again(course: Course, enter: Enter) -> None:
    """U1: a part that is asked for every few seconds costs little when nothing moves."""
    plan = course.active(NOTE)
    client = enter(course.house, Role.SELLER)
    asking = {"HX-Request": "true"}
    first = client.get(f"/plans/{plan.pk}/", headers=asking)
    assert "<html" not in first.text
    again = client.get(
        f"/plans/{plan.pk}/", headers={**asking, SEEN: first.headers[SEEN]}
    )
    assert (again.status_code, again.content) == (204, b"")
    course.do("pause", plan)
    moved = client.get(
        f"/plans/{plan.pk}/", headers={**asking, SEEN: first.headers[SEEN]}
    )
    assert "Paused" in moved.text
    client.logout()
    left = client.get(f"/plans/{plan.pk}/", headers=asking)
    assert left.headers["HX-Refresh"] == "true"


def test_pages_ask_nobody_else_and_are_not_kept(course: Course, enter: Enter) -> None:
    page = enter(course.house, Role.SELLER).get("/plans/")
    assert page.headers["Content-Security-Policy"] == POLICY
    assert page.headers["Cache-Control"] == "private, no-store"


def test_a_page_weighs_little(course: Course, enter: Enter) -> None:
    """With style and scripts, as they are sent: below 150 KB."""
    plan = course.active(NOTE, ESCALATE)
    course.look(plan)
    page = enter(course.house, Role.SELLER).get(f"/plans/{plan.pk}/")
    files = set(re.findall(r'(?:href|src)="/static/([^"]+)"', page.text))
    found = [Path(str(finders.find(name))) for name in files]
    assert {"house.css", "house.js"} <= files
    assert len(page.content) + sum(each.stat().st_size for each in found) < 150_000


def test_a_refused_click_changes_nothing_but_is_stated(
    course: Course, enter: Enter
) -> None:
    """R4: the reasons stand on the page; R5: the refusal stands in the ledger."""
    plan = course.do("pause", course.active(NOTE))
    course.active(NOTE)
    page = enter(course.house, Role.SELLER).post(f"/plans/{plan.pk}/resume/")
    assert "has an ACTIVE plan of the type" in page.text
    assert course.read(plan).status == "PAUSED"
    assert len(course.entries(plan, Kind.PLAN_REFUSED)) == 1


def test_where_one_is_sent_back_to_is_here(course: Course, enter: Enter) -> None:
    """A form of somebody else's cannot send anybody elsewhere."""
    client = enter(course.house, Role.SELLER)
    plan = course.active(NOTE)
    for verb, to in (("pause", "/plans/?tab=running"), ("resume", "//evil.example/")):
        sent = client.post(f"/plans/{plan.pk}/{verb}/", {"next": to})
        here = to if verb == "pause" else f"/plans/{plan.pk}/"
        assert sent.headers["Location"] == here


def test_steps_are_done_without_with_a_reason(course: Course, enter: Enter) -> None:
    """R3: a person's waiver, by name, with what they said."""
    plan = course.active(NOTE, ESCALATE)
    step = course.steps(plan)[1]
    client = enter(course.house, Role.SELLER)
    url = f"/plans/{plan.pk}/steps/{step.step_id}/waive/"
    assert client.get(url).status_code == 302
    assert client.post(url, {"reason": "No tickets are open."}).status_code == 302
    waived = course.steps(plan)[1]
    assert waived.waived_by_id == course.house.members[Role.SELLER].id
    page = client.get(f"/plans/{plan.pk}/")
    assert "Done without" in page.text
    assert "No tickets are open." in page.text
    refused = client.post(url, {"reason": "Once more."})
    assert "The step is past this." in refused.text
