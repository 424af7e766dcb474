"""A story of connectors: chosen, configured, tried, held back."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from ledger.scope import tenant_scope
from perception import connectors
from perception.models import Connector
from perception.rules.roles import Role
from tests.conftest import House

LogIn = Callable[..., None]
HERE = "/admin/perception/connector"


def test_an_admin_adds_a_drop_folder_and_tries_it(
    house: House, page: Page, log_in: LogIn
) -> None:
    """P9, U2: nothing lies in the folder yet, and that is said, not failed."""
    log_in(Role.ADMIN)
    page.goto(f"{HERE}/")
    page.get_by_role("link", name="Add a connector").click()
    page.get_by_role("link", name="Drop folder").click()
    page.locator("#id_name").fill("Exports")
    page.locator("#id_config_folder").fill("crm")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="Last looks")).to_be_visible()
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_text("It works.")).to_be_visible()
    page.get_by_role("link", name="Back to the connector").click()
    page.get_by_role("link", name="Hold it back …").click()
    page.get_by_role("button", name="Hold it back").click()
    expect(page.get_by_text("held back by a person")).to_be_visible()
    with tenant_scope(house.tenant):
        made = Connector.objects.get()
    assert (made.config, made.forced_open) == ({"folder": "crm"}, True)


def test_connectors_fit_a_phone(house: House, page: Page, log_in: LogIn) -> None:
    with tenant_scope(house.tenant):
        made = connectors.add_webhook("CRM", now=house.members[Role.ADMIN].created_at)
    log_in(Role.ADMIN)
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    too_wide = {}
    for path in (
        "",
        "add/",
        "add/?kind=http",
        "add/?kind=hubspot",
        "add/?kind=smtp",
        f"{made.pk}/change/",
    ):
        page.goto(f"{HERE}/{path}")
        too_wide[path] = page.evaluate(
            "Math.max(0, document.documentElement.scrollWidth"
            " - document.documentElement.clientWidth)"
        )
    assert {path: by for path, by in too_wide.items() if by} == {}
