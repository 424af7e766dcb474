"""How intents, questions and executions move: what the statements of their verbs amount to.

Nothing asks these tables before it moves; each verb names the status that it moves from.
They are drawn in the documents, and tests watch the database for a move that is not here.
"""

from collections.abc import Mapping, Sequence

Moves = Mapping[str, Sequence[str]]

# Without replays: one walks the same way again, from its verdict to its end.
INTENT: Moves = {
    "PROPOSED": (
        "AWAITING_APPROVAL", "APPROVED", "BLOCKED", "REJECTED", "EXPIRED", "CANCELLED",
    ),
    "AWAITING_APPROVAL": (
        "PROPOSED", "APPROVED", "BLOCKED", "REJECTED", "EXPIRED", "CANCELLED",
    ),
    "APPROVED": (
        "AWAITING_APPROVAL", "EXECUTING", "BLOCKED", "EXPIRED", "CANCELLED", "FAILED",
    ),
    "EXECUTING": ("SUCCEEDED", "FAILED", "IN_DOUBT"),
    "IN_DOUBT": ("SUCCEEDED", "FAILED"),
    "SUCCEEDED": ("UNDONE",),
    "FAILED": (),
    "UNDONE": (),
    "BLOCKED": (),
    "REJECTED": (),
    "EXPIRED": (),
    "CANCELLED": (),
}  # fmt: skip
QUESTION: Moves = {
    "PENDING": ("APPROVED", "REJECTED", "EXPIRED", "WITHDRAWN"),
    "APPROVED": (),
    "REJECTED": (),
    "EXPIRED": (),
    "WITHDRAWN": (),
}
EXECUTION: Moves = {
    "STARTED": ("SUCCEEDED", "FAILED", "IN_DOUBT"),
    "IN_DOUBT": ("SUCCEEDED", "FAILED"),
    "SUCCEEDED": ("UNDONE",),
    "FAILED": (),
    "UNDONE": (),
}
