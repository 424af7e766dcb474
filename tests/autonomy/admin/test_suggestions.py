"""U2, N7: what was earned is shown with its record, and signed or declined there."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from autonomy.models import Mode, Suggestion
from ledger.clock import clock
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.admin.conftest import member
from tests.autonomy.admin.test_spine import text, told
from tests.autonomy.conftest import Desk
from tests.autonomy.records import (
    DAY,
    NOTE,
    decided,
    looked,
    mode_rows,
    ran,
    regretted,
    statuses,
    with_four_eyes,
)

HERE = "/admin/autonomy/suggestion/"


@pytest.fixture
def earned(desk: Desk) -> Suggestion:
    """A suggestion that holds now."""
    desk.mode("APPROVAL")
    with tenant_scope(desk.tenant):
        now = clock()
        Mode.objects.update(set_at=now - 30 * DAY)
    decided(desk, 60, at=now - 20 * DAY)
    assert looked(desk, now) == 1
    with tenant_scope(desk.tenant):
        return Suggestion.objects.get()


def test_without_a_suggestion_the_page_says_what_it_takes(admin: Client) -> None:
    assert "Nothing was suggested yet." in text(admin, HERE)


def test_the_record_stands_on_the_page(admin: Client, earned: Suggestion) -> None:
    """N7: in words, and the bound as a number with its level."""
    page = text(admin, HERE)
    assert "What each type has earned so far" in page
    assert "has earned more" in page
    assert "APPROVAL → AUTOPILOT" in page
    one = text(admin, f"{HERE}{earned.id}/change/")
    assert "of 60 acts that people decided, 60 went through unchanged" in one
    assert re.search(r"9\d\.\d%, with 95% certainty", one)
    assert "Sign …" in one
    assert "autonomy.suggested" not in one


def test_an_admin_signs_on_the_page(
    desk: Desk, admin: Client, earned: Suggestion
) -> None:
    """N7: what it means is said first; the button is gone afterwards."""
    asked = text(admin, f"{HERE}{earned.id}/sign/")
    assert "Its mode becomes AUTOPILOT for everybody." in asked
    assert mode_rows(desk) == {"": "APPROVAL"}
    assert "The mode is AUTOPILOT now." in told(admin, f"{HERE}{earned.id}/sign/")
    assert mode_rows(desk)[NOTE] == "AUTOPILOT"
    assert "Sign …" not in text(admin, f"{HERE}{earned.id}/change/")
    late = told(admin, f"{HERE}{earned.id}/decline/")
    assert "the first decision counts" in late
    assert statuses(desk) == ["SIGNED"]


def test_an_admin_declines_on_the_page(
    desk: Desk, admin: Client, earned: Suggestion
) -> None:
    assert "for 90 days" in text(admin, f"{HERE}{earned.id}/decline/")
    assert "stays as it is" in told(admin, f"{HERE}{earned.id}/decline/")
    assert statuses(desk) == ["DECLINED"]
    assert mode_rows(desk) == {"": "APPROVAL"}


def test_the_first_of_two_is_told_to_wait(
    desk: Desk, admin: Client, earned: Suggestion
) -> None:
    """N7: with four eyes."""
    with_four_eyes(desk)
    said = told(admin, f"{HERE}{earned.id}/sign/")
    assert "Another admin has to sign as well." in said
    assert "waits for a second signature" in text(admin, HERE)
    assert mode_rows(desk) == {"": "APPROVAL"}


def test_a_record_that_fell_is_told_and_nothing_is_set(
    desk: Desk, admin: Client, earned: Suggestion
) -> None:
    with tenant_scope(desk.tenant):
        at = clock() - 9 * DAY
    regretted(desk, decided(desk, 9, at=at))
    said = told(admin, f"{HERE}{earned.id}/sign/")
    assert "no longer bears" in said
    assert mode_rows(desk) == {"": "APPROVAL"}


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.APPROVER, Role.SELLER])
def test_nobody_else_decides(desk: Desk, earned: Suggestion, role: Role) -> None:
    """T2: auditors read."""
    client = member(desk.house, role)
    assert (client.get(HERE).status_code == 200) == (role is Role.AUDITOR)
    for verb in ("sign", "decline"):
        assert client.post(f"{HERE}{earned.id}/{verb}/").status_code in (302, 403)
    assert statuses(desk) == ["OPEN"]


def test_the_page_costs_the_same_however_much_there_is(
    desk: Desk, admin: Client, earned: Suggestion
) -> None:
    """U1: as many queries for twice as many acts, types and suggestions."""

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert admin.get(HERE).status_code == 200
        return len(queries)

    cost()
    before = cost()
    for key in ("create_follow_up_task", "generate_meeting_brief"):
        decided(desk, 60, action_type=key)
        ran(desk, 20, action_type=key)
    with tenant_scope(desk.tenant):
        now = clock()
    assert looked(desk, now) == 2
    assert cost() == before
