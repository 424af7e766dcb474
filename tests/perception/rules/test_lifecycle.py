"""P3: lifecycle and posture out of signals, as tables."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from perception.rules.heat import Posture
from perception.rules.lifecycle import (
    Deal,
    Engagement,
    Lifecycle,
    Sighting,
    lifecycle,
    standing,
)

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PROSPECT, SUSPECT = Lifecycle.PROSPECT, Lifecycle.SUSPECT
CUSTOMER, CHURNED = Lifecycle.CUSTOMER, Lifecycle.CHURNED


def _seen(number: int, type_: str, days_ago: float = 0, **said: Any) -> Sighting:
    return Sighting(
        id=UUID(int=number),
        type=type_,
        occurred_at=NOW - timedelta(days=days_ago),
        said=said,
    )


@pytest.mark.parametrize(
    ("current", "sighting", "then"),
    [
        (PROSPECT, _seen(1, "news"), PROSPECT),
        (PROSPECT, _seen(1, "never_heard_of"), PROSPECT),
        (PROSPECT, _seen(1, "meeting_created"), SUSPECT),
        (PROSPECT, _seen(1, "reply_received"), SUSPECT),
        (SUSPECT, _seen(1, "reply_received"), SUSPECT),
        (CUSTOMER, _seen(1, "meeting_created"), CUSTOMER),
        (CHURNED, _seen(1, "meeting_created"), CHURNED),
        (SUSPECT, _seen(1, "crm_update", stage="closed_won"), CUSTOMER),
        (CHURNED, _seen(1, "crm_update", stage="Closed Won"), CUSTOMER),
        (SUSPECT, _seen(1, "crm_update", stage="closed_lost"), SUSPECT),
        (PROSPECT, _seen(1, "lifecycle_change", to="CUSTOMER"), CUSTOMER),
        (CUSTOMER, _seen(1, "lifecycle_change", to="churned"), CHURNED),
        (CUSTOMER, _seen(1, "lifecycle_change", to="NOBILITY"), CUSTOMER),
        (CUSTOMER, _seen(1, "lifecycle_change", to=["CHURNED"]), CUSTOMER),
    ],
)
def test_one_fresh_signal(
    current: Lifecycle, sighting: Sighting, then: Lifecycle
) -> None:
    """P3: PROSPECT, then SUSPECT, then CUSTOMER, and CHURNED."""
    assert lifecycle(current, [sighting], {sighting.id}) is then


def test_what_was_kept_before_is_not_applied_again() -> None:
    """P3: an admin's correction stays until something new is said."""
    said = _seen(1, "lifecycle_change", to="CUSTOMER")
    assert lifecycle(PROSPECT, [said, _seen(2, "news")], {UUID(int=2)}) is PROSPECT


def test_a_late_word_overrules_nothing_newer() -> None:
    """P3: order of events, not of arrival."""
    newer = _seen(1, "lifecycle_change", to="CHURNED")
    late = _seen(2, "lifecycle_change", 3, to="CUSTOMER")
    assert lifecycle(CHURNED, [newer, late], {late.id}) is CHURNED


def test_the_order_in_a_list_changes_nothing() -> None:
    """P3: deterministic."""
    seen = [
        _seen(1, "lifecycle_change", 3, to="SUSPECT"),
        _seen(2, "crm_update", 2, stage="closed_won"),
        _seen(3, "lifecycle_change", 1, to="CHURNED"),
    ]
    ids = {each.id for each in seen}
    assert lifecycle(PROSPECT, seen, ids) is CHURNED
    assert lifecycle(PROSPECT, seen[::-1], ids) is CHURNED


def _deal(days: int, stage: str = "discovery") -> Deal:
    return Deal(stage=stage, renewal=(NOW + timedelta(days=days)).date())


@pytest.mark.parametrize(
    ("sightings", "deals", "posture"),
    [
        ([], [], None),
        ([_seen(1, "never_heard_of")], [], None),
        ([_seen(1, "execution_outcome")], [], None),
        ([_seen(1, "meeting_created")], [], Posture.OK),
        ([_seen(1, "meeting_created", 31)], [], Posture.DORMANT),
        ([_seen(1, "news")], [], Posture.WATCH),
        ([_seen(1, "hiring", 59)], [], Posture.WATCH),
        ([_seen(1, "reply_received", sentiment="negative")], [], Posture.WATCH),
        ([_seen(1, "ticket_escalated")], [], Posture.AT_RISK),
        ([_seen(1, "ticket_escalated", 31)], [], Posture.DORMANT),
        ([_seen(1, "product_usage_anomaly", change=-0.3)], [], Posture.AT_RISK),
        ([_seen(1, "product_usage_anomaly", direction="up")], [], Posture.EXPAND),
        ([_seen(1, "product_usage_anomaly", change=0)], [], Posture.WATCH),
        (
            [_seen(1, "product_usage_anomaly", change=2), _seen(2, "ticket_escalated")],
            [],
            Posture.AT_RISK,
        ),
        ([_seen(1, "meeting_created")], [_deal(90)], Posture.WATCH),
        ([_seen(1, "meeting_created")], [_deal(91)], Posture.OK),
        ([_seen(1, "meeting_created")], [_deal(30)], Posture.WATCH),
        ([_seen(1, "crm_update")], [_deal(30)], Posture.AT_RISK),
        ([_seen(1, "crm_update")], [_deal(-1)], Posture.OK),
        ([_seen(1, "posture_change", to="DORMANT")], [], Posture.DORMANT),
        ([_seen(1, "posture_change", to="FURIOUS")], [], None),
        (
            [_seen(1, "ticket_escalated", 2), _seen(2, "posture_change", 1, to="OK")],
            [],
            Posture.OK,
        ),
        (
            [_seen(1, "posture_change", 2, to="OK"), _seen(2, "ticket_escalated", 1)],
            [],
            Posture.AT_RISK,
        ),
    ],
)
def test_posture(
    sightings: list[Sighting], deals: list[Deal], posture: Posture | None
) -> None:
    """P3: the first rule that fits."""
    assert standing(sightings, deals, now=NOW).posture is posture


def test_the_whole_standing() -> None:
    """P3: engagement, sentiment, risk, renewal date, open deals with their stage."""
    found = standing(
        [
            _seen(1, "reply_received", 3, sentiment="negative"),
            _seen(2, "reply_received", 2, sentiment="positive"),
            _seen(3, "news", 1),
            _seen(4, "meeting_created", 40),
        ],
        [
            _deal(100),
            _deal(40, "negotiation"),
            _deal(5, "closed_lost"),
            _deal(60, "closed_won"),
        ],
        now=NOW,
    )
    assert (found.posture, found.risk) == (Posture.WATCH, "MEDIUM")
    assert found.engagement is Engagement.ACTIVE
    assert found.sentiment == "POSITIVE"
    assert found.stages == ["discovery", "negotiation"]
    assert found.renewal == date(2026, 12, 30)
    assert len(found.moments) == 3
    quiet = standing([_seen(1, "meeting_created", 40)], [], now=NOW)
    assert (quiet.engagement, quiet.risk) == (Engagement.QUIET, "MEDIUM")
