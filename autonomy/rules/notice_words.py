"""H4: notices in words, the same in a mail and on a page. No word of or to a customer."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from autonomy.rules.digest_words import named
from autonomy.rules.notices import Topic
from ledger.rules.kinds import Kind

TITLES: Mapping[Topic, str] = {
    Topic.DECISIONS: "Something waits for your decision",
    Topic.REMINDERS: "A decision of yours still waits",
    Topic.ESCALATIONS: "A decision nobody took, or that was handed up, is yours now",
    Topic.SWITCHES: "A kill switch goes on or off",
    Topic.SERVICE: "A tool stops working well, or is well again",
    Topic.PARKED: "Work got stuck and needs a person",
    Topic.DIGESTS: "Somebody's digest could not be delivered",
}
# One, and many, as a subject says it.
COUNTED: Mapping[Topic, tuple[str, str]] = {
    Topic.DECISIONS: ("1 decision waits for you", "{} decisions wait for you"),
    Topic.REMINDERS: ("1 decision still waits", "{} decisions still wait"),
    Topic.ESCALATIONS: ("1 escalation", "{} escalations"),
    Topic.SWITCHES: ("a kill switch was moved", "kill switches were moved {} times"),
    Topic.SERVICE: ("news of a tool", "{} pieces of news of tools"),
    Topic.PARKED: ("1 run got stuck", "{} runs got stuck"),
    Topic.DIGESTS: ("1 digest was not delivered", "{} digests were not delivered"),
}
ASKED: Mapping[str, str] = {
    Kind.APPROVAL_REQUESTED: "Waits for your decision until {until}.",
    Kind.APPROVAL_DELEGATED: "Was handed to you. It waits until {until}.",
    Kind.APPROVAL_REMINDED: "Still waits for your decision, until {until}.",
    Kind.APPROVAL_ESCALATED: "Nobody decided in time: it is yours now, until {until}.",
}
STOPPED: Mapping[str, str] = {
    "global": "Everything in the house",
    "tenant": "Everything in your organisation",
    "account": "Everything at one account",
    "seller": "Everything for one seller",
    "action_type": "One kind of action",
    "tool": "One tool",
    "connector": "One connector",
    "plan_type": "One kind of plan",
}
SHOWN = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What is known of a notice besides its kind, as far as its reader may see it."""

    kind: str
    account: str = ""
    action: str = ""
    until: datetime | None = None
    scope: str = ""
    target: str = ""
    reason: str = ""
    tool: str = ""
    about: str = ""
    stage: str = ""
    day: str = ""
    member: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One notice in words; `where`: at which account."""

    topic: Topic
    what: str
    where: str = ""
    more: str = ""
    url: str = ""


def headline(topics: Sequence[Topic]) -> str:
    """What a mail is about, in counts: subjects are read by anybody who looks over."""
    parts = []
    for topic in Topic:
        if count := sum(1 for each in topics if each is topic):
            one, many = COUNTED[topic]
            parts.append(one if count == 1 else many.format(count))
    text = ", ".join(parts)
    return text[:1].upper() + text[1:]


def words(seen: Seen) -> tuple[str, str]:
    """What happened, and what it means for its reader."""
    what, more = _words(seen)
    return _line(what), _line(more)


def _words(seen: Seen) -> tuple[str, str]:
    if seen.kind in ASKED:
        until = f"{seen.until:%a} {seen.until.day} {seen.until:%b, %H:%M}"  # type: ignore[union-attr]
        return named(seen.action), ASKED[seen.kind].format(until=until)
    match seen.kind:
        case Kind.SWITCH_ENGAGED:
            return f"{_stopped(seen)} is stopped", f"Reason: {seen.reason}"
        case Kind.SWITCH_RELEASED:
            return f"{_stopped(seen)} may start again", f"Reason: {seen.reason}"
        case Kind.SERVICE_ALERTED:
            said = (
                "answers too slowly" if seen.about == "latency" else "fails too often"
            )
            return f"The tool {seen.tool} {said}", "It misses its objective."
        case Kind.SERVICE_RECOVERED:
            return f"The tool {seen.tool} works well again", "It meets its objective."
        case Kind.RUN_PARKED:
            more = "It was tried often enough, and waits for somebody to look at it."
            return f"A run got stuck at its stage “{seen.stage.lower()}”", more
        case Kind.DIGEST_FAILED:
            return f"The digest of {seen.day} did not reach {seen.member}", seen.reason
        case _:
            more = "Autopilot hands it to you: please take a look."
            return "An escalation was raised", more


def _stopped(seen: Seen) -> str:
    text = STOPPED.get(seen.scope, "Something")
    named = seen.account or (seen.target if seen.scope not in ("seller",) else "")
    return f"{text} ({named.replace('_', ' ')})" if named else text


def _line(text: str) -> str:
    """On one line, whatever was written."""
    return re.sub(r"\s+", " ", text).strip()
