"""Stories of the pages of plans: proposed, approved, started, paused; read by whom it is for."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from ledger.models import Entry
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from perception.accounts import add_account, change_account
from perception.models import Account
from perception.rules.roles import Role
from plans.models import Plan
from tests.autonomy.conftest import make_desk  # noqa: F401  a fixture
from tests.conftest import NOW, PASSWORD
from tests.plans.conftest import (  # noqa: F401  fixtures
    BRIEF,
    ESCALATE,
    NOTE,
    Course,
    clock_of,
    course,
    make_course,
)

Enter = Callable[[Role], None]
LONG = 30_000


@pytest.fixture
def enter(page: Page, course: Course) -> Enter:  # noqa: F811
    """Logs in as somebody of the course's tenant, after whoever was there before."""
    expect.set_options(timeout=LONG)

    def as_role(role: Role) -> None:
        page.context.clear_cookies()
        page.goto("/login/")
        page.get_by_label("E-mail").fill(f"{role.lower()}@{course.house.slug}.example")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in", exact=True).click()
        next_ = page.get_by_role("heading", name="Next", exact=True)
        expect(next_).to_be_visible()

    return as_role


def test_proposed_by_a_seller_approved_started_and_paused(
    course: Course,  # noqa: F811
    page: Page,
    enter: Enter,
) -> None:
    """R2, R7, R8: nobody approves what they proposed; every click is in the ledger."""
    _renewing(course)
    enter(Role.SELLER)
    page.goto("/plans/")
    expect(page.get_by_text("No plans yet.")).to_be_visible()
    page.get_by_label("Account").select_option("Renewing & Co")
    page.get_by_role("button", name="Propose", exact=True).click()
    expect(page.get_by_role("heading", name="Renewing & Co")).to_be_visible()
    expect(page.get_by_text("Draft", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_be_disabled()
    expect(page.get_by_text("Approve: an approver does this.")).to_be_visible()
    where = page.url

    enter(Role.APPROVER)
    page.goto(where)
    _do(page, "Approve", "Approve this plan")
    expect(page.get_by_role("status")).to_contain_text("The plan is approved.")
    expect(page.get_by_role("heading", name="What was agreed")).to_be_visible()
    _do(page, "Start", "Start this plan")
    expect(page.get_by_role("status")).to_contain_text("The plan is active.")

    enter(Role.SELLER)
    page.goto("/plans/")
    card = page.get_by_role("listitem").filter(has_text="Renewing & Co").first
    _open(card, "Pause")
    _reason(card).fill("They are on holiday.")
    card.get_by_role("button", name="Pause this plan").click()
    expect(page).to_have_url(re.compile(r"/plans/\?tab=running"))
    expect(
        page.get_by_text("Somebody paused it. “They are on holiday.”")
    ).to_be_visible()
    with tenant_scope(course.tenant):
        plan = Plan.objects.get()
        moves = Entry.objects.filter(plan_id=plan.pk, kind=Kind.PLAN_MOVED)
        told = [
            (each.data["to"], each.actor["id"]) for each in moves.order_by("number")
        ]
    seller, approver = (
        str(course.house.members[each].id) for each in (Role.SELLER, Role.APPROVER)
    )
    assert (plan.status, plan.explanation) == ("PAUSED", "They are on holiday.")
    assert told == [("APPROVED", approver), ("ACTIVE", approver), ("PAUSED", seller)]


def test_a_refusal_says_everything_and_loses_nothing(
    course: Course,  # noqa: F811
    page: Page,
    enter: Enter,
) -> None:
    """R4, R5: all violations in words; the refusal is in the ledger, the plan as it was."""
    paused = course.do("pause", course.active(NOTE))
    course.active(BRIEF)
    enter(Role.SELLER)
    page.goto(f"/plans/{paused.pk}/")
    _do(page, "Resume", "Go on with this plan")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("nothing has changed")
    expect(alert).to_contain_text("has an ACTIVE plan of the type")
    expect(page.get_by_text("The plan was kept from becoming active")).to_be_visible()
    assert course.read(paused).status == "PAUSED"
    assert len(course.entries(paused, Kind.PLAN_REFUSED)) == 1


def test_what_changes_is_shown_without_a_reload(
    course: Course,  # noqa: F811
    page: Page,
    enter: Enter,
) -> None:
    """U1: live; and what somebody is writing is left alone."""
    plan = course.active(ESCALATE)
    enter(Role.SELLER)
    page.goto(f"/plans/{plan.pk}/")
    page.get_by_text("What exactly").first.click()
    course.look(plan)
    expect(page.get_by_text("Waits for an approver to decide.")).to_be_visible()
    expect(page.get_by_text("Two critical tickets are open.")).to_be_visible()
    page.get_by_text("Why?").first.click()
    expect(page.get_by_text("Asks a person")).to_be_visible()
    _open(page, "Pause")
    _reason(page).fill("Half a sen")
    course.do("abort", plan, reason="Over.")
    page.evaluate("htmx.trigger('#plan', 'look')")
    page.wait_for_timeout(500)
    expect(_reason(page)).to_have_value("Half a sen")
    page.get_by_role("button", name="Pause this plan").click()
    expect(page.get_by_role("alert")).to_contain_text("for good")
    expect(page.get_by_text("Verified against the ledger")).to_be_visible()


def test_the_pages_are_for_everybody_who_looks(
    course: Course,  # noqa: F811
    page: Page,
    enter: Enter,
) -> None:
    """U1: axe finds nothing, nothing overflows, light and dark, wide and narrow."""
    running = course.active(NOTE, ESCALATE)
    course.look(running)
    changed = _changed_hands(course)
    course.do("abort", course.draft(NOTE, account=course.another_account("Cobalt")))
    enter(Role.APPROVER)
    for path in (
        "/",
        "/plans/",
        "/plans/?tab=drafts",
        "/plans/?tab=ended",
        f"/plans/{running.pk}/",
        f"/plans/{changed.pk}/",
    ):
        page.goto(path)
        _is_fine(page, path)
    expect(page.get_by_text("to take it over.")).to_be_visible()


def test_every_page_works_without_scripts(
    course: Course,  # noqa: F811
    site: str,
    chrome: Any,
) -> None:
    """U1: plain forms; the same verbs."""
    plan = course.active(NOTE)
    context = chrome.new_context(base_url=site, java_script_enabled=False)
    page = context.new_page()
    page.goto("/login/")
    page.get_by_label("E-mail").fill(f"seller@{course.house.slug}.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.goto(f"/plans/{plan.pk}/")
    _open(page, "Abort")
    _reason(page).fill("Not needed any more.")
    page.get_by_role("button", name="Abort for good").click()
    expect(page.get_by_role("status")).to_contain_text("The plan has ended.")
    context.close()
    assert course.read(plan).status == "ABORTED"


def _renewing(course: Course) -> Account:  # noqa: F811
    """A customer whose renewal is near enough to be defended."""
    day = (clock_of(course) + timedelta(days=75)).date().isoformat()
    given = {
        "external_id": "renewing",
        "name": "Renewing & Co",
        "lifecycle": "CUSTOMER",
        "owner": str(course.house.members[Role.SELLER].id),
        "opportunities": [
            {"external_id": "r-1", "stage": "proposal", "renewal_date": day}
        ],
        "contacts": [
            {"external_id": "kim", "name": "Kim", "email": "kim@renewing.example"}
        ],
    }
    with tenant_scope(course.tenant):
        return add_account(given, by=course.house.caller(Role.ADMIN), now=NOW)


def _changed_hands(course: Course) -> Plan:  # noqa: F811
    """A plan that waits for the account's new owner, an approver."""
    account = course.another_account("Bolt & Sons")
    plan = course.active(BRIEF, account=account)
    given = {"owner": str(course.house.members[Role.APPROVER].id)}
    with tenant_scope(course.tenant):
        admin = course.house.caller(Role.ADMIN)
        change_account(Account.objects.get(pk=account.pk), given, by=admin, now=NOW)
    return course.look(plan)


def _open(where: Page | Locator, word: str) -> None:
    where.locator("details.act > summary").filter(has_text=word).first.click()


def _reason(where: Page | Locator) -> Locator:
    """Where one says why, of what was opened."""
    return where.locator("details.act[open] textarea")


def _do(page: Page, word: str, confirm: str) -> None:
    _open(page, word)
    page.get_by_role("button", name=confirm).click()


def _is_fine(page: Page, path: str) -> None:
    for width, scheme in ((1280, "light"), (390, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        too_wide = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert too_wide <= 0, (path, width)
        found = Axe().run(page)
        assert not found.violations_count, (path, found.generate_report())
