"""Stories of the pages of accounts: found, looked at, an act undone, handed over."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from autonomy.courses import set_course
from autonomy.models import ContextField, Execution, Run
from autonomy.pipeline import act, walk
from autonomy.rules.runs import Stage
from autonomy.runs import everywhere
from ledger.clock import clock
from ledger.record import Actor
from ledger.scope import tenant_scope
from perception import interactions
from perception.accounts import add_account
from perception.intake import receive
from perception.models import Account, Contact, Summary
from perception.rules.heat import Tier
from perception.rules.roles import Role
from perception.sources.base import Met
from tests.autonomy.conftest import Desk, make_desk  # noqa: F401  a fixture
from tests.conftest import PASSWORD

LONG = 30_000
PERSON = Actor(type="person", id=str(uuid4()))


@pytest.fixture
def busy(make_desk: Callable[..., Desk]) -> Desk:  # noqa: F811
    """An account where something of every kind happened, and others around it."""
    desk, now = make_desk(), clock()
    with tenant_scope(desk.tenant):
        for number, tier in enumerate((Tier.HOT, Tier.WARM, Tier.COLD)):
            _company(desk, number, tier)
        _heard(desk)
        _noted(desk)
    note = desk.propose(rationale="The escalated ticket should be known to everybody.")
    desk.propose("send_follow_up_email", rationale="Nobody has answered their mail.")
    act(note.id, tenant=desk.tenant)
    with tenant_scope(desk.tenant):
        set_course(
            uuid4(), account=desk.account.id, plan_type="renewal_defense",
            status="ACTIVE", objective="Renew the contract with Acme.",
            expires_at=now + timedelta(days=60), now=now,
        )  # fmt: skip
    return desk


@pytest.fixture
def enter(page: Page, busy: Desk) -> Callable[[Role], None]:
    """Logs in as somebody of the tenant, after whoever was there before."""
    expect.set_options(timeout=LONG)

    def as_role(role: Role) -> None:
        page.context.clear_cookies()
        page.goto("/login/")
        page.get_by_label("E-mail").fill(f"{role.lower()}@{busy.house.slug}.example")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in", exact=True).click()
        expect(page.get_by_role("button", name="Log out")).to_be_visible()

    return as_role


def test_a_seller_finds_an_account_and_undoes_what_was_done_there(
    busy: Desk, page: Page, enter: Callable[[Role], None]
) -> None:
    """P4, X4: from the list to the account; why it is warm; an undo is asked for once."""
    enter(Role.SELLER)
    page.get_by_role("link", name="Accounts", exact=True).click()
    expect(page.get_by_role("heading", name="Accounts")).to_be_visible()
    page.get_by_label("Name").fill("acm")
    page.get_by_role("button", name="Find", exact=True).click()
    expect(page.get_by_text("Company 0")).to_have_count(0)
    page.get_by_role("link", name="Acme").click()
    expect(page.get_by_role("heading", name="Acme", exact=True)).to_be_visible()
    page.locator("#why-heat > summary").click()
    expect(page.get_by_text("What makes it warm at present:")).to_be_visible()
    page.get_by_role("link", name="Acts", exact=True).click()
    page.locator("summary", has_text="Undo").click()
    page.get_by_role("button", name="Undo it").click()
    expect(page.get_by_text("It was taken back.", exact=True)).to_be_visible()
    with tenant_scope(busy.tenant):
        assert Execution.objects.get().status == "UNDONE"


def test_a_seller_asks_what_would_help(
    busy: Desk, page: Page, enter: Callable[[Role], None]
) -> None:
    """G1, X1: it is looked at; the answer comes without a reload, and leads to its story."""
    enter(Role.SELLER)
    page.goto(f"/accounts/{busy.account.pk}/")
    page.locator("summary", has_text="What would help?").click()
    page.get_by_role("button", name="Look now").click()
    expect(page.get_by_text("What would help here is being looked at")).to_be_visible()
    with tenant_scope(busy.tenant):
        run = Run.objects.get(trigger="MANUAL")
    walk(run.id, Stage.TRIGGER, tenant=busy.tenant, may=everywhere)
    expect(page.get_by_text("acts were proposed.")).to_be_visible()
    page.get_by_role("link", name="See what came of it").click()
    expect(page.get_by_text("asked what would help.")).to_be_visible()


def test_a_seller_notes_that_somebody_opts_out(
    busy: Desk, page: Page, enter: Callable[[Role], None]
) -> None:
    """A9: asked for once, then nothing is sent to them; only an admin takes it back."""
    enter(Role.SELLER)
    page.goto(f"/accounts/{busy.account.pk}/")
    page.locator("summary", has_text="Opt out").click()
    _is_fine(page, "opting")
    page.get_by_role("button", name="Note it").click()
    expect(page.get_by_text("Nothing is sent to them any more.")).to_be_visible()
    expect(page.get_by_text("Do not contact")).to_be_visible()
    expect(page.locator("summary", has_text="Opt")).to_have_count(0)
    with tenant_scope(busy.tenant):
        assert Contact.objects.get(account=busy.account).opted_out is True


def test_an_approver_hands_it_over_without_scripts(
    busy: Desk, site: str, chrome: Any
) -> None:
    """T2, U1: plain forms; the same verb."""
    expect.set_options(timeout=LONG)
    context = chrome.new_context(base_url=site, java_script_enabled=False)
    page = context.new_page()
    page.goto("/login/")
    page.get_by_label("E-mail").fill(f"approver@{busy.house.slug}.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.goto(f"/accounts/{busy.account.pk}/")
    page.locator("summary", has_text="Change the owner").click()
    new = busy.house.members[Role.APPROVER]
    page.get_by_label("Owner").select_option(str(new.id))
    page.get_by_role("button", name="Change it").click()
    expect(page.get_by_text("It has a new owner.")).to_be_visible()
    context.close()
    with tenant_scope(busy.tenant):
        assert Account.objects.get(pk=busy.account.pk).owner_id == new.id


def test_the_pages_are_for_everybody_who_looks(
    busy: Desk, page: Page, enter: Callable[[Role], None]
) -> None:
    """U1: axe finds nothing, nothing overflows, light and dark, wide and narrow."""
    with tenant_scope(busy.tenant):
        bare = Account.objects.get(name="Company 2 of Northern Harbour Holdings")
    enter(Role.ADMIN)
    for name, path in (
        ("list", "/accounts/"),
        ("none", "/accounts/?name=nobody-is-called-that"),
        ("account", f"/accounts/{busy.account.pk}/"),
        ("bare", f"/accounts/{bare.pk}/"),
    ):
        page.goto(path)
        _is_fine(page, name)


def _company(desk: Desk, number: int, tier: Tier) -> None:
    given = {
        "external_id": f"c-{number}",
        "name": f"Company {number} of Northern Harbour Holdings",
        "owner": str(desk.house.members[Role.SELLER].id),
    }
    made = add_account(given, by=desk.admin, now=clock())
    score = {Tier.HOT: 0.85, Tier.WARM: 0.5, Tier.COLD: 0.1}[tier]
    rows = Account.objects.filter(pk=made.pk)
    rows.update(heat_score=score, heat_tier=tier, heat_at=clock())


def _heard(desk: Desk) -> None:
    now = clock()
    payload = {"ticket": "T-17", "severity": "high", "subject": "The export fails"}
    mine = {"account": str(desk.account.id)}
    usage = {"metric": "weekly_users", "direction": "down", "change": -0.35}
    given = [
        {**mine, "type": "ticket_escalated", "payload": payload},
        {**mine, "type": "product_usage_anomaly", "payload": usage},
    ]
    receive(given, by=PERSON, now=now)
    met = Met(
        external_id="m-1", channel="email", direction="in", at=now - timedelta(hours=3),
        emails=["ann@acme.example"], subject="Before the renewal",
        text="Could you send us an offer for 40 more seats before the renewal?",
    )  # fmt: skip
    interactions.keep([(desk.account.id, met)], connector=None, now=now)


def _noted(desk: Desk) -> None:
    now, own = clock(), {"tenant_id": desk.tenant, "account": desk.account}
    ContextField.objects.create(
        **own, field="decision_process", value="The board decides.", updated_at=now
    )
    ann = Contact.objects.get(account=desk.account)
    Summary.objects.create(
        **own, span="week", starts=(now - timedelta(days=42)).date(), made_at=now,
        text=f"Week: 4 interactions, something on 2 days. By: email 4. With: {ann.id} 4.",
        facts={"people": {str(ann.id): 4}, "interactions": 4, "signals": {"news": 1}},
    )  # fmt: skip


def _is_fine(page: Page, name: str) -> None:
    for width, scheme in ((1280, "light"), (390, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        too_wide = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert too_wide <= 0, (name, width)
        found = Axe().run(page)
        assert not found.violations_count, (name, found.generate_report())
        if folder := os.environ.get("PICTURES"):
            path = Path(folder) / f"{name}-{width}.png"
            page.screenshot(path=path, full_page=True)
