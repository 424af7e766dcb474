"""What pages about acts share: a button that is asked for once more, and "Why?"."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from autonomy.models import Verdict

# A word, and its tone: good, run, wait, bad, out, or none.
Said = tuple[str, str]

DECISIONS: Mapping[str, Said] = {
    "AUTO_EXECUTE": ("Runs alone", "good"),
    "REQUIRE_APPROVAL": ("Asks a person", "wait"),
    "BLOCK": ("Blocked", "bad"),
}

PUT_BACK = "What it changed is put back as it was, unless somebody has changed it."


@dataclass(frozen=True, kw_only=True)
class Act:
    """One button: what it does, or why it does not."""

    key: str
    word: str
    of: str
    url: str
    about: str
    confirm: str
    tone: str = ""
    may: bool = True
    why_not: str = ""
    asks: bool = True
    must: bool = False
    said: str = ""
    is_open: bool = False


@dataclass(frozen=True, kw_only=True)
class Why:
    """A verdict, in words."""

    decision: str
    tone: str
    reason: str
    explanation: str
    clause: str
    version: str
    at: datetime
    automatic_if: Sequence[str]
    link: str


def why_of(verdict: Verdict) -> Why:
    """What the layers said about an intent, and what would make it automatic."""
    words, tone = DECISIONS[verdict.decision]
    return Why(
        decision=words,
        tone=tone,
        reason=spaced(verdict.reason.lower()),
        explanation=verdict.explanation,
        clause=verdict.policy_clause,
        version=verdict.policy_version,
        at=verdict.judged_at,
        automatic_if=verdict.would_be_automatic_if,
        link=reverse("intent-page", args=[verdict.intent_id]),
    )


def spaced(key: str) -> str:
    """A key as words."""
    return key.replace("_", " ").strip().capitalize()
