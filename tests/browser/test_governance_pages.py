"""A story of governance: stop, release, mend a policy, and see it in the ledger."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from autonomy.models import Bundle, KillSwitch, Mode
from autonomy.propose import propose
from autonomy.rules.catalogue import CORE
from autonomy.steering import set_budget, set_mode
from ledger.models import Entry
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from perception.accounts import add_account
from perception.members import person_acting
from perception.rules.roles import Role
from tests.conftest import NOW, House

LogIn = Callable[..., None]
HERE = "/admin/autonomy"
LISTS = (
    "mode", "optin", "budget", "actionrow", "killswitch", "bundle", "policydata",
    "profile", "simulation", "intent", "verdict", "execution", "permit", "receipt",
    "ranking", "evaluation",
)  # fmt: skip
ADDS = (
    "mode", "optin", "budget", "actionrow", "killswitch", "bundle", "policydata",
    "simulation",
)  # fmt: skip


@pytest.fixture
def running(house: House) -> House:
    """A tenant in which two notes ran alone."""
    by = house.caller(Role.ADMIN)
    given = {"external_id": "acme", "name": "Acme", "owner": None}
    with tenant_scope(house.tenant):
        account = add_account(given, by=by, now=NOW)
        set_mode("AUTOPILOT", {}, by=by, now=NOW)
        set_budget({"limit_per_day": 10}, by=by, now=NOW)
        for _ in range(2):
            note = {
                "action_type": "create_internal_note",
                "parameters": dict(CORE["create_internal_note"].example),
                "confidence": 0.9,
            }
            actor = person_acting(by)
            now = datetime.now(UTC)
            propose(note, account, origin="agent", by=actor, member=None, now=now)
    return house


def test_an_admin_stops_follow_ups_and_lets_them_go(
    running: House, page: Page, log_in: LogIn
) -> None:
    log_in(Role.ADMIN)
    page.goto(f"{HERE}/killswitch/")
    expect(page.get_by_text("Nothing is stopped.")).to_be_visible()
    page.get_by_role("link", name="Stop …").click()
    target = page.get_by_label("Action type")
    expect(target).to_be_hidden()
    page.get_by_text("One type of action", exact=True).click()
    target.select_option("send_follow_up_email")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("This field is required.")).to_be_visible()
    page.get_by_label("Reason").fill("The template names the wrong price.")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Stop this now?")).to_be_visible()
    page.get_by_role("button", name="Stop now").click()
    banner = page.get_by_role("status").filter(has_text="Stopped: Action type")
    expect(banner).to_contain_text("send follow up email")
    expect(page.get_by_text("ENGAGED", exact=True)).to_be_visible()
    page.goto(f"{HERE}/intent/")
    expect(banner).to_contain_text("The template names the wrong price.")
    banner.get_by_role("link", name="Look").click()
    page.get_by_role("link", name="Release …").click()
    page.get_by_label("Reason").fill("The template is mended.")
    page.get_by_label("Hold in seconds").fill("0")
    page.get_by_role("button", name="Release", exact=True).click()
    expect(page.get_by_text("RELEASED", exact=True)).to_be_visible()
    expect(page.get_by_role("status")).to_have_count(0)
    with tenant_scope(running.tenant):
        switch = KillSwitch.objects.get()
        kinds = Entry.objects.filter(kind__startswith="kill_switch.").order_by("number")
        assert [entry.kind for entry in kinds] == [
            Kind.SWITCH_ENGAGED,
            Kind.SWITCH_RELEASED,
        ]
    assert (switch.target, switch.release_reason) == (
        "send_follow_up_email",
        "The template is mended.",
    )
    link = page.get_by_role("link", name="What it met, signed")
    certificate = page.request.get(link.get_attribute("href")).json()
    assert (certificate["acts_after"], certificate["target"]) == (0, switch.target)


def test_an_admin_mends_a_policy_previews_and_saves_it(
    running: House, page: Page, log_in: LogIn
) -> None:
    log_in(Role.ADMIN)
    page.goto(f"{HERE}/bundle/")
    page.get_by_role("link", name="Save a new version").click()
    page.get_by_label("Name").fill("no_agents")
    text = page.get_by_label("Clauses and tests")
    shipped = text.input_value()
    ours = """clauses:
  - id: no_agents
    ceiling: REQUIRE_APPROVAL
    condition: orgin == 'agent'
    reason: NO_AGENTS
    explanation: What agents propose, people decide.
"""
    text.fill(shipped.replace("clauses:\n", ours, 1))
    page.get_by_role("button", name="Save", exact=True).click()
    fault = page.locator(".errorlist", has_text="undeclared reference to 'orgin'")
    expect(fault).to_contain_text("Line 4 (clauses[0].condition, line 1, column 1)")
    text.fill(text.input_value().replace("orgin", "origin"))
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#gv-preview")).to_contain_text(
        "At this setting, 0 of last week’s 2 acts would have run alone "
        "(today’s setting: 2)."
    )
    with tenant_scope(running.tenant):
        assert not Bundle.objects.exists()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page).to_have_url(re.compile(r"/bundle/[0-9a-f-]+/change/$"))
    expect(page.locator(".gv-diff .added").first).to_contain_text("no_agents")
    with tenant_scope(running.tenant):
        assert Bundle.objects.get().name == "no_agents"
        assert Entry.objects.filter(kind=Kind.POLICY_SAVED).count() == 1


def test_an_admin_sets_a_mode_for_one_account(
    running: House, page: Page, log_in: LogIn
) -> None:
    log_in(Role.ADMIN)
    page.goto(f"{HERE}/mode/")
    page.get_by_role("link", name="Set a mode").click()
    page.locator(".select2-selection").first.click()
    page.locator(".select2-search__field").fill("Acm")
    page.get_by_role("option", name="Acme").click()
    page.get_by_text("ASSIST: it proposes").click()
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#gv-preview")).to_contain_text("0 of last week’s 2 acts")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#result_list").get_by_text("ASSIST")).to_be_visible()
    history = page.locator(".gv-history li").first
    expect(history).to_contain_text("Acme")
    expect(history).to_contain_text("ASSIST")
    with tenant_scope(running.tenant):
        assert Mode.objects.get(mode="ASSIST").account is not None


def test_nothing_overflows_on_a_phone(
    running: House, page: Page, log_in: LogIn
) -> None:
    log_in(Role.ADMIN)
    page.set_viewport_size({"width": 390, "height": 844})
    paths = [*(f"{name}/" for name in LISTS), *(f"{name}/add/" for name in ADDS)]
    too_wide = {}
    for path in paths:
        page.goto(f"{HERE}/{path}")
        too_wide[path] = _overflow(page)
    for name in ("mode", "budget", "intent", "verdict", "permit", "receipt"):
        page.goto(f"{HERE}/{name}/")
        page.locator("#result_list a").first.click()
        page.wait_for_url("**/change/")
        too_wide[name] = _overflow(page)
    assert {path: by for path, by in too_wide.items() if by} == {}


def _overflow(page: Page) -> int:
    too_wide: int = page.evaluate(
        "Math.max(0, document.documentElement.scrollWidth"
        " - document.documentElement.clientWidth)"
    )
    return too_wide
