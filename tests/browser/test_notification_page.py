"""An approver chooses what they are told of, and sees what did not reach them."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from autonomy.models import NoticeChoice
from ledger.scope import tenant_scope
from tests.autonomy.conftest import Desk, make_desk  # noqa: F401  a fixture
from tests.autonomy.notices import SOON, asked, at_once, deliver, mailing
from tests.conftest import PASSWORD

LONG = 30_000


@pytest.fixture
def told(make_desk: Callable[..., Desk], settings: Any) -> Iterator[Desk]:  # noqa: F811
    """One mail arrived, one was refused, one is on its way."""
    desk = make_desk()
    with mailing(settings) as box:
        now = at_once()
        for says in ({}, {"RCPT": "550 Nobody"}):
            box.says.update(says)
            asked(desk)
            deliver(desk, now)
            deliver(desk, now + SOON)
        asked(desk, "negotiate_terms")
        deliver(desk, now)
        yield desk


def test_an_approver_chooses_what_they_are_told_of(told: Desk, page: Page) -> None:
    """H4: from their name on every page; it works on a phone, and in the dark."""
    expect.set_options(timeout=LONG)
    page.goto("/login/")
    page.get_by_label("E-mail").fill(f"approver@{told.house.slug}.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.get_by_title("Your notifications and account").click()
    expect(page.get_by_role("heading", name="Notifications")).to_be_visible()
    expect(page.get_by_text("does not take the recipient")).to_be_visible()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 800})
            assert Axe().run(page).response["violations"] == []
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width
            _picture(page, f"{scheme}-{width}")
    page.get_by_label("A kill switch goes on or off").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
    expect(page.get_by_label("A kill switch goes on or off")).not_to_be_checked()
    with tenant_scope(told.tenant):
        assert NoticeChoice.objects.get().muted == ["switches"]


def _picture(page: Page, name: str) -> None:
    """Where somebody asks for pictures."""
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=Path(folder) / f"notices-{name}.png", full_page=True)
