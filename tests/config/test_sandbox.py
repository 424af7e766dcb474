"""The demo's week: believable, offline, and there once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.conf import LazySettings

from config import sandbox
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.accounts import add_account
from perception.heat import heat_of
from perception.models import Account, Connector, Interaction, Opportunity, Signal
from perception.rules.roles import Role
from perception.sources.base import Asked, Wire
from perception.sources.files import Files
from tests.conftest import House

COUNTED = (Interaction, Signal, Connector, Entry, Opportunity)


def _demo(house: House, now: datetime) -> None:
    """Nine accounts as `seed` makes them."""
    with tenant_scope(house.tenant):
        for number in range(1, 10):
            given = {
                "external_id": f"crm-{number:04}",
                "name": f"Company {number}",
                "opportunities": [
                    {
                        "external_id": f"opp-{number:04}",
                        "stage": "discovery",
                        "amount": 1000,
                        "renewal_date": (now + timedelta(days=200)).date(),
                    }
                ],
                "contacts": [
                    {"external_id": "c", "name": "C", "email": f"c@{number}.example"}
                ],
            }
            add_account(given, by=house.caller(Role.ADMIN), now=now)


def _rows(tenant: UUID) -> list[int]:
    with tenant_scope(tenant):
        return [model._default_manager.count() for model in COUNTED]


def test_a_week_that_is_there_once_and_is_read_offline(
    house: House, settings: LazySettings, tmp_path: Path
) -> None:
    """P9: one account heats up, one cools, one renews soon, one is at risk."""
    settings.DROP_DIR, now = tmp_path, datetime.now(UTC)
    _demo(house, now)
    assert sandbox.furnish(house.slug, now=now)
    with tenant_scope(house.tenant):
        of = {each.external_id: each for each in Account.objects.all()}
        tiers = {name: heat_of(each, now=now) for name, each in of.items()}
        said = {
            (row.account.external_id, family)
            for row in Interaction.objects.select_related("account")
            for family in row.said
        }
        deals = {row.external_id: row for row in Opportunity.objects.all()}
        connector = Connector.objects.get(name=sandbox.NAME)
        assert Signal.objects.filter(is_known=False).count() == 0
    assert tiers["crm-0001"].tier == "HOT"
    assert tiers["crm-0002"].score < of["crm-0002"].heat_score
    assert {("crm-0001", "budget"), ("crm-0004", "leaving")} <= said
    assert deals["opp-0003"].renewal_date == (now + timedelta(days=25)).date()
    assert deals["opp-0001"].stage == "evaluation"
    asked = Asked(
        config=connector.config, secret="", cursor={}, is_deep=False,
        now=now, tenant=str(house.tenant),
    )  # fmt: skip
    found = Files().pull(asked, Wire(timeout=5, pace=lambda: None))
    assert found.skipped == []
    assert {each.account for each in found.signals} == {
        "crm-0007", "crm-0008", "crm-0009",
    }  # fmt: skip
    before = _rows(house.tenant)
    assert not sandbox.furnish(house.slug, now=now + timedelta(hours=1))
    assert _rows(house.tenant) == before


def test_a_demo_of_fewer_accounts_gets_a_shorter_week(
    house: House, settings: LazySettings, tmp_path: Path
) -> None:
    settings.DROP_DIR = tmp_path
    assert sandbox.furnish(house.slug, now=datetime.now(UTC))
    with tenant_scope(house.tenant):
        assert not Signal.objects.exists()
        assert Connector.objects.get().kind == "files"
