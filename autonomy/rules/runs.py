"""Runs and their stages: few states drive, many reasons explain."""

from collections.abc import Mapping
from enum import StrEnum


class RunStatus(StrEnum):
    """How far a run has come. Nothing is left to do in the last three."""

    RECEIVED = "RECEIVED"
    TRIGGERED = "TRIGGERED"
    DEFERRED = "DEFERRED"
    DECIDED = "DECIDED"
    SKIPPED = "SKIPPED"
    DONE = "DONE"
    PARKED = "PARKED"


class Stage(StrEnum):
    """What has to be done next; one task, and one queue, for each."""

    TRIGGER = "TRIGGER"
    GATE = "GATE"
    DECIDE = "DECIDE"
    APPROVE = "APPROVE"
    EXECUTE = "EXECUTE"


class GateResult(StrEnum):
    """What the cost gate says."""

    ALLOW = "ALLOW"
    DEFER = "DEFER"
    SKIP = "SKIP"


TERMINAL = frozenset({RunStatus.SKIPPED, RunStatus.DONE, RunStatus.PARKED})

MOVES: Mapping[RunStatus, frozenset[RunStatus]] = {
    RunStatus.RECEIVED: frozenset(
        {RunStatus.TRIGGERED, RunStatus.SKIPPED, RunStatus.PARKED}
    ),
    RunStatus.TRIGGERED: frozenset(
        {
            RunStatus.DEFERRED,
            RunStatus.SKIPPED,
            RunStatus.DECIDED,
            RunStatus.PARKED,
        }
    ),
    RunStatus.DEFERRED: frozenset(
        {
            RunStatus.DEFERRED,
            RunStatus.SKIPPED,
            RunStatus.TRIGGERED,
            RunStatus.DECIDED,
            RunStatus.PARKED,
        }
    ),
    RunStatus.DECIDED: frozenset({RunStatus.DONE, RunStatus.PARKED}),
    RunStatus.SKIPPED: frozenset(),
    RunStatus.DONE: frozenset(),
    # A person sends it on its way again, from the stage at which it stopped.
    RunStatus.PARKED: frozenset(
        {RunStatus.RECEIVED, RunStatus.TRIGGERED, RunStatus.DECIDED}
    ),
}
