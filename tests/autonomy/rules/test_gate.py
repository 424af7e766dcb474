"""G1, G4: triggers and the cost gate, as tables."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy.rules.gate import GateFacts, judge_cost
from autonomy.rules.triggers import SHIPPED, Pace, Trigger, Windows, fire, trigger_of
from autonomy.rules.worth import worth

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
OPEN = GateFacts(
    known_trigger=True,
    is_first=True,
    runs_left=10,
    account_runs_left=10,
    cost_left=1.0,
    last_allowed=None,
    cooldown_s=300,
    saturation=0.0,
    value=0.6,
    crowded=False,
    absorbed=False,
    was_deferred=False,
)


def _facts(**given: Any) -> GateFacts:
    plain = {name: getattr(OPEN, name) for name in OPEN.__slots__}
    return GateFacts(**{**plain, **given})


def _ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("given", "result", "reason"),
    [
        ({}, "ALLOW", "ALLOWED"),
        ({"closed": True, "known_trigger": False}, "SKIP", "ACCOUNT_CLOSED"),
        ({"known_trigger": False}, "SKIP", "UNKNOWN_TRIGGER_TYPE"),
        ({"is_first": False}, "SKIP", "DUPLICATE"),
        ({"runs_left": 0}, "SKIP", "BUDGET_EXHAUSTED"),
        ({"runs_left": -1}, "SKIP", "BUDGET_EXHAUSTED"),
        ({"account_runs_left": 0}, "SKIP", "BUDGET_EXHAUSTED"),
        ({"cost_left": 0.0}, "SKIP", "BUDGET_EXHAUSTED"),
        ({"runs_left": None, "cost_left": None}, "ALLOW", "ALLOWED"),
        ({"last_allowed": _ago(0)}, "DEFER", "COOLDOWN"),
        ({"last_allowed": _ago(299)}, "DEFER", "COOLDOWN"),
        ({"last_allowed": _ago(300)}, "ALLOW", "ALLOWED"),
        ({"last_allowed": _ago(301)}, "ALLOW", "ALLOWED"),
        ({"last_allowed": _ago(301), "saturation": 0.99}, "ALLOW", "ALLOWED"),
        ({"last_allowed": _ago(1), "saturation": 1.0}, "DEFER", "COOLDOWN"),
        ({"last_allowed": _ago(301), "saturation": 1.0}, "SKIP", "MARGINAL_VALUE_LOW"),
        ({"last_allowed": _ago(301), "saturation": 1.5}, "SKIP", "MARGINAL_VALUE_LOW"),
        ({"value": 0.01}, "SKIP", "MARGINAL_VALUE_LOW"),
        ({"crowded": True, "value": 0.4}, "DEFER", "BACKPRESSURE"),
        ({"crowded": True, "value": 0.5}, "ALLOW", "ALLOWED"),
        ({"last_allowed": _ago(1), "was_deferred": True}, "SKIP", "COOLDOWN"),
        ({"last_allowed": _ago(1), "absorbed": True}, "SKIP", "ABSORBED"),
    ],
)
def test_the_gate_in_its_order(given: Any, result: str, reason: str) -> None:
    """G4: one fixed order; a deferral comes once, and waits exactly the cooldown."""
    verdict = judge_cost(_facts(**given), now=NOW)
    assert (verdict.result, verdict.reason) == (result, reason)
    assert verdict.explanation
    assert (verdict.until is not None) == (result == "DEFER")
    if reason == "COOLDOWN" and result == "DEFER":
        assert verdict.until == given["last_allowed"] + timedelta(seconds=300)
        assert verdict.counts
    if reason == "BACKPRESSURE":
        assert not verdict.counts


@given(
    runs=st.integers(-5, 5),
    ago=st.floats(0, 1000),
    saturation=st.floats(0, 2),
    value=st.floats(0, 1),
    crowded=st.booleans(),
)
def test_whoever_waited_once_is_never_deferred_for_the_cooldown_again(
    runs: int, ago: float, saturation: float, value: float, crowded: bool
) -> None:
    """G4: a deferred run ends; only a crowd can hold it longer."""
    facts = _facts(
        runs_left=runs,
        last_allowed=_ago(ago),
        saturation=saturation,
        value=value,
        crowded=crowded,
        was_deferred=True,
    )
    verdict = judge_cost(facts, now=NOW)
    assert verdict.result != "DEFER" or verdict.reason == "BACKPRESSURE"


def _pace(last: float | None = None, account: int = 0, tenant: int = 0) -> Pace:
    return Pace(
        last_fired=None if last is None else _ago(last),
        account_hour=account,
        tenant_hour=tenant,
    )


@pytest.mark.parametrize(
    ("pace", "reason"),
    [
        (_pace(), "FIRED"),
        (_pace(last=0), "DEBOUNCED"),
        (_pace(last=59.9), "DEBOUNCED"),
        (_pace(last=60), "FIRED"),
        (_pace(last=61, account=11), "FIRED"),
        (_pace(last=61, account=12), "ACCOUNT_HOUR"),
        (_pace(tenant=100_000), "TENANT_HOUR"),
        (replace(_pace(last=0), closed=True), "ACCOUNT_CLOSED"),
    ],
)
def test_a_trigger_keeps_its_windows(pace: Pace, reason: str) -> None:
    """G1: debounce, then the account's hour, then the tenant's; with a reason each."""
    found = fire(SHIPPED[Trigger.SIGNAL_ARRIVED], pace, now=NOW)
    assert (found.reason, found.fires) == (reason, reason == "FIRED")
    assert found.explanation


def test_a_trigger_that_is_off_never_fires() -> None:
    off = Windows(
        enabled=False,
        debounce_s=0,
        cooldown_s=0,
        max_per_account_hour=9,
        max_per_tenant_hour=9,
    )
    assert fire(off, _pace(), now=NOW).reason == "DISABLED"


def test_every_trigger_has_windows_and_a_worth() -> None:
    assert set(SHIPPED) == set(Trigger)
    for trigger in Trigger:
        assert 0 < worth(trigger.value, None, heat=0.0) <= 1
    assert worth("SIGNAL_ARRIVED", "news", heat=0.9) == 0.9
    assert trigger_of("lifecycle_change") is Trigger.LIFECYCLE_CHANGE
    assert trigger_of("pattern_detected") is Trigger.PATTERN_DETECTED
    assert trigger_of("whatever") is Trigger.SIGNAL_ARRIVED
