"""Facts: everything that a layer may look at, frozen when an intent is judged."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import orjson

from autonomy.rules.actions import Traits

NUMBERS = ("confidence", "min_confidence", "amount", "amount_cap")


@dataclass(frozen=True, kw_only=True, slots=True)
class ModeAt:
    """The mode that is set at one scope; None where nobody set one."""

    scope: str
    mode: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Switch:
    """A kill switch that covers the act. `returning`: released, not yet in full."""

    id: str
    scope: str
    reason: str
    returning: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetLine:
    """One budget that the act would draw on, and what the day has used of it."""

    budget: str
    key: str
    scope: str
    limit: int
    used: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """How often an account, or a contact, was reached lately, and how often it may."""

    used: int
    cap: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What is known about one intent. None means that it is not known."""

    # The tenant's day, whose account it is, and who looks after it.
    day: str
    account: str
    seller: str | None
    action_type: str
    traits: Traits | None
    origin: str
    confidence: float | None
    risk_level: str | None
    # None: the act targets no opportunity.
    stage: str | None
    lifecycle: str
    tainted: bool
    # None: the state of the switches could not be read.
    switches: tuple[Switch, ...] | None
    modes: tuple[ModeAt, ...]
    opted_in: bool
    digest_delivered: bool | None
    contact: str | None
    opted_out: bool | None
    account_reach: Reach | None
    contact_reach: Reach | None
    quiet: bool | None
    profile: bool
    allowlisted: bool
    min_confidence: float
    amount: float
    amount_cap: float | None
    within_hours: bool
    budgets: tuple[BudgetLine, ...]
    # The newest day whose digest was due and has not arrived; empty: there is none.
    digest_missing: str = ""
    # Chance chose it for a person to look at, should it else run by itself.
    review: bool = False

    def sealed(self) -> dict[str, Any]:
        """As plain data; `unsealed` makes the same facts of it."""
        plain: dict[str, Any] = orjson.loads(orjson.dumps(self))
        for name in NUMBERS:
            plain[name] = _plainly(getattr(self, name))
        if self.confidence is not None and not isfinite(self.confidence):
            # JSON has no word for it; None is judged alike.
            plain["confidence"] = None
        return plain


def _plainly(number: float | None) -> float | None:
    """A whole number without a point, as canonical JSON writes it."""
    is_whole = isinstance(number, float) and number.is_integer()
    return int(number) if number is not None and is_whole else number


def unsealed(plain: Mapping[str, Any]) -> Facts:
    """The facts that were sealed."""
    given = dict(plain)
    for number in NUMBERS:
        given[number] = None if given[number] is None else float(given[number])
    if given["traits"] is not None:
        touches = tuple(given["traits"]["touches"])
        given["traits"] = Traits(**{**given["traits"], "touches": touches})
    if given["switches"] is not None:
        given["switches"] = tuple(Switch(**each) for each in given["switches"])
    given["modes"] = tuple(ModeAt(**each) for each in given["modes"])
    given["budgets"] = tuple(BudgetLine(**each) for each in given["budgets"])
    for reach in ("account_reach", "contact_reach"):
        given[reach] = Reach(**given[reach]) if given[reach] is not None else None
    return Facts(**given)
