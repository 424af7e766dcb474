"""A seller reads their digest in the browser, and undoes what they do not like."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from autonomy import digests, rituals
from autonomy.models import Digest, Execution
from autonomy.pipeline import act
from ledger.clock import clock
from ledger.scope import tenant_scope
from perception.models import Tenant
from tests.autonomy.conftest import Desk, make_desk  # noqa: F401  a fixture
from tests.conftest import PASSWORD

LONG = 30_000


@pytest.fixture
def told(make_desk: Callable[..., Desk]) -> Desk:  # noqa: F811
    """Autopilot wrote a note, a mail waits, rituals came; the mail server refused the
    digest.
    """
    desk = make_desk()
    note = desk.propose()
    desk.propose("send_follow_up_email")
    act(note.id, tenant=desk.tenant)
    with tenant_scope(desk.tenant):
        begun = clock() - timedelta(days=9)
        Tenant.objects.filter(pk=desk.tenant).update(created_at=begun)
    assert rituals.run_of(desk.tenant, now=clock()) == 3
    assert digests.write_due(now=clock(), tenant=desk.tenant).count == 1
    with tenant_scope(desk.tenant):
        said = "The mail server does not take the recipient (550)."
        Digest.objects.update(delivered_at=None, way="", error=said)
    return desk


def test_a_seller_reads_their_digest_and_undoes_a_note(told: Desk, page: Page) -> None:
    """O3, A8: what did not arrive is read here; an undo is a click, asked for once more."""
    expect.set_options(timeout=LONG)
    page.goto("/login/")
    page.get_by_label("E-mail").fill(f"seller@{told.house.slug}.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.get_by_role("link", name="Digest").click()
    expect(page.get_by_text("The mail server does not take")).to_be_visible()
    expect(page.get_by_role("heading", name="Waiting for you")).to_be_visible()
    brief = page.get_by_role("region", name="Morning brief")
    expect(brief.get_by_role("link", name="Acme")).to_be_visible()
    review = page.get_by_role("region", name="Weekly review")
    expect(review.get_by_role("link", name="Acme").first).to_be_visible()
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        assert Axe().run(page).response["violations"] == []
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width
        _picture(page, width)
    page.locator("summary", has_text="Undo").click()
    page.get_by_role("button", name="Undo it").click()
    expect(page.get_by_text("It was taken back.", exact=True)).to_be_visible()
    page.get_by_role("button", name="I have read it here").click()
    expect(page.get_by_text("Noted: you have read it.")).to_be_visible()
    with tenant_scope(told.tenant):
        assert Execution.objects.get().status == "UNDONE"
        assert Digest.objects.get().way == "app"


def _picture(page: Page, width: int) -> None:
    """Where somebody asks for pictures."""
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=Path(folder) / f"digest-{width}.png", full_page=True)
