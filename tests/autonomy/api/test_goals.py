"""The door of goals: what is taken, shown, refused, and to whom."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from autonomy.models import Goal
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.api.doors import another_account, errors, problem
from tests.autonomy.conftest import Desk

DAY = timedelta(days=1)


def body(begins: int = -45, ends: int = 45, **more: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "type": "activity",
        "target": 100,
        "start": (now + begins * DAY).isoformat(),
        "end": (now + ends * DAY).isoformat(),
        **more,
    }


def test_a_goal_is_set_and_read(desk: Desk) -> None:
    """O1: what was sent, and how it stands."""
    admin = desk.house.client(Role.ADMIN)
    answer = admin.send("POST", "goals/", body(account=str(desk.account.id)))
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert (made["type"], made["target"], made["current"]) == ("activity", 100, 0)
    assert (made["on_track"], made["status"], made["percent"]) == (False, "ACTIVE", 0)
    assert made["days_left"] in (44, 45)
    assert made["forecast"] is None
    assert made["account"] == str(desk.account.id)
    one = admin.send("GET", f"goals/{made['id']}/").json()
    assert one["counted"] == {"count": 0, "kinds": {}, "facts": []}
    (listed,) = admin.send("GET", "goals/?status=ACTIVE&type=activity").json()[
        "results"
    ]
    assert listed["id"] == made["id"]
    found = admin.send("GET", f"goals/{made['id']}/suggestions/").json()["results"]
    assert [each["action_type"] for each in found][:1] == ["schedule_meeting"]
    assert len(found) == 3
    assert admin.send("DELETE", f"goals/{made['id']}/").status_code == 204
    assert problem(admin.send("GET", f"goals/{made['id']}/"))[0] == 404


def test_what_is_over_is_told_at_once(desk: Desk) -> None:
    """O1: MISSED past its end; nothing is left to be done, and nobody takes it back."""
    admin = desk.house.client(Role.ADMIN)
    made = admin.send("POST", "goals/", body(-100, -10)).json()
    assert (made["status"], made["on_track"], made["days_left"]) == ("MISSED", False, 0)
    path = f"goals/{made['id']}/"
    assert admin.send("GET", f"{path}suggestions/").json()["results"] == []
    assert problem(admin.send("DELETE", path)) == (409, "GOAL_ENDED")


def test_dates_stand_for_days_of_the_tenant(desk: Desk) -> None:
    """O1: from midnight to midnight in Berlin, the last day whole, through summer time."""
    given = body(start="2127-03-01", end="2127-03-31", type="revenue")
    made = desk.house.client(Role.ADMIN).send("POST", "goals/", given).json()
    assert datetime.fromisoformat(made["start"]) == datetime(
        2127, 2, 28, 23, tzinfo=UTC
    )
    assert datetime.fromisoformat(made["end"]) == datetime(2127, 3, 31, 22, tzinfo=UTC)
    assert made["on_track"] is True


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"target": 0}, "target"),
        ({"target": -1}, "target"),
        ({"target": "much"}, "target"),
        ({"type": "fame"}, "type"),
        ({"start": "2027-01-02", "end": "2027-01-01"}, "end"),
        ({"start": "2027-01-01", "end": "2027-01-01"}, "end"),
        ({"start": "2027-01-01T00:00:00Z", "end": "2027-01-01T00:00:00Z"}, "end"),
        ({"start": "2027-02-30"}, "start"),
        ({"start": "soon"}, "start"),
        ({"end": "9999-12-31"}, "end"),
        ({"start": "0001-01-01T00:00:00+14:00"}, "start"),
        ({"current": 5}, "current"),
        ({"account": "0" * 8 + "-0000-7000-8000-" + "0" * 12,
          "seller": "0" * 8 + "-0000-7000-8000-" + "0" * 12}, "seller"),
    ],
)  # fmt: skip
def test_what_is_refused(still: Desk, more: dict[str, Any], field: str) -> None:
    """O1: target > 0, end > start; each fault at its field, and nothing is kept."""
    answer = still.house.client(Role.ADMIN).send("POST", "goals/", body(**more))
    assert field in errors(answer)
    with tenant_scope(still.tenant):
        assert not Goal.objects.exists()


def test_sellers_see_and_set_their_own(desk: Desk) -> None:
    """O1, T3: their own and those of their accounts; the rest is not there for them."""
    seller, admin = (desk.house.client(role) for role in (Role.SELLER, Role.ADMIN))
    foreign = another_account(desk.house)
    mine = seller.send("POST", "goals/", body()).json()
    assert mine["seller"] == str(desk.house.members[Role.SELLER].id)
    ours = admin.send("POST", "goals/", body(account=str(desk.account.id))).json()
    whole = admin.send("POST", "goals/", body()).json()
    there = admin.send("POST", "goals/", body(account=str(foreign.id))).json()
    listed = seller.send("GET", "goals/").json()["results"]
    assert {each["id"] for each in listed} == {mine["id"], ours["id"]}
    for hidden in (whole, there):
        for path in (f"goals/{hidden['id']}/", f"goals/{hidden['id']}/suggestions/"):
            assert problem(seller.send("GET", path))[0] == 404
    refused = seller.send("POST", "goals/", body(account=str(foreign.id)))
    assert problem(refused) == (404, "NO_SUCH_SCOPE")
    approver = str(desk.house.members[Role.APPROVER].id)
    refused = seller.send("POST", "goals/", body(seller=approver))
    assert problem(refused) == (403, "NOT_YOUR_GOAL")
    refused = seller.send("DELETE", f"goals/{ours['id']}/")
    assert problem(refused) == (403, "NOT_YOUR_GOAL")
    for role in (Role.AUDITOR, Role.INTEGRATION):
        client = desk.house.client(role)
        assert problem(client.send("POST", "goals/", body()))[0] == 403
    with tenant_scope(desk.tenant):
        assert Goal.objects.count() == 4
