"""Rows to facts: reach, hours, digests and amounts (A8, A9, A10)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from autonomy.facts import read
from autonomy.models import Digest, Intent, OptIn
from autonomy.rules.contact import is_quiet
from autonomy.rules.data import amount_of, in_hours
from autonomy.rules.digests import due_days
from autonomy.rules.facts import Reach
from ledger.scope import tenant_scope
from perception.models import Account
from tests.autonomy.api.world import (
    CHAT,
    asked,
    contact,
    facts,
    opted_in,
    put_data,
    tenant,
)
from tests.autonomy.conftest import Desk
from tests.conftest import NOW


def sent(desk: Desk, status: str, *, days: int = 1, to: UUID | None = None) -> UUID:
    at = datetime.now(UTC) - timedelta(days=days)
    with tenant_scope(desk.tenant):
        made = Intent.objects.create(
            tenant_id=desk.tenant, account=desk.account, origin="agent", contact_id=to,
            action_type=CHAT, parameters={}, confidence=0.9, status=status,
            reaches_out=True, created_at=at, updated_at=at,
        )  # fmt: skip
    return made.id


def test_reach_counts_what_reached_them_in_seven_days(desk: Desk) -> None:
    """A9: across every motion, without the intent itself."""
    person = contact(desk)
    mine = sent(desk, "APPROVED", to=person)
    for status in ("EXECUTING", "IN_DOUBT", "SUCCEEDED"):
        sent(desk, status)
    for status in ("AWAITING_APPROVAL", "REJECTED", "BLOCKED", "EXPIRED", "FAILED"):
        sent(desk, status, to=person)
    sent(desk, "SUCCEEDED", days=8, to=person)
    found = facts(desk, action_type=CHAT, contact=person)
    assert (found.account_reach, found.contact_reach) == (
        Reach(used=4, cap=3),
        Reach(used=1, cap=2),
    )
    own = facts(desk, action_type=CHAT, contact=person, intent=mine)
    assert (own.account_reach, own.contact_reach) == (
        Reach(used=3, cap=3),
        Reach(used=0, cap=2),
    )


@pytest.mark.parametrize(
    ("hour", "zone", "quiet"),
    [
        (21, "UTC", True), (20, "UTC", True), (7, "UTC", True), (8, "UTC", False),
        (0, "UTC", True), (12, "UTC", False), (19, "UTC", False),
        (12, "Asia/Tokyo", True), (21, "America/New_York", False),
        (23, "Asia/Kathmandu", True), (12, "Pacific/Kiritimati", True),
    ],
)  # fmt: skip
def test_quiet_hours_cross_midnight_on_the_contacts_clock(
    hour: int, zone: str, quiet: bool
) -> None:
    """A9."""
    at = datetime(2026, 11, 20, hour, 0, tzinfo=UTC)
    assert is_quiet(at, timezone=zone, start="20:00", end="08:00") == quiet
    assert not is_quiet(at, timezone=zone, start=None, end=None)


def test_quiet_hours_are_those_of_the_accounts_zone(desk: Desk) -> None:
    """A9: the tenant's where the account names none."""
    clock = datetime.now(ZoneInfo("Asia/Tokyo"))
    begin, end = (f"{clock + timedelta(hours=each):%H:00}" for each in (-1, 2))
    tenant(desk, quiet_hours={"start": begin, "end": end}, timezone="Europe/Berlin")
    assert facts(desk).quiet is False
    with tenant_scope(desk.tenant):
        Account.objects.update(timezone="Asia/Tokyo")
    assert facts(desk).quiet is True


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("since", "now", "hour", "due"),
    [
        ((10, 1, 7), (10, 1, 9), 8, [(10, 1)]),
        ((10, 1, 8), (10, 1, 9), 8, []),
        ((10, 1, 9), (10, 2, 7), 8, []),
        ((10, 1, 9), (10, 2, 8), 8, [(10, 2)]),
        ((10, 1, 9), (10, 4, 8), 8, [(10, 2), (10, 3), (10, 4)]),
        # The night of 25 October is an hour longer, that of 29 March an hour shorter.
        ((10, 24, 9), (10, 25, 8), 8, [(10, 25)]),
        ((10, 24, 9), (10, 25, 7), 8, []),
        ((10, 24, 3), (10, 25, 4), 2, [(10, 25)]),
        ((3, 28, 9), (3, 29, 8), 8, [(3, 29)]),
        ((3, 28, 9), (3, 29, 4), 2, [(3, 29)]),
        ((3, 28, 9), (3, 30, 9), 2, [(3, 29), (3, 30)]),
    ],
)
def test_digests_due_since_the_opt_in(
    since: tuple[int, int, int],
    now: tuple[int, int, int],
    hour: int,
    due: list[tuple[int, int]],
) -> None:
    """A8: one for each local day, however long it is."""
    begin, end = (datetime(2026, *each, tzinfo=BERLIN) for each in (since, now))
    found = due_days(
        begin.astimezone(UTC), end.astimezone(UTC), zone="Europe/Berlin", hour=hour
    )
    assert found == {date(2026, *each) for each in due}


