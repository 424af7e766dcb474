"""Every page in every state, wide and narrow, light and dark: to be looked at by people."""

import os
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

from autonomy.models import Run, Suggestion
from autonomy.rules.switches import Scope
from autonomy.switchboard import Wanted, engage
from ledger.clock import clock
from ledger.scope import tenant_scope
from perception import pulse
from perception.members import person_acting
from perception.rules.roles import Role
from tests.browser.guard import LONG
from tests.browser.world import World, build
from tests.conftest import PASSWORD, House

UNFOLD = """() => document.querySelectorAll('main details.why')
  .forEach((one) => { one.open = true })"""
UNFOLD_ACT = "() => { document.querySelectorAll('main details.act')[0].open = true }"
SELLER = {
    "next": "/", "autopilot": "/autopilot/", "autopilot-none": "/autopilot/?account=zz",
    "inbox": "/inbox/", "inbox-doubts": "/inbox/?kind=doubt",
    "inbox-held": "/inbox/?kind=held", "edit": "/inbox/{edit}/edit/",
    "question": "/inbox/{yes}/", "accounts": "/accounts/",
    "account": "/accounts/{account}/", "account-customer": "/accounts/{customer}/",
    "plans": "/plans/", "plans-drafts": "/plans/?tab=drafts",
    "plans-ended": "/plans/?tab=ended", "plan-draft": "/plans/{draft}/",
    "plan-running": "/plans/{running}/", "plan-over": "/plans/{over}/",
    "goals": "/goals/", "goals-set": "/goals/set/", "goals-past": "/goals/?tab=past",
    "digest": "/digest/", "notifications": "/settings/notifications/",
    "intent-done": "/intents/{done}/", "intent-asked": "/intents/{asks}/",
    "intent-doubt": "/intents/{doubt}/", "intent-undone": "/intents/{undone}/",
    "intent-held": "/intents/{held}/", "run": "/runs/{run}/", "security": "/auth/2fa/",
}  # fmt: skip
APPROVER = {
    "approver-next": "/", "approver-inbox": "/inbox/",
    "approver-together": "/inbox/?type=send_email&risk=MEDIUM&together=1",
    "approver-own": "/inbox/{own}/", "approver-offer": "/inbox/{offer}/",
    "approver-draft": "/plans/{draft}/",
    "approver-notifications": "/settings/notifications/",
}  # fmt: skip
ADMIN = {
    "dashboard": "/admin/", "admin-inbox": "/inbox/?kind=parked",
    "admin-parked": "/runs/{parked}/", "stop": "/stop/",
    "admin-modes": "/admin/autonomy/mode/", "admin-mode": "/admin/autonomy/mode/add/",
    "admin-switches": "/admin/autonomy/killswitch/",
    "admin-suggestions": "/admin/autonomy/suggestion/",
    "admin-suggestion": "/admin/autonomy/suggestion/{suggestion}/change/",
    "admin-reports": "/admin/autonomy/evaluation/",
    "admin-ledger": "/admin/ledger/entry/", "admin-runs": "/admin/autonomy/run/",
    "admin-approvals": "/admin/autonomy/approval/",
}  # fmt: skip
AUDITOR = {
    "auditor-next": "/", "auditor-inbox": "/inbox/", "auditor-plan": "/plans/{draft}/",
    "auditor-intent": "/intents/{done}/?check=all",
}  # fmt: skip
NOTHING = {
    f"empty-{name}": f"/{name}/".replace("/next/", "/")
    for name in ("next", "autopilot", "inbox", "accounts", "plans", "goals", "digest")
}


class Camera:
    """Takes each picture four times."""

    def __init__(self, page: Page) -> None:
        expect.set_options(timeout=LONG)
        given = os.environ.get("PICTURES")
        self.page = page
        self.folder = Path(given or Path(settings.VAR_DIR) / "pictures")
        self.folder.mkdir(parents=True, exist_ok=True)

    def log_in(self, slug: str, role: Role) -> None:
        page = self.page
        page.context.clear_cookies()
        page.goto("/login/")
        page.get_by_label("E-mail").fill(f"{role.lower()}@{slug}.example")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in", exact=True).click()
        expect(page.get_by_role("heading", name="Next", exact=True)).to_be_visible()

    def take(self, name: str) -> None:
        for width in (1280, 390):
            for scheme in ("light", "dark"):
                self.page.set_viewport_size({"width": width, "height": 900})
                self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                if "/admin/" in self.page.url:
                    # Whether it is dark is said while it loads.
                    self.page.reload()
                path = self.folder / f"{name}-{width}-{scheme}.png"
                self.page.screenshot(path=path, full_page=True)

    def each(self, pages: dict[str, str], known: dict[str, object]) -> None:
        for name, path in pages.items():
            self.page.goto(path.format(**known))
            self.take(name)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_every_page_is_pictured(db: None, house: House, page: Page) -> None:
    """U1: nothing is asserted of how they look; somebody looks."""
    world = build()
    for name in ("relay", "worker", "beat"):
        pulse.beat(name, now=clock())
    camera = Camera(page)
    page.goto("/login/")
    camera.take("login")
    known = _known(world)
    camera.log_in(world.house.slug, Role.SELLER)
    camera.each(SELLER, known)
    for name, path in (("next", "/"), ("intent-done", f"/intents/{known['done']}/")):
        page.goto(path)
        page.evaluate(UNFOLD)
        camera.take(f"{name}-unfolded")
    for name in ("next", "plan-running", "autopilot"):
        page.goto(SELLER[name].format(**known))
        page.evaluate(UNFOLD_ACT)
        camera.take(f"{name}-asked")
    for role, pages in (
        (Role.APPROVER, APPROVER),
        (Role.ADMIN, ADMIN),
        (Role.AUDITOR, AUDITOR),
    ):
        camera.log_in(world.house.slug, role)
        camera.each(pages, known)
    _stop(world)
    camera.log_in(world.house.slug, Role.ADMIN)
    camera.take("stopped")
    page.goto("/")
    page.locator("#stop-switch > summary").click()
    camera.take("stop-asked")
    camera.log_in(house.slug, Role.SELLER)
    camera.each(NOTHING, {})
    camera.log_in(house.slug, Role.ADMIN)
    camera.each({"empty-dashboard": "/admin/"}, {})


def _known(world: World) -> dict[str, object]:
    """What is named in addresses."""
    asked = {key: world.asked(key).pk for key in ("edit", "yes", "own", "offer")}
    acts = {key: world.acts[key].pk for key in ("done", "doubt", "undone", "held")}
    plans = {key: each.pk for key, each in world.plans.items()}
    with tenant_scope(world.tenant):
        return {
            **asked, **acts, **plans, "asks": world.acts["yes"].pk,
            "account": world.accounts["Fennimore Foods"].pk,
            "customer": world.accounts["Tallow & Finch"].pk, "parked": world.parked,
            "run": Run.objects.filter(status="DONE").earliest("id").pk,
            "suggestion": Suggestion.objects.get().pk,
        }  # fmt: skip


def _stop(world: World) -> None:
    wanted = Wanted(
        scope=Scope.ACTION_TYPE, target="send_email", reason="A wrong price."
    )
    with tenant_scope(world.tenant):
        by = person_acting(world.house.caller(Role.ADMIN))
        engage(wanted, by=by, now=clock())
