"""P5, P6: how accounts are watched is set here, with the ETag in hand."""

from typing import Any

import pytest

from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.models import Tenant
from perception.rules.roles import Role
from tests.conftest import House

WARM = {"WARM": {"every_s": 7200, "up_to_s": 7200, "depth": "SHALLOW"}}


def test_cadence_and_units_are_set_and_stated(house: House) -> None:
    """P5, P6, U3: a tenant's own rows; before and after are in the ledger."""
    admin = house.client(Role.ADMIN)
    read = admin.send("GET", "settings/")
    shown = read.json()
    assert (shown["cadence"], shown["pull_units_per_day"]) == ({}, 10_000)
    change = {"cadence": WARM, "pull_units_per_day": 50}
    assert admin.send("PATCH", "settings/", change).status_code == 428
    done = admin.send("PATCH", "settings/", change, If_Match=read["ETag"])
    assert done.status_code == 200
    assert {name: done.json()[name] for name in change} == change
    assert done["ETag"] != read["ETag"]
    stale = admin.send("PATCH", "settings/", {"cadence": {}}, If_Match=read["ETag"])
    assert stale.status_code == 412
    with tenant_scope(house.tenant):
        (entry,) = Entry.objects.filter(kind="setting.changed")
        tenant = Tenant.objects.get()
    assert entry.data["before"] == {"cadence": {}, "pull_units_per_day": 10_000}
    assert entry.data["after"] == change
    assert (tenant.cadence, tenant.pull_units_per_day) == (WARM, 50)


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"cadence": {"HOT": {"every_s": 10}}}, "cadence.HOT.every_s", "300 to"),
        ({"cadence": {"TEPID": {}}}, "cadence.TEPID", "There are HOT"),
        ({"cadence": {"HOT": 3}}, "cadence.HOT", "Give every_s"),
        ({"cadence": {"COLD": {"depth": "FULL"}}}, "cadence.COLD.depth", "SHALLOW"),
        ({"cadence": []}, "cadence", "dictionary"),
        ({"pull_units_per_day": -1}, "pull_units_per_day", "0"),
        ({"pull_units_per_day": 10**8}, "pull_units_per_day", "10000000"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(
    house: House, change: Any, field: str, words: str
) -> None:
    """P5: the words of the rule, and nothing changes."""
    admin = house.client(Role.ADMIN)
    tag = admin.send("GET", "settings/")["ETag"]
    answer = admin.send("PATCH", "settings/", change, If_Match=tag)
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert words in error["detail"]
    assert admin.send("GET", "settings/")["ETag"] == tag


def test_only_admins_change_them(house: House) -> None:
    """T3."""
    for role, status in ((Role.AUDITOR, 403), (Role.SELLER, 403)):
        answer = house.client(role).send("PATCH", "settings/", {"cadence": WARM})
        assert answer.status_code == status
    with tenant_scope(house.tenant):
        assert Tenant.objects.get().cadence == {}
