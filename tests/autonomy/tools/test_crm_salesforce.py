"""X3, X7 at contract level: what is Salesforce's own way."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from autonomy.rules.answers import Meaning
from autonomy.tools import outside
from autonomy.tools.base import ABSENT
from autonomy.tools.crm import salesforce
from autonomy.tools.crm_field import CrmField
from autonomy.tools.crm_note import CrmNote
from autonomy.tools.crm_stage import CrmStage
from autonomy.tools.crm_task import CrmTask
from autonomy.tools.outside import Called
from perception.sources.base import Asked, Wire
from perception.sources.salesforce import Salesforce
from tests.autonomy.tools.crm_vendors import NOW, SESSION_ENDED, AtSalesforce, open_at
from tests.autonomy.tools.test_crm_vendors import (
    AMOUNT,
    BARRED,
    NOTE,
    TASK,
    act,
    look,
    wire,
)
from tests.perception.sources.orgs import APP

OWN = {"key": "Key__c"}


@pytest.fixture
def place(settings: Any) -> Iterator[AtSalesforce]:
    with open_at("salesforce", settings) as found:
        assert isinstance(found, AtSalesforce)
        yield found


def test_notes_are_tasks_that_are_done(place: AtSalesforce) -> None:
    """X3: what happened, and what is to do, on the opportunity or on the account."""
    act(CrmNote(), place.job(NOTE))
    act(CrmTask(), place.job(TASK, opportunity=""))
    note, task = place.made()
    assert (note["Status"], note["WhatId"]) == ("Completed", place.deal_id)
    assert note["Subject"] == "Ann said <yes>."
    assert note["Description"].startswith(NOTE["text"])
    assert (task["Status"], task["WhatId"]) == ("Not Started", place.account)
    assert (task["Subject"], task["ActivityDate"]) == (TASK["title"], TASK["due"])


@pytest.mark.parametrize("lost", [False, True])
def test_a_key_of_their_own(place: AtSalesforce, lost: bool) -> None:
    """X3: upserted by its external id, whatever answers are lost, and by whom."""
    job = place.job(NOTE, config=OWN)
    if lost:
        place.vendor.lost = {"upsert"}
        assert act(CrmNote(), job).said.meaning is Meaning.AMBIGUOUS
        place.vendor.lost = set()
    called = act(CrmNote(), job)
    assert called.said.meaning is Meaning.DONE
    # Whoever looked before it was there, and makes it after, makes no second one.
    again = outside.act(CrmNote(), job, wire(job), ABSENT)
    assert again.said.meaning is Meaning.DONE
    assert len(place.made()) == 1
    assert place.made()[0]["Key__c"] == job.key
    back = outside.restore(CrmNote(), job, wire(job), ABSENT, again.after or {})
    assert back.said.meaning is Meaning.DONE
    assert not place.made()


def test_a_key_that_is_not_unique(place: AtSalesforce) -> None:
    """X3: 300 says that nothing was done."""
    job = place.job(NOTE, config=OWN)
    act(CrmNote(), job)
    place.there.record("Task", **{**place.made()[0], "Id": "00T999999999999AAA"})
    place.made()[1]["Id"] = "00T999999999999AAA"
    called = outside.act(CrmNote(), job, wire(job), ABSENT)
    assert called.said.meaning is Meaning.REFUSED
    assert "unique" in called.said.detail


def test_who_loses_the_race_for_a_key(place: AtSalesforce) -> None:
    """X3: DUPLICATE_VALUE says that somebody else made it."""
    job = place.job(NOTE, config=OWN)
    act(CrmNote(), job)
    taken = [{"errorCode": "DUPLICATE_VALUE", "message": "duplicate value found"}]
    place.vendor.before = lambda name: place.refuse(
        (400, taken) if name == "upsert" else None
    )
    called = outside.act(CrmNote(), job, wire(job), ABSENT)
    assert called.said.meaning is Meaning.DONE
    other = place.job(NOTE, config=OWN)
    refused = outside.act(CrmNote(), other, wire(other), ABSENT)
    assert refused.said.meaning is Meaning.REFUSED
    assert "DUPLICATE_VALUE" in refused.said.detail


def test_salesforce_itself_compares(place: AtSalesforce) -> None:
    """X7: what a person sets between the last look and the change stands: 412."""
    job = place.job(AMOUNT)
    seen = look(CrmField(), job)

    def meanwhile(name: str) -> None:
        if name == "update":
            place.there.now += timedelta(seconds=1)
            place.change(Amount=1500.0)

    place.vendor.before = meanwhile
    called = outside.act(CrmField(), job, wire(job), seen)
    assert called.said.meaning is Meaning.MOVED
    assert place.held("Amount") == 1500.0


def test_a_stage_brings_more_along(place: AtSalesforce) -> None:
    """X7: probability and forecast that a person had set are there again."""
    job = place.job({"to_stage": "negotiation"})
    before, called = look(CrmStage(), job), act(CrmStage(), job)
    assert (place.held("Probability"), place.held("ForecastCategoryName")) == (
        90.0,
        "Commit",
    )
    assert called.after is not None
    back = outside.restore(CrmStage(), job, wire(job), before, called.after)
    assert back.said.meaning is Meaning.DONE
    assert (place.held("Probability"), place.held("ForecastCategoryName")) == (
        35.0,
        "Best Case",
    )
    assert place.held("StageName") == "Qualification"


def test_a_sum_of_products_stays(place: AtSalesforce) -> None:
    """X3: Salesforce would leave that aside without a word."""
    place.change(HasOpportunityLineItem=True)
    called = act(CrmField(), place.job(AMOUNT))
    assert called.said.meaning is Meaning.REFUSED
    assert "sum of its products" in called.said.detail
    assert place.held("Amount") == 1200.5


def test_a_session_that_ends_in_the_middle(place: AtSalesforce) -> None:
    """X3: what an ended session asked was not done; after one login it is asked again."""
    job = place.job(NOTE)
    seen = look(CrmNote(), job)
    ended = iter([True])

    def ends(name: str) -> None:
        place.refuse(SESSION_ENDED if name == "create" and next(ended, False) else None)

    place.vendor.before = ends
    logins = len(place.there.logins)
    assert outside.act(CrmNote(), job, wire(job), seen).said.meaning is Meaning.DONE
    assert len(place.made()) == 1
    # One for the act, one in its middle, one to look at what came of it.
    assert len(place.there.logins) == logins + 3


def test_logins_that_do_nothing(place: AtSalesforce) -> None:
    """X3, S6: without a login nothing was done; no secret is said."""
    job = place.job(NOTE)
    seen = look(CrmNote(), job)
    place.vendor.lost = {"token"}
    called = outside.act(CrmNote(), job, wire(job), seen)
    assert called.said.meaning is Meaning.UNREACHED
    place.vendor.lost = set()
    wrong = json.dumps({**APP, "client_secret": "wrong"})
    job = place.job(NOTE, secret=wrong)
    called = outside.act(CrmNote(), job, wire(job), seen)
    assert called.said.meaning is Meaning.REFUSED
    assert "wrong" not in called.said.detail
    assert not place.made()


def test_accounts_by_their_own_id(place: AtSalesforce) -> None:
    """S6: names are quoted; none and two are no account."""
    whole = place.account
    place.account = "o'neill \\ sons"
    job = place.job(NOTE, opportunity="", config={"account": "Ours__c"})
    shown = outside.see(CrmNote(), job, wire(job))
    assert isinstance(shown, Called)
    assert "No account" in shown.said.detail
    (row,) = place.there.of("Account")
    row["Ours__c"] = place.account
    assert act(CrmNote(), job).said.meaning is Meaning.DONE
    assert place.made()[0]["WhatId"] == whole
    assert act(CrmTask(), place.job(TASK, config={"account": "Ours__c"})).said.meaning
    place.there.record("Account", Ours__c=place.account)
    shown = outside.see(CrmNote(), job, wire(job))
    assert isinstance(shown, Called)
    assert "More than one account" in shown.said.detail


def test_fields_of_accounts(place: AtSalesforce) -> None:
    """X3: without a deal, the fields of the account that the configuration names."""
    config = {"fields": {"segment": "Segment__c"}}
    said = {"field": "segment", "value": "large"}
    job = place.job(said, opportunity="", config=config)
    assert act(CrmField(), job).said.meaning is Meaning.DONE
    assert place.there.of("Account")[0]["Segment__c"] == "large"
    job = place.job(AMOUNT, opportunity="", config=config)
    shown = outside.see(CrmField(), job, wire(job))
    assert isinstance(shown, Called)
    assert shown.said.meaning is BARRED


def test_long_lists_are_gone_through(place: AtSalesforce, monkeypatch: Any) -> None:
    """X3: few long texts at a time; beyond the end of that, a key of their own is asked."""
    monkeypatch.setattr(salesforce, "FEW", 2)
    for _ in range(5):
        place.there.record("Task", WhatId=place.deal_id, Description="People's.")
    job = place.job(NOTE)
    assert act(CrmNote(), job).said.meaning is Meaning.DONE
    assert look(CrmNote(), job)["there"]
    monkeypatch.setattr(salesforce, "TIMES", 2)
    shown = outside.see(CrmNote(), job, wire(job))
    assert isinstance(shown, Called)
    assert "key of their own" in shown.said.detail


def test_what_the_house_wrote_is_no_news_to_it(place: AtSalesforce) -> None:
    """D0: unless somebody worked on it since."""
    for said in (NOTE, TASK):
        job = place.job({**said, **TASK} if said is TASK else said)
        act(CrmTask() if said is TASK else CrmNote(), job)
    for row in place.made():
        row |= {"SystemModstamp": row["CreatedDate"], "IsClosed": False}
        row["Account"] = place.there.of("Account")[0]
    assert read(place) == []
    done = place.made()[1]
    later = datetime(2026, 11, 20, 12, 5, tzinfo=UTC)
    done["SystemModstamp"] = later.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    assert read(place) == [TASK["title"]]


def read(place: AtSalesforce) -> list[str]:
    """The tasks that are news."""
    asked = Asked(
        config={"url": place.vendor.url, "objects": ["Task"]},
        secret=place.secret,
        cursor={},
        is_deep=False,
        now=NOW + timedelta(hours=1),
    )
    found = Salesforce().pull(asked, Wire(timeout=60, pace=lambda: None))
    return [each.payload["title"] for each in found.signals]
