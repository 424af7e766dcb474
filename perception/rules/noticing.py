"""P3: what time alone brings to an account: a renewal comes near, nobody is heard of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from perception.rules.lifecycle import LOST, QUIET_AFTER, Lifecycle

# Days before a renewal, the nearest first, and how grave each is.
WINDOWS = ((30, "critical"), (60, "high"), (90, "medium"))
# With whom there is something to lose; the others never began, or have left.
MISSED = (Lifecycle.SUSPECT, Lifecycle.CUSTOMER)


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """An account: when it was last heard of, and its renewals with their stages."""

    account: UUID
    lifecycle: str
    created_at: datetime
    engaged_at: datetime | None = None
    renewals: Sequence[tuple[date, str]] = ()


def noticed(heard: Heard, *, now: datetime) -> list[dict[str, Any]]:
    """The signals that are due by now, each under a key of what it is about."""
    today = now.date()
    days = sorted({day for day, stage in heard.renewals if stage != LOST})
    found = [_renewal(heard.account, day, today) for day in days]
    return [each for each in [*found, _silence(heard, now)] if each is not None]


def window_of(left: int) -> tuple[int, str] | None:
    """The window that so many days before a renewal lie in; the day itself is none."""
    if left <= 0:
        return None
    return next((each for each in WINDOWS if left <= each[0]), None)


def _renewal(account: UUID, day: date, today: date) -> dict[str, Any] | None:
    window = window_of((day - today).days)
    if window is None:
        return None
    days, severity = window
    return {
        "account": str(account),
        "type": "renewal_window_entered",
        "payload": {
            "window": days,
            "renewal_date": day.isoformat(),
            "severity": severity,
        },
        "dedupe_key": f"renewal:{account}:{day}:{days}",
    }


def _silence(heard: Heard, now: datetime) -> dict[str, Any] | None:
    since = heard.engaged_at or heard.created_at
    if heard.lifecycle not in MISSED or now - since <= QUIET_AFTER:
        return None
    return {
        "account": str(heard.account),
        "type": "no_engagement",
        "payload": {"since": since.date().isoformat(), "days": (now - since).days},
        "dedupe_key": f"no-engagement:{heard.account}:{since.date()}",
    }
