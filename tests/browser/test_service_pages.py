"""X6 in a browser: an admin sees which tool serves badly, and says how well it has to."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from autonomy import alerts, service
from autonomy.rules.answers import Meaning, Said
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.conftest import House

LogIn = Callable[..., None]
LIST, ALERTS = "/admin/autonomy/objective/", "/admin/autonomy/sloalert/"
TOOL = f"{LIST}crm.note/change/"
WELL = Said(meaning=Meaning.DONE, detail="", status=200)
BROKEN = Said(meaning=Meaning.AMBIGUOUS, detail="", status=500)


@pytest.fixture
def served(house: House) -> House:
    """A tenant whose tools were called all day; one of them fails."""
    now = timezone.now()
    with tenant_scope(house.tenant):
        for hour in range(24):
            at = now - timedelta(hours=hour)
            for number in range(1 + hour % 7):
                service.count("mail.send", WELL, 120.0 + 40 * number, at)
                service.count("crm.note", WELL, 700.0, at)
        for _ in range(12):
            service.count("crm.note", BROKEN, 9000.0, now)
    alerts.watch(now=now)
    return house


def test_an_admin_reads_figures_and_sets_an_objective(
    served: House, page: Page, log_in: LogIn
) -> None:
    """U2: from the sidebar to the objective, and back to what was changed."""
    log_in(Role.ADMIN)
    page.goto("/admin/")
    page.get_by_role("link", name="Service levels").click()
    expect(page.get_by_text("too slow, fails too often")).to_be_visible()
    expect(page.get_by_role("img", name="calls in the last day").first).to_be_visible()
    page.get_by_role("link", name="crm.note").first.click()
    page.get_by_label("A call takes at most").select_option(label="15 s")
    page.get_by_label("Percent of calls that go well").fill("95")
    page.get_by_role("button", name="Save", exact=True).click()
    page.goto(TOOL)
    expect(page.get_by_label("A call takes at most")).to_have_value("15000")
    expect(page.get_by_text("crm.note", exact=True).first).to_be_visible()
    with tenant_scope(served.tenant):
        aim = service.objective("crm.note")
    assert (aim.latency_ms, aim.success_percent) == (15_000, 95.0)


def test_nothing_overflows_on_a_phone(served: House, page: Page, log_in: LogIn) -> None:
    log_in(Role.ADMIN)
    page.set_viewport_size({"width": 390, "height": 844})
    too_wide = {}
    for path in (LIST, TOOL, ALERTS):
        page.goto(path)
        too_wide[path] = _overflow(page)
    page.goto(ALERTS)
    page.locator("#result_list a").first.click()
    page.wait_for_url("**/change/")
    too_wide["alert"] = _overflow(page)
    assert {path: by for path, by in too_wide.items() if by} == {}


def _overflow(page: Page) -> int:
    too_wide: int = page.evaluate(
        "Math.max(0, document.documentElement.scrollWidth"
        " - document.documentElement.clientWidth)"
    )
    return too_wide
