"""What rules of plans look at: a plan, its steps, and the world around them, frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from autonomy.rules.actions import SEVERITY, ActionType, Risk
from perception.rules.heat import Posture
from plans.rules.lifecycle import SUCCEEDED, Status, StepStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class StepFacts:
    """One step, with its action type as the registry has it now."""

    step_id: str
    place: int
    action_type: str
    action: ActionType | None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    depends_on: tuple[str, ...] = ()
    required: bool = True
    human_touch: bool = False
    # Said by whoever proposed it, where they said anything.
    only_if: str = ""
    earliest: datetime | None = None
    latest: datetime | None = None
    max_failures: int = 3
    status: StepStatus = StepStatus.PENDING
    reason: str = ""
    tries: int = 0
    failures: int = 0
    next_at: datetime | None = None
    waived: bool = False
    finished_at: datetime | None = None

    @property
    def reaches_out(self) -> bool:
        """What nobody registered may do anything."""
        return self.action is None or self.action.traits.external_contact

    @property
    def risk(self) -> str:
        return self.action.traits.risk_level if self.action else Risk.HIGH.value

    @property
    def succeeded(self) -> bool:
        return self.status in SUCCEEDED


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanFacts:
    """One plan with all of its steps, in their order."""

    plan: str
    plan_type: str
    account: str
    status: Status
    owner: str | None
    proposer: str | None
    expires_at: datetime
    steps: tuple[StepFacts, ...]
    constraints: Mapping[str, Any] = field(default_factory=dict)
    revision: int = 1
    activated_at: datetime | None = None
    # What was so when it was proposed: deals by id, for conditions to compare with.
    baseline: Mapping[str, Any] = field(default_factory=dict)
    opportunity: str | None = None
    risk_level: str = Risk.HIGH.value


@dataclass(frozen=True, kw_only=True, slots=True)
class Deal:
    """A deal of the account, as it stands."""

    id: str
    stage: str
    amount: float | None
    renewal_date: date | None
    # As the CRM calls it.
    external_id: str = ""

    @property
    def said(self) -> str:
        """How people are told of it."""
        return self.external_id or self.id


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherPlan:
    """Another plan that is ACTIVE on the same account."""

    plan: str
    plan_type: str
    priority: int
    # Types of acts that it has under way, or waiting for a person, right now.
    under_way: tuple[str, ...] = ()
    # When it next means to reach somebody outside.
    next_touch: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """The account, and what else bears on a plan for it, as of one moment."""

    now: datetime
    zone: str
    lifecycle: str
    owner: str | None
    closed: bool = False
    hours: Mapping[str, Any] = field(default_factory=dict)
    deals: tuple[Deal, ...] = ()
    # How it stands, by its signals and its deals; a note stands in where none says it.
    posture: Posture | None = None
    # NEGATIVE, NEUTRAL or POSITIVE, as they last answered; a note stands in likewise.
    sentiment: str = ""
    # What people and the house noted about the account, field by field.
    known: Mapping[str, Any] = field(default_factory=dict)
    # When somebody there last answered, newest first.
    replies: tuple[datetime, ...] = ()
    others: tuple[OtherPlan, ...] = ()
    # When the account was last reached, within seven days, oldest first; and its cap.
    reached: tuple[datetime, ...] = ()
    weekly_cap: int = 3
    # Kill switches that cover the plan, and its step's action type, in words; what
    # nobody can read is one too.
    stops: Mapping[str, str] = field(default_factory=dict)


def riskiest(steps: tuple[StepFacts, ...]) -> str:
    """A plan is as risky as the riskiest of its steps."""
    return max((step.risk for step in steps), key=_severity, default=Risk.MINIMAL.value)


def _severity(risk: str) -> int:
    return SEVERITY[Risk(risk)] if risk in SEVERITY else len(SEVERITY)
