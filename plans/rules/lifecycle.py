"""R2: the states of a plan and of its steps, and every move there is between them.

The database refuses what these tables do not name: its triggers are written from them.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """How far a plan has come."""

    DRAFT = "DRAFT"
    APPROVED = "APPROVED"
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    ABORTED = "ABORTED"
    EXPIRED = "EXPIRED"


class StepStatus(StrEnum):
    """How far a step has come."""

    PENDING = "PENDING"
    PENDING_APPROVAL = "PENDING_APPROVAL"
    RUNNING = "RUNNING"
    DONE = "DONE"
    AUTO_EXECUTED = "AUTO_EXECUTED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    CANCELLED = "CANCELLED"


S, T = Status, StepStatus

MOVES: Mapping[Status, frozenset[Status]] = {
    S.DRAFT: frozenset({S.APPROVED, S.ABORTED, S.EXPIRED}),
    S.APPROVED: frozenset({S.ACTIVE, S.DRAFT, S.ABORTED, S.EXPIRED}),
    S.ACTIVE: frozenset({S.PAUSED, S.COMPLETED, S.ABORTED, S.EXPIRED, S.DRAFT}),
    S.PAUSED: frozenset({S.ACTIVE, S.DRAFT, S.COMPLETED, S.ABORTED, S.EXPIRED}),
    S.COMPLETED: frozenset(),
    S.ABORTED: frozenset(),
    S.EXPIRED: frozenset(),
}

_SUBMITTED = frozenset({T.PENDING_APPROVAL, T.RUNNING})
_ENDS = frozenset({T.DONE, T.AUTO_EXECUTED, T.FAILED, T.SKIPPED, T.CANCELLED})

STEP_MOVES: Mapping[StepStatus, frozenset[StepStatus]] = {
    T.PENDING: _SUBMITTED | _ENDS,
    T.PENDING_APPROVAL: _ENDS | {T.RUNNING, T.PENDING},
    T.RUNNING: _ENDS | {T.PENDING_APPROVAL, T.PENDING},
    # A person tries it again, or does without it.
    T.FAILED: frozenset({T.PENDING, T.SKIPPED}),
    T.DONE: frozenset(),
    T.AUTO_EXECUTED: frozenset(),
    T.SKIPPED: frozenset(),
    T.CANCELLED: frozenset(),
}

TERMINAL = frozenset(status for status, onward in MOVES.items() if not onward)
LIVE = frozenset(Status) - TERMINAL
# Such a plan goes on by itself, or waits to.
RUNNING = frozenset({S.APPROVED, S.ACTIVE, S.PAUSED})

SUBMITTED = _SUBMITTED
SUCCEEDED = frozenset({T.DONE, T.AUTO_EXECUTED})
OPEN = frozenset({T.PENDING}) | _SUBMITTED
ENDED = _ENDS
# What may still be changed about a plan in DRAFT: nothing that somebody saw happen.
EDITABLE = frozenset({T.PENDING})


def may_move(now: Status, to: Status) -> bool:
    """Whether the table names this move; staying is no move."""
    return to in MOVES[now]


def may_step(now: StepStatus, to: StepStatus) -> bool:
    """Whether the table names this move of a step."""
    return to in STEP_MOVES[now]


def why_not(now: Status, to: Status) -> str:
    """What to tell whoever wants a move that the table does not name."""
    if now == to:
        return f"The plan is {now} already."
    if now in TERMINAL:
        return f"The plan is {now}, which is for good."
    onward = ", ".join(sorted(MOVES[now]))
    return f"A plan that is {now} cannot become {to}; it can become {onward}."


def trigger(name: str, table: str, moves: Mapping[Any, frozenset[Any]]) -> str:
    """The database's own copy of a table of moves, as the text of a trigger."""
    legal = ",\n            ".join(
        ", ".join(f"'{now}>{to}'" for to in sorted(moves[now]))
        for now in sorted(moves)
        if moves[now]
    )
    return f"""
CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> OLD.status
       AND OLD.status || '>' || NEW.status NOT IN (
            {legal}
       ) THEN
        RAISE EXCEPTION '{table}: % cannot become %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
"""
