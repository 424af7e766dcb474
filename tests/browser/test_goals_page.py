"""The page of goals in the browser: set, read, helped from there; fine for everybody."""

import os
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from autonomy.models import Goal, Intent
from ledger.clock import clock
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.aims import DAY, a_goal, deal, did, met
from tests.autonomy.conftest import Desk, make_desk  # noqa: F401  a fixture
from tests.conftest import PASSWORD

LONG = 30_000


@pytest.fixture
def aiming(make_desk: Callable[..., Desk]) -> Desk:  # noqa: F811
    """A seller with a goal in each state; deals and acts that count."""
    desk = make_desk()
    now, seller = clock(), desk.house.members[Role.SELLER].id
    period = {"start": now - 40 * DAY, "end": now + 50 * DAY, "now": now}
    for days in range(1, 8):
        did(desk, "create_internal_note", at=now - 5 * days * DAY)
        met(desk, f"m{days}", "out", at=now - 4 * days * DAY)
    past = {"start": now - 130 * DAY, "end": now - 40 * DAY, "now": now}
    a_goal(desk, seller=seller, target=Decimal(900), **past)
    a_goal(desk, target=Decimal(20), seller=seller, **period)
    a_goal(desk, "revenue", account=desk.account.id, target=Decimal(120_000), **period)
    deal(desk, "d1", "closed_won", 18_500, at=now)
    a_goal(desk, "quality", seller=seller, target=Decimal(12), **period)
    later = {"start": now + 10 * DAY, "end": now + 100 * DAY, "now": now}
    a_goal(desk, "pipeline", seller=seller, target=Decimal(250_000), **later)
    return desk


def test_a_seller_reads_their_goals_and_does_what_helps(
    aiming: Desk, page: Page
) -> None:
    """O1, U1: every state in words; what helps is two clicks away, and judged."""
    expect.set_options(timeout=LONG)
    page.goto("/login/")
    page.get_by_label("E-mail").fill(f"seller@{aiming.house.slug}.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.get_by_role("link", name="Goals").click()
    for words in ("On track", "Behind", "Not started"):
        expect(page.get_by_text(words, exact=True).first).to_be_visible()
    _is_fine(page, "goals")
    page.get_by_role("link", name="Set a goal").click()
    _is_fine(page, "goals-set")
    page.get_by_label("Target", exact=True).fill("30")
    page.get_by_role("button", name="Set this goal").click()
    expect(page.get_by_text("The goal is set.")).to_be_visible()
    page.get_by_role("link", name="Past").click()
    expect(page.get_by_text("Missed", exact=True)).to_be_visible()
    page.get_by_role("link", name="Current").click()
    page.get_by_role("link", name=re.compile("Note a conversation")).first.click()
    page.get_by_label("What was said").fill("They have a budget, and want it by May.")
    _is_fine(page, "goals-help")
    page.get_by_role("button", name="Propose it").click()
    expect(page.get_by_text("Acme: it is on its way.")).to_be_visible()
    with tenant_scope(aiming.tenant):
        intent = Intent.objects.get(action_type="qualify_conversation")
        assert intent.proposed_by_id == aiming.house.members[Role.SELLER].id
        assert Goal.objects.filter(target=30).exists()


def _is_fine(page: Page, name: str) -> None:
    """Wide and narrow, light and dark: axe finds nothing, nothing overflows."""
    for width, scheme in ((1280, "light"), (390, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, (name, width)
        found = Axe().run(page)
        assert not found.violations_count, (name, found.generate_report())
        if folder := os.environ.get("PICTURES"):
            page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)
