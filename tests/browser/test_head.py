"""The head of every page on a phone, and the help for keys where a list has them."""

from playwright.sync_api import Page, expect

from perception.rules.roles import Role
from tests.browser.guard import NARROW, Guard

HIGHEST, FINGER = 110, 40
# What of the head is in sight and can be tapped: its words, and the smaller side.
TAPPED = """() => [...document.querySelectorAll('.top a, .top button, .top summary')]
  .filter((one) => one.checkVisibility() && !one.closest('details:not([open]) > form'))
  .map((one) => one.getBoundingClientRect())
  .map((box) => [Math.min(box.width, box.height), box.left, box.right])"""


def heads(page: Page) -> list[list[float]]:
    found: list[list[float]] = page.evaluate(TAPPED)
    return found


def test_the_head_is_small_on_a_phone(day: Guard, page: Page) -> None:
    """U1: one row; a menu has the places, the name and the way out; nothing is cut off."""
    day.log_in(Role.ADMIN)
    page.set_viewport_size(NARROW)
    for path in ("/", "/inbox/", "/auth/2fa/", "/stop/"):
        page.goto(path)
        box = page.locator("header.top").bounding_box()
        assert box is not None, path
        assert box["height"] <= HIGHEST, (path, box)
        tapped = heads(page)
        assert min(side for side, *_ in tapped) >= FINGER, (path, tapped)
    page.goto("/")
    places = page.get_by_role("navigation", name="Main")
    expect(places).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(places.get_by_role("link", name="Next", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    tapped = heads(page)
    assert min(side for side, *_ in tapped) >= FINGER, tapped
    assert all(left >= 0 and right <= 390 for _, left, right in tapped), tapped
    places.get_by_role("link", name="Goals", exact=True).click()
    expect(page.get_by_role("heading", name="Goals", exact=True)).to_be_visible()
    page.set_viewport_size({"width": 1280, "height": 800})
    expect(page.get_by_role("button", name="Menu")).to_be_hidden()
    expect(places).to_be_visible()


def test_the_help_for_keys_stands_below_the_list(day: Guard, page: Page) -> None:
    """U1: by name, on pages that have keys and on no other."""
    day.log_in(Role.SELLER)
    below = page.get_by_role("contentinfo")
    for path in ("/", "/inbox/", "/autopilot/"):
        page.goto(path)
        below.get_by_role("button", name="Keyboard shortcuts").click()
        expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
        page.get_by_role("button", name="Close").click()
    page.goto("/accounts/")
    expect(page.get_by_role("button", name="Keyboard shortcuts")).to_have_count(0)
