"""The days of a seller, a manager and an admin, each as a story."""

from playwright.sync_api import Locator, Page, expect

from autonomy.models import Approval, Goal, Mode, Run, Suggestion
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from plans.models import Plan
from tests.browser.guard import Guard
from tests.browser.world import World


def card(page: Page, *words: str) -> Locator:
    """What waits, or was done, by what stands on it."""
    found = page.locator("[data-card]")
    for each in words:
        found = found.filter(has_text=each)
    return found.first


def within_two(*clicks: Locator) -> None:
    """U1: no further away than that."""
    assert len(clicks) <= 2
    for each in clicks:
        each.click()


def test_a_seller_begins_with_the_digest_and_ends_with_goals(
    day: Guard, world: World, page: Page
) -> None:
    """U1, O1, O3, R2, A8: reads, asks why, decides four ways, undoes, plans, aims."""
    day.log_in(Role.SELLER)
    day.look("Next")
    day.goes("Digest")
    expect(page.get_by_role("heading", name="Waiting for you")).to_be_visible()
    day.goes("Next")
    quote = card(page, "Fennimore Foods", "Your quote for 80 seats")
    within_two(quote.locator("summary", has_text="Why?"))
    expect(quote.get_by_text("It would run by itself if")).to_be_visible()
    quote.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Approved: Send a follow-up e-mail, Fenn")).to_be_visible()
    _edits(day, card(page, "Brightwater Clinics", "How is the pilot going?"))
    page.goto("/")
    seats = card(page, "Oakridge Logistics", "Seats for two more teams")
    seats.locator("summary", has_text="Reject").click()
    seats.get_by_role("button", name="Bad timing").click()
    expect(page.get_by_text("Rejected: Send a follow-up e-mail, Oak")).to_be_visible()
    dates = card(page, "Quillon Press", "After our kick-off")
    dates.locator("summary", has_text="Later").click()
    dates.locator("details[open] button").first.click()
    expect(page.get_by_text("Put off: Send a follow-up e-mail, Qu")).to_be_visible()
    with tenant_scope(world.tenant):
        said = {key: Approval.objects.filter(intent=world.acts[key]) for key in
                ("yes", "no", "later")}  # fmt: skip
        assert [said[key].latest("id").status for key in said] == [
            "APPROVED", "REJECTED", "PENDING",
        ]  # fmt: skip
    day.goes("Inbox")
    day.goes("Autopilot")
    review = card(page, "Copperfield Energy", "Security review passed; procurement")
    within_two(
        review.locator("summary", has_text="Undo"),
        review.get_by_role("button", name="Undo it"),
    )
    expect(page.get_by_text("It was taken back, and read again")).to_be_visible()
    assert world.intent("undoable").status == "UNDONE"
    _plans_and_aims(day)
    with tenant_scope(world.tenant):
        proposed = Plan.objects.get(account=world.accounts["Quillon Press"])
        mine = world.house.members[Role.SELLER].id
        assert (proposed.status, proposed.proposed_by_id) == ("DRAFT", mine)
        assert Goal.objects.filter(target=25, seller_id=mine).exists()


def _edits(day: Guard, pilot: Locator) -> None:
    """In the seller's own words; what they changed somebody else approves."""
    page = day.page
    pilot.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("Body").fill(
        "Hello Elif,\n\nshall we look at it together?\n\nMara"
    )
    page.get_by_role("button", name="Show what changes").click()
    expect(page.get_by_role("heading", name="What changes")).to_be_visible()
    day.look("Edit")
    page.get_by_role("button", name="Save and judge again").click()
    expect(page.get_by_text("It was changed and judged again.")).to_be_visible()
    day.look("Question")
    changed = day.world.asked("edit")
    assert changed.status == "PENDING"


