"""/intents/{id}/ and /runs/{id}/: one act whole, as everybody may read it."""

import re
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from autonomy.models import Execution, Intent
from autonomy.perform import perform
from ledger.clock import clock
from ledger.scope import tenant_scope
from perception.pages import POLICY, SEEN
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.autonomy.pages import enter, of_run, sealed, walked, words
from tests.autonomy.replays import doubted, failed
from tests.autonomy.steps import submitted
from tests.autonomy.test_feed import elsewhere, parked
from tests.autonomy.test_responses import DAY, answered, written
from tests.autonomy.test_undo import did, knows, undone
from tests.autonomy.tools.peer import Integrator, bound, integrator
from tests.conftest import House

STATIONS = (
    "signal", "trigger", "gate", "decision", "layers", "budget", "approval", "permit",
    "execution", "outcome",
)  # fmt: skip


@pytest.fixture
def peer(settings: Any) -> Iterator[Integrator]:
    with integrator(settings) as made:
        yield made


def stations(page: Any) -> list[str]:
    return re.findall(r'<li id="station-([a-z]+)', page.text)


def seen(desk: Desk, intent: Any, role: Role = Role.SELLER) -> str:
    page = enter(desk.house, role).get(f"/intents/{getattr(intent, 'pk', intent)}/")
    assert page.status_code == 200
    return words(page)


def of_execution(desk: Desk, execution: Any) -> Any:
    with tenant_scope(desk.tenant):
        return Execution.objects.get(pk=execution).intent_id


def test_an_act_is_told_from_its_signal_to_its_proof(desk: Desk) -> None:
    """L7, U1: every station in order, each in words and with its entries."""
    first = of_run(walked(desk))[0]
    sealed(desk.tenant)
    page = enter(desk.house, Role.SELLER).get(f"/intents/{first.pk}/")
    assert tuple(stations(page)) == STATIONS
    said = words(page)
    for each in (
        "Nobody had to be asked: your policy lets this run by itself. It was done on",
        "Why did this happen? Usage of the product fell.",
        "It rests on: product usage anomaly of",
        "What would make this automatic? It is already: nobody had to be asked.",
        "How do I undo it? It can be taken back until",
        "A signal came in: product usage anomaly.",
        "This one was ranked 1 of 3.",
        "It used one of the day’s automatic acts. 99 of 100 were left.",
        "100 of 100 left before, 99 after",
        "Starts afresh 00:00 Europe/Berlin",
        "Nobody had to be asked",
        "given, by policy, and used up by its start.",
        "Clause allowlisted_low_risk Policy sha256:",
    ):
        assert each in said, each
    assert "being sealed" not in said
    assert "Proven just now" in said
    assert f"prove --execution {of_act(desk, first)}" in said


def of_act(desk: Desk, intent: Intent) -> Any:
    with tenant_scope(desk.tenant):
        return Execution.objects.get(intent=intent).pk


def test_every_entry_is_proven_where_somebody_asks(desk: Desk) -> None:
    """L3: each leads to the signed root, on the spot; overseers take the proofs along."""
    first = of_run(walked(desk))[0]
    url = f"/intents/{first.pk}/"
    assert "Nothing is sealed yet." in seen(desk, first)
    sealed(desk.tenant)
    page = enter(desk.house, Role.AUDITOR).get(f"{url}?check=all")
    said = words(page)
    found = re.search(r"All (\d+) entries lead to the signed root", said)
    assert found
    assert int(found[1]) > len(STATIONS)
    assert said.count("· proven") == int(found[1])
    proof = re.findall(r'href="(/api/v1/ledger/[^"]+/proof/)"', page.text)
    assert len(proof) == int(found[1])
    seller = enter(desk.house, Role.SELLER).get(f"{url}?check=all")
    assert "/proof/" not in seller.text


def test_a_changed_entry_does_not_fit(desk: Desk, superuser: Any) -> None:
    """L3: whoever rewrites what was stated is found on the page too."""
    first = of_run(walked(desk))[0]
    sealed(desk.tenant)
    with superuser.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            'UPDATE ledger_entry SET data = data || \'{"cause": "x"}\' '
            "WHERE intent_id = %s AND kind = 'outcome.recorded'",
            [str(first.pk)],
        )
        assert cursor.rowcount == 1
    client = enter(desk.house, Role.SELLER)
    page = client.get(f"/intents/{first.pk}/?check=all")
    assert "Does not fit the ledger" in words(page)
    assert words(page).count("does not fit") == 1


