"""HubSpot and Salesforce as stand-ins that tools write into, one like the other."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from uuid_utils.compat import uuid7

from autonomy.tools.base import Job
from tests.perception.sources.contracts import LIMITED, SALESFORCE_ALWAYS
from tests.perception.sources.contracts_acting import (
    HUBSPOT_ACTING,
    HUBSPOT_ACTING_ALWAYS,
    SALESFORCE_ACTING,
)
from tests.perception.sources.orgs import APP, ENDED, USED_UP, ActingOrg
from tests.perception.sources.portals import TOKEN
from tests.perception.sources.portals_acting import ActingPortal
from tests.perception.sources.vendors import Vendor, serving

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LIMITS = {"hubspot": LIMITED, "salesforce": USED_UP}


class Place:
    """One account with one deal there, and jobs that concern it."""

    kind: str
    secret: str
    vendor: Vendor
    deal: dict[str, Any]
    account: str
    # What the deal's fields are called there.
    amount: str
    stage: str
    # Stages there: two that count as negotiation here, the first is the one that is set.
    first: str
    second: str
    # Which request makes something, and which changes the deal.
    makes: str = "create"
    changes: str = "update"
    # How the vendor says no, and that it is asked too often.
    no: tuple[int, Any]
    often: tuple[int, Any]

    def job(self, parameters: dict[str, Any], **given: Any) -> Job:
        # Stand-ins have a clock of their own: no key of theirs is too young.
        config = {"url": self.vendor.url, **given.pop("config", {})}
        made = {
            "key": str(uuid4()),
            "opportunity": self.deal_id,
            "secret": self.secret,
            **given,
        }
        return Job(
            at=NOW,
            attempt=1,
            config=config,
            action_type="an_act",
            parameters=parameters,
            ids={},
            account={
                "id": str(uuid7()),
                "external_id": self.account,
                "name": "Acme",
                "timezone": "Europe/Berlin",
            },
            kind=self.kind,
            **made,
        )

    @property
    def deal_id(self) -> str:
        raise NotImplementedError

    def held(self, name: str) -> Any:
        """What the deal holds there."""
        raise NotImplementedError

    def change(self, **said: Any) -> None:
        """What a person does to the deal."""
        raise NotImplementedError

    def made(self) -> list[dict[str, Any]]:
        """Notes and tasks there, as a person would see them."""
        raise NotImplementedError

    def edit(self, text: str) -> None:
        """What a person does to what was made."""
        raise NotImplementedError

    def copy(self) -> None:
        """Somebody else makes the same, at the same moment."""
        raise NotImplementedError

    def refuse(self, answer: tuple[int, Any] | None) -> None:
        raise NotImplementedError


class AtHubSpot(Place):
    kind, secret, account = "hubspot", TOKEN, "7"
    amount, stage = "amount", "dealstage"
    first, second = "decisionmakerboughtin", "contractsent"
    no = (403, {"status": "error", "message": "The scope is missing."})
    often = (429, LIMITED)

    def __init__(self) -> None:
        self.there = ActingPortal()
        self.vendor = Vendor(
            shapes=HUBSPOT_ACTING, always=HUBSPOT_ACTING_ALWAYS, act=self.there.act
        )
        self.deal = self.there.deal("7", dealstage="qualifiedtobuy", amount="1200.50")

    @property
    def deal_id(self) -> str:
        return str(self.deal["id"])

    def held(self, name: str) -> Any:
        return self.deal["properties"][name]

    def change(self, **said: Any) -> None:
        self.deal["properties"].update(said)

    def made(self) -> list[dict[str, Any]]:
        both = [*self.there.rows["notes"], *self.there.rows["tasks"]]
        return [row["properties"] for row in both]

    def edit(self, text: str) -> None:
        for row in self.made():
            name = "hs_note_body" if "hs_note_body" in row else "hs_task_body"
            row[name] += text

    def copy(self) -> None:
        row = self.there.rows["notes"][-1]
        again = self.there.note("deals", self.deal_id, **row["properties"])
        self.there.rows["notes"].insert(0, self.there.rows["notes"].pop())
        again["createdAt"] = "2026-11-20T11:59:59.000Z"

    def refuse(self, answer: tuple[int, Any] | None) -> None:
        self.there.refusal = answer


class AtSalesforce(Place):
    kind, secret = "salesforce", json.dumps(APP)
    amount, stage = "Amount", "StageName"
    first, second = "Negotiation/Review", "Contract sent"
    no = (403, [{"errorCode": "INSUFFICIENT_ACCESS", "message": "You may not."}])
    often = (403, USED_UP)

    def __init__(self) -> None:
        self.there = ActingOrg()
        self.vendor = Vendor(
            shapes=SALESFORCE_ACTING, always=SALESFORCE_ALWAYS, act=self.there.act
        )
        account = self.there.record("Account", Ours__c="acme", Segment__c="small")
        self.account = account["Id"]
        self.deal = self.there.record(
            "Opportunity", StageName="Qualification", Amount=1200.5, Probability=35.0,
            ForecastCategoryName="Best Case", CloseDate="2026-12-31", Discount__c=None,
            HasOpportunityLineItem=False, Account=account, AccountId=account["Id"],
        )  # fmt: skip

    @property
    def deal_id(self) -> str:
        return str(self.deal["Id"])

    def held(self, name: str) -> Any:
        return self.deal[name]

    def change(self, **said: Any) -> None:
        self.there.change(self.deal, **said)

    def made(self) -> list[dict[str, Any]]:
        return self.there.of("Task")

    def edit(self, text: str) -> None:
        for row in self.made():
            self.there.change(row, Description=row["Description"] + text)

    def copy(self) -> None:
        again = {**self.made()[-1], "Id": "00T000000000000AAA"}
        self.there.rows.insert(0, ("Task", NOW, again))

    def refuse(self, answer: tuple[int, Any] | None) -> None:
        self.there.refusal = answer


PLACES: dict[str, Callable[[], Place]] = {
    "hubspot": AtHubSpot,
    "salesforce": AtSalesforce,
}
SESSION_ENDED = (401, ENDED)


@contextmanager
def open_at(kind: str, settings: Any) -> Iterator[Place]:
    """A stand-in; what is said to it, and by it, is held to what is documented."""
    place = PLACES[kind]()
    with serving(place.vendor) as vendor:
        settings.EGRESS_ALLOW = [vendor.url.removeprefix("http://")]
        if isinstance(place, AtSalesforce):
            place.there.url = vendor.url
        yield place
    assert not vendor.broken
