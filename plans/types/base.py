"""R9: what a type of plan declares. Everything else follows from the declaration."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from autonomy.rules.actions import Risk
from plans.rules.facts import PlanFacts, World


@dataclass(frozen=True, kw_only=True, slots=True)
class Met:
    """Whether an objective holds, and by which fact."""

    holds: bool
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Suits:
    """Why a plan of a type would help an account now, and what about."""

    # 0 to 1: how much, for whoever has to choose among several.
    worth: float
    why: str
    opportunity: str | None = None
    # The day that the plan works towards, where there is one.
    day: date | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StepTemplate:
    """One step of a type, from which drafts are made.

    `parameters` are the action's; text in them may hold {account}, {day}, {days_left}
    and {start}, the first business hour at which the step may begin.
    """

    key: str
    action_type: str
    parameters: Mapping[str, Any]
    after: tuple[str, ...] = ()
    required: bool = True
    human_touch: bool = False
    only_if: str = ""
    # Not before so long after the plan began.
    starts_after: timedelta = timedelta(0)
    max_failures: int = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanType:
    """One type of plan, whole."""

    key: str
    title: str
    about: str
    # What it is to reach, in words; may hold {day}.
    objective: str
    # The same as a condition on facts that are stored.
    condition: str
    is_met: Callable[[PlanFacts, World], Met]
    # Which action types it may hold, and in which phase each belongs: no step may wait
    # for one of a later phase. 0 fits everywhere.
    phases: Mapping[str, int]
    template: tuple[StepTemplate, ...]
    highest_risk: Risk
    lasts: timedelta
    # Of two plans that would collide, the one with the higher number goes first.
    priority: int
    # How often it may reach somebody outside, in all.
    max_touches: int
    # Whether a plan of this type would help now.
    suits: Callable[[World], Suits | None]
    # What stands against starting one, in sentences.
    unmet: Callable[[PlanFacts, World], list[str]]
    # When it has to be through, given the day that it works towards.
    deadline: Callable[[date | None, datetime], datetime]
    constraints: Mapping[str, Any] = field(default_factory=dict)
