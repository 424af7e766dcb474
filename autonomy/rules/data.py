"""A tenant's policy data: lists and numbers, and what they mean for one action."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from autonomy.rules.actions import ActionType, Tier
from autonomy.rules.bundles import BEYOND
from autonomy.rules.catalogue import CORE

MINIMUM = 0.7

# What holds for a new tenant.
DEFAULT: Mapping[str, Any] = {
    "allowlist": [
        key
        for key, action in CORE.items()
        if action.traits.tier == Tier.AUTONOMOUS and not action.traits.external_contact
    ],
    "min_confidence": {"default": MINIMUM},
    "amount_caps": {},
    "hours": {},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Own:
    """The data as far as it concerns one action type."""

    allowlisted: bool
    min_confidence: float
    amount_cap: float | None
    hours: Mapping[str, Any]


def data_for(
    data: Mapping[str, Any] | None, key: str, action: ActionType | None
) -> Own:
    """What the data say of an action; of two minimums the higher counts."""
    held = DEFAULT if data is None else data
    minimums = held["min_confidence"]
    minimum = float(minimums.get(key, minimums.get("default", MINIMUM)))
    own = action.min_confidence if action else None
    cap = held["amount_caps"].get(key, held["amount_caps"].get("default"))
    return Own(
        allowlisted=key in held["allowlist"],
        min_confidence=minimum if own is None else max(minimum, own),
        amount_cap=None if cap is None else float(cap),
        hours=held["hours"],
    )


def amount_of(parameters: Mapping[str, Any]) -> float:
    """The amount that an action speaks of; none is nothing."""
    amount = parameters.get("amount")
    is_number = isinstance(amount, int | float) and not isinstance(amount, bool)
    if not is_number or amount is None:
        return 0.0
    return float(amount) if math.isfinite(amount) else BEYOND


def in_hours(hours: Mapping[str, Any], clock: datetime) -> bool:
    """Whether the tenant's clock stands within the hours; none set is always."""
    if not hours:
        return True
    days = hours.get("days", range(7))
    begin, end = time.fromisoformat(hours["start"]), time.fromisoformat(hours["end"])
    return clock.weekday() in days and begin <= clock.time() < end
