"""A5, A9: the profile routine_outreach, and what still holds for what it lifts."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from autonomy.api.shapes import DECISIONS
from autonomy.approve import look
from autonomy.errors import (
    NotForOutreach,
)
from autonomy.facts import Question
from autonomy.models import Intent, PolicyData, Profile
from autonomy.profiles import install, sign, withdraw
from ledger.scope import tenant_scope
from perception.models import Account, Contact, Tenant
from perception.rules.roles import Role
from tests.autonomy.api.doors import entries, problem
from tests.autonomy.conftest import Desk
from tests.conftest import NOW, House

CHAT = "send_chat_message"


def outreach(desk: Desk, **more: Any) -> tuple[str, str]:
    """What would be said of a chat message, with data that list it."""
    with tenant_scope(desk.tenant):
        contact = Contact.objects.get(external_id="c1").id
        given: dict[str, Any] = {
            "action_type": CHAT,
            "parameters": {"text": "Hello."},
            "contact": contact,
            **more,
        }
        asked = Question(
            account=desk.account.id, confidence=0.9, risk_level=None, origin="signal",
            **given,
        )  # fmt: skip
        found = look(asked).verdict
    assert found.decision in DECISIONS
    return found.decision.value, found.reason


@pytest.fixture
def lister(desk: Desk) -> Desk:
    """A desk whose policy lists outreach, so that only the floor is in the way."""
    with tenant_scope(desk.tenant):
        held = {
            "allowlist": [CHAT, "send_email", "create_internal_note"],
            "min_confidence": {"default": 0.7},
            "amount_caps": {},
            "hours": {},
        }
        PolicyData.objects.create(tenant_id=desk.tenant, data=held, saved_at=NOW)
    return desk


def installed(desk: Desk, *, signed: bool = True) -> Profile:
    with tenant_scope(desk.tenant):
        made = install(CHAT, hold_seconds=60, now=NOW)
        return sign(made, by=desk.admin, now=NOW) if signed else made


AUTO = ("AUTO_EXECUTE", "ALLOWED")


FLOOR = ("REQUIRE_APPROVAL", "EXTERNAL_CONTACT")


def test_the_profile_lifts_the_floor_once_it_is_signed(lister: Desk) -> None:
    """A5: installed it does nothing; withdrawn it does nothing; for its type alone."""
    assert outreach(lister) == FLOOR
    made = installed(lister, signed=False)
    assert outreach(lister) == FLOOR
    with tenant_scope(lister.tenant):
        sign(made, by=lister.admin, now=NOW)
    assert outreach(lister) == AUTO
    assert outreach(lister, action_type="send_routine_response") == FLOOR
    assert outreach(lister, tainted=True) == FLOOR
    assert outreach(lister, contact=None) == ("REQUIRE_APPROVAL", "CONTACT_UNKNOWN")
    with tenant_scope(lister.tenant):
        withdraw(made, by=lister.admin, now=NOW)
    assert outreach(lister) == FLOOR


def test_installing_again_takes_the_signature_back(lister: Desk) -> None:
    """A5: what was signed was another hold."""
    installed(lister)
    installed(lister, signed=False)
    assert outreach(lister) == FLOOR


@pytest.mark.parametrize("key", ["send_email", "draft_email", "commit_pricing"])
def test_the_profile_is_for_autonomous_outreach_only(desk: Desk, key: str) -> None:
    """A5: refused for every other type; a row made by hand lifts nothing either."""
    with tenant_scope(desk.tenant):
        with pytest.raises(NotForOutreach):
            install(key, hold_seconds=60, now=NOW)
        assert not Profile.objects.exists()
        Profile.objects.create(
            tenant_id=desk.tenant, action_type="send_email", installed_at=NOW,
            signed_by_id=desk.admin.membership, signed_at=NOW,
        )  # fmt: skip
    assert outreach(desk, action_type="send_email")[0] == "REQUIRE_APPROVAL"


def sent(desk: Desk, count: int, contact: UUID | None, days: int = 1) -> None:
    at = datetime.now(NOW.tzinfo) - timedelta(days=days)
    Intent.objects.bulk_create(
        Intent(
            tenant_id=desk.tenant, account=desk.account, origin="agent",
            action_type=CHAT, parameters={}, confidence=0.9, status="SUCCEEDED",
            reaches_out=True, contact_id=contact, created_at=at, updated_at=at,
        )
        for _ in range(count)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("before", "wanted"),
    [
        ([(1, True, 1)], AUTO),
        ([(2, True, 1)], ("REQUIRE_APPROVAL", "CONTACT_CAP")),
        ([(2, True, 8)], AUTO),
        ([(2, False, 1)], AUTO),
        ([(2, False, 1), (1, True, 1)], ("REQUIRE_APPROVAL", "CONTACT_CAP")),
    ],
)
def test_caps_hold_for_what_the_profile_lifts(
    lister: Desk, before: list[tuple[int, bool, int]], wanted: tuple[str, str]
) -> None:
    """A9: twice a week for a contact, three times for an account."""
    installed(lister)
    with tenant_scope(lister.tenant):
        contact = Contact.objects.get(external_id="c1").id
        for count, to_contact, days in before:
            sent(lister, count, contact if to_contact else None, days)
    assert outreach(lister) == wanted


def test_quiet_hours_hold_for_what_the_profile_lifts(lister: Desk) -> None:
    """A9: in the account's own time zone."""
    installed(lister)
    tokyo = datetime.now(ZoneInfo("Asia/Tokyo"))
    begin, end = (f"{(tokyo + timedelta(hours=hours)):%H:00}" for hours in (-1, 2))
    with tenant_scope(lister.tenant):
        Tenant.objects.update(quiet_hours={"start": begin, "end": end})
    assert outreach(lister) == AUTO
    with tenant_scope(lister.tenant):
        Account.objects.update(timezone="Asia/Tokyo")
    assert outreach(lister) == ("REQUIRE_APPROVAL", "QUIET_HOURS")


def test_a_profile_is_signed_and_withdrawn_by_an_admin(
    house: House, other: House
) -> None:
    """A5: installed by an operator; each step is stated."""
    with tenant_scope(house.tenant):
        made = install("send_chat_message", hold_seconds=60, now=NOW)
    path = f"policy/profiles/{made.id}/"
    for method in ("POST", "DELETE"):
        refused = other.client(Role.ADMIN).send(method, path)
        assert problem(refused) == (404, "NOT_FOUND")
    admin = house.client(Role.ADMIN)
    signed = admin.send("POST", path).json()
    assert set(signed) == {"id", "action_type", "hold_seconds", "installed_at",
                           "signed_by", "signed_at"}  # fmt: skip
    assert signed["signed_by"] == str(house.members[Role.ADMIN].id)
    assert admin.send("GET", "policy/profiles/").json()["results"] == [signed]
    assert admin.send("DELETE", path).status_code == 204
    with tenant_scope(house.tenant):
        assert not Profile.objects.exists()
    stated = entries(house, "setting.changed")
    assert [entry.data["what"] for entry in stated] == [
        "installed",
        "signed",
        "withdrawn",
    ]
    assert [entry.actor["type"] for entry in stated] == ["system", "person", "person"]
