"""G4: whether a decision is worth its cost now, later, or not at all."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from autonomy.rules.runs import GateResult

# Below this, a decision waits while there is more to do than hands.
WORTH_IN_A_CROWD = 0.5
# Below this, it is not worth asking at all.
WORTH_ASKING = 0.05
CROWD_PAUSE = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class GateFacts:
    """What the gate looks at; None where it is not known, or does not apply."""

    known_trigger: bool
    is_first: bool
    runs_left: int | None
    account_runs_left: int | None
    cost_left: float | None
    last_allowed: datetime | None
    cooldown_s: int
    saturation: float
    value: float
    crowded: bool
    # Whether another deferred run of this account will see this signal too.
    absorbed: bool
    was_deferred: bool
    closed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class GateVerdict:
    """What the gate says, and why; `until` where it defers."""

    result: GateResult
    reason: str
    explanation: str
    until: datetime | None = None
    # Waiting for a crowd to pass is not the one retry that a run has.
    counts: bool = True


def judge_cost(facts: GateFacts, *, now: datetime) -> GateVerdict:
    """The gate's verdict: a fixed order, the first that applies."""
    if (moot := _moot(facts)) is not None:
        return moot
    if _spent(facts):
        return _skip("BUDGET_EXHAUSTED", "Today's decisions are used up.")
    ready = _ready_at(facts)
    if ready is not None and now < ready:
        return _later(facts, ready)
    if facts.saturation >= 1:
        return _skip(
            "MARGINAL_VALUE_LOW",
            "So much waits for this account that more adds little.",
        )
    if facts.value < WORTH_ASKING:
        return _skip("MARGINAL_VALUE_LOW", "Nothing here is worth a decision.")
    if facts.crowded and facts.value < WORTH_IN_A_CROWD:
        return GateVerdict(
            result=GateResult.DEFER,
            reason="BACKPRESSURE",
            explanation="There is more to do than hands; this can wait.",
            until=now + CROWD_PAUSE,
            counts=False,
        )
    return GateVerdict(
        result=GateResult.ALLOW,
        reason="ALLOWED",
        explanation="Worth a decision now.",
    )


def _moot(facts: GateFacts) -> GateVerdict | None:
    """What nothing can come of."""
    if facts.closed:
        return _skip("ACCOUNT_CLOSED", "The account is closed.")
    if not facts.known_trigger:
        return _skip("UNKNOWN_TRIGGER_TYPE", "Nobody knows this trigger.")
    if not facts.is_first:
        return _skip("DUPLICATE", "The same was decided already.")
    return None


def _spent(facts: GateFacts) -> bool:
    left = (facts.runs_left, facts.account_runs_left, facts.cost_left)
    return any(each is not None and each <= 0 for each in left)


def _ready_at(facts: GateFacts) -> datetime | None:
    if facts.last_allowed is None:
        return None
    return facts.last_allowed + timedelta(seconds=facts.cooldown_s)


def _later(facts: GateFacts, ready: datetime) -> GateVerdict:
    """Once; and one waiting run is enough for an account."""
    if facts.was_deferred:
        return _skip("COOLDOWN", "It waited once, and the account rests still.")
    if facts.absorbed:
        return _skip("ABSORBED", "A run that waits for this account will see it.")
    return GateVerdict(
        result=GateResult.DEFER,
        reason="COOLDOWN",
        explanation="The account had a decision a moment ago.",
        until=ready,
    )


def _skip(reason: str, explanation: str) -> GateVerdict:
    return GateVerdict(result=GateResult.SKIP, reason=reason, explanation=explanation)
