"""Action types: what each one is, and what a tenant may change about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Tier(StrEnum):
    """Who may let an action of this type happen at all."""

    HARD_STOP = "HARD_STOP"
    APPROVAL_REQUIRED = "APPROVAL_REQUIRED"
    AUTONOMOUS = "AUTONOMOUS"


class Risk(StrEnum):
    """How bad it is when it goes wrong, least first."""

    MINIMAL = "MINIMAL"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


class Reversal(StrEnum):
    """How an act can be taken back."""

    RETRACTABLE = "RETRACTABLE"
    INVERSE = "INVERSE"
    COMPENSATE = "COMPENSATE"
    NONE = "NONE"


class Touch(StrEnum):
    """Fields of a deal that no software changes by itself."""

    STAGE = "stage"
    FORECAST = "forecast"
    PRICE = "price"
    DISCOUNT = "discount"


STRICTNESS = {tier: place for place, tier in enumerate(Tier)}
SEVERITY = {risk: place for place, risk in enumerate(Risk)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Traits:
    """What the layers look at. Plain words: what is not known stays visible."""

    tier: str
    risk_level: str
    external_contact: bool
    touches: tuple[str, ...]
    reversal: str
    idempotent: bool
    tool: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ActionType:
    """One type: its traits, the shape of its parameters, and an example of them."""

    key: str
    traits: Traits
    schema: Mapping[str, Any]
    example: Mapping[str, Any]
    min_confidence: float | None = None


def normalise(key: str) -> str:
    """How a type is looked up: trimmed, case-folded."""
    return key.strip().casefold()


def said(key: str) -> str:
    """A type in words."""
    return f"“{key.replace('_', ' ')}”" if key else "This action"


def may_tighten(current: str, wanted: str) -> bool:
    """A tier may become stricter, or stay; never looser."""
    return STRICTNESS[Tier(wanted)] <= STRICTNESS[Tier(current)]


def worse(registered: str, claimed: str | None) -> str:
    """The risk that counts: a claim may only raise what the registry says.

    What nobody knows is kept as it stands, so that a layer can ask a person.
    """
    if claimed is None:
        return registered
    if registered not in SEVERITY or claimed not in SEVERITY:
        return claimed if registered in SEVERITY else registered
    return max(Risk(registered), Risk(claimed), key=SEVERITY.__getitem__)