def test_the_json_of_a_station_is_its_entries(desk: Desk) -> None:
    """U1: what a sentence rests on is one click away."""
    first = of_run(walked(desk))[0]
    client = enter(desk.house, Role.SELLER)
    answer = client.get(f"/intents/{first.pk}/?station=layers").json()
    assert [each["kind"] for each in answer["entries"]] == ["intent.judged"]
    assert len(answer["entries"][0]["data"]["layers"]) == 10
    assert client.get(f"/intents/{first.pk}/?station=nothing").status_code == 404


@pytest.mark.parametrize(
    ("action_type", "words_"),
    [
        ("send_proposal", "It waits for an approver to decide, until"),
        ("commit_pricing", "It was not done: nobody may do this."),
    ],
)
def test_what_did_not_run_says_why(desk: Desk, action_type: str, words_: str) -> None:
    """A2: the decisive layer in words, and what would have let it run."""
    said = seen(desk, desk.propose(action_type))
    assert words_ in said
    assert "What would make this automatic?" in said
    assert "It was done on" not in said


def test_what_would_make_it_automatic_is_said_in_words(make_desk: Any) -> None:
    """A9: everything that would have to change."""
    said = seen(desk := make_desk(limit=None), desk.propose())
    assert "It would run by itself if" in said
    assert "No budget applies here" in said


def test_a_failure_and_a_doubt(desk: Desk, peer: Integrator) -> None:
    """X3: what is not known is not claimed; whoever may say so has the buttons."""
    bound(desk, peer.url, "AT_MOST_ONCE")
    said = seen(desk, failed(desk, peer, alone=False))
    assert "It was tried and failed." in said
    assert "It was not done, so nothing is to be taken back." in said
    doubt = doubted(desk, peer, alone=False)
    said = seen(desk, doubt)
    assert "Nobody knows whether it was done." in said
    assert "It was done" in said
    assert "Nobody knows yet whether it was done: say that first." in said
    reader = enter(desk.house, Role.AUDITOR).get(f"/intents/{doubt}/")
    assert "Yes, it was done" not in reader.text


def test_what_was_taken_back_and_what_could_not_be(desk: Desk) -> None:
    """X4: how it is known that it is as before; a conflict shows what stands there."""
    note = did(desk)
    undone(desk, note)
    said = seen(desk, of_execution(desk, note))
    assert said.count("An operator took it back on") == 2
    assert ": “Wrong.” It was read back, and is as it was before." in said
    context = knows(desk, "Ann")
    with tenant_scope(desk.tenant):
        desk.account.context.update(value="Eve")
    undone(desk, context)
    said = seen(desk, of_execution(desk, context))
    assert "Somebody had changed it since, so it was left as it is." in said
    assert "Champion, now Eve" in said
    assert "Somebody has changed it since. It can be asked for again until" in said


def test_a_command_that_takes_it_back_says_why(desk: Desk) -> None:
    """X4: the reason is on the page, with the station that it is an outcome of."""
    note = did(desk)
    call_command("undo", execution=note, reason="They called", stdout=StringIO())
    intent = of_execution(desk, note)
    said = seen(desk, intent)
    assert re.search(r"An operator took it back on [^“]+: “They called.” ", said)
    page = enter(desk.house, Role.SELLER).get(f"/intents/{intent}/").text
    station = page.partition('id="station-outcome"')[2].partition("</h3>")[0]
    assert 'class="dot good"' in station


def test_an_outcome_says_what_it_still_waits_for(desk: Desk) -> None:
    """N1: an answer, for as long as the tenant says; then what is known of it."""
    waits = "No answer from the account yet: it is waited for until"
    late = seen(desk, written(desk, clock() - 8 * DAY))
    assert "Nobody answered" not in late
    assert waits not in late
    act = written(desk, clock() - 2 * DAY)
    assert waits in seen(desk, act)
    answered(desk, clock() - DAY, text="Gladly.")
    said = seen(desk, act)
    assert waits not in said
    assert "Somebody of the account was heard of since." in said


def test_a_doubt_says_that_its_outcome_is_open(desk: Desk, peer: Integrator) -> None:
    """X3: the station is there, and says whom it waits for."""
    bound(desk, peer.url, "AT_MOST_ONCE")
    doubt = doubted(desk, peer, alone=False)
    page = enter(desk.house, Role.SELLER).get(f"/intents/{doubt}/")
    assert stations(page)[-1] == "outcome"
    assert "Not known yet: somebody has to say whether it was done." in words(page)


def test_a_step_leads_to_its_plan(desk: Desk) -> None:
    """R: whoever asks why is led to the plan."""
    step = submitted(desk)
    page = enter(desk.house, Role.SELLER).get(f"/intents/{step.pk}/")
    assert f'href="/plans/{step.plan_id}/"' in page.text
    assert "A plan came to this step." in words(page)


