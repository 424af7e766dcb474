"""X3, X7 at contract level: what is HubSpot's own way."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from autonomy.models import Execution
from autonomy.perform import perform
from autonomy.rules.answers import Meaning
from autonomy.tools import outside
from autonomy.tools.base import ABSENT
from autonomy.tools.crm import hubspot_keys, vendors
from autonomy.tools.crm_field import CrmField
from autonomy.tools.crm_note import CrmNote
from autonomy.tools.crm_stage import CrmStage
from autonomy.tools.crm_task import CrmTask
from autonomy.tools.outside import Called
from ledger.record import Actor
from ledger.scope import tenant_scope
from perception import connectors
from perception.models import Opportunity
from perception.sources.base import Asked, Wire
from perception.sources.hubspot import HubSpot
from tests.autonomy.conftest import Desk
from tests.autonomy.tools.crm_vendors import NOW, AtHubSpot, open_at
from tests.autonomy.tools.peer import approved
from tests.autonomy.tools.test_crm_vendors import BARRED, NOTE, TASK, act, look, wire
from tests.perception.sources.contracts_acting import LOCKED

PERSON = Actor(type="person", id="0198aaaa-0000-7000-8000-000000000002")
OWN = {"key": "autonomy_key"}


@pytest.fixture
def place(settings: Any) -> Iterator[AtHubSpot]:
    with open_at("hubspot", settings) as found:
        assert isinstance(found, AtHubSpot)
        yield found


def test_where_it_hangs(place: AtHubSpot) -> None:
    """X3: on the deal and on the company, so that people see it at both."""
    act(CrmNote(), place.job(NOTE))
    act(CrmTask(), place.job(TASK, opportunity=""))
    both, one = place.there.hangs.values()
    assert both == {("deals", place.deal_id), ("companies", "7")}
    assert one == {("companies", "7")}
    note, task = place.made()
    assert note["hs_note_body"].startswith("Ann said &lt;yes&gt;.<br>She &amp; Bob")
    # Nine in the morning in Berlin.
    assert task["hs_timestamp"] == "2026-12-01T08:00:00.000Z"
    assert task["hs_task_status"] == "NOT_STARTED"


def test_found_without_the_search(place: AtHubSpot, monkeypatch: Any) -> None:
    """X3: its search lags, so it is never asked; what hangs there is paged through."""
    monkeypatch.setattr(hubspot_keys, "PAGE", 3)
    monkeypatch.setattr(hubspot_keys, "FEW", 2)
    place.there.page = 2
    for _ in range(7):
        place.there.note("deals", place.deal_id, hs_note_body="What people wrote.")
    job = place.job(NOTE)
    assert act(CrmNote(), job).said.meaning is Meaning.DONE
    assert look(CrmNote(), job)["there"]
    assert "search" not in {name for name, _ in place.vendor.asked}
    monkeypatch.setattr(hubspot_keys, "MOST", 5)
    shown = outside.see(CrmNote(), job, wire(job))
    assert isinstance(shown, Called)
    assert shown.said.meaning is BARRED
    assert "key of their own" in shown.said.detail


def test_only_what_is_young_enough_is_read(place: AtHubSpot) -> None:
    """X3: a key tells when it was made: texts from before that are not asked for."""
    key = UUID(int=(int(NOW.timestamp() * 1000) << 80) | (7 << 76) | (2 << 62))
    assert key.version == 7
    old = place.there.note("deals", place.deal_id, hs_note_body="Long ago.")
    old["createdAt"] = (NOW - vendors.SKEW - timedelta(hours=1)).isoformat()
    young = place.there.note("deals", place.deal_id, hs_note_body="Just now.")
    look(CrmNote(), place.job(NOTE, key=str(key)))
    read = [
        each["id"]
        for name, given in place.vendor.asked
        if name == "several" and "hs_note_body" in given["properties"]
        for each in given["inputs"]
    ]
    assert read == [young["id"]]


def test_a_company_by_its_own_id(place: AtHubSpot) -> None:
    """P9: where accounts have another id there; none and two are no account."""
    job = place.job(NOTE, opportunity="", config={"account": "our_id"})
    for words in ("No company", "More than one company"):
        shown = outside.see(CrmNote(), job, wire(job))
        assert isinstance(shown, Called)
        assert shown.said.meaning is BARRED
        assert words in shown.said.detail
        for _ in range(2):
            place.there.add("companies", NOW, our_id="7")
    del place.there.rows["companies"][1:]
    assert act(CrmNote(), job).said.meaning is Meaning.DONE
    company = place.there.rows["companies"][0]["id"]
    assert list(place.there.hangs.values()) == [{("companies", company)}]


def test_a_key_of_their_own(place: AtHubSpot) -> None:
    """X3: with a property of unique values, HubSpot itself lets no second one in."""
    place.there.unique = {"autonomy_key"}
    job = place.job(NOTE, config=OWN)
    assert act(CrmNote(), job).said.meaning is Meaning.DONE
    # Whoever looked before it was there, and makes it after, finds it made.
    called = outside.act(CrmNote(), job, wire(job), ABSENT)
    assert called.said.meaning is Meaning.DONE
    assert called.after == look(CrmNote(), job)
    assert len(place.made()) == 1
    asked = {name for name, _ in place.vendor.asked}
    assert not asked & {"hanging", "several", "search"}
    done = outside.restore(CrmNote(), job, wire(job), ABSENT, called.after or {})
    assert done.said.meaning is Meaning.DONE
    assert not place.made()
    place.refuse((400, {"status": "error", "message": "No such property."}))
    place.vendor.before = lambda name: place.refuse(
        (400, {"status": "error", "message": "Bad."}) if name == "create" else None
    )
    called = outside.act(CrmNote(), place.job(NOTE, config=OWN), wire(job), ABSENT)
    assert called.said.meaning is Meaning.REFUSED


@pytest.mark.parametrize(("status", "after", "wait"), [(423, "", 2), (477, "77", 77)])
def test_locks_pass(place: AtHubSpot, status: int, after: str, wait: int) -> None:
    """X3: HubSpot says when to come back, or how long its locks last."""
    place.vendor.headers = {"Retry-After": after} if after else {}
    place.refuse((status, LOCKED))
    shown = outside.see(CrmNote(), job := place.job(NOTE), wire(job))
    assert isinstance(shown, Called)
    assert (shown.said.meaning, shown.said.wait) == (Meaning.WAIT, wait)


def test_an_end_brings_its_date_along(place: AtHubSpot) -> None:
    """X7: what HubSpot sets with a stage is set back with it."""
    place.change(closedate="2026-12-31T00:00:00Z")
    job = place.job({"to_stage": "closed_won"})
    before = look(CrmStage(), job)
    assert before["fields"]["close_date"] == "2026-12-31"
    called = act(CrmStage(), job)
    assert called.after is not None
    assert place.held("closedate") == "2026-11-20T12:00:00Z"
    back = outside.restore(CrmStage(), job, wire(job), before, called.after)
    assert back.said.meaning is Meaning.DONE
    assert place.held("closedate") == "2026-12-31T00:00:00.000Z"
    assert place.held("dealstage") == "qualifiedtobuy"


def test_a_forecast(place: AtHubSpot) -> None:
    """X3: category, amount and day at once; an empty one is empty again."""
    said = {"category": "best_case", "amount": 5000, "close_date": "2027-01-15"}
    job = place.job(said)
    before, called = look(CrmField(), job), act(CrmField(), job)
    assert called.said.meaning is Meaning.DONE
    assert place.held("hs_manual_forecast_category") == "BEST_CASE"
    assert place.held("amount") == "5000"
    assert called.after is not None
    back = outside.restore(CrmField(), job, wire(job), before, called.after)
    assert back.said.meaning is Meaning.DONE
    assert place.held("hs_manual_forecast_category") is None
    assert (place.held("amount"), place.held("closedate")) == ("1200.50", None)


def test_fields_of_their_own(place: AtHubSpot) -> None:
    """X3: a discount has a property only where the configuration names one."""
    job = place.job(
        {"percent": 5, "reason": "Early."}, config={"fields": {"discount": "cut"}}
    )
    shown = outside.see(CrmField(), job, wire(job))
    assert isinstance(shown, Called)
    assert "no property for 'discount'" in shown.said.detail
    place.change(cut="0")
    assert act(CrmField(), job).said.meaning is Meaning.DONE
    assert place.held("cut") == "5"
    config = {"fields": {"is strategic": "strategic"}}
    place.change(strategic="false")
    job = place.job({"field": "is strategic", "value": True}, config=config)
    assert act(CrmField(), job).said.meaning is Meaning.DONE
    assert place.held("strategic") == "true"


def test_what_the_house_wrote_is_no_news_to_it(place: AtHubSpot) -> None:
    """D0: a note of its own is not read as what people did."""
    place.there.add("notes", NOW, "7", hs_note_body="Called.")
    act(CrmNote(), place.job(NOTE))
    place.there.on |= dict.fromkeys(place.there.hangs, "7")
    asked = Asked(
        config={"url": place.vendor.url, "objects": ["notes"]},
        secret=place.secret,
        cursor={},
        is_deep=False,
        now=datetime(2026, 11, 20, 13, tzinfo=UTC),
    )
    found = HubSpot().pull(asked, Wire(timeout=60, pace=lambda: None))
    assert [met.text for met in found.interactions] == ["Called."]


def test_from_the_permit_to_the_deal(place: AtHubSpot, desk: Desk) -> None:
    """X3: one act; before and after are recorded, and nothing is done twice."""
    # Keys tell their time, and this one is drawn now.
    place.there.now = datetime.now(UTC)
    with tenant_scope(desk.tenant):
        desk.account.external_id = "7"
        desk.account.save(update_fields=["external_id"])
        rows = Opportunity.objects.filter(external_id="o1")
        rows.update(external_id=place.deal_id)
        deal = Opportunity.objects.get(external_id=place.deal_id)
        given = {
            "kind": "hubspot",
            "name": "crm",
            "config": {"url": place.vendor.url},
            "secret": place.secret,
            "acts": True,
        }
        connectors.add(given, by=PERSON, now=NOW)
    said = {"to_stage": "negotiation", "note": "They have a budget."}
    intent = approved(desk, "change_opportunity_stage", said, opportunity=deal)
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    assert perform(intent, tenant=desk.tenant) == "NOTHING"
    assert place.held("dealstage") == place.first
    assert len(place.made()) == 1
    with tenant_scope(desk.tenant):
        execution = Execution.objects.get(intent_id=intent)
    assert execution.before is not None
    assert execution.after is not None
    assert execution.before["fields"]["stage"] == "qualification"
    assert execution.after["fields"]["stage"] == "negotiation"
