"""What all tools have in common: the act in hand, what it needs outside, how it acts.

A tool has three verbs, and everything else follows of them: it looks, it acts, and it
puts back what was there. What it sees is an image: plain values, the same whenever
nothing has changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from django.db.models import DateTimeField, Func

from autonomy.errors import ToolStopped
from autonomy.models import Execution, Intent
from autonomy.rules.actions import Reversal
from autonomy.rules.answers import Meaning, Said
from ledger.record import SYSTEM, Actor
from perception.sources.base import Wire

Image = Mapping[str, Any]
# What is not there.
ABSENT: Image = {"there": False}


@dataclass(frozen=True, kw_only=True)
class End:
    """How an attempt ended, for good or in doubt."""

    status: Execution.Status
    outcome: Mapping[str, Any]
    error: str = ""
    attempts: int = 1
    by: Actor = SYSTEM
    said: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Act:
    """An intent that was started: nothing is handed to a tool without one."""

    execution: Execution
    intent: Intent
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Someone:
    """A person that an act concerns."""

    name: str
    email: str


@dataclass(frozen=True, kw_only=True)
class Job:
    """All that a tool needs outside: nothing is read any more once it is under way.

    `key`: the same for every repetition of one act, and for nothing else.
    """

    key: str
    at: datetime
    attempt: int
    config: Mapping[str, Any]
    secret: str = field(repr=False)
    action_type: str
    parameters: Mapping[str, Any]
    ids: Mapping[str, str | None]
    account: Mapping[str, str] = field(default_factory=dict)
    opportunity: str = ""
    contact: Someone | None = None
    seller: Someone | None = None
    auto_executed: bool = False
    approval_source: str = ""
    # The kind of connector that is gone through; empty for a tool of an integrator.
    kind: str = ""


class Hand(Protocol):
    """One tool of the house that acts outside. Adding one is a file like its neighbours."""

    key: str
    title: str
    # Which connectors it acts through: those whose `acts_as` is this.
    acts_as: str
    reversal: Reversal
    # Whether the same key has one effect however often it comes.
    keyed: bool
    # Whether it can look; one that cannot is believed.
    sees: bool
    # Seconds for all that one attempt asks.
    timeout: float
    # JSON Schema of the parameters that it makes something of.
    takes: Mapping[str, Any]
    # The kind of effect that the house keeps of it, if any.
    keeps: str

    def look(self, job: Job, wire: Wire) -> Image:
        """What is there now. Only reads."""
        ...

    def origin(self, job: Job, seen: Image) -> Image:
        """What was there before this key acted, as far as what is seen can tell."""
        ...

    def is_done(self, job: Job, seen: Image) -> bool:
        """Whether what is seen is what the act was to bring about."""
        ...

    def act(self, job: Job, wire: Wire, before: Image) -> Mapping[str, Any]:
        """Bring it about, where `before` still stands. What it returns is shown; a
        `status` is what it answered.
        """
        ...

    def restore(self, job: Job, wire: Wire, before: Image, after: Image) -> None:
        """Put back what was there `before`, where `after` still stands."""
        ...


class Seeing:
    """A tool that can look: the same key never has a second effect."""

    keyed = True
    sees = True
    keeps = ""


class Making(Seeing):
    """A tool that makes something, found again by its key; taking it back removes it."""

    reversal = Reversal.INVERSE

    def origin(self, job: Job, seen: Image) -> Image:
        return ABSENT

    def is_done(self, job: Job, seen: Image) -> bool:
        return bool(seen["there"])


class Changing(Seeing):
    """A tool that sets what was there already; taking it back sets it as it was."""

    reversal = Reversal.INVERSE

    def origin(self, job: Job, seen: Image) -> Image:
        return seen


class Blind:
    """A tool that cannot look: its word is all there is."""

    sees = False
    keeps = ""

    def look(self, job: Job, wire: Wire) -> Image:
        raise NotImplementedError("it cannot look")

    def origin(self, job: Job, seen: Image) -> Image:
        return seen

    def is_done(self, job: Job, seen: Image) -> bool:
        return False


def stopped(meaning: Meaning, detail: str) -> ToolStopped:
    """What a tool raises that did not come to its end."""
    return ToolStopped(Said(meaning=meaning, detail=detail))


class Clock(Func):
    """The database's clock within a condition: it goes on inside a transaction."""

    template = "clock_timestamp()"

    def __init__(self) -> None:
        super().__init__(output_field=DateTimeField())
