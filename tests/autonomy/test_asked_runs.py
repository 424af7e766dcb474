"""G1: a person asks what would help an account, and a run of its own looks at it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from autonomy.errors import AccountClosed
from autonomy.models import Intent, Run
from autonomy.pacing import change_trigger
from autonomy.pipeline import walk
from autonomy.rules.runs import Stage
from autonomy.runs import everywhere
from autonomy.starting import ask
from ledger.clock import clock
from ledger.models import Entry
from ledger.record import Actor
from ledger.scope import tenant_scope
from perception.accounts import add_account, change_account
from perception.members import person_acting
from perception.models import Person
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.conftest import NOW
from tests.races import in_threads

SELLER, APPROVER, ADMIN = Role.SELLER, Role.APPROVER, Role.ADMIN
WAITS = "What would help here is being looked at"


def post(
    desk: Desk, role: Role = SELLER, account: UUID | None = None, **more: str
) -> Any:
    path = f"accounts/{account or desk.account.id}/ask/"
    return desk.house.client(role).send("POST", path, **more)


def runs(desk: Desk) -> list[Run]:
    with tenant_scope(desk.tenant):
        return list(Run.objects.order_by("id"))


def walked(desk: Desk) -> Run:
    """The newest, to its end."""
    walk(runs(desk)[-1].id, Stage.TRIGGER, tenant=desk.tenant, may=everywhere)
    return runs(desk)[-1]


def close(desk: Desk) -> None:
    with tenant_scope(desk.tenant):
        change_account(desk.account, {"closed": True}, by=desk.admin, now=clock())


@pytest.fixture
def enter(desk: Desk) -> Callable[[Role], Client]:
    """A browser that somebody of the tenant is logged in with."""

    def as_role(role: Role) -> Client:
        client = Client(raise_request_exception=True)
        client.force_login(Person.objects.get(pk=desk.house.members[role].person_id))
        return client

    return as_role


def test_what_a_person_asks_for_walks_as_any_other(desk: Desk) -> None:
    """G1, A12: taken, stated with who asked, gated, decided, judged."""
    answer = post(desk)
    assert answer.status_code == 202
    made = answer.json()
    (run,) = runs(desk)
    assert (made["id"], made["account"]) == (str(run.id), str(desk.account.id))
    assert (made["trigger"], made["signal"], made["status"]) == (
        "MANUAL",
        None,
        "RECEIVED",
    )
    run = walked(desk)
    assert (run.status, run.gate_result, run.origin) == ("DONE", "ALLOW", "agent")
    with tenant_scope(desk.tenant):
        intents = list(Intent.objects.filter(run_id=run.id))
        told = {
            each.kind: each for each in Entry.objects.filter(subjects__run=str(run.id))
        }
    assert intents
    assert {each.rationale.partition(".")[0] for each in intents} == {
        "Somebody asked what to do"
    }
    asker = desk.house.members[SELLER].id
    assert told["run.asked"].actor == {"type": "person", "id": str(asker)}
    assert told["run.asked"].subjects["account"] == str(desk.account.id)
    assert told["trigger.fired"].data["trigger"] == "MANUAL"


def test_who_asks_twice_gets_the_one_under_way(desk: Desk) -> None:
    """G3: no second run beside it, whoever asks; a new one once it has ended."""
    first, second = post(desk).json()["id"], post(desk, APPROVER).json()["id"]
    assert first == second == str(walked(desk).id)
    third = post(desk).json()["id"]
    assert [str(each.id) for each in runs(desk)] == [first, third]
    with tenant_scope(desk.tenant):
        assert Entry.objects.filter(kind="run.asked").count() == 2


def test_many_at_once_start_one(desk: Desk) -> None:
    by = Actor(type="person", id=str(desk.house.members[SELLER].id))

    def one(_number: int) -> UUID:
        with tenant_scope(desk.tenant):
            return ask(desk.account.id, by=by, now=clock()).id

    assert len(set(in_threads(4, one))) == len(runs(desk)) == 1


def test_a_key_repeats_its_answer_when_the_run_is_over(desk: Desk) -> None:
    key = uuid4().hex
    first = post(desk, Idempotency_Key=key)
    walked(desk)
    again = post(desk, Idempotency_Key=key)
    assert (again.status_code, again.json()) == (202, first.json())
    assert len(runs(desk)) == 1


def test_nothing_is_looked_at_for_a_closed_account(desk: Desk) -> None:
    """R7: refused by name, without a trace."""
    close(desk)
    answer = post(desk)
    assert (answer.status_code, answer.json()["code"]) == (409, "ACCOUNT_CLOSED")
    with tenant_scope(desk.tenant), pytest.raises(AccountClosed):
        ask(desk.account.id, by=person_acting(desk.admin), now=clock())
    assert runs(desk) == []
    with tenant_scope(desk.tenant):
        assert not Entry.objects.filter(kind="run.asked").exists()


def test_sellers_ask_about_their_own_accounts(desk: Desk) -> None:
    """I3: for others there is none; who may not propose may not ask."""
    with tenant_scope(desk.tenant):
        given = {"external_id": "b", "name": "B"}
        other = add_account(given, by=desk.admin, now=NOW).id
    assert post(desk, SELLER, other).status_code == 404
    assert post(desk, Role.AUDITOR).status_code == 403
    assert post(desk, Role.INTEGRATION).status_code == 403
    assert runs(desk) == []
    assert post(desk, APPROVER, other).status_code == 202
    assert [each.account_id for each in runs(desk)] == [other]


def test_its_windows_are_a_row_that_admins_set(desk: Desk) -> None:
    """G1: switched off, it is held, and its run says why."""
    with tenant_scope(desk.tenant):
        change_trigger("MANUAL", {"enabled": False}, by=desk.admin, now=NOW)
    assert post(desk).status_code == 202
    run = walked(desk)
    assert (run.status, run.gate_reason) == ("SKIPPED", "DISABLED")


def test_the_page_asks_and_shows_what_came_of_it(
    desk: Desk, enter: Callable[[Role], Client]
) -> None:
    """X1: a button, what is under way and where the answer appears, and then it."""
    client, url = enter(SELLER), f"/accounts/{desk.account.id}/"
    page = client.get(url).text
    assert "What would help?" in page
    assert WAITS not in page
    answer = client.post(f"{url}ask/")
    assert (answer.status_code, answer.headers["Location"]) == (302, url)
    client.post(f"{url}ask/")
    (run,) = runs(desk)
    assert WAITS in client.get(url).text
    walked(desk)
    with tenant_scope(desk.tenant):
        many = Intent.objects.filter(run_id=run.id).count()
    page = client.get(url).text
    assert WAITS not in page
    assert f"{many} acts were proposed." in page
    assert f'href="/runs/{run.id}/"' in page
    assert "What would help was asked for" in page
    told = client.get(f"/runs/{run.id}/").text
    assert f"Seller of {desk.house.slug} asked what would help." in told


def test_the_page_says_why_nothing_was_looked_at(
    desk: Desk, enter: Callable[[Role], Client]
) -> None:
    client, url = enter(ADMIN), f"/accounts/{desk.account.id}/"
    with tenant_scope(desk.tenant):
        change_trigger("MANUAL", {"enabled": False}, by=desk.admin, now=NOW)
    client.post(f"{url}ask/")
    walked(desk)
    assert (
        "nothing was looked at: this trigger is switched off." in client.get(url).text
    )


def test_the_page_offers_it_to_whoever_may(
    desk: Desk, enter: Callable[[Role], Client]
) -> None:
    url = f"/accounts/{desk.account.id}/"
    auditor = enter(Role.AUDITOR)
    assert "What would help?" not in auditor.get(url).text
    assert auditor.post(f"{url}ask/").status_code == 403
    close(desk)
    client = enter(SELLER)
    assert "What would help?" not in client.get(url).text
    said = client.post(f"{url}ask/", follow=True).text
    assert "The account is closed: nothing starts for it." in said
    assert runs(desk) == []