def _plans_and_aims(day: Guard) -> None:
    page = day.page
    day.goes("Accounts")
    page.get_by_role("link", name="Quillon Press").click()
    expect(page.get_by_role("heading", name="Quillon Press")).to_be_visible()
    page.locator("#why-heat > summary").click()
    day.look("Account")
    page.locator("summary", has_text="Propose a plan").click()
    page.get_by_role("button", name="Propose it").click()
    expect(page.get_by_text("Draft", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_be_disabled()
    day.look("Plan")
    day.goes("Plans")
    day.goes("Goals")
    page.get_by_role("link", name="Set a goal").click()
    page.get_by_label("Target", exact=True).fill("25")
    day.look("Set a goal")
    page.get_by_role("button", name="Set this goal").click()
    expect(page.get_by_text("The goal is set.")).to_be_visible()


def test_a_manager_decides_what_is_not_for_sellers(
    day: Guard, world: World, page: Page
) -> None:
    """H1, H2, H3, R2: what nobody answered, many at once, four eyes, a plan, a doubt."""
    day.log_in(Role.APPROVER)
    day.goes("Inbox")
    late = card(page, "Tallow & Finch", "The export")
    expect(late).to_contain_text("Nobody has decided for a long time")
    late.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Approved: Send a follow-up e-mail, Tal")).to_be_visible()
    _many_at_once(day)
    page.goto("/inbox/?type=change_forecast")
    own = card(page, "Fennimore Foods")
    expect(own.get_by_role("button", name="Approve")).to_be_disabled()
    expect(own).to_contain_text("somebody else")
    with tenant_scope(world.tenant):
        assert Approval.objects.get(intent=world.acts["own"]).status == "PENDING"
    page.goto(f"/inbox/{world.asked('offer').pk}/")
    day.look("A question")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Approved: Send a proposal, Fenn")).to_be_visible()
    day.goes("Plans")
    page.get_by_role("link", name="Drafts").click()
    page.get_by_role("link", name="Tallow & Finch", exact=True).click()
    day.look("A draft")
    page.locator("summary", has_text="Approve").first.click()
    page.get_by_role("button", name="Approve this plan").click()
    expect(page.get_by_text("The plan is approved.")).to_be_visible()
    day.look("An approved plan")
    page.get_by_title("Your notifications and account").click()
    page.get_by_label("A kill switch goes on or off").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
    day.look("Notifications")
    with tenant_scope(world.tenant):
        me = world.house.members[Role.APPROVER].id
        plan = Plan.objects.get(pk=world.plans["draft"].pk)
        assert (plan.status, plan.approved_by_id) == ("APPROVED", me)


def _many_at_once(day: Guard) -> None:
    page, world = day.page, day.world
    group = page.get_by_role("listitem").filter(has_text="Send an e-mail")
    group.get_by_role("link", name="Look at 3").click()
    day.look("Together")
    page.get_by_label("Westmark Housing").uncheck()
    page.get_by_role("button", name="Approve what is ticked").click()
    expect(page.get_by_text("2 approved.")).to_be_visible()
    news = [world.asked(f"news-{number}").status for number in range(3)]
    assert news == ["APPROVED", "APPROVED", "PENDING"]


def test_an_admin_stops_widens_and_mends(day: Guard, world: World, page: Page) -> None:
    """U2, A5, A6, S5, N6, N7: the dashboard, a switch, a mode, a run, a report."""
    day.log_in(Role.ADMIN)
    page.get_by_role("link", name="Admin", exact=True).click()
    expect(page.get_by_text("Needs a hand")).to_be_visible()
    day.look("Dashboard")
    page.goto("/")
    page.locator("#stop-switch > summary").click()
    page.get_by_label("Why? Everybody reads it.").fill("A wrong price went out.")
    page.get_by_role("button", name="Stop everything now").click()
    stopped = page.get_by_role("status").filter(has_text="A wrong price went out.")
    expect(stopped).to_be_visible()
    day.look("Stopped")
    page.locator("#stops summary").click()
    page.get_by_label("Why may it go on?").fill("The price is mended.")
    page.get_by_role("button", name="Let it go", exact=True).click()
    expect(page.get_by_text("Returning:")).to_be_visible()
    _sets_a_mode(day)
    page.goto("/inbox/?kind=parked")
    day.look("Parked")
    run = card(page, "Lantern Robotics")
    within_two(
        run.locator("summary", has_text="Retry"),
        run.get_by_role("button", name="Try it again"),
    )
    expect(page.get_by_text("The run goes on from where it stopped.")).to_be_visible()
    with tenant_scope(world.tenant):
        assert Run.objects.get(pk=world.parked).status != "PARKED"
    _reads_what_was_learned(day)


def _sets_a_mode(day: Guard) -> None:
    """Tried on last week before it counts."""
    page = day.page
    page.goto("/admin/autonomy/mode/")
    page.get_by_role("link", name="Set a mode").click()
    page.get_by_text("ASSIST: it proposes").click()
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#gv-preview")).to_contain_text("of last week’s")
    day.look("Set a mode")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#result_list").get_by_text("ASSIST").first).to_be_visible()
    day.look("Modes")
    with tenant_scope(day.world.tenant):
        assert Mode.objects.filter(account=None, mode="ASSIST").exists()


def _reads_what_was_learned(day: Guard) -> None:
    page = day.page
    page.goto("/admin/autonomy/evaluation/")
    page.get_by_role("link", name="Write a report now …").click()
    page.get_by_role("button", name="Write it").click()
    expect(page.get_by_text("It is written.")).to_be_visible()
    page.locator("#result_list a").first.click()
    day.look("A report")
    page.goto("/admin/autonomy/suggestion/")
    day.look("Suggestions")
    page.locator("#result_list a").first.click()
    day.look("A suggestion")
    page.get_by_role("link", name="Decline …").click()
    page.get_by_role("button", name="Decline").click()
    expect(page.get_by_text("stays as it is")).to_be_visible()
    with tenant_scope(day.world.tenant):
        assert Suggestion.objects.get().status == "DECLINED"
