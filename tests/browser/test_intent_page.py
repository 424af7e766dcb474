"""A seller asks why, and takes it back: how an act is read in the browser."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from autonomy.models import Execution, Intent
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk, make_desk  # noqa: F401  a fixture
from tests.autonomy.pages import of_run, sealed, walked
from tests.autonomy.test_feed import parked
from tests.autonomy.test_undo import did, knows, undone
from tests.conftest import PASSWORD

LONG = 30_000
UNFOLD = "document.querySelectorAll('main .why').forEach((one) => { one.open = true })"
Enter = Callable[[Role], None]


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:  # noqa: F811
    return make_desk()


@pytest.fixture
def enter(page: Page, desk: Desk) -> Enter:
    """Logs in as somebody of the desk's tenant, after whoever was there before."""
    expect.set_options(timeout=LONG)

    def as_role(role: Role) -> None:
        page.context.clear_cookies()
        page.goto("/login/")
        page.get_by_label("E-mail").fill(f"{role.lower()}@{desk.house.slug}.example")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in", exact=True).click()
        expect(page.get_by_role("button", name="Log out")).to_be_visible()

    return as_role


def test_why_it_happened_and_how_it_is_undone(
    desk: Desk, page: Page, enter: Enter
) -> None:
    """U1, A8: both answers are on the page without a click; an undo is one, and its yes."""
    first = of_run(walked(desk))[0]
    sealed(desk.tenant)
    enter(Role.SELLER)
    page.goto(f"/intents/{first.pk}/")
    expect(page.get_by_role("heading", name="Why did this happen?")).to_be_visible()
    expect(page.get_by_text("Usage of the product fell.", exact=True)).to_be_visible()
    expect(page.get_by_text("It can be taken back until")).to_be_visible()
    expect(page.get_by_text("Proven just now")).to_be_visible()
    clicks = [
        page.locator("details.act > summary", has_text="Undo"),
        page.get_by_role("button", name="Undo it"),
    ]
    for each in clicks:
        each.click()
    said = page.get_by_role("status").get_by_text("It was taken back.", exact=True)
    expect(said).to_be_visible()
    expect(page.get_by_text("took it back on").first).to_be_visible()
    with tenant_scope(desk.tenant):
        assert Execution.objects.get(intent=first).status == "UNDONE"


def test_what_is_decided_elsewhere_is_shown_without_a_reload(
    desk: Desk, page: Page, enter: Enter
) -> None:
    """U1: live; what was unfolded stays so."""
    asked = desk.propose("send_follow_up_email")
    enter(Role.SELLER)
    page.goto(f"/intents/{asked.pk}/")
    page.locator("#facts-layers > summary").click()
    expect(page.get_by_text("Safety floor", exact=True)).to_be_visible()
    with tenant_scope(desk.tenant):
        Intent.objects.filter(pk=asked.pk).update(status="EXPIRED")
    page.evaluate("htmx.trigger('#intent', 'look')")
    expect(page.get_by_text("Nobody decided in time: it was not done.")).to_be_visible()
    expect(page.get_by_text("Safety floor", exact=True)).to_be_visible()


def test_the_page_is_for_everybody_who_looks(
    desk: Desk, page: Page, enter: Enter
) -> None:
    """U1: axe finds nothing, nothing overflows, light and dark, wide and narrow."""
    run = walked(desk)
    acts = of_run(run)
    context = knows(desk, "Ann")
    with tenant_scope(desk.tenant):
        desk.account.context.update(value="Eve")
        conflicted = Execution.objects.get(pk=context).intent_id
    undone(desk, context)
    sealed(desk.tenant)
    stopped = parked(desk)
    undone(desk, did(desk))
    enter(Role.ADMIN)
    for name, path in (
        ("done", f"/intents/{acts[0].pk}/?check=all"),
        ("waits", f"/intents/{acts[2].pk}/"),
        ("conflict", f"/intents/{conflicted}/"),
        ("run", f"/runs/{run.pk}/"),
        ("parked", f"/runs/{stopped.pk}/"),
    ):
        page.goto(path)
        _picture(page, f"{name}-folded")
        page.evaluate(UNFOLD)
        _is_fine(page, name)


def test_it_works_without_scripts(desk: Desk, site: str, chrome: Any) -> None:
    """U1: plain forms; the same verbs."""
    asked = desk.propose("send_follow_up_email")
    browser = chrome.new_context(base_url=site, java_script_enabled=False)
    page = browser.new_page()
    page.goto("/login/")
    page.get_by_label("E-mail").fill(f"approver@{desk.house.slug}.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.goto(f"/intents/{asked.pk}/")
    page.locator("#act-reject > summary").click()
    page.get_by_label("What speaks against it?").select_option("timing")
    page.get_by_role("button", name="Reject it").click()
    expect(page.get_by_text("Rejected. It will not be done.")).to_be_visible()
    browser.close()
    with tenant_scope(desk.tenant):
        assert Intent.objects.get(pk=asked.pk).status == "REJECTED"


def _is_fine(page: Page, name: str) -> None:
    for width, scheme in ((1280, "light"), (390, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, (name, width)
        found = Axe().run(page)
        assert not found.violations_count, (name, found.generate_report())
        _picture(page, f"{name}-{width}-{scheme}")


def _picture(page: Page, name: str) -> None:
    """Where somebody asks for pictures."""
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
