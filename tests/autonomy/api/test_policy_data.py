"""policy/data/: the lists and numbers that a policy is asked with (A10)."""

from datetime import timedelta
from typing import Any

import pytest

from autonomy.models import PolicyData
from autonomy.policies import data_in_force
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.api.doors import entries, errors, post, problem
from tests.autonomy.conftest import Desk
from tests.conftest import House


def data(**change: Any) -> dict[str, Any]:
    whole = {"allowlist": ["draft_email"], "min_confidence": {"default": 0.7},
             "amount_caps": {}, "hours": {}}  # fmt: skip
    return {**whole, **change}


def put(house: House, body: dict[str, Any], **headers: str) -> Any:
    admin = house.client(Role.ADMIN)
    if not headers:
        headers = {"If_Match": admin.send("GET", "policy/data/")["ETag"]}
    return admin.send("PUT", "policy/data/", body, **headers)


def test_data_change_with_the_tag_in_hand(desk: Desk) -> None:
    """A10: at once, in a new row; stated with what differs, before and after."""
    house = desk.house
    assert problem(house.client(Role.ADMIN).send("PUT", "policy/data/", data())) == (
        428,
        "MATCH_REQUIRED",
    )
    assert problem(put(house, data(), If_Match='"old"')) == (412, "STALE")
    assert count(house) == 0
    first = put(house, data())
    assert (first.status_code, first.json()) == (200, data())
    assert post(desk).json()["verdict"]["reason"] == "TENANT_POLICY"
    assert put(house, data(), If_Match=first["ETag"])["ETag"] == first["ETag"]
    put(house, data(min_confidence={"default": 0.95}))
    assert count(house) == 2
    entry = entries(house, "setting.changed")[-1]
    assert (entry.data["before"], entry.data["after"]) == (
        {"min_confidence": {"default": 0.7}},
        {"min_confidence": {"default": 0.95}},
    )


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"allowlist": "draft_email"}, "allowlist"),
        ({"allowlist": [""]}, "allowlist.0"),
        ({"allowlist": ["Draft_Emial"]}, "allowlist.0"),
        ({"min_confidence": {}}, "min_confidence"),
        ({"min_confidence": {"default": 1.1}}, "min_confidence.default"),
        ({"min_confidence": {"default": -0.1}}, "min_confidence.default"),
        ({"amount_caps": {"default": -1}}, "amount_caps.default"),
        ({"amount_caps": {"default": "much"}}, "amount_caps.default"),
        ({"hours": {"start": "08:00"}}, "hours.end"),
        ({"hours": {"start": "18:00", "end": "08:00"}}, "hours.end"),
        ({"hours": {"start": "8", "end": "18:00"}}, "hours.start"),
        ({"hours": {"start": "08:00", "end": "18:00", "days": [7]}}, "hours.days.0"),
        ({"hours": {"start": "08:00", "end": "18:00", "zone": "UTC"}}, "hours.zone"),
        ({"clauses": []}, "clauses"),
    ],
)  # fmt: skip
def test_data_that_make_no_sense(
    still: Desk, change: dict[str, Any], field: str
) -> None:
    house = still.house
    before = count(house)
    refused = put(house, data(**change))
    assert field in errors(refused)
    assert count(house) == before
    with tenant_scope(house.tenant):
        assert data_in_force()["min_confidence"] == {"default": 0.7}


def test_data_do_not_outlive_their_day(house: House) -> None:
    """L7: the earlier data stay, for those whom they judged."""
    put(house, data(amount_caps={"default": 10.0}))
    put(house, data(amount_caps={"default": 20.0}))
    with tenant_scope(house.tenant):
        caps = [
            row.data["amount_caps"]["default"]
            for row in PolicyData.objects.order_by("number")
        ]
        times = list(
            PolicyData.objects.order_by("number").values_list("saved_at", flat=True)
        )
    assert caps == [10.0, 20.0]
    assert timedelta(0) < times[1] - times[0] < timedelta(minutes=1)


def count(house: House) -> int:
    with tenant_scope(house.tenant):
        return PolicyData.objects.count()
