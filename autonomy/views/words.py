"""Acts in words: what they do, how risky and how sure, what became of them."""

from collections.abc import Mapping
from datetime import datetime

from django.utils.formats import date_format
from django.utils.timezone import localtime

from autonomy.models import Approval, Undo
from autonomy.rules.digest_words import named
from autonomy.views.parts import ACTORS, Said
from autonomy.views.story_words import sentence

RISKS: Mapping[str, Said] = {
    "MINIMAL": ("Minimal risk", ""),
    "LOW": ("Low risk", ""),
    "MEDIUM": ("Medium risk", "wait"),
    "HIGH": ("High risk", "bad"),
    "UNKNOWN": ("Unknown risk", "wait"),
}
# At least so sure, and how that is said.
SURE: tuple[tuple[float, str], ...] = (
    (0.9, "Very sure"),
    (0.75, "Sure"),
    (0.5, "Fairly sure"),
    (0.25, "Unsure"),
    (0.0, "Hardly more than a guess"),
)
CAUSES: Mapping[str, str] = {
    Approval.Cause.IDEA.value: "Bad idea",
    Approval.Cause.TIMING.value: "Bad timing",
    Approval.Cause.EXECUTION.value: "Already done",
    Approval.Cause.EXTERNAL.value: "Blocked outside",
}
KINDS: Mapping[str, str] = {
    "approval": "Questions",
    "doubt": "Unclear",
    "held": "Held back",
    "parked": "Stopped runs",
}
ACTS: Mapping[str, Said] = {
    "STARTED": ("Under way", "run"),
    "SUCCEEDED": ("Done", "good"),
    "FAILED": ("Failed", "bad"),
    "IN_DOUBT": ("Unclear", "wait"),
    "UNDONE": ("Taken back", "out"),
}
INTENTS: Mapping[str, Said] = {
    "PROPOSED": ("Proposed", "wait"),
    "AWAITING_APPROVAL": ("Waits for a decision", "wait"),
    "APPROVED": ("Approved, on its way", "run"),
    "EXECUTING": ("Under way", "run"),
    "IN_DOUBT": ("Unclear", "wait"),
    "BLOCKED": ("Not allowed", "bad"),
    "REJECTED": ("Rejected", "out"),
    "EXPIRED": ("Expired", "out"),
    "SUCCEEDED": ("Done", "good"),
    "FAILED": ("Failed", "bad"),
    "UNDONE": ("Taken back", "out"),
    "CANCELLED": ("Called off", "out"),
}
STAGES: Mapping[str, str] = {
    "TRIGGER": "while it was taken in",
    "GATE": "while its worth was weighed",
    "DECIDE": "while it was decided what to do",
    "APPROVE": "while policy was asked",
    "EXECUTE": "while it was to be done",
}


def action(key: str) -> str:
    """What an action type does, as one tells somebody to do it."""
    return named(key)


def risk(key: str) -> Said:
    return RISKS.get(key, RISKS["UNKNOWN"])


def sure(confidence: float) -> str:
    """A confidence in words."""
    return next(words for least, words in SURE if confidence >= least or not least)


def when(moment: datetime) -> str:
    """A moment in the tenant's time, for sentences."""
    return date_format(localtime(moment), "j M Y, H:i")


def asker(undo: Undo) -> str:
    """Who wants it taken back; what no member asked for came by command."""
    return str(undo.by.person) if undo.by else ACTORS["operator"]


def taken_back(undo: Undo) -> str:
    """Who took it back, when, and why they did."""
    said = f"{asker(undo)} took it back on {when(undo.finished_at or undo.asked_at)}"
    return f"{said}: “{sentence(undo.reason)}”" if undo.reason else f"{said}."
