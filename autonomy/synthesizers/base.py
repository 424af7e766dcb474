"""What every synthesizer is asked and answers, and how the chosen one is found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_UP, Decimal
from importlib import import_module
from typing import Any, Protocol
from uuid import UUID

import orjson
from django.conf import settings

from autonomy.rules.proposals import Draft, Refused

__all__ = ["Answer", "Asked", "Draft", "NoAnswer", "Synthesizer", "choose"]

NOTHING = Decimal(0)
CENT = Decimal("0.000001")
MOST_TOKENS, MOST_COST = 10**8, Decimal(10_000)

MODULES = {
    "rules": "autonomy.synthesizers.rules",
    "http": "autonomy.synthesizers.http",
    "llm": "autonomy.synthesizers.llm",
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a synthesizer gets to see. `schemas`: of the parameters, by action type."""

    run_id: UUID
    tenant: UUID
    account: UUID
    context: Mapping[str, Any]
    evidence: Sequence[Mapping[str, Any]]
    allowed_action_types: Sequence[str]
    schemas: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What it proposes, best first, and what asking it took."""

    drafts: tuple[Draft, ...] = ()
    # Proposals that were no proposals.
    refused: tuple[Refused, ...] = ()
    tokens: int = 0
    cost: Decimal = NOTHING
    note: str = ""
    model: str = ""
    # Which words were put to it, as a digest; never the words.
    prompt: str = ""


class NoAnswer(Exception):
    """There is no answer that can be used; its reason repeats nothing of what came.
    `taken`: an answer without proposals, which holds what the attempt took.
    """

    def __init__(self, reason: str, **taken: Any) -> None:
        super().__init__(reason)
        self.reason, self.taken = reason, Answer(**taken)


class Synthesizer(Protocol):
    """Writes proposals, and nothing else. `charged`: whether asking may cost money."""

    name: str
    charged: bool

    def propose(self, asked: Asked, *, timeout: float) -> Answer:
        """Answer within so many seconds, or raise NoAnswer."""
        ...


class Missing:
    """Stands in for one whose library is not installed."""

    charged = False

    def __init__(self, name: str, needs: str) -> None:
        self.name, self._needs = name, needs

    def propose(self, asked: Asked, *, timeout: float) -> Answer:
        raise NoAnswer(f"{self._needs} is not installed; see requirements-llm.txt")


def choose() -> Synthesizer:
    """The synthesizer that SYNTHESIZER names; its libraries are loaded only then."""
    name = settings.SYNTHESIZER
    try:
        module = import_module(MODULES[name])
    except ModuleNotFoundError as error:
        return Missing(name, (error.name or "a library").partition(".")[0])
    made: Synthesizer = module.make()
    return made


def spelled(value: Mapping[str, Any]) -> bytes:
    """JSON as it is sent: the same bytes for the same, in whichever order it was read."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def spent(tokens: object, cost: object) -> tuple[int, Decimal] | None:
    """What an answer says that it took; None where that cannot be."""
    numbers = int | float | str
    if isinstance(tokens, bool) or not isinstance(tokens, int):
        return None
    if isinstance(cost, bool) or not isinstance(cost, numbers | Decimal):
        return None
    try:
        exact = Decimal(str(cost)).quantize(CENT, rounding=ROUND_UP)
    except ArithmeticError:
        return None
    fits = 0 <= tokens <= MOST_TOKENS and exact.is_finite() and 0 <= exact <= MOST_COST
    return (tokens, exact) if fits else None
