"""A8: a digest that does not arrive is said everywhere it matters, until it is read."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from autonomy import digests, unreached
from autonomy.models import Digest, Intent
from autonomy.unreached import LATE
from config.checkup import examine
from ledger.clock import clock
from ledger.scope import tenant_scope
from perception.accounts import add_account
from perception.models import Person
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.autonomy.test_digests import (  # noqa: F401  a fixture
    box,
    days_ago,
    opted_in,
    rows,
    send,
    write,
)
from tests.autonomy.tools.postboxes import Postbox
from tests.conftest import NOW

REFUSED = "550 5.1.1 Nobody of that name"
Look = Callable[[Role, str], str]


@pytest.fixture
def refused(desk: Desk, box: Postbox) -> Desk:  # noqa: F811
    """A real mail server refuses the seller's digest, for good."""
    opted_in(desk, days_ago(2))
    box.says["RCPT"] = REFUSED
    now = clock()
    assert (write(desk, now), send(desk, now)) == (1, 0)
    return desk


@pytest.fixture
def look(desk: Desk) -> Look:
    """What a page says to somebody, without its tags."""
    clients: dict[Role, Client] = {}

    def text(role: Role, path: str) -> str:
        if role not in clients:
            clients[role] = Client()
            person = desk.house.members[role].person_id
            clients[role].force_login(Person.objects.get(pk=person))
        page = clients[role].get(path)
        assert page.status_code == 200, path
        return " ".join(re.sub(r"<[^>]*>", " ", page.text).split())

    return text


def said_of(desk: Desk) -> tuple[str, str]:
    """Why something that a ritual wants does not run by itself."""
    intent: Intent = desk.propose(origin="ritual")
    with tenant_scope(desk.tenant):
        verdict = intent.verdicts.get()
        return verdict.reason, verdict.explanation


def seen_in_figures() -> int:
    text = Client().get("/metrics").text
    (found,) = re.findall(r"^autonomy_digests_undeliverable (\S+)$", text, re.MULTILINE)
    return int(float(found))


def test_it_is_said_to_its_reader_on_every_page(refused: Desk, look: Look) -> None:
    day = rows(refused)[-1].day
    named = f"{day:%A}, {day.day} {day:%B}"
    for path in ("/", "/plans/", "/goals/"):
        page = look(Role.SELLER, path)
        assert f"Your digest of {named} has not reached you." in page
        assert "does not take the recipient (550)" in page
        assert "asks a person first. Read it here" in page
        assert "Your digest of" not in look(Role.APPROVER, path)
    # The page of digests says more, and says it once.
    page = look(Role.SELLER, "/digest/")
    assert "Your digest of" not in page
    assert page.count("(550)") == 1
    assert "I have read it here" in page


def test_it_is_said_to_admins_on_pages_and_in_the_admin(
    refused: Desk, look: Look
) -> None:
    name = f"Seller of {refused.house.slug}"
    said = f"1 person does not get their digest: {name}"
    for path in ("/plans/", "/admin/autonomy/intent/", "/admin/autonomy/digest/"):
        assert said in look(Role.ADMIN, path)
    for path in ("/plans/", "/admin/autonomy/intent/"):
        assert name not in look(Role.ADMIN, path).replace(said, "")
    listed = look(Role.ADMIN, "/admin/autonomy/digest/?arrived=missing")
    assert "undeliverable" in listed
    assert "does not take the recipient (550)" in listed
    assert "does not get" not in look(Role.APPROVER, "/plans/")


def test_every_act_held_back_says_why_and_what_helps(refused: Desk, look: Look) -> None:
    day = rows(refused)[-1].day
    reason, why = said_of(refused)
    assert reason == "DIGEST_NOT_DELIVERED"
    assert f"the digest of {day:%A}, {day.day} {day:%B} has not reached" in why
    assert "They read it under Digest, which counts" in why
    assert "mends the address" in why
    asked = refused.house.client(Role.SELLER).send("GET", "intents/").json()["results"]
    assert asked[0]["verdict"]["explanation"] == why
    assert "has read their newest digest" in str(
        asked[0]["verdict"]["would_be_automatic_if"]
    )


