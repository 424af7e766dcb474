"""An act in words: its states, the stations that it passed, times and amounts."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.dateformat import format as written

from autonomy.views.parts import Said, spaced

RUNS: Mapping[str, Said] = {
    "RECEIVED": ("Just came in", "run"),
    "TRIGGERED": ("Being looked at", "run"),
    "DEFERRED": ("Put off", "wait"),
    "DECIDED": ("Being judged", "run"),
    "SKIPPED": ("Nothing was done", "out"),
    "DONE": ("Ended", "good"),
    "PARKED": ("Stopped by a fault", "bad"),
}
OUTCOMES: Mapping[str, str] = {
    "IDEA_REJECTED": "The idea was refused",
    "IDEA_EDITED": "Somebody changed it before it was done",
    "EXECUTION_FAILED": "It failed",
    "EXECUTION_SUCCEEDED": "It was done",
    "NO_RESPONSE": "Nobody answered",
    "NEGATIVE_RESPONSE": "They answered badly",
    "UNDONE": "It was taken back",
}
PROOFS: Mapping[str, str] = {
    "HOUSE": "It was read back, and is as it was before.",
    "READ_BACK": "It was read back there, and is as it was before.",
    "TOOL": "The tool confirmed it.",
    "PERSON": "A person looked, and said so.",
    "RETRACTED": "It had not gone out yet.",
}
TRIGGERS: Mapping[str, str] = {
    "SIGNAL_ARRIVED": "something new at the account",
    "LIFECYCLE_CHANGE": "a change of the account’s lifecycle",
    "POSTURE_CHANGE": "a change of the account’s posture",
    "RITUAL_MORNING_BRIEF": "the morning brief",
    "RITUAL_WEEKLY_REVIEW": "the weekly review",
    "RITUAL_RENEWAL_RUNWAY": "a renewal that comes near",
    "PATTERN_DETECTED": "a pattern in what happened",
    "GOAL_BEHIND": "a goal that is behind",
    "MANUAL": "a person who asked for it",
}
MODELS: Mapping[str, str] = {"rules": "the house’s playbook", "http": "your service"}
# Whose budget a line is.
SCOPES: Mapping[str, str] = {
    "tenant": "Everybody",
    "account": "This account",
    "seller": "This seller",
    "action_type": "this kind of act",
}
LONGEST = 600


def when(moment: datetime) -> str:
    """A moment in the tenant's time."""
    return written(timezone.localtime(moment), "j M Y, H:i")


def zone() -> str:
    """The name of the tenant's time."""
    return timezone.get_current_timezone_name()


def scope_of(text: str) -> str:
    """Whose budget it is: "account+action_type"."""
    parts = [SCOPES.get(each, spaced(each).lower()) for each in text.split("+")]
    told = ", ".join(parts)
    return told[:1].upper() + told[1:]


def plain(value: Any) -> str:
    """A value as a person reads it."""
    match value:
        case None | "" | [] | {}:
            return "—"
        case bool():
            return "yes" if value else "no"
        case dict():
            told = "; ".join(f"{spaced(k)}: {plain(v)}" for k, v in value.items())
        case list() | tuple():
            told = ", ".join(plain(each) for each in value)
        case _:
            told = str(value)
    return told if len(told) <= LONGEST else f"{told[:LONGEST]}…"


def counted(many: int, one: str, more: str = "") -> str:
    """1 deal, 2 deals."""
    return f"{many} {one if many == 1 else more or one + 's'}"


def spoken(model: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Who was asked, what it took, and with which prompt; older runs tell no prompt."""
    if not model:
        return []
    took = f"{counted(model['tokens'], 'token')}, cost {model['cost']}"
    told = [("Model", f"{model['name']}, {took}"), ("Prompt", model.get("prompt", ""))]
    return [each for each in told if each[1]]


def sentence(text: str) -> str:
    """With a full stop, and only one."""
    told = text.strip()
    return told if not told or told[-1] in ".!?…" else f"{told}."
