"""P3, A3: a signal that names a deal moves it, forward in time, as a CRM that is read."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger.models import Entry
from ledger.scope import tenant_scope
from perception import deals, news
from perception.accounts import add_account
from perception.heat import standing_of
from perception.intake import receive
from perception.models import Account, Opportunity
from perception.rules.roles import Role
from perception.sources.base import Deal
from tests.conftest import NOW, House
from tests.perception.test_intake import SENDER
from tests.races import in_threads

TICK, MINUTE = timedelta(microseconds=1), timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = date(2027, 2, 18)


class Desk:
    """A tenant with one account and its deal o1, and a CRM that pushes."""

    def __init__(self, house: House) -> None:
        self.house, self.tenant = house, house.tenant
        first = {"external_id": "o1", "stage": "discovery", "amount": Decimal(100)}
        with tenant_scope(self.tenant):
            self.account = add_account(
                {"external_id": "acme", "name": "Acme", "opportunities": [first]},
                by=house.caller(Role.ADMIN),
                now=NOW,
            )

    def push(self, *payloads: dict[str, Any], after: timedelta = HOUR) -> None:
        """Updates that came about so long after the account was made."""
        items = [self.item(payload, after=after) for payload in payloads]
        self.receive(items, after=after)

    def item(self, payload: dict[str, Any], *, after: timedelta) -> dict[str, Any]:
        said = {"account": "acme", "type": "crm_update", "payload": payload}
        return {**said, "occurred_at": NOW + after}

    def receive(
        self, items: list[dict[str, Any]], *, after: timedelta = 9 * HOUR
    ) -> None:
        with tenant_scope(self.tenant):
            receive(items, by=SENDER, now=NOW + after)

    def deals(self) -> dict[str, tuple[Any, ...]]:
        with tenant_scope(self.tenant):
            rows = Opportunity.objects.filter(account=self.account).order_by("id")
            fields = ("external_id", "stage", "amount", "renewal_date")
            return {name: tuple(more) for name, *more in rows.values_list(*fields)}

    def stated(self) -> list[dict[str, Any]]:
        """What was stated of deals."""
        with tenant_scope(self.tenant):
            rows = Entry.objects.filter(kind="account.changed").order_by("number")
            return [each.data for each in rows if "opportunity" in each.data]

    def told(self) -> bool:
        with tenant_scope(self.tenant):
            return bool(news.account_news(9))


@pytest.fixture
def desk(house: House) -> Desk:
    return Desk(house)


def test_a_pushed_stage_moves_the_deal(desk: Desk) -> None:
    """P3, L3: the deal as well as the account; stated as a pull states it, and news."""
    desk.push({"object": "opportunity", "opportunity": "o1", "stage": "closed_won"})
    assert desk.deals() == {"o1": ("closed_won", Decimal(100), None)}
    assert desk.stated() == [
        {
            "opportunity": "o1",
            "before": {"stage": "discovery", "amount": "100.00", "renewal_date": None},
            "after": {"stage": "closed_won", "amount": "100.00", "renewal_date": None},
        }
    ]
    with tenant_scope(desk.tenant):
        held = Account.objects.get(pk=desk.account.pk)
        assert (held.lifecycle, held.news_at) == ("CUSTOMER", NOW + HOUR + TICK)
        assert standing_of(held, now=NOW + HOUR).stages == []


@pytest.mark.parametrize(
    ("said", "then"),
    [
        ({"stage": "Closed Won"}, ("closed_won", Decimal(100), None)),
        ({"field": "stage", "from": "discovery", "to": "negotiation"},
         ("negotiation", Decimal(100), None)),
        ({"amount": 250.5}, ("discovery", Decimal("250.50"), None)),
        ({"amount": "1200"}, ("discovery", Decimal(1200), None)),
        ({"amount": None}, ("discovery", None, None)),
        ({"field": "amount", "to": 7}, ("discovery", Decimal(7), None)),
        ({"renewal_date": "2027-02-18"}, ("discovery", Decimal(100), DAY)),
        ({"renewal_date": "2027-02-18T09:00:00Z"}, ("discovery", Decimal(100), DAY)),
        ({"object": "Deal", "stage": "stalled"}, ("stalled", Decimal(100), None)),
    ],
)  # fmt: skip
def test_what_is_said_of_a_deal(
    desk: Desk, said: dict[str, Any], then: tuple[Any, ...]
) -> None:
    """P3: its stage, amount and renewal; what is not said stays as it is."""
    desk.push({"opportunity": "o1", **said})
    assert desk.deals() == {"o1": then}
    assert len(desk.stated()) == 1


@pytest.mark.parametrize(
    "said",
    [
        {"opportunity": "o1", "stage": "discovery"},
        {"opportunity": "o1", "amount": 100},
        {"opportunity": "o1"},
        {"opportunity": "o1", "stage": "Proposal sent"},
        {"opportunity": "o1", "amount": "much"},
        {"opportunity": "o1", "amount": True},
        {"opportunity": "o1", "amount": 10**13},
        {"opportunity": "o1", "amount": ""},
        {"opportunity": "o1", "renewal_date": "soon"},
        {"opportunity": "o1", "renewal_date": None},
        {"opportunity": "o1", "field": "owner", "to": "closed_won"},
        {"opportunity": "o1", "object": "quote", "stage": "stalled", "amount": 5},
        {"opportunity": "", "stage": "stalled"},
        {"opportunity": "o" * 201, "stage": "stalled"},
        {"opportunity": "o2", "amount": 5},
        {"stage": "negotiation"},
    ],
)
def test_what_moves_no_deal(desk: Desk, said: dict[str, Any]) -> None:
    """P3: what is so already, cannot be read, or names no deal."""
    desk.push(said)
    assert desk.deals() == {"o1": ("discovery", Decimal(100), None)}
    assert (desk.stated(), desk.told()) == ([], False)


def test_other_types_move_nothing(desk: Desk) -> None:
    """P2: unknown types are kept, and say nothing of deals."""
    said = {"opportunity": "o1", "stage": "closed_won"}
    desk.receive([{"account": "acme", "type": "deal_moved", "payload": said}])
    assert (desk.deals()["o1"][0], desk.stated()) == ("discovery", [])


def test_a_deal_that_is_not_there_is_made(desk: Desk) -> None:
    """P3: with all that one list says of it, whatever comes first in it."""
    desk.push({"opportunity": 77, "amount": 5}, {"opportunity": 77, "stage": "stalled"})
    assert desk.deals()["77"] == ("stalled", Decimal(5), None)
    after = {"stage": "stalled", "amount": "5.00", "renewal_date": None}
    assert desk.stated() == [{"opportunity": "77", "before": {}, "after": after}]


def test_only_forward_in_time(desk: Desk) -> None:
    """P3: what comes late undoes nothing newer, field by field; repeats change nothing."""
    desk.push({"opportunity": "o1", "stage": "negotiation"}, after=5 * HOUR)
    late = desk.item({"opportunity": "o1", "stage": "evaluation"}, after=3 * HOUR)
    desk.receive([late])
    assert desk.deals()["o1"][0] == "negotiation"
    desk.receive([desk.item({"opportunity": "o1", "amount": 7}, after=4 * HOUR)])
    assert desk.deals() == {"o1": ("negotiation", Decimal(7), None)}
    desk.push({"opportunity": "o1", "stage": "negotiation"}, after=5 * HOUR)
    assert len(desk.stated()) == 2
    older = desk.item({"opportunity": "o1", "stage": "stalled"}, after=-HOUR)
    desk.receive([older])
    assert len(desk.stated()) == 2


def test_the_same_word_later_counts_from_then_on(desk: Desk) -> None:
    desk.push({"opportunity": "o1", "stage": "discovery"}, after=5 * HOUR)
    desk.receive([desk.item({"opportunity": "o1", "stage": "stalled"}, after=3 * HOUR)])
    assert (desk.deals()["o1"][0], desk.stated()) == ("discovery", [])


def test_one_list_ends_with_its_newest_word(desk: Desk) -> None:
    """P3: in whichever order it lists them; one change is stated."""
    desk.receive(
        [
            desk.item({"opportunity": "o1", "stage": "closed_lost"}, after=4 * HOUR),
            desk.item({"opportunity": "o1", "stage": "evaluation"}, after=2 * HOUR),
            desk.item({"opportunity": "o1", "stage": "negotiation"}, after=3 * HOUR),
        ]
    )
    assert desk.deals()["o1"][0] == "closed_lost"
    assert [each["after"]["stage"] for each in desk.stated()] == ["closed_lost"]


def test_a_known_key_moves_nothing(desk: Desk) -> None:
    """P1: a repeated delivery, whatever it says; nor does its twin in one list."""
    first = desk.item({"opportunity": "o1", "stage": "stalled"}, after=2 * HOUR)
    again = desk.item({"opportunity": "o1", "stage": "closed_won"}, after=3 * HOUR)
    desk.receive([{**first, "dedupe_key": "k"}, {**again, "dedupe_key": "k"}])
    desk.receive([{**again, "dedupe_key": "k"}])
    assert desk.deals()["o1"][0] == "stalled"


def test_a_clock_that_is_ahead_holds_up_nobody(desk: Desk) -> None:
    """A moment in the future counts as now."""
    ahead = desk.item({"opportunity": "o1", "stage": "stalled"}, after=HOUR)
    desk.receive([ahead], after=HOUR - timedelta(minutes=4))
    desk.push({"opportunity": "o1", "stage": "evaluation"}, after=HOUR - 3 * MINUTE)
    assert desk.deals()["o1"][0] == "evaluation"


def test_what_a_crm_shows_and_what_it_pushes_are_one_order(desk: Desk) -> None:
    """P3, P9: what was read counts from when it was read, changed or not."""
    shown = Deal(
        account="acme", external_id="o1", stage="discovery", amount=Decimal(100)
    )
    with tenant_scope(desk.tenant):
        assert deals.keep([(desk.account.id, shown)], now=NOW + 5 * HOUR) == 0
    desk.receive([desk.item({"opportunity": "o1", "stage": "stalled"}, after=3 * HOUR)])
    assert desk.deals()["o1"][0] == "discovery"
    desk.push({"opportunity": "o1", "stage": "stalled"}, after=6 * HOUR)
    assert desk.deals()["o1"][0] == "stalled"


def test_what_is_refused_moves_nothing(desk: Desk) -> None:
    """P2: all of a list, or none."""
    good = desk.item({"opportunity": "o1", "stage": "stalled"}, after=HOUR)
    with pytest.raises(Exception, match="no account"):
        desk.receive([good, {**good, "account": "nobody"}])
    assert (desk.deals()["o1"][0], desk.stated()) == ("discovery", [])


def test_each_tenant_moves_its_own(
    desk: Desk, make_house: Callable[..., House]
) -> None:
    """T1: the same names elsewhere stay as they are."""
    there = Desk(make_house())
    desk.push({"opportunity": "o1", "stage": "closed_won"})
    assert there.deals()["o1"][0] == "discovery"


def statements(desk: Desk, items: list[dict[str, Any]]) -> int:
    with CaptureQueriesContext(connection) as queries:
        desk.receive(items)
    return len(queries)


def test_a_list_of_updates_takes_as_many_statements_as_one(desk: Desk) -> None:
    """P1: and what says nothing of a deal costs none at all."""
    many = [
        desk.item({"opportunity": f"o{n}", "stage": "stalled"}, after=HOUR)
        for n in range(200)
    ]
    one = [desk.item({"opportunity": "o1", "stage": "evaluation"}, after=2 * HOUR)]
    silent = [desk.item({"field": "Type"}, after=HOUR), desk.item({}, after=HOUR)]
    news_ = [{"account": "acme", "type": "news", "payload": {}}] * 2
    assert statements(desk, many) == statements(desk, one)
    assert len(desk.deals()) == 200
    assert statements(desk, silent) == statements(desk, news_)
    assert statements(desk, one) <= statements(desk, news_) + 4


def test_pushes_and_pulls_that_cross_never_wait_for_each_other(desk: Desk) -> None:
    """P1, P9: accounts are held before deals, by everybody; the newest word stays."""
    names = [f"o{n}" for n in range(12)]

    def at_once(number: int) -> int:
        order = names if number % 2 else names[::-1]
        at = (number + 1) * HOUR
        if number % 4 < 2:
            said = [{"opportunity": n, "stage": "stalled"} for n in order]
            desk.receive([desk.item(each, after=at) for each in said], after=at)
            return 0
        shown = [Deal(account="acme", external_id=n, stage="evaluation") for n in order]
        with tenant_scope(desk.tenant):
            deals.keep([(desk.account.id, each) for each in shown], now=NOW + at)
        return 0

    in_threads(8, at_once)
    # The last of all, the eighth, was a pull.
    assert {stage for stage, *_ in desk.deals().values()} == {"evaluation"}
