"""R5, R7: what moved about an account is kept as news until whoever listens heard it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from ledger.record import Actor
from ledger.scope import system_scope, tenant_scope
from perception import deals, news
from perception.accounts import add_account, change_account
from perception.intake import receive
from perception.models import Account, Connector
from perception.readings import keep
from perception.rules.roles import Role
from perception.sources.base import Deal, Found, Sighted
from tests.conftest import NOW, House
from tests.races import in_threads

SENDER = Actor(type="system", id="tests")
TICK = timedelta(microseconds=1)


class Town:
    """A tenant with accounts, and what is told of them."""

    def __init__(self, house: House, accounts: int = 2) -> None:
        self.house, self.tenant = house, house.tenant
        with tenant_scope(house.tenant):
            self.ids = [
                add_account(
                    {"external_id": f"crm-{number}", "name": f"Account {number}"},
                    by=house.caller(Role.ADMIN),
                    now=NOW,
                ).id
                for number in range(accounts)
            ]

    def news(self, most: int = 100) -> list[tuple[UUID, datetime]]:
        with tenant_scope(self.tenant):
            return news.account_news(most)

    def tell(self, *numbers: int, now: datetime = NOW) -> None:
        with tenant_scope(self.tenant):
            news.tell([self.ids[number] for number in numbers], now=now)

    def heard(self, pairs: list[tuple[UUID, datetime]]) -> int:
        with tenant_scope(self.tenant):
            return news.heard(pairs)

    def deal(self, number: int = 0, now: datetime = NOW, **more: Any) -> int:
        given = {"external_id": "o1", "stage": "discovery", "amount": Decimal(5)}
        deal = Deal(account=f"crm-{number}", **{**given, **more})
        with tenant_scope(self.tenant):
            return deals.keep([(self.ids[number], deal)], now=now)


@pytest.fixture
def town(house: House) -> Town:
    return Town(house)


def test_a_new_account_is_no_news(town: Town) -> None:
    assert town.news() == []


@pytest.mark.parametrize(
    "change",
    [
        {"stage": "closed_won"},
        {"amount": Decimal(6)},
        {"renewal_date": (NOW + timedelta(days=9)).date()},
        {"external_id": "o2"},
    ],
)
def test_deals_that_move_are_news(town: Town, change: dict[str, Any]) -> None:
    """A new deal, its stage, its amount, its renewal; what is as it was is none."""
    town.deal()
    assert town.news() == [(town.ids[0], NOW)]
    assert town.heard(town.news()) == 1
    assert town.deal() == 0
    assert town.news() == []
    town.deal(now=NOW + TICK, **change)
    assert town.news() == [(town.ids[0], NOW + TICK)]


def test_a_phase_that_signals_bring_is_news(town: Town) -> None:
    """P3: a signal as such is none."""
    quiet = {"account": "crm-0", "type": "news", "payload": {"title": "A"}}
    told = {
        "account": "crm-1",
        "type": "lifecycle_change",
        "payload": {"to": "CUSTOMER"},
    }
    with tenant_scope(town.tenant):
        receive([quiet, told], by=SENDER, now=NOW)
        assert Account.objects.get(pk=town.ids[1]).lifecycle == "CUSTOMER"
    assert town.news() == [(town.ids[1], NOW)]


def test_news_that_came_meanwhile_stay(town: Town) -> None:
    """Two at the same moment are two; only what was read is taken as heard."""
    town.tell(0, 1)
    read = town.news()
    town.tell(0)
    assert town.heard(read) == 1
    assert town.news() == [(town.ids[0], NOW + TICK)]
    assert town.heard(read) == 0
    assert town.heard(town.news()) == 1
    assert (town.news(), town.heard([])) == ([], 0)


def test_a_clock_that_goes_back_loses_no_news(town: Town) -> None:
    town.tell(0)
    read = town.news()
    town.tell(0, now=NOW - timedelta(hours=1))
    assert town.heard(read) == 0
    assert town.news() == [(town.ids[0], NOW + TICK)]


def test_the_oldest_first_and_so_many(town: Town) -> None:
    town.tell(1)
    town.tell(0, now=NOW + TICK)
    assert [id_ for id_, _ in town.news()] == [town.ids[1], town.ids[0]]
    assert [id_ for id_, _ in town.news(1)] == [town.ids[1]]


def test_what_is_taken_back_is_no_news(town: Town) -> None:
    """It comes with what it tells, or not at all."""
    with tenant_scope(town.tenant):
        change_account(
            Account.objects.get(pk=town.ids[0]),
            {"closed": True},
            by=town.house.caller(Role.ADMIN),
            now=NOW,
        )
        assert len(news.account_news(9)) == 1
        transaction.set_rollback(True)
    assert town.news() == []


def test_each_tenant_hears_its_own(town: Town, other: House) -> None:
    """T1, T3: the system learns which tenants have news, and no more."""
    town.tell(0)
    there = Town(other)
    with system_scope("hear of accounts"):
        found = news.tenants_with_news()
    assert town.tenant in found
    assert there.tenant not in found
    assert there.news() == []
    assert there.heard(town.news()) == 0
    assert len(town.news()) == 1


def test_news_are_found_without_looking_at_the_others(town: Town) -> None:
    """An index that holds what has news, and nothing else."""
    town.tell(0)
    with tenant_scope(town.tenant), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {news._FOUND}", [str(town.tenant), 10])
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "account_news" in plan


def page(town: Town, order: range | list[int], stage: str) -> Found:
    """Signals of the first accounts in this order, deals of the last."""
    half = len(order) // 2
    names = [f"crm-{number}" for number in order]
    return Found(
        cursor={},
        deals=[
            Deal(account=name, external_id="o1", stage=stage, amount=None)
            for name in names[half:]
        ],
        signals=[
            Sighted(
                type="news",
                payload={"title": stage},
                occurred_at=NOW,
                dedupe_key="",
                account=name,
            )
            for name in names[:half]
        ],
    )


def crm(town: Town, name: str) -> Connector:
    with tenant_scope(town.tenant):
        return Connector.objects.create(
            tenant_id=town.tenant, kind="tryton", name=name, sealed_secrets=""
        )


def test_pages_that_cross_never_wait_for_each_other(
    make_house: Callable[..., House],
) -> None:
    """One tells of deals where another brings signals, and the other way around."""
    town = Town(make_house(), accounts=6)
    by = [crm(town, f"crm {number}") for number in range(4)]
    stages = ["discovery", "qualification", "evaluation", "negotiation", "stalled"]

    def work(number: int) -> None:
        order = range(6) if number % 2 else range(5, -1, -1)
        for turn in range(10):
            stage = stages[(turn + number) % len(stages)]
            with tenant_scope(town.tenant):
                keep(page(town, order, stage), by[number], account=None, now=NOW)

    in_threads(4, work)
    assert {id_ for id_, _ in town.news()} == set(town.ids)


def test_a_page_takes_one_statement_more_and_only_for_news(town: Town) -> None:
    """Whatever a page holds: what did not move costs nothing."""

    def count(found: Found) -> int:
        with tenant_scope(town.tenant), CaptureQueriesContext(connection) as ran:
            keep(found, connector, account=None, now=NOW)
        return sum("news_at = greatest" in each["sql"] and "WITH held" in each["sql"]
                   for each in ran.captured_queries)  # fmt: skip

    connector = crm(town, "crm")
    moved = page(town, [0, 1], "discovery")
    assert [count(moved), count(moved)] == [1, 0]
