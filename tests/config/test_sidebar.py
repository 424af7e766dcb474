"""The sidebar of the admin: what everybody may look at, in the order of the walk."""

import re

import pytest
from django.test import Client

from perception.rules.roles import Role
from tests.config.test_control_center import (  # noqa: F401  `root` is a fixture
    HOUSE_WIDE,
    LISTS,
    member,
    root,
)
from tests.conftest import House


def test_an_approver_comes_to_what_they_decide_and_no_further(house: House) -> None:
    """H1: the pages follow the doors of the API."""
    client = member(house, Role.APPROVER)
    page = client.get("/admin/").content.decode()
    decided = (
        "autonomy/approval", "autonomy/execution", "autonomy/undo", "autonomy/sweep",
        "autonomy/bundle", "plans/plan",
    )  # fmt: skip
    for path in LISTS:
        expected = 200 if path in decided else 403
        assert client.get(f"/admin/{path}/").status_code == expected, path
        assert (f'href="/admin/{path}/"' in page) is (path in decided), path


@pytest.mark.parametrize("role", [Role.ADMIN, Role.AUDITOR])
def test_the_sidebar_holds_every_page_in_the_order_of_the_walk(
    house: House, role: Role
) -> None:
    """U2: nothing that can be looked at is left out."""
    page = member(house, role).get("/admin/").content.decode()
    sidebar = page[page.index('id="nav-sidebar-apps"') :]
    places = [
        sidebar.index(f'href="/admin/{path}/"')
        for path in (
            "perception/account", "perception/connector", "autonomy/triggerrow",
            "autonomy/run", "autonomy/intent", "autonomy/approval",
            "autonomy/execution", "autonomy/tool", "autonomy/mode", "ledger/entry",
            "perception/membership",
        )
    ]  # fmt: skip
    assert places == sorted(places)
    for path in LISTS:
        assert f'href="/admin/{path}/"' in sidebar, path
    for path in HOUSE_WIDE:
        assert f'href="/admin/{path}/"' not in page, path


def test_the_sidebar_leads_back_to_what_is_decided_day_by_day(
    house: House,
    root: Client,  # noqa: F811
) -> None:
    """U2: the first links of every page; not for whoever has no such pages."""
    for role in (Role.ADMIN, Role.APPROVER, Role.AUDITOR):
        page = member(house, role).get("/admin/").content.decode()
        sidebar = page.partition('id="nav-sidebar-apps"')[2]
        links = re.findall(r'<a href="([^"]+)"', sidebar)
        assert links[:3] == ["/", "/autopilot/", "/inbox/"], role
        assert " active" not in sidebar.partition("Kill switches")[0]
    sidebar = root.get("/admin/").content.decode().partition('id="nav-sidebar-apps"')[2]
    assert 'href="/inbox/"' not in sidebar
