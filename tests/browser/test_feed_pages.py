"""A seller's day in the browser: Next by keyboard, Inbox, Autopilot, with and without scripts."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from autonomy.models import Approval, Execution
from autonomy.pipeline import act
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk, make_desk  # noqa: F401  a fixture
from tests.autonomy.test_feed import in_doubt
from tests.conftest import PASSWORD

LONG = 30_000
MAIL = "send_follow_up_email"


@pytest.fixture
def busy(make_desk: Callable[..., Desk]) -> Desk:  # noqa: F811
    """Three messages wait, one act is unclear, one ran alone."""
    desk = make_desk()
    for confidence in (0.9, 0.8, 0.7):
        desk.propose(MAIL, confidence=confidence, rationale="They asked.")
    act(desk.propose().id, tenant=desk.tenant)
    in_doubt(desk)
    return desk


def log_in(page: Page, desk: Desk, role: Role = Role.SELLER) -> None:
    expect.set_options(timeout=LONG)
    page.goto("/login/")
    page.get_by_label("E-mail").fill(f"{role.lower()}@{desk.house.slug}.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.get_by_role("heading", name="Next", exact=True)).to_be_visible()


def statuses(desk: Desk) -> list[str]:
    with tenant_scope(desk.tenant):
        rows = Approval.objects.order_by("id")
        return list(rows.values_list("status", flat=True))


def test_a_seller_decides_by_keyboard(busy: Desk, page: Page) -> None:
    """U1: j and k mark a card, a r s e u act on it; never while somebody writes."""
    log_in(page, busy)
    cards = page.locator("[data-card]")
    expect(cards).to_have_count(3)
    page.keyboard.press("a")
    page.keyboard.press("k")
    expect(cards.nth(0)).to_be_focused()
    page.keyboard.press("j")
    expect(cards.nth(1)).to_be_focused()
    page.keyboard.press("r")
    expect(page.get_by_role("button", name="Bad idea")).to_be_focused()
    words = page.get_by_placeholder("In your words (optional)").nth(1)
    words.fill("")
    words.press_sequentially("a jar?")
    expect(words).to_have_value("a jar?")
    page.get_by_role("button", name="Bad timing").click()
    expect(page.get_by_text("Rejected: Send a follow-up e-mail, Acme.")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("a")
    expect(page.get_by_text("Approved: Send a follow-up e-mail, Acme.")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("s")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Put off: Send a follow-up e-mail, Acme.")).to_be_visible()
    expect(page.get_by_text("Nothing to decide.")).to_be_visible()
    assert statuses(busy) == ["APPROVED", "REJECTED", "PENDING"]

    page.goto("/autopilot/")
    for _ in range(2):
        page.keyboard.press("j")
    page.keyboard.press("u")
    page.get_by_role("button", name="Undo it").click()
    expect(page.get_by_text("It was taken back, and read again")).to_be_visible()
    with tenant_scope(busy.tenant):
        assert Execution.objects.filter(status="UNDONE").count() == 1

    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_label("Use single keys").uncheck()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("j")
    expect(page.locator("[data-card]:focus")).to_have_count(0)


def test_what_is_decided_elsewhere_goes_without_a_reload(
    busy: Desk, page: Page
) -> None:
    """U1: live; the marked card stays marked, and H5: open since it was first shown."""
    log_in(page, busy)
    expect(page.locator("[data-card]")).to_have_count(3)
    since = page.locator("[data-card] [name=shown]").nth(0).input_value()
    page.keyboard.press("j")
    with tenant_scope(busy.tenant):
        last = Approval.objects.order_by("id").last()
        assert last is not None
        Approval.objects.filter(pk=last.pk).update(status="WITHDRAWN")
    page.evaluate("htmx.trigger('#next', 'look')")
    expect(page.locator("[data-card]")).to_have_count(2)
    expect(page.locator("[data-card]").nth(0)).to_be_focused()
    expect(page.locator("[data-card] [name=shown]").nth(0)).to_have_value(since)


def test_the_pages_are_for_everybody_who_looks(busy: Desk, page: Page) -> None:
    """U1: axe finds nothing, nothing overflows, light and dark, wide and narrow."""
    log_in(page, busy)
    with tenant_scope(busy.tenant):
        asked = Approval.objects.order_by("id")[0]
    for name, path in (
        ("next", "/"),
        ("inbox", "/inbox/"),
        ("together", f"/inbox/?type={MAIL}&risk=LOW&together=1"),
        ("question", f"/inbox/{asked.pk}/"),
        ("edit", f"/inbox/{asked.pk}/edit/"),
        ("autopilot", "/autopilot/"),
    ):
        page.goto(path)
        for summary in page.locator("[data-card] summary").all()[:3]:
            summary.evaluate("each => each.parentElement.open = true")
        _is_fine(page, name)


def test_it_all_works_without_scripts(busy: Desk, site: str, chrome: Any) -> None:
    """U1: plain forms; the same verbs."""
    context = chrome.new_context(base_url=site, java_script_enabled=False)
    page = context.new_page()
    log_in(page, busy)
    expect(page.get_by_role("button", name="Keyboard shortcuts")).to_have_count(0)
    page.get_by_role("link", name="Edit", exact=True).first.click()
    page.get_by_label("Body").fill("Here is what we did.")
    page.get_by_role("button", name="Show what changes").click()
    expect(page.get_by_role("heading", name="What changes")).to_be_visible()
    page.get_by_role("button", name="Save and judge again").click()
    expect(page.get_by_text("It was changed and judged again.")).to_be_visible()
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Approved: Send a follow-up e-mail")).to_be_visible()
    page.goto("/inbox/")
    page.get_by_role("link", name="Look at 2").click()
    page.get_by_role("button", name="Approve what is ticked").click()
    expect(page.get_by_text("2 approved.")).to_be_visible()
    page.goto("/inbox/?kind=doubt")
    page.locator("summary", has_text="It was done").click()
    page.get_by_role("button", name="Settle it as done").click()
    expect(page.get_by_text("Settled: Write an internal note")).to_be_visible()
    context.close()
    assert sorted(set(statuses(busy))) == ["APPROVED", "WITHDRAWN"]


def _is_fine(page: Page, name: str) -> None:
    for width, scheme in ((1280, "light"), (390, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, (name, width)
        found = Axe().run(page)
        assert not found.violations_count, (name, found.generate_report())
        if folder := os.environ.get("PICTURES"):
            path = Path(folder) / f"{name}-{width}.png"
            page.screenshot(path=path, full_page=True)
