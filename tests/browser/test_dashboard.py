"""The first page of the admin, as it is seen: wide, narrow, light, dark; empty and full."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from perception.rules.roles import Role
from tests.autonomy.admin.conftest import governed  # noqa: F401  a fixture
from tests.autonomy.conftest import Desk, make_desk  # noqa: F401  a fixture
from tests.conftest import PASSWORD, House

LONG = 30_000


def test_it_is_read_by_everybody(
    house: House,
    governed: Desk,  # noqa: F811
    page: Page,
) -> None:
    """U2: nothing overflows, axe finds nothing that is ours; the chart has its words."""
    expect.set_options(timeout=LONG)
    for slug, said in (
        (house.slug, "Welcome. This is how it begins"),
        (governed.house.slug, "Needs a hand"),
    ):
        page.context.clear_cookies()
        page.goto("/login/?next=/admin/")
        page.get_by_label("E-mail").fill(f"{Role.ADMIN.lower()}@{slug}.example")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in", exact=True).click()
        expect(page.get_by_text(said)).to_be_visible()
        _is_fine(page)
    expect(page.get_by_role("img", name="acts ran alone")).to_be_visible()
    page.get_by_text("As a table").click()
    expect(page.get_by_role("columnheader", name="Share")).to_be_visible()


def _is_fine(page: Page) -> None:
    """The sidebar is the library's own; everything else is ours."""
    for width, scheme in ((1280, "light"), (390, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.reload()
        too_wide = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert too_wide <= 0, width
        found = Axe().run(page, context={"include": [["#content"], ["#stops"]]})
        assert not found.violations_count, found.generate_report()
