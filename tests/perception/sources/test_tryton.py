"""P9: a real Tryton is read by what changed, and only read."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from perception.egress import Answer
from perception.sources.base import Asked, Found, SourceFailed, SourceRefuses, Wire
from perception.sources.crm import OVERLAP
from perception.sources.tryton import OBJECTS, Tryton
from tests.perception.sources.crm import Crm

# Where no packed database is yet, the first test makes it.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def crm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crm]:
    cache = Path(settings.VAR_DIR).parent / "cache"
    server = Crm(tmp_path_factory.mktemp("crm"), cache)
    server.start()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def _reachable(crm: Crm, settings: Any) -> None:
    settings.EGRESS_ALLOW = [f"127.0.0.1:{crm.port}"]


def read(
    crm: Crm,
    cursor: Mapping[str, Any] | None = None,
    *,
    secret: str = "",
    wire: Wire | None = None,
    **config: Any,
) -> list[Found]:
    """Every page of one walk."""
    pages: list[Found] = []
    wire = wire or Wire(timeout=60, pace=lambda: None)
    more = True
    while more:
        asked = Asked(
            config={"url": crm.url, "database": "crm", **crm.context, **config},
            secret=secret or crm.key,
            cursor=pages[-1].cursor if pages else cursor or {},
            is_deep=False,
            now=datetime.now(UTC),
        )
        pages.append(Tryton().pull(asked, wire))
        more = pages[-1].more
        assert len(pages) < 50
    return pages


def since(moment: datetime) -> dict[str, str]:
    """A cursor from which the next walk begins here."""
    return {"mark": (moment + OVERLAP).isoformat()}


def signals(pages: list[Found], noun: str, account: str) -> list[Any]:
    return [
        each
        for page in pages
        for each in page.signals
        if each.payload["object"] == noun and each.account == account
    ]


def test_what_is_new_and_what_changed_is_found_once(crm: Crm) -> None:
    """P9: rows never written are new; from, to and amounts as the CRM has them."""
    party = crm.party("acme")
    deal = crm.deal(party, "1200.00")
    first = read(crm)
    (told,) = signals(first, "opportunity", "acme")
    assert told.type == "crm_update"
    assert told.payload["opportunity"] == str(deal)
    assert told.payload["stage"] == told.payload["to"] == "prospecting"
    assert told.occurred_at.tzinfo is not None
    (fact,) = [d for page in first for d in page.deals if d.account == "acme"]
    assert (fact.external_id, fact.stage) == (str(deal), "prospecting")
    assert fact.amount == Decimal("1200.00")
    assert signals(first, "account", "acme")
    # The same stretch read again brings the same keys: nothing twice.
    again = read(crm, first[-1].cursor)
    assert [each.dedupe_key for each in signals(again, "opportunity", "acme")] == [
        told.dedupe_key
    ]
    moment = datetime.now(UTC)
    crm.ask("POST", f"sale.opportunity/{deal}/opportunity", {})
    later = read(crm, since(moment))
    (told,) = signals(later, "opportunity", "acme")
    assert (told.payload["from"], told.payload["to"]) == (
        "prospecting",
        "qualification",
    )
    assert not signals(later, "account", "acme")


def test_what_means_nothing_for_a_deal_is_no_news(crm: Crm) -> None:
    """P9: a description starts no run; an amount may."""
    deal = crm.deal(crm.party("quiet"), "10.00")
    moment = datetime.now(UTC)
    crm.ask("PUT", f"sale.opportunity/{deal}", {"description": "Other words."})
    pages = read(crm, since(moment), objects=["opportunity"])
    assert not signals(pages, "opportunity", "quiet")
    assert [d.external_id for page in pages for d in page.deals] == [str(deal)]
    amount = {"__class__": "Decimal", "decimal": "11.50"}
    crm.ask("PUT", f"sale.opportunity/{deal}", {"amount": amount})
    pages = read(crm, since(moment), objects=["opportunity"])
    (told,) = signals(pages, "opportunity", "quiet")
    assert told.payload["field"] == "amount"
    assert (told.payload["from"], told.payload["to"]) == ("10.00", "11.50")


def test_old_deals_are_facts_and_no_news(crm: Crm) -> None:
    """P9: the first pull of a CRM starts no runs for its past."""
    crm.deal(crm.party("older"), "5.00")
    pages = read(crm, first_days=0)
    assert any(d.account == "older" for page in pages for d in page.deals)
    assert not any(page.signals for page in pages)


def test_a_tenants_own_stages(crm: Crm, monkeypatch: Any) -> None:
    """P9: the table may be changed; what nothing names belongs to people."""
    crm.deal(crm.party("staged"), "5.00")

    def stage(**config: Any) -> tuple[str, Any]:
        pages = read(crm, objects=["opportunity"], **config)
        deals = [d for page in pages for d in page.deals if d.account == "staged"]
        return deals[0].stage, pages[0].skipped

    assert stage(stages={"Lead": "discovery"}) == ("discovery", [])
    monkeypatch.setattr("perception.sources.tryton.STAGES", {})
    found, skipped = stage()
    assert found == "evaluation"
    assert any("nothing names the stage 'lead'" in each for each in skipped)


def test_notes_and_tasks(crm: Crm) -> None:
    """P9: notes become interactions, for one who may not administer; tasks are news."""
    party = crm.party("noted")
    deal = crm.deal(party, "7.00")
    on = {"party": f"party.party,{party}", "deal": f"sale.opportunity,{deal}"}
    for where in on.values():
        values = {"resource": where, "message": f"Called about {where}."}
        crm.ask("POST", "ir.note", values)
    project = {"name": "Roll-out", "type": "project", "party": party, **crm.context}
    parent = crm.ask("POST", "project.work", project)["id"]
    task = {"name": "Kick-off", "type": "task", "parent": parent, **crm.context}
    crm.ask("POST", "project.work", task)
    pages = read(crm)
    met = [m for page in pages for m in page.interactions if m.account == "noted"]
    assert {m.text for m in met} == {f"Called about {w}." for w in on.values()}
    assert {(m.channel, m.direction) for m in met} == {("crm", "both")}
    assert len({m.external_id for m in met}) == 2
    (told,) = signals(pages, "task", "noted")
    assert told.payload["title"] == "Kick-off"
    assert told.payload["to"] == "Open"


def test_pages_neither_lose_nor_repeat(crm: Crm, monkeypatch: Any) -> None:
    """P9: what changes while pages are read is not lost, as the next walk looks back."""
    for module in ("PAGE", "HOOKS"):
        monkeypatch.setattr(f"perception.sources.tryton.{module}", 2)
    monkeypatch.setattr("perception.sources.tryton.NOTES", 2)
    monkeypatch.setattr("perception.sources.tryton_rest.NOTES", 2)
    party = crm.party("many")
    made = {str(crm.deal(party, "1.00")) for _ in range(5)}
    for number in range(5):
        values = {"resource": f"party.party,{party}", "message": f"No. {number}"}
        crm.ask("POST", "ir.note", values)
    pages = read(crm)
    assert len(pages) > len(OBJECTS) + 2
    told = signals(pages, "opportunity", "many")
    assert sorted(each.payload["opportunity"] for each in told) == sorted(made)
    met = [m.text for page in pages for m in page.interactions if m.account == "many"]
    assert sorted(met) == [f"No. {number}" for number in range(5)]
    assert set(pages[-1].cursor) == {"mark"}
    assert datetime.fromisoformat(pages[-1].cursor["mark"]) < datetime.now(UTC)


def test_refusals_speak(crm: Crm) -> None:
    """P9, S6: a wrong key, another database, a wrong configuration; keys are not shown."""
    wire = Wire(timeout=60, pace=lambda: None)
    with pytest.raises(SourceRefuses, match="does not accept the secret"):
        read(crm, secret="wrong", wire=wire)
    with pytest.raises(SourceRefuses, match="nothing at this address"):
        read(crm, database="other")
    with pytest.raises(SourceRefuses, match="database"):
        read(crm, database="../x")
    read(crm, objects=["party"], wire=wire)
    assert crm.key not in str(wire.said)
    assert wire.said[-1].request.endswith("/party.party?…")


STRANGE = (
    b"<html>",
    b"[[[" * 20_000,
    b'{"id": 1}',
    b'[{"id": "1"}]',
    b'[{"id": 1, "party": {"code": "a"}}]',
    b'[{"id": 1, "write_date": {"__class__": "datetime", "year": 1}}]',
)


@pytest.mark.parametrize("body", STRANGE, ids=range(len(STRANGE)))
def test_an_answer_of_something_else(body: bytes, monkeypatch: Any) -> None:
    """API10: what is no Tryton is said so; nothing of it is kept."""
    answer = Answer(status=200, headers={}, body=body)
    wire = Wire(timeout=1, pace=lambda: None)
    monkeypatch.setattr(wire, "http", lambda *_, **__: answer)
    asked = Asked(
        config={"url": "https://crm.example", "database": "crm"},
        secret="k",
        cursor={},
        is_deep=False,
        now=datetime.now(UTC),
    )
    with pytest.raises(SourceFailed):
        Tryton().pull(asked, wire)
