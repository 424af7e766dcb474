"""R6: what becomes of a step when something is heard of its act."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from plans.rules.facts import StepFacts, World
from plans.rules.hours import next_open
from plans.rules.lifecycle import ENDED, StepStatus

# How long a step waits after its first failure, its second, and so on.
DELAYS = (
    timedelta(hours=1),
    timedelta(days=1),
    timedelta(days=3),
    timedelta(days=7),
)
# Somebody said that this was not the time.
LATER = timedelta(days=3)
# What passes by itself is asked about again after this, and is nobody's failure.
PASSES_IN = timedelta(hours=1)
SWITCHED_OFF = frozenset({"KILL_SWITCH", "KILL_SWITCH_UNREADABLE"})
STEP_FAILED = "STEP_FAILED"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """What is heard of an act: the status of its intent, and why it has it."""

    status: str
    # Whether it ran without anybody being asked.
    automatic: bool
    # Why a person refused it.
    cause: str
    reason: str
    explanation: str


@dataclass(frozen=True, kw_only=True, slots=True)
class After:
    """How a step stands then."""

    status: StepStatus
    reason: str
    explanation: str
    # It counts as a failure.
    failed: bool = False
    # Not tried again before.
    next_at: datetime | None = None
    # Why the plan cannot go on; empty: it can.
    pauses: str = ""


def after(step: StepFacts, ended: Ended, world: World) -> After:
    """Where a step goes; what comes late, or is not known, leaves it where it is."""
    judge = _TABLE.get(ended.status)
    if judge is None or step.status in ENDED:
        return After(
            status=step.status,
            reason=step.reason,
            explanation=ended.explanation,
            next_at=step.next_at,
        )
    return judge(step, ended, world)


def _asked(step: StepFacts, ended: Ended, world: World) -> After:
    return After(
        status=StepStatus.PENDING_APPROVAL,
        reason=ended.reason or "APPROVAL",
        explanation=ended.explanation or "A person has to decide.",
    )


def _under_way(step: StepFacts, ended: Ended, world: World) -> After:
    return After(
        status=StepStatus.RUNNING,
        reason=ended.status,
        explanation=_UNDER_WAY[ended.status],
    )


def _succeeded(step: StepFacts, ended: Ended, world: World) -> After:
    if ended.automatic:
        return After(
            status=StepStatus.AUTO_EXECUTED,
            reason="AUTO_EXECUTED",
            explanation="Policy allowed it, and it was done.",
        )
    return After(
        status=StepStatus.DONE,
        reason="DONE",
        explanation="A person approved it, and it was done.",
    )


def _failed(step: StepFacts, ended: Ended, world: World) -> After:
    return _again(
        step,
        world,
        reason=ended.status,
        why=ended.explanation or _FAILURES[ended.status],
        delay=DELAYS[min(step.failures, len(DELAYS) - 1)],
    )


def _rejected(step: StepFacts, ended: Ended, world: World) -> After:
    if ended.cause == "timing":
        why = "Whoever was asked said that this was not the time."
        return _again(step, world, reason="TIMING", why=why, delay=LATER)
    why = ended.cause and f" It was about the {ended.cause}."
    return After(
        status=StepStatus.SKIPPED,
        reason="REJECTED",
        explanation=f"Whoever was asked said no.{why}",
    )


def _called_off(step: StepFacts, ended: Ended, world: World) -> After:
    return After(
        status=StepStatus.SKIPPED,
        reason="CALLED_OFF",
        explanation="Somebody called it off before it started.",
    )


def _undone(step: StepFacts, ended: Ended, world: World) -> After:
    return After(
        status=StepStatus.SKIPPED,
        reason="UNDONE",
        explanation="It was done, and taken back.",
    )


def _blocked(step: StepFacts, ended: Ended, world: World) -> After:
    """What passes by itself is waited for; the rest would be blocked again."""
    if ended.reason in SWITCHED_OFF or ended.reason.endswith("_EXHAUSTED"):
        return After(
            status=StepStatus.PENDING,
            reason=ended.reason,
            explanation=ended.explanation or "It is stopped for now.",
            next_at=_open(world.now + PASSES_IN, world),
        )
    return _given_up(step, "BLOCKED", ended.explanation or "It may not be done.")


def _refused(step: StepFacts, ended: Ended, world: World) -> After:
    return _given_up(step, "REFUSED", ended.explanation or "It could not be proposed.")


def _again(
    step: StepFacts, world: World, *, reason: str, why: str, delay: timedelta
) -> After:
    """Once more, later; or never, where that was the last time."""
    if step.failures + 1 >= step.max_failures:
        times = step.failures + 1
        ends = f"{why} That was the last of {times} tries." if times > 1 else why
        return _given_up(step, "RETRIES_SPENT", ends)
    return After(
        status=StepStatus.PENDING,
        reason=reason,
        explanation=why,
        failed=True,
        next_at=_open(world.now + delay, world),
    )


def _given_up(step: StepFacts, reason: str, explanation: str) -> After:
    return After(
        status=StepStatus.FAILED,
        reason=reason,
        explanation=explanation,
        failed=True,
        pauses=STEP_FAILED if step.required else "",
    )


def _open(at: datetime, world: World) -> datetime:
    return next_open(at, zone=world.zone, hours=world.hours)


_UNDER_WAY = {
    "APPROVED": "It is about to start.",
    "EXECUTING": "It is under way.",
    "IN_DOUBT": "Whether it happened is not known; a person looks into it.",
}
_FAILURES = {
    "FAILED": "It was tried, and failed.",
    "EXPIRED": "Nobody decided in time.",
}

_TABLE: Mapping[str, Callable[[StepFacts, Ended, World], After]] = {
    "PROPOSED": _asked,
    "AWAITING_APPROVAL": _asked,
    **dict.fromkeys(_UNDER_WAY, _under_way),
    "SUCCEEDED": _succeeded,
    **dict.fromkeys(_FAILURES, _failed),
    "REJECTED": _rejected,
    "CANCELLED": _called_off,
    "UNDONE": _undone,
    "BLOCKED": _blocked,
    # It never became an intent.
    "REFUSED": _refused,
}
