"""The pictures of docs/tour.md and of the README: `make pictures` takes them anew."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

from autonomy.models import Suggestion
from ledger.clock import clock
from ledger.scope import tenant_scope
from perception import pulse
from perception.rules.roles import Role
from tests.browser.guard import LONG
from tests.browser.world import World
from tests.conftest import PASSWORD

DESK, PHONE = (1280, 800), (390, 780)
LARGEST = 150_000
PROOF = "main #proof, main section:has(> h2:text-is('Proof'))"


@dataclass(frozen=True, kw_only=True)
class Shot:
    """A page as somebody sees it: what is unfolded or clicked first, what is in sight."""

    name: str
    role: Role
    path: str
    opens: str = ""
    sees: str = ""
    size: tuple[int, int] = DESK


SELLER, APPROVER, ADMIN, AUDITOR = (
    Role.SELLER, Role.APPROVER, Role.ADMIN, Role.AUDITOR,
)  # fmt: skip
SHOTS = (
    Shot(name="home-desktop", role=SELLER, path="/"),
    Shot(name="seller-phone", role=SELLER, path="/", size=PHONE),
    Shot(name="seller-why", role=SELLER, path="/inbox/{yes}/", opens="main details.why"),
    Shot(name="seller-autopilot", role=SELLER, path="/autopilot/"),
    Shot(name="seller-account", role=SELLER, path="/accounts/{customer}/"),
    Shot(name="seller-digest", role=SELLER, path="/digest/"),
    Shot(name="manager-inbox", role=APPROVER, path="/inbox/"),
    Shot(name="manager-plan", role=APPROVER, path="/plans/{draft}/"),
    Shot(name="manager-goals", role=APPROVER, path="/goals/"),
    Shot(name="admin-desktop", role=ADMIN, path="/admin/"),
    Shot(name="admin-stop", role=ADMIN, path="/", opens="#stop-switch"),
    Shot(
        name="admin-suggestion", role=ADMIN,
        path="/admin/autonomy/suggestion/{suggestion}/change/",
    ),
    Shot(name="act-desktop", role=ADMIN, path="/intents/{done}/"),
    Shot(
        name="auditor-proof", role=AUDITOR, path="/intents/{done}/?check=all", sees=PROOF
    ),
    Shot(
        name="auditor-ledger", role=AUDITOR, path="/admin/ledger/entry/",
        size=(1280, 640),
    ),
)  # fmt: skip


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_tour_is_pictured(world: World, page: Page) -> None:
    """U1: light, small enough to be kept, and of the pages as they are."""
    expect.set_options(timeout=LONG)
    folder = Path(os.environ.get("PICTURES") or Path(settings.VAR_DIR) / "tour")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("relay", "worker", "beat"):
        pulse.beat(name, now=clock())
    world.seal()
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    known, role = _known(world), None
    for shot in SHOTS:
        if shot.role != role:
            role = shot.role
            _log_in(page, world, role)
        path = folder / f"{shot.name}.png"
        _take(page, shot, known, path)
        assert path.stat().st_size < LARGEST, shot.name


def _take(page: Page, shot: Shot, known: dict[str, Any], path: Path) -> None:
    page.set_viewport_size({"width": shot.size[0], "height": shot.size[1]})
    page.goto(shot.path.format(**known))
    if shot.opens:
        first = page.locator(f"{shot.opens} > summary").first
        first.click()
    if shot.sees:
        page.locator(shot.sees).first.evaluate("one => one.scrollIntoView()")
    page.screenshot(path=path, animations="disabled")


def _log_in(page: Page, world: World, role: Role) -> None:
    page.context.clear_cookies()
    page.goto("/login/")
    page.get_by_label("E-mail").fill(world.email(role))
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.get_by_role("heading", name="Next", exact=True)).to_be_visible()


def _known(world: World) -> dict[str, Any]:
    """What is named in addresses."""
    with tenant_scope(world.tenant):
        suggestion = Suggestion.objects.get().pk
    return {
        "yes": world.asked("yes").pk,
        "customer": world.accounts["Tallow & Finch"].pk,
        "draft": world.plans["draft"].pk,
        "done": world.acts["done"].pk,
        "suggestion": suggestion,
    }