def test_a_run_that_came_to_nothing_says_why(desk: Desk) -> None:
    """G1, G4: nothing happened, for a reason that somebody can read."""
    client = enter(desk.house, Role.ADMIN)
    walked(desk)
    held = walked(desk)
    page = client.get(f"/runs/{held.pk}/")
    assert "Nothing was done" in words(page) or "Put off" in words(page)
    assert stations(page)[:2] == ["signal", "trigger"]
    stopped = client.get(f"/runs/{parked(desk).pk}/")
    assert "It stopped at decide: TimeoutError." in words(stopped)
    run = of_run(walked(desk, "hiring"))
    assert client.get(f"/runs/{held.pk}/?station=trigger").json()["entries"]
    assert isinstance(run, list)


def test_a_run_leads_to_what_it_proposed(desk: Desk) -> None:
    """U1: and every act back to its run."""
    run = walked(desk)
    client = enter(desk.house, Role.SELLER)
    page = client.get(f"/runs/{run.pk}/")
    for each in of_run(run):
        assert f'href="/intents/{each.pk}/"' in page.text
        back = client.get(f"/intents/{each.pk}/")
        assert f'href="/runs/{run.pk}/"' in back.text


def test_others_see_nothing_and_readers_change_nothing(
    desk: Desk, other: House
) -> None:
    """T4, R7: what is not yours is not there; auditors have no buttons."""
    run = walked(desk)
    intent = of_run(run)[0]
    paths = (f"/intents/{intent.pk}/", f"/runs/{run.pk}/")
    auditor = enter(desk.house, Role.AUDITOR)
    for path in paths:
        assert auditor.get(path).status_code == 200
        assert f'action="{path}' not in auditor.get(path).text
        assert enter(desk.house, Role.INTEGRATION).get(path).status_code == 403
        assert enter(other, Role.ADMIN).get(path).status_code == 404
        assert Client().get(path).headers["Location"].startswith("/login/")
    theirs = elsewhere(desk)
    with tenant_scope(desk.tenant):
        desk.account.owner_id = theirs.owner_id
        desk.account.save(update_fields=["owner"])
    for path in paths:
        assert enter(desk.house, Role.SELLER).get(path).status_code == 404


def test_a_page_costs_the_same_however_much_there_is(
    desk: Desk, make_desk: Callable[..., Desk]
) -> None:
    """Twice the acts of an account, and of a run's siblings: as many queries."""
    costs = []
    client = enter(desk.house, Role.SELLER)
    for _ in range(3):
        intent = desk.propose()
        perform(intent.id, tenant=desk.tenant)
        with CaptureQueriesContext(connection) as counted:
            page = client.get(f"/intents/{intent.pk}/")
        assert page.status_code == 200
        assert len(page.content) < 40_000
        costs.append(len(counted))
        for _ in range(4):
            perform(desk.propose().id, tenant=desk.tenant)
    assert len(set(costs)) == 1, costs
    assert costs[0] <= 32


def test_a_page_weighs_little_and_asks_nobody_else(desk: Desk) -> None:
    """With style and scripts, as they are sent: below 150 KB."""
    intent = of_run(walked(desk))[0]
    page = enter(desk.house, Role.SELLER).get(f"/intents/{intent.pk}/")
    files = set(re.findall(r'(?:href|src)="/static/([^"]+)"', page.text))
    found = [Path(str(finders.find(name))) for name in files]
    assert len(page.content) + sum(each.stat().st_size for each in found) < 150_000
    assert page.headers["Content-Security-Policy"] == POLICY
    assert page.headers["Cache-Control"] == "private, no-store"


def test_what_waits_renews_itself_and_what_is_over_does_not(desk: Desk) -> None:
    """U1: a part that is asked for every few seconds costs little when nothing moves."""
    asked = desk.propose("send_follow_up_email")
    client = enter(desk.house, Role.APPROVER)
    path = f"/intents/{asked.pk}/"
    assert f'hx-get="{path}"' in client.get(path).text
    first = client.get(path, headers={"HX-Request": "true"})
    assert "<html" not in first.text
    asking = {"HX-Request": "true", SEEN: first.headers[SEEN]}
    assert client.get(path, headers=asking).status_code == 204
    with tenant_scope(desk.tenant):
        Intent.objects.filter(pk=asked.pk).update(status="EXPIRED")
    assert "Nobody decided in time" in words(client.get(path))
    assert f'hx-get="{path}"' not in client.get(path).text
