"""P3, P9: the deals of accounts follow the CRM, and the ledger says when they did."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from ledger.models import Entry
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from perception.accounts import add_account
from perception.models import Connector, Opportunity
from perception.readings import keep
from perception.rules.roles import Role
from perception.sources.base import Deal, Found
from tests.conftest import House

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def crm(house: House) -> Callable[..., int]:
    """Keeps what a CRM brought; says how many facts of the ledger it made."""
    with tenant_scope(house.tenant):
        given = {"external_id": "acme", "name": "Acme"}
        add_account(given, by=house.caller(Role.ADMIN), now=NOW)
        connector = Connector.objects.create(
            tenant_id=house.tenant, kind="tryton", name="crm", sealed_secrets=""
        )

    def brings(*deals: Deal) -> int:
        with tenant_scope(house.tenant):
            before = stated(house)
            keep(Found(cursor={}, deals=deals), connector, account=None, now=NOW)
            return stated(house) - before

    return brings


def stated(house: House) -> int:
    return Entry.objects.filter(
        tenant_id=house.tenant, kind=Kind.ACCOUNT_CHANGED
    ).count()


def kept(house: House) -> list[Any]:
    with tenant_scope(house.tenant):
        rows = Opportunity.objects.filter(tenant_id=house.tenant).order_by(
            "external_id"
        )
        return list(rows.values_list("external_id", "stage", "amount", "renewal_date"))


def deal(stage: str, **more: Any) -> Deal:
    return Deal(**{"account": "acme", "external_id": "5", "stage": stage, **more})


def test_deals_follow_the_crm(house: House, crm: Callable[..., int]) -> None:
    """P3: new, changed, unchanged; only a change is stated."""
    renewal = date(2027, 1, 31)
    assert crm(deal("discovery", amount=Decimal("10.00"), renewal_date=renewal)) == 1
    assert kept(house) == [("5", "discovery", Decimal("10.00"), renewal)]
    assert crm(deal("discovery", amount=Decimal("10"))) == 0
    assert crm(deal("closed_won", amount=None)) == 1
    assert kept(house) == [("5", "closed_won", None, renewal)]
    with tenant_scope(house.tenant):
        entry = Entry.objects.filter(
            tenant_id=house.tenant, kind=Kind.ACCOUNT_CHANGED
        ).latest("id")
    assert entry.data["opportunity"] == "5"
    assert entry.data["before"]["stage"] == "discovery"
    assert entry.data["after"]["stage"] == "closed_won"


def test_deals_of_strangers_make_nothing(house: House, crm: Callable[..., int]) -> None:
    """P3: neither an account, nor a deal, nor a fact."""
    assert crm(deal("discovery", account="nobody")) == 0
    assert kept(house) == []
