"""Stories of the first pages: who comes in, what they see, what they cannot do."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from ledger.models import Entry
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from perception.accounts import add_account
from perception.models import Tenant
from perception.rules.roles import Role
from tests.conftest import NOW, House

LogIn = Callable[..., None]


@pytest.fixture
def accounts(house: House) -> House:
    """One account of the seller, one of nobody."""
    seller = str(house.members[Role.SELLER].id)
    with tenant_scope(house.tenant):
        for name, owner in (("Mine & Sons", seller), ("Unowned GmbH", None)):
            given = {"external_id": name, "name": name, "owner": owner}
            add_account(given, by=house.caller(Role.ADMIN), now=NOW)
    return house


def test_a_seller_sees_only_their_own_accounts(
    accounts: House, page: Page, log_in: LogIn
) -> None:
    log_in(Role.SELLER)
    expect(page.get_by_role("heading", name="Next", exact=True)).to_be_visible()
    expect(page.get_by_text("Nothing to decide.")).to_be_visible()
    page.get_by_role("link", name="Accounts", exact=True).click()
    expect(page.get_by_text("Mine & Sons").first).to_be_visible()
    expect(page.get_by_text("Unowned GmbH")).to_have_count(0)
    expect(page.get_by_role("link", name="Admin")).to_have_count(0)
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(re.compile(r"/login/$"))
    page.goto("/")
    expect(page).to_have_url(re.compile(r"/login/\?next=/$"))


def test_a_wrong_password_is_told(page: Page, log_in: LogIn) -> None:
    log_in(Role.SELLER, password="not this one")
    expect(page.get_by_role("alert")).to_contain_text("not correct")
    expect(page.get_by_label("E-mail")).to_have_value(re.compile("seller@"))
    page.goto("/")
    expect(page).to_have_url(re.compile("/login/"))


def test_an_auditor_reads_the_ledger_and_changes_nothing(
    accounts: House, page: Page, log_in: LogIn
) -> None:
    log_in(Role.AUDITOR)
    expect(page.get_by_role("heading", name="Next", exact=True)).to_be_visible()
    page.goto("/admin/ledger/entry/")
    expect(
        page.locator("#result_list").get_by_text("An account was added.")
    ).to_have_count(2)
    page.locator("#result_list").get_by_text("An account was added.").first.click()
    expect(
        page.get_by_text("Mine & Sons").or_(page.get_by_text("Unowned GmbH")).first
    ).to_be_visible()
    expect(
        page.locator("#content input:not([type=hidden]), #content textarea")
    ).to_have_count(0)
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    expect(page.get_by_role("link", name="Add")).to_have_count(0)


def test_an_admin_changes_a_setting_and_finds_it_in_the_ledger(
    house: House, page: Page, log_in: LogIn
) -> None:
    log_in(Role.ADMIN)
    page.get_by_role("link", name="Admin", exact=True).click()
    page.goto(f"/admin/perception/tenant/{house.tenant}/change/")
    page.locator("#id_digest_hour").fill("11")
    page.locator("#id_quiet_from").fill("20:00")
    page.locator("#id_quiet_until").fill("08:00")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page).to_have_url(re.compile("/tenant/$"))
    with tenant_scope(house.tenant):
        tenant = Tenant.objects.get()
        stated = Entry.objects.get(kind=Kind.SETTING_CHANGED)
    assert (tenant.digest_hour, tenant.quiet_hours["start"]) == (11, "20:00")
    assert stated.data["before"] == {"digest_hour": 8, "quiet_hours": {}}
    assert stated.actor["id"] == str(house.members[Role.ADMIN].id)
    page.goto("/admin/ledger/entry/")
    newest = page.locator("#result_list tbody tr").first
    expect(newest).to_contain_text("A setting was changed; before and after are kept.")


def test_nothing_overflows_on_a_phone(
    accounts: House, page: Page, log_in: LogIn
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/login/")
    widths = [_overflow(page)]
    log_in(Role.ADMIN)
    for path in ("/", "/auth/2fa/", "/admin/", "/admin/ledger/entry/"):
        page.goto(path)
        widths.append(_overflow(page))
    page.locator("#result_list a").first.click()
    widths.append(_overflow(page))
    assert widths == [0] * 6


def _overflow(page: Page) -> int:
    too_wide: int = page.evaluate(
        "Math.max(0, document.documentElement.scrollWidth"
        " - document.documentElement.clientWidth)"
    )
    return too_wide
