"""What holds of every page that a story comes by: seen by all, light, and quiet."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from perception.rules.roles import Role
from tests.browser.world import World
from tests.conftest import PASSWORD

LONG = 30_000
HEAVIEST = 150_000
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
# What was sent for the page, whether it came from a cache or not.
_WEIGHT = """() => [...performance.getEntriesByType('navigation'),
  ...performance.getEntriesByType('resource').filter((one) => one.initiatorType !== 'fetch'
    && one.initiatorType !== 'xmlhttprequest')]
  .reduce((sum, one) => sum + (one.decodedBodySize || 0), 0)"""
_TOO_WIDE = """() => document.documentElement.scrollWidth
  - document.documentElement.clientWidth"""
# The admin's frame is a library's, and the inside of its boxes to choose from.
_OURS = {
    "include": [["#content"], ["#stops"]],
    "exclude": [[".select2-selection__rendered"]],
}


class Guard:
    """Somebody's browser, and what is looked at wherever they come by.

    That no page complains and nothing leaves the host, the fixture `page` sees to.
    """

    def __init__(self, page: Page, world: World) -> None:
        expect.set_options(timeout=LONG)
        self.page, self.world = page, world
        self.looked: list[str] = []

    def log_in(self, role: Role) -> None:
        """Whoever was there before is gone."""
        page = self.page
        page.context.clear_cookies()
        page.goto("/login/")
        page.get_by_label("E-mail").fill(self.world.email(role))
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in", exact=True).click()
        expect(page.get_by_role("heading", name="Next", exact=True)).to_be_visible()

    def goes(self, place: str) -> None:
        """By the links that stand on top of every page."""
        places = self.page.get_by_role("navigation", name="Main")
        places.get_by_role("link", name=place, exact=True).click()
        here = places.locator("[aria-current]", has_text=place)
        expect(here).to_be_visible()
        self.look(place)

    def look(self, name: str) -> None:
        """At the page as it stands: on a phone it fits, axe finds nothing, it is light."""
        page, of_admin = self.page, "/admin/" in self.page.url
        page.wait_for_load_state("load")
        if not of_admin:
            assert page.evaluate(_WEIGHT) <= HEAVIEST, name
        assert page.evaluate(_TOO_WIDE) <= 0, (name, "wide")
        page.set_viewport_size(NARROW)
        assert page.evaluate(_TOO_WIDE) <= 0, (name, "narrow")
        found = Axe().run(page, context=_OURS if of_admin else None)
        serious = [
            (each["id"], [node["html"][:200] for node in each["nodes"]])
            for each in found.response["violations"]
            if not of_admin or each["impact"] in ("serious", "critical")
        ]
        assert not serious, (name, serious)
        page.set_viewport_size(WIDE)
        self.looked.append(name)