def test_a_digest_without_receipt_closes_the_gate(desk: Desk) -> None:
    """A8: until the last of them is delivered to whom the account belongs."""
    now = datetime.now(UTC)
    opted_in(desk, now - timedelta(days=2))
    plan = {"origin": "plan"}
    assert facts(desk, **plan).digest_delivered is False
    days = sorted(due_days(now - timedelta(days=2), now, zone="Europe/Berlin", hour=8))
    owner = desk.account.owner_id
    assert owner is not None
    with tenant_scope(desk.tenant):
        for day in days:
            assert (
                read(asked(desk, **plan), tenant=desk.tenant).facts.digest_delivered
                is False
            )
            Digest.objects.create(
                tenant_id=desk.tenant, member_id=owner, day=day,
                delivered_at=now,
            )  # fmt: skip
    assert facts(desk, **plan).digest_delivered is True
    with tenant_scope(desk.tenant):
        Digest.objects.filter(day=days[0]).update(delivered_at=None)
    assert facts(desk, **plan).digest_delivered is False
    with tenant_scope(desk.tenant):
        Account.objects.update(owner_id=None)
    assert facts(desk, **plan).digest_delivered is None


def test_an_account_that_says_no_is_not_opted_in(desk: Desk) -> None:
    """A8: the account's own word counts before the tenant's."""
    opted_in(desk, datetime.now(UTC))
    assert facts(desk, origin="plan").opted_in is True
    with tenant_scope(desk.tenant):
        OptIn.objects.create(
            tenant_id=desk.tenant, account=desk.account, granted=False,
            by_id=desk.admin.membership, at=NOW,
        )  # fmt: skip
    assert facts(desk, origin="plan").opted_in is False


@pytest.mark.parametrize(
    ("parameters", "amount"),
    [
        ({}, 0.0), ({"amount": 5}, 5.0), ({"amount": 5.5}, 5.5), ({"amount": True}, 0.0),
        ({"amount": None}, 0.0), ({"amount": float("inf")}, 1e300),
        ({"amount": float("nan")}, 1e300),
    ],
)  # fmt: skip
def test_the_amount_that_an_action_speaks_of(
    parameters: dict[str, Any], amount: float
) -> None:
    """A10: what is no number of money is nothing, or more than any cap."""
    assert amount_of(parameters) == amount


def test_caps_of_amounts(desk: Desk) -> None:
    """A10: the type's own cap, or else the default; none is none."""
    assert facts(desk).amount_cap is None
    put_data(desk, amount_caps={"default": 10, "draft_email": 5})
    assert facts(desk).amount_cap == 10.0
    assert facts(desk, action_type="draft_email").amount_cap == 5.0


@pytest.mark.parametrize(
    ("at", "days", "within"),
    [
        ((2026, 11, 20, 8, 0), None, True),
        ((2026, 11, 20, 7, 59), None, False),
        ((2026, 11, 20, 17, 59), None, True),
        ((2026, 11, 20, 18, 0), None, False),
        ((2026, 11, 20, 12, 0), [4], True),
        ((2026, 11, 20, 12, 0), [0, 1, 2, 3], False),
        ((2026, 11, 20, 12, 0), [], False),
    ],
)
def test_hours(at: tuple[int, ...], days: list[int] | None, within: bool) -> None:
    """A10: from the first minute on, up to the last; on the days that are named."""
    hours: dict[str, Any] = {"start": "08:00", "end": "18:00"}
    if days is not None:
        hours["days"] = days
    assert in_hours(hours, datetime(*at, tzinfo=BERLIN)) == within  # type: ignore[misc]
    assert in_hours({}, datetime(*at, tzinfo=BERLIN))  # type: ignore[misc]
