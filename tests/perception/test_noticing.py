"""P3: what time alone brings is said once, and can start a run."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from autonomy.entering import enter
from autonomy.models import Run
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.intake import receive
from perception.models import Account, Opportunity, Review, Signal
from perception.noticing import notice
from perception.rules.lifecycle import Lifecycle
from perception.rules.noticing import Heard, noticed, window_of
from tests.conftest import NOW, House
from tests.perception.test_intake import SENDER
from tests.perception.test_interactions import Meetings, met

DAY = timedelta(days=1)
TODAY = NOW.date()


@pytest.mark.parametrize(
    ("left", "window"),
    [(91, None), (90, 90), (61, 90), (60, 60), (31, 60), (30, 30), (1, 30), (0, None), (-1, None)],
)  # fmt: skip
def test_windows_before_a_renewal(left: int, window: int | None) -> None:
    """P3: 90, 60, 30 days; on the day itself there is none."""
    found = window_of(left)
    assert (found and found[0]) == window


@pytest.mark.parametrize(
    ("lifecycle", "created", "engaged", "types"),
    [
        ("CUSTOMER", 31, None, ["no_engagement"]),
        ("CUSTOMER", 30, None, []),
        ("CUSTOMER", 99, 30, []),
        ("CUSTOMER", 99, 31, ["no_engagement"]),
        ("SUSPECT", 99, 31, ["no_engagement"]),
        ("PROSPECT", 99, None, []),
        ("CHURNED", 99, 50, []),
    ],
)
def test_who_is_missed(
    lifecycle: str, created: int, engaged: int | None, types: list[str]
) -> None:
    """P3: those with whom there is something to lose."""
    heard = Heard(
        account=uuid4(),
        lifecycle=lifecycle,
        created_at=NOW - created * DAY,
        engaged_at=None if engaged is None else NOW - engaged * DAY,
    )
    assert lifecycle in set(Lifecycle)
    assert [each["type"] for each in noticed(heard, now=NOW)] == types


def _deal(meetings: Meetings, day: date, stage: str = "discovery") -> None:
    with tenant_scope(meetings.tenant):
        Opportunity.objects.create(
            tenant_id=meetings.tenant,
            account=meetings.accounts[0],
            external_id=str(uuid4()),
            stage=stage,
            renewal_date=day,
        )


def _notice(meetings: Meetings, now: datetime = NOW) -> int:
    with tenant_scope(meetings.tenant):
        return notice([each.id for each in meetings.accounts], now=now)


def _said(meetings: Meetings) -> list[tuple[str, Any]]:
    with tenant_scope(meetings.tenant):
        rows = Signal.objects.order_by("id")
        return [(row.type, row.payload.get("window")) for row in rows]


def test_a_renewal_is_said_once_for_each_window(house: House) -> None:
    """P3: however often it is looked at, and however many deals renew that day."""
    meetings = Meetings(house)
    _deal(meetings, TODAY + 85 * DAY)
    _deal(meetings, TODAY + 85 * DAY)
    _deal(meetings, TODAY + 10 * DAY, "closed_lost")
    made = [_notice(meetings, NOW + ahead * DAY) for ahead in range(0, 90, 5)]
    assert sum(made) == 3
    kind = "renewal_window_entered"
    assert _said(meetings) == [(kind, 90), (kind, 60), (kind, 30)]
    with tenant_scope(meetings.tenant):
        assert not Entry.objects.filter(kind="signal.repeated").exists()


def test_time_passing_starts_a_run(house: House) -> None:
    """P3, G1."""
    meetings = Meetings(house)
    _deal(meetings, TODAY + 60 * DAY)
    assert _notice(meetings) == 1
    enter(meetings.tenant)
    with tenant_scope(meetings.tenant):
        assert Run.objects.get().signal_id == Signal.objects.get().id


def test_a_silence_is_said_once_and_a_new_one_again(house: House) -> None:
    """P3: by signals and by interactions; what we wrote ourselves ends no silence."""
    meetings = Meetings(house)
    with tenant_scope(meetings.tenant):
        Account.objects.update(lifecycle="CUSTOMER")
        receive(
            [{
                "account": "crm-0", "type": "reply_received", "payload": {},
                "occurred_at": NOW - 40 * DAY,
            }],
            by=SENDER,
            now=NOW,
        )  # fmt: skip
    assert [_notice(meetings), _notice(meetings, NOW + DAY)] == [1, 0]
    meetings.keep(met("ours", direction="out", at=NOW))
    assert _notice(meetings, NOW + 2 * DAY) == 0
    meetings.keep(met("theirs", at=NOW + DAY), now=NOW + DAY)
    made = [_notice(meetings, NOW + ahead * DAY) for ahead in (2, 30, 32, 50)]
    assert made == [0, 0, 1, 0]
    with tenant_scope(meetings.tenant):
        assert Review.objects.get().engaged_at == NOW + DAY


def test_nothing_to_say_says_nothing(house: House) -> None:
    """P8: a few statements for a batch, and no row where there is nothing to keep."""
    meetings = Meetings(house, accounts=3)
    assert _notice(meetings) == 0
    with tenant_scope(meetings.tenant):
        assert not Review.objects.exists()
        assert notice([], now=NOW) == 0
