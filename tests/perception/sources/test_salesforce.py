"""P9, at contract level: Salesforce as it documents itself is read by what changed."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from perception.sources.base import Asked, Found, SourceFailed, SourceRefuses, Wire
from perception.sources.crm import OVERLAP
from perception.sources.salesforce import Salesforce
from tests.perception.sources.contracts import SALESFORCE as SHAPES
from tests.perception.sources.contracts import SALESFORCE_ALWAYS
from tests.perception.sources.orgs import APP, USED_UP, Org
from tests.perception.sources.vendors import Vendor, serving

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def org() -> Org:
    return Org()


@pytest.fixture
def vendor(org: Org, settings: Any) -> Iterator[Vendor]:
    made = Vendor(shapes=SHAPES, always=SALESFORCE_ALWAYS, act=org.act)
    with serving(made):
        org.url = made.url
        settings.EGRESS_ALLOW = [made.url.removeprefix("http://")]
        yield made
    assert not made.broken


def pull(
    vendor: Vendor,
    cursor: Mapping[str, Any],
    *,
    secret: str = json.dumps(APP),
    wire: Wire | None = None,
    **config: Any,
) -> Found:
    asked = Asked(
        config={"url": vendor.url, **config},
        secret=secret,
        cursor=cursor,
        is_deep=False,
        now=NOW,
    )
    return Salesforce().pull(asked, wire or Wire(timeout=60, pace=lambda: None))


def read(
    vendor: Vendor, cursor: Mapping[str, Any] | None = None, **how: Any
) -> list[Found]:
    pages = [pull(vendor, cursor or {}, **how)]
    while pages[-1].more:
        pages.append(pull(vendor, pages[-1].cursor, **how))
        assert len(pages) < 50
    return pages


def test_deals_accounts_and_tasks(org: Org, vendor: Vendor) -> None:
    """P9: facts of all deals, news of the last day, what was done as interactions."""
    at = NOW - timedelta(hours=2)
    acme = {"Account": {"attributes": {}, "Ours__c": "acme"}}
    deal = org.add(
        "Opportunity", at, StageName="Negotiation/Review", Amount=1200.5,
        CloseDate="2026-12-31", IsClosed=False, IsWon=False, Renews__c="2027-01-31",
        LastStageChangeDate="2026-11-20T10:00:00.000+0000", **acme,
    )  # fmt: skip
    old = org.add(
        "Opportunity", NOW - timedelta(days=90), StageName="Closed Won", **acme
    )
    quiet = org.add(
        "Opportunity", at, StageName="Prospecting", CreatedDate="2026-01-01T00:00:00.000+0000", **acme
    )  # fmt: skip
    lone = org.add("Opportunity", at, StageName="Prospecting", Account=None)
    org.add("Account", at, Type="Customer", Ours__c="acme")
    org.add(
        "Task", at, Subject="Call", Description="Ann is glad.", IsClosed=True, **acme
    )
    org.add("Task", at, Subject="Send it", Status="Not Started", IsClosed=False, **acme)
    pages = read(vendor, account="Ours__c", renewal="Renews__c")
    facts = {d.external_id: d for page in pages for d in page.deals}
    assert set(facts) == {deal, old, quiet}
    assert (facts[deal].stage, facts[deal].amount) == (
        "negotiation",
        Decimal("1200.50"),
    )
    assert facts[deal].renewal_date == date(2027, 1, 31)
    assert (facts[old].stage, facts[old].renewal_date) == ("closed_won", None)
    told = [each.payload for page in pages for each in page.signals]
    assert [each["object"] for each in told] == ["opportunity", "account", "task"]
    assert told[0]["opportunity"] == deal
    (met,) = [m for page in pages for m in page.interactions]
    assert (met.channel, met.subject, met.text) == ("crm", "Call", "Ann is glad.")
    assert pages[0].skipped == [f"Opportunity {lone} belongs to no account."]
    assert pages[-1].cursor == {"mark": NOW.isoformat()}
    after = NOW - timedelta(hours=1) + OVERLAP
    (page, *_) = read(vendor, {"mark": after.isoformat()}, account="Ours__c")
    assert not page.deals


def test_long_answers_go_on_where_they_were_left(org: Org, vendor: Vendor) -> None:
    """P9: by nextRecordsUrl; what Salesforce forgot is asked for again, nothing is lost."""
    at = NOW - timedelta(hours=2)
    made = {
        org.add("Opportunity", at, StageName="Prospecting", Account={"Id": "001"})
        for _ in range(450)
    }
    pages = read(vendor, objects=["Opportunity"])
    assert [len(page.deals) for page in pages] == [200, 200, 50]
    assert {d.external_id for page in pages for d in page.deals} == made
    first = pull(vendor, {}, objects=["Opportunity"])
    org.places.clear()
    rest = read(vendor, first.cursor, objects=["Opportunity"])
    assert {d.external_id for page in rest for d in page.deals} == made


def test_a_session_that_ended_is_renewed_once(org: Org, vendor: Vendor) -> None:
    """P9: INVALID_SESSION_ID brings one more login, and no third."""
    ended = iter((True, False))

    def act(name: str, *rest: Any) -> Any:
        org.lives = name == "token" or not next(ended)
        return org.act(name, *rest)

    vendor.act = act
    org.add("Account", NOW, Type="Customer")
    assert pull(vendor, {}, objects=["Account"]).signals
    assert len(org.logins) == 2
    vendor.act, org.lives = org.act, False
    with pytest.raises(SourceRefuses, match="ends every session"):
        pull(vendor, {})
    assert len(org.logins) == 4


def test_a_person_may_have_allowed_it(org: Org, vendor: Vendor) -> None:
    """P9: with a refresh token, the app acts as that person."""
    renewed = {"client_id": APP["client_id"], "refresh_token": "5Aep861"}
    pull(vendor, {}, secret=json.dumps(renewed))
    assert org.logins == [{"grant_type": "refresh_token", **renewed}]


def test_no_calls_left(org: Org, vendor: Vendor) -> None:
    """P10: REQUEST_LIMIT_EXCEEDED is no refusal: it is asked again later."""
    org.refusal = (403, USED_UP)
    with pytest.raises(SourceFailed, match="no calls left") as caught:
        pull(vendor, {})
    assert not isinstance(caught.value, SourceRefuses)
    assert caught.value.until == NOW + timedelta(hours=1)


def test_refusals_speak(org: Org, vendor: Vendor) -> None:
    """P9, S6: wrong credentials, fields that are not there; secrets are nowhere shown."""
    wire = Wire(timeout=60, pace=lambda: None)
    wrong = json.dumps({**APP, "client_secret": "wrong"})
    with pytest.raises(SourceRefuses, match="invalid client credentials"):
        pull(vendor, {}, secret=wrong, wire=wire)
    for secret in ("just-a-token", "[]", '{"client_id": "a"}', '{"x": "y"}'):
        with pytest.raises(SourceRefuses, match="The secret is JSON"):
            pull(vendor, {}, secret=secret, wire=wire)
    with pytest.raises(SourceRefuses, match="account"):
        pull(vendor, {}, account="Id FROM User --")
    missing = {"message": "No such column 'Ours__c'", "errorCode": "INVALID_FIELD"}
    org.refusal = (400, [missing])
    with pytest.raises(SourceRefuses, match="No such column"):
        pull(vendor, {}, account="Ours__c", wire=wire)
    org.url = "https://elsewhere.example"
    with pytest.raises(SourceRefuses, match=r"elsewhere\.example"):
        pull(vendor, {}, wire=wire)
    assert APP["client_secret"] not in str(wire.said)
    assert org.session not in str(wire.said)
