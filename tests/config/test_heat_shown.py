"""P4: heat cools by itself, and every door shows it as it is now."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from autonomy.context import frozen_context
from ledger.scope import tenant_scope
from perception.heat import heat_of
from perception.models import Account
from perception.rules.roles import Role
from tests.conftest import PASSWORD, House

NEW = {"external_id": "crm-1", "name": "Acme"}


@pytest.fixture
def burnt_out(house: House) -> UUID:
    """Hot four half-lives ago; nobody looked at it since."""
    made = house.client(Role.ADMIN).send("POST", "accounts/", NEW).json()
    then = datetime.now(UTC) - timedelta(hours=4 * 48)
    with tenant_scope(house.tenant):
        Account.objects.update(heat_score=0.8, heat_tier="HOT", heat_at=then)
    return UUID(made["id"])


def test_the_api_shows_it_cooled(house: House, burnt_out: UUID) -> None:
    reader = house.client(Role.AUDITOR)
    one = reader.send("GET", f"accounts/{burnt_out}/").json()["heat"]
    (listed,) = reader.send("GET", "accounts/").json()["results"]
    for heat in (one, listed["heat"]):
        assert heat["tier"] == "COLD"
        assert heat["score"] == pytest.approx(0.05, abs=0.001)
        assert heat["at"] is not None


def test_a_decision_knows_it_cooled(house: House, burnt_out: UUID) -> None:
    """D1: a context that calls a cold account hot misleads whoever reads it."""
    now = datetime.now(UTC)
    with tenant_scope(house.tenant):
        account = Account.objects.get(pk=burnt_out)
        shown = frozen_context(account, None, now=now)["account"]["heat"]
        then = account.heat_at
        kept = heat_of(account, now=then) if then else None
    assert (shown["tier"], round(shown["score"], 3)) == ("COLD", 0.05)
    assert kept is not None
    assert (kept.tier, kept.score) == ("HOT", 0.8)


def test_pages_show_it_cooled(house: House, burnt_out: UUID) -> None:
    browser: Any = Client()
    assert browser.login(email=f"admin@{house.slug}.example", password=PASSWORD)
    first = browser.get("/accounts/").content.decode()
    assert '<span class="heat cold"><progress value="5" max="100"' in first
    listed = browser.get("/admin/perception/account/", follow=True).content.decode()
    assert "0.05" in listed
    assert "0.8" not in listed