def test_figures_and_the_doctor_say_so_and_name_nobody(
    desk: Desk,
    box: Postbox,  # noqa: F811
) -> None:
    opted_in(desk, days_ago(2))
    before = seen_in_figures()
    box.says["RCPT"] = REFUSED
    now = clock()
    write(desk, now)
    send(desk, now)
    assert seen_in_figures() == before + 1
    (found,) = [each for each in examine() if each.name == "digests"]
    # A tenant's own matter: it is said, and the installation is well.
    assert found.ok
    assert "not reached" in found.seen
    assert desk.house.slug not in found.seen
    with tenant_scope(desk.tenant):
        caller = desk.house.caller(Role.SELLER)
        digests.seen(rows(desk)[-1].id, by=caller, now=now)
    assert seen_in_figures() == before


def test_reading_it_in_the_app_ends_it_everywhere(refused: Desk, look: Look) -> None:
    """A8: a receipt; the gate is open again, and nobody is told any more."""
    assert said_of(refused)[0] == "DIGEST_NOT_DELIVERED"
    seller = Client()
    person = refused.house.members[Role.SELLER].person_id
    seller.force_login(Person.objects.get(pk=person))
    answer = seller.post(f"/digest/{rows(refused)[-1].pk}/seen/", follow=True)
    assert "Noted: you have read it." in answer.text
    assert all(row.delivered_at for row in rows(refused))
    assert "has not reached you" not in look(Role.SELLER, "/plans/")
    assert "get their digest" not in look(Role.ADMIN, "/plans/")
    intent = refused.propose(origin="ritual")
    with tenant_scope(refused.tenant):
        assert intent.verdicts.get().decision == "AUTO_EXECUTE"


def test_what_is_tried_again_says_when(
    desk: Desk,
    box: Postbox,  # noqa: F811
    look: Look,
) -> None:
    """On its way it is no news; put off it is, and late it is too."""
    opted_in(desk, days_ago(2))
    now = clock()
    write(desk, now)
    assert "has not reached you" not in look(Role.SELLER, "/plans/")
    box.says["RCPT"] = "451 Later"
    send(desk, now)
    page = look(Role.SELLER, "/plans/")
    assert "does not take the recipient (451). It is tried again at" in page
    box.says.clear()
    with tenant_scope(desk.tenant):
        Digest.objects.filter(delivered_at=None).update(error="")
        assert unreached.missing(now=now) == []
        (late,) = unreached.missing(now=now + LATE + timedelta(seconds=1))
        assert late.member == desk.house.members[Role.SELLER].id
        later = now + timedelta(hours=1)
    assert send(desk, later) == 1
    with tenant_scope(desk.tenant):
        assert unreached.missing(now=later) == []


def test_it_costs_a_page_the_same_however_many(refused: Desk, look: Look) -> None:
    look(Role.ADMIN, "/goals/")
    costs = []
    for role in (Role.APPROVER, Role.AUDITOR):
        with CaptureQueriesContext(connection) as counted:
            page = look(Role.ADMIN, "/goals/")
        costs.append(len(counted))
        assert page.count("get their digest") == 1
        with tenant_scope(refused.tenant):
            owner = str(refused.house.members[role].id)
            given = {"external_id": role.value, "name": role.value, "owner": owner}
            add_account(given, by=refused.admin, now=NOW)
        now = clock()
        assert (write(refused, now), send(refused, now)) == (1, 0)
    assert len(set(costs)) == 1
    assert "3 people do not get their digest" in look(Role.ADMIN, "/goals/")


def test_whoever_owns_nothing_any_more_is_not_missed(refused: Desk, look: Look) -> None:
    with tenant_scope(refused.tenant):
        refused.account.owner = None
        refused.account.save(update_fields=["owner"])
        assert unreached.missing(now=clock()) == []
    assert "has not reached you" not in look(Role.SELLER, "/plans/")
