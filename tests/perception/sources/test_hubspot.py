"""P9, at contract level: HubSpot as it documents itself is read by what changed."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from perception.sources.base import Asked, Found, SourceFailed, SourceRefuses, Wire
from perception.sources.crm import OVERLAP
from perception.sources.hubspot import HubSpot
from tests.perception.sources.contracts import HUBSPOT as SHAPES
from tests.perception.sources.contracts import HUBSPOT_ALWAYS, LIMITED
from tests.perception.sources.portals import TOKEN, Portal
from tests.perception.sources.vendors import Vendor, serving

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def portal() -> Portal:
    return Portal()


@pytest.fixture
def vendor(portal: Portal, settings: Any) -> Iterator[Vendor]:
    made = Vendor(shapes=SHAPES, always=HUBSPOT_ALWAYS, act=portal.act)
    with serving(made):
        settings.EGRESS_ALLOW = [made.url.removeprefix("http://")]
        yield made
    assert not made.broken


def read(
    vendor: Vendor,
    cursor: Mapping[str, Any] | None = None,
    *,
    secret: str = TOKEN,
    wire: Wire | None = None,
    **config: Any,
) -> list[Found]:
    pages: list[Found] = []
    wire = wire or Wire(timeout=60, pace=lambda: None)
    while not pages or pages[-1].more:
        asked = Asked(
            config={"url": vendor.url, **config},
            secret=secret,
            cursor=pages[-1].cursor if pages else cursor or {},
            is_deep=False,
            now=NOW,
        )
        pages.append(HubSpot().pull(asked, wire))
        assert len(pages) < 50
    return pages


def test_deals_companies_and_notes(portal: Portal, vendor: Vendor) -> None:
    """P9: facts of all deals, news of the last day, notes as they read."""
    at = NOW - timedelta(hours=3)
    company = portal.add("companies", at, lifecyclestage="customer", our_id="acme")
    deal = portal.add(
        "deals", at, company, dealstage="contractsent", amount="1200.5",
        closedate="2026-12-31T00:00:00Z", hs_v2_date_entered_current_stage=at.isoformat(),
        renews="2027-01-31T00:00:00Z",
    )  # fmt: skip
    old = portal.add("deals", NOW - timedelta(days=90), company, dealstage="closedwon")
    lone = portal.add("deals", at, "", dealstage="closedwon")
    portal.add("notes", at, company, hs_note_body="<p>Called <b>Ann</b>.</p>", hs_timestamp="2026-11-20T08:00:00Z")  # fmt: skip
    pages = read(vendor, account="our_id", renewal="renews")
    facts = {d.external_id: d for page in pages for d in page.deals}
    assert set(facts) == {deal, old}
    assert facts[deal].account == "acme"
    assert facts[deal].stage == "negotiation"
    assert facts[deal].amount == Decimal("1200.50")
    assert facts[deal].renewal_date == date(2027, 1, 31)
    told = [each for page in pages for each in page.signals]
    assert [each.payload["object"] for each in told] == ["opportunity", "account"]
    assert told[0].payload["to"] == "negotiation"
    assert {each.account for each in told} == {"acme"}
    (met,) = [m for page in pages for m in page.interactions]
    assert (met.channel, met.text) == (
        "crm",
        "Called Ann .",
    ) or met.text == "Called Ann."
    assert pages[0].skipped == [f"Deal {lone} belongs to no account."]
    assert pages[-1].cursor == {"mark": NOW.isoformat()}


def test_a_stage_is_news_once(portal: Portal, vendor: Vendor) -> None:
    """P9: HubSpot touches deals for much that says nothing."""
    entered = NOW - timedelta(hours=3)
    said = {
        "dealstage": "qualifiedtobuy",
        "hs_v2_date_entered_current_stage": entered.isoformat(),
    }
    portal.add("deals", NOW - timedelta(minutes=1), "1", **said)
    since = {"mark": (NOW - timedelta(hours=1) + OVERLAP).isoformat()}
    pages = read(vendor, since, objects=["deals"])
    assert not pages[0].signals
    assert [deal.stage for deal in pages[0].deals] == ["qualification"]


def test_more_than_a_search_shows(portal: Portal, vendor: Vendor) -> None:
    """P9: pages go on by time, so the end of a search at 10,000 is never reached."""
    portal.most = 300
    for number in range(450):
        # A hundred and fifty of them at one and the same moment.
        moved = (
            NOW - timedelta(hours=5) + timedelta(seconds=number if number > 150 else 0)
        )
        portal.add("deals", moved, "1", dealstage="closedlost")
    pages = read(vendor, objects=["deals"])
    assert len({d.external_id for page in pages for d in page.deals}) == 450


def test_stages_of_their_own(portal: Portal, vendor: Vendor) -> None:
    """P9: what nothing names belongs to people, unless HubSpot says that it is over."""
    at = NOW - timedelta(hours=1)
    ended = {"hs_is_closed": "true", "hs_is_closed_won": "true"}
    ids = [
        portal.add("deals", at, "1", dealstage="100"),
        portal.add("deals", at, "1", dealstage="101", **ended),
        portal.add("deals", at, "1", dealstage="102"),
    ]
    (page,) = read(vendor, objects=["deals"], stages={"102": "discovery"})
    stages = {d.external_id: d.stage for d in page.deals}
    assert stages == dict(
        zip(ids, ["evaluation", "closed_won", "discovery"], strict=True)
    )
    assert page.skipped == [
        f"Deal {ids[0]}: nothing names the stage '100'; it counts as evaluation."
    ]


@pytest.mark.parametrize(
    ("policy", "after", "wait"),
    [
        ("TEN_SECONDLY_ROLLING", "", 10),
        ("SECONDLY", "", 1),
        ("DAILY", "", 3600),
        ("DAILY", "77", 77),
    ],
)
def test_limits_name_their_policy(
    portal: Portal, vendor: Vendor, policy: str, after: str, wait: int
) -> None:
    """P10: HubSpot itself says when to come back, or the name of its limit does."""
    vendor.headers = {"Retry-After": after} if after else {}
    portal.refusal = (429, {**LIMITED, "policyName": policy})
    with pytest.raises(SourceFailed, match=policy) as caught:
        read(vendor)
    assert caught.value.until == NOW + timedelta(seconds=wait)
    assert not isinstance(caught.value, SourceRefuses)


def test_refusals_speak(portal: Portal, vendor: Vendor) -> None:
    """P9, S6: a wrong token, a missing scope; the token is nowhere shown."""
    wire = Wire(timeout=60, pace=lambda: None)
    with pytest.raises(SourceRefuses, match="does not accept the secret"):
        read(vendor, secret="wrong", wire=wire)
    missing = "This app hasn't been granted all required scopes."
    portal.refusal = (403, {"status": "error", "message": missing})
    with pytest.raises(SourceRefuses, match="granted all required scopes"):
        read(vendor, wire=wire)
    with pytest.raises(SourceRefuses, match="account"):
        read(vendor, account="no such; thing")
    assert TOKEN not in str(wire.said)
