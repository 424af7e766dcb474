"""G1: what starts a run, and how often it may. Models never do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

HOUR = timedelta(hours=1)


class Trigger(StrEnum):
    """What a run was started by."""

    SIGNAL_ARRIVED = "SIGNAL_ARRIVED"
    LIFECYCLE_CHANGE = "LIFECYCLE_CHANGE"
    POSTURE_CHANGE = "POSTURE_CHANGE"
    RITUAL_MORNING_BRIEF = "RITUAL_MORNING_BRIEF"
    RITUAL_WEEKLY_REVIEW = "RITUAL_WEEKLY_REVIEW"
    RITUAL_RENEWAL_RUNWAY = "RITUAL_RENEWAL_RUNWAY"
    PATTERN_DETECTED = "PATTERN_DETECTED"
    GOAL_BEHIND = "GOAL_BEHIND"
    MANUAL = "MANUAL"


@dataclass(frozen=True, kw_only=True, slots=True)
class Windows:
    """How often a trigger may fire, in seconds and times an hour."""

    enabled: bool = True
    debounce_s: int
    cooldown_s: int
    max_per_account_hour: int
    max_per_tenant_hour: int


def _windows(debounce: int, cooldown: int, account: int, tenant: int) -> Windows:
    return Windows(
        debounce_s=debounce,
        cooldown_s=cooldown,
        max_per_account_hour=account,
        max_per_tenant_hour=tenant,
    )


# Rituals are keyed by local date, so that their cooldown is not what holds them.
SHIPPED: Mapping[Trigger, Windows] = {
    Trigger.SIGNAL_ARRIVED: _windows(60, 300, 12, 100_000),
    Trigger.LIFECYCLE_CHANGE: _windows(120, 600, 6, 100_000),
    Trigger.POSTURE_CHANGE: _windows(120, 600, 6, 100_000),
    Trigger.RITUAL_MORNING_BRIEF: _windows(0, 0, 1, 100_000),
    Trigger.RITUAL_WEEKLY_REVIEW: _windows(0, 0, 1, 100_000),
    Trigger.RITUAL_RENEWAL_RUNWAY: _windows(0, 0, 2, 100_000),
    Trigger.PATTERN_DETECTED: _windows(60, 300, 6, 100_000),
    Trigger.GOAL_BEHIND: _windows(0, 3600, 2, 100_000),
    # A person who asks need not wait.
    Trigger.MANUAL: _windows(0, 0, 60, 100_000),
}

OF_SIGNAL: Mapping[str, Trigger] = {
    "lifecycle_change": Trigger.LIFECYCLE_CHANGE,
    "posture_change": Trigger.POSTURE_CHANGE,
    "pattern_detected": Trigger.PATTERN_DETECTED,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """What an account, and its tenant, had of one trigger lately."""

    last_fired: datetime | None
    account_hour: int
    tenant_hour: int
    closed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Fired:
    """Whether the trigger fires, and why."""

    fires: bool
    reason: str
    explanation: str


def trigger_of(signal_type: str) -> Trigger:
    """What a signal of this type triggers."""
    return OF_SIGNAL.get(signal_type, Trigger.SIGNAL_ARRIVED)


def fire(windows: Windows, pace: Pace, *, now: datetime) -> Fired:
    """Whether a trigger fires now, for one account."""
    if pace.closed:
        return _held("ACCOUNT_CLOSED", "The account is closed.")
    if not windows.enabled:
        return _held("DISABLED", "This trigger is switched off.")
    debounce = timedelta(seconds=windows.debounce_s)
    if pace.last_fired is not None and now - pace.last_fired < debounce:
        return _held(
            "DEBOUNCED",
            f"It fired for this account less than {windows.debounce_s} s ago.",
        )
    if pace.account_hour >= windows.max_per_account_hour:
        return _held(
            "ACCOUNT_HOUR",
            f"It fired {pace.account_hour} times for this account in the last hour.",
        )
    if pace.tenant_hour >= windows.max_per_tenant_hour:
        return _held(
            "TENANT_HOUR", f"It fired {pace.tenant_hour} times here in the last hour."
        )
    return Fired(fires=True, reason="FIRED", explanation="Nothing holds it back.")


def within_hour(moments: Sequence[datetime], *, now: datetime) -> list[datetime]:
    """The moments of the sliding hour."""
    return [moment for moment in moments if now - moment < HOUR]


def _held(reason: str, explanation: str) -> Fired:
    return Fired(fires=False, reason=reason, explanation=explanation)
