"""X3, A5, A6: what tools do not do in a real Tryton, and what they then say."""

from collections.abc import Iterator
from typing import Any

import pytest

from autonomy.rules.answers import Meaning
from autonomy.tools.base import ABSENT
from autonomy.tools.crm.tryton import TrytonDoor
from autonomy.tools.hands import HANDS
from perception.egress import Answer
from perception.sources.base import SourceRefuses, Wire
from perception.sources.tryton_rest import Server
from tests.autonomy.tools.trytons import (
    ACTS,
    ADMIN_KEY,
    FIELDS,
    Shop,
    acted,
    job_of,
    refused,
    restored,
    seen,
    tryton,
)
from tests.perception.sources.crm import Crm
from tests.perception.sources.servers import free_port

# Where no packed database is yet, the first test makes it.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def crm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crm]:
    with tryton(tmp_path_factory.mktemp("crm")) as server:
        yield server


@pytest.fixture
def shop(crm: Crm, settings: Any) -> Shop:
    settings.EGRESS_ALLOW = (f"127.0.0.1:{crm.port}",)
    return Shop(crm)


def test_a_note_on_an_account_is_made_where_it_can_be_taken_back(shop: Shop) -> None:
    """A6: only an administrator removes notes on parties."""
    job = shop.job(ACTS["crm.note"], opportunity="")
    refused(shop, "crm.note", job, "only an administrator")
    job = shop.job(ACTS["crm.note"], opportunity="", secret=ADMIN_KEY)
    after = acted("crm.note", job).after
    assert len(shop.notes(f"party.party,{shop.party}")) == 1
    assert after is not None
    assert restored("crm.note", job, ABSENT, after).said.meaning is Meaning.DONE
    assert shop.notes(f"party.party,{shop.party}") == []


def test_moves_that_could_not_be_taken_back(shop: Shop) -> None:
    """A6: they are left to people, in words."""
    for stage, words in {
        "negotiation": "makes a sale",
        "closed_won": "when its sale is confirmed",
        "discovery": "Nothing in Tryton counts as discovery",
    }.items():
        refused(shop, "crm.stage", shop.job({"to_stage": stage}), words)
    job = shop.job({"to_stage": "discovery"}, config={"stages": {"Lead": "discovery"}})
    assert HANDS["crm.stage"].is_done(job, seen("crm.stage", job))
    shop.press("lost")
    job = shop.job({"to_stage": "prospecting"})
    refused(shop, "crm.stage", job, "could not be put back")


def test_half_an_act_is_called_no_refusal(shop: Shop, monkeypatch: Any) -> None:
    """X3: the deal has moved, its note was refused: nobody says that nothing was done."""
    job = job_of(shop, "crm.stage")
    before = seen("crm.stage", job)

    def refuses(*_: Any) -> Any:
        raise SourceRefuses("Not today.")

    monkeypatch.setattr(TrytonDoor, "make", refuses)
    called = acted("crm.stage", job, before)
    assert called.said.meaning is Meaning.AMBIGUOUS
    assert called.said.detail == "Half of it was done. Not today."
    monkeypatch.undo()
    assert shop.now("state") == {"state": "opportunity"}
    assert not HANDS["crm.stage"].is_done(job, seen("crm.stage", job))
    # With several buttons likewise: it was lost, and came back only as a lead.
    job = shop.job({"to_stage": "closed_lost"})
    before = seen("crm.stage", job)
    after = acted("crm.stage", job, before).after
    press = Server.press

    def once(self: Server, model: str, id_: int, button: str) -> None:
        if button == "opportunity":
            refuses()
        press(self, model, id_, button)

    monkeypatch.setattr(Server, "press", once)
    assert after is not None
    called = restored("crm.stage", job, before, after)
    assert called.said.meaning is Meaning.AMBIGUOUS
    assert shop.now("state") == {"state": "lead"}


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"percent": 5, "reason": "Paid ahead."}, "no field for discount"),
        ({"field": "Close date", "value": "2027-01-01"}, "an action of its own"),
        ({"field": "StageName", "value": "Won"}, "an action of its own"),
        ({"field": "party", "value": 1}, "no field for party"),
        ({"amount": 1.005, "reason": "x"}, "number of digits"),
        ({"category": "commit"}, "no field for forecast"),
        ({"text": "x"}, "nothing of these parameters"),
    ],
)
def test_fields_that_are_not_set(shop: Shop, parameters: Any, words: str) -> None:
    """A5: free text reaches no governed field, and no field that nobody named."""
    refused(shop, "crm.field", shop.job(parameters), words)


def test_only_the_accounts_own(shop: Shop, crm: Crm) -> None:
    """A deal or a party that is another's, or not there, is left alone."""
    other = Shop(crm)
    for key in ("crm.note", "crm.field", "crm.stage"):
        job = shop.job(ACTS[key], opportunity=str(other.deal), config=FIELDS)
        refused(other, key, job, "belongs to another account")
        job = shop.job(ACTS[key], opportunity="o1", config=FIELDS)
        refused(shop, key, job, "has no deal o1")
    shop.code = "nobody"
    job = shop.job(ACTS["crm.task"])
    refused(other, "crm.task", job, "no party")


def test_a_server_without_projects(shop: Shop, monkeypatch: Any) -> None:
    """A module that is not there is said in words; an outage is none."""
    monkeypatch.setattr("autonomy.tools.crm.tryton.WORK", "project.none")
    refused(shop, "crm.task", job_of(shop, "crm.task"), "no module there")
    monkeypatch.setattr("autonomy.tools.crm.tryton.WORK", "project.work")
    monkeypatch.setattr("autonomy.tools.crm.tryton.WORKED", ("name", "nothing"))
    refused(shop, "crm.task", job_of(shop, "crm.task"), "no field nothing")


def test_servers_that_do_not_serve(shop: Shop, settings: Any, monkeypatch: Any) -> None:
    """X3: what surely never arrived, what is refused, what asks to wait."""
    job = shop.job(ACTS["crm.note"], secret="wrong")
    refused(shop, "crm.note", job, "does not accept the secret")
    settings.EGRESS_ALLOW = ("127.0.0.1",)
    nowhere = {"url": f"http://127.0.0.1:{free_port()}"}
    job = shop.job(ACTS["crm.note"], config=nowhere)
    called = acted("crm.note", job, ABSENT)
    assert called.said.meaning is Meaning.UNREACHED
    for answer, meaning in (
        (Answer(status=503, headers={"retry-after": "7"}, body=b""), Meaning.WAIT),
        (Answer(status=500, headers={}, body=b"{}"), Meaning.UNREACHED),
        (Answer(status=200, headers={}, body=b"<html>"), Meaning.UNREACHED),
        (Answer(status=403, headers={}, body=b""), Meaning.REFUSED),
    ):
        monkeypatch.setattr(Wire, "http", lambda *_, answer=answer, **__: answer)
        assert acted("crm.note", job, ABSENT).said.meaning is meaning
    monkeypatch.undo()
    settings.EGRESS_ALLOW = ()
    assert acted("crm.note", job, ABSENT).said.meaning is Meaning.FORBIDDEN
