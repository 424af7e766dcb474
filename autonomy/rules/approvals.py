"""H1, H2, H5: who decides what waits, for how long, and who is asked next."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from autonomy.rules.actions import Risk, Tier, worse
from autonomy.rules.facts import Facts
from autonomy.rules.guardrails import OPEN_STAGES
from perception.rules.roles import Role

# Words to somebody outside grow stale sooner than other work.
OUTREACH = timedelta(days=2)
DECIDERS = frozenset({Role.SELLER, Role.APPROVER, Role.ADMIN})
APPROVERS = frozenset({Role.APPROVER, Role.ADMIN})
CALM = frozenset({Risk.MINIMAL, Risk.LOW})
UNKNOWN = "UNKNOWN"

# H5: what makes decisions look as if nobody had read what they decided on.
GLANCE = timedelta(seconds=3)
FEW = 10
RUBBER_STAMP = 0.5
MOST_PER_HOUR = 30
# Nobody looks at one page for longer: it was left open.
LONGEST_LOOK = timedelta(hours=1)


class Hindrance(StrEnum):
    """Why somebody may not decide."""

    NOT_YOURS = "NOT_YOURS"
    NEEDS_APPROVER = "NEEDS_APPROVER"
    SELF_APPROVAL = "SELF_APPROVAL"


class Step(StrEnum):
    """What becomes of a question that nobody answers."""

    REMIND = "REMIND"
    ESCALATE = "ESCALATE"
    EXPIRE = "EXPIRE"


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What somebody is to an approval."""

    role: Role
    owns_account: bool
    is_assigned: bool
    is_author: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """An approval that nobody has decided."""

    requires_role: str
    asked_at: datetime
    expires_at: datetime
    remind_at: datetime | None
    escalated_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """Since when somebody has a question before them, and how many one click decides."""

    since: datetime
    among: int = 1

    def dwell(self, at: datetime) -> float | None:
        """For how many seconds they had; None where that cannot be.

        Many that are decided at once share the time: no second is counted twice.
        """
        took = at - self.since
        if not timedelta(0) <= took <= LONGEST_LOOK:
            return None
        return round(took.total_seconds() / self.among, 3)


def required_role(facts: Facts) -> Role:
    """An approver for what is risky, gated or unknown; else the account's owner."""
    traits = facts.traits
    is_calm = (
        traits is not None
        and traits.tier == Tier.AUTONOMOUS
        and worse(traits.risk_level, facts.risk_level) in CALM
        and (facts.stage is None or facts.stage in OPEN_STAGES)
    )
    return Role.SELLER if is_calm else Role.APPROVER


def lifetime(facts: Facts, *, default: timedelta) -> timedelta:
    """How long the question stands."""
    reaches_out = facts.traits is None or facts.traits.external_contact
    return min(default, OUTREACH) if reaches_out else default


def risk_of(registered: str | None, claimed: str | None) -> str:
    """The risk that counts, for grouping; what nobody registered is unknown."""
    return worse(registered, claimed) if registered else UNKNOWN


def hindrance(
    requires_role: str, standing: Standing, *, four_eyes: bool
) -> Hindrance | None:
    """Why somebody may not say yes to it; None where they may.

    `four_eyes`: nobody says yes to what they proposed or edited themselves.
    """
    if standing.role not in DECIDERS:
        return Hindrance.NOT_YOURS
    if standing.role not in APPROVERS:
        if requires_role != Role.SELLER:
            return Hindrance.NEEDS_APPROVER
        if not (standing.owns_account or standing.is_assigned):
            return Hindrance.NOT_YOURS
    if four_eyes and standing.is_author:
        return Hindrance.SELF_APPROVAL
    return None


def step_due(waiting: Waiting, *, now: datetime) -> Step | None:
    """What has to happen next to a question, if it is time."""
    if waiting.expires_at <= now:
        return Step.EXPIRE
    escalates = (
        waiting.requires_role == Role.SELLER
        and waiting.escalated_at is None
        and _at(waiting, 0.75) <= now
    )
    if escalates:
        return Step.ESCALATE
    if waiting.remind_at is not None and waiting.remind_at <= now:
        return Step.REMIND
    return None


def is_mixed(kinds: Iterable[Hashable]) -> bool:
    """Whether a selection is of more than one kind: nobody decides that at once."""
    return len(set(kinds)) > 1


def is_rubber_stamp(decisions: int, glanced: float) -> bool:
    """Whether too many decisions came too fast for anybody to have read."""
    return decisions >= FEW and glanced >= RUBBER_STAMP


def _at(waiting: Waiting, share: float) -> datetime:
    return waiting.asked_at + (waiting.expires_at - waiting.asked_at) * share
