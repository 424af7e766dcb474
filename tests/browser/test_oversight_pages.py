"""An approver is the second person for a policy; an auditor sees how people decide."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from autonomy import policies
from autonomy.models import Activation, Approval
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.admin.conftest import simulated
from tests.autonomy.admin.test_policy import wider
from tests.autonomy.conftest import Desk, make_desk  # noqa: F401  a fixture
from tests.conftest import PASSWORD

LONG = 30_000


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:  # noqa: F811
    """A wider version was asked for; mails were waved through."""
    desk = make_desk()
    trial, now = simulated(desk), timezone.now()
    with tenant_scope(desk.tenant):
        bundle = policies.save_bundle(wider(), by=desk.admin, now=now)
        policies.activate(bundle, simulation=trial, by=desk.admin, now=now)
    for _ in range(12):
        desk.propose("send_follow_up_email")
    with tenant_scope(desk.tenant):
        Approval.objects.update(
            status="APPROVED",
            asked_at=now - timedelta(hours=1, seconds=1),
            decided_at=now - timedelta(hours=1),
            decided_by=desk.house.members[Role.APPROVER].id,
        )
    return desk


def test_an_approver_signs_a_wider_policy(desk: Desk, page: Page) -> None:
    """A10, U2: from the head of any page to the signature."""
    _enter(desk, page, Role.APPROVER)
    page.get_by_role("link", name="Admin", exact=True).click()
    page.get_by_role("link", name="Policy bundles").click()
    expect(page.get_by_text("waits for a second person").first).to_be_visible()
    page.locator("#result_list").get_by_role("link").first.click()
    _fits(page, "bundle")
    page.get_by_role("link", name="Activate …").click()
    expect(page.get_by_text("the second person brings it into force")).to_be_visible()
    _fits(page, "activate")
    page.get_by_role("button", name="Activate").click()
    expect(page.get_by_text("It is in force.")).to_be_visible()
    with tenant_scope(desk.tenant):
        signer = Activation.objects.get().signed_by_id
    assert signer == desk.house.members[Role.APPROVER].id


def test_an_auditor_sees_who_waves_through(desk: Desk, page: Page) -> None:
    """H5: a rubber stamp is shown as such."""
    _enter(desk, page, Role.AUDITOR)
    page.get_by_role("link", name="Admin", exact=True).click()
    page.get_by_role("link", name="How people decide").click()
    line = page.get_by_role("row").filter(has_text="12, 12 approved")
    expect(line.get_by_text("rubber stamp")).to_be_visible()
    _fits(page, "habits")


def _enter(desk: Desk, page: Page, role: Role) -> None:
    expect.set_options(timeout=LONG)
    page.goto("/login/")
    page.get_by_label("E-mail").fill(f"{role.lower()}@{desk.house.slug}.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()


def _fits(page: Page, name: str) -> None:
    """No wider than a phone; a picture where somebody asks for it."""
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if folder := os.environ.get("PICTURES"):
            page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)
