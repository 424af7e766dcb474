"""One thing that happened at an account, in words: a fact of the ledger, or a meeting."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.urls import reverse

from autonomy.models import Execution, Intent
from autonomy.rules.brief_events import SIGNALS
from autonomy.rules.brief_facts import Facts
from autonomy.views.parts import Act, by_whom, spaced
from autonomy.views.words import action
from ledger.models import Entry
from ledger.rules.kinds import MEANING, Kind
from perception.models import Interaction, Signal

# What is told, and among what.
KINDS: Mapping[Kind, str] = {
    Kind.SIGNAL_RECEIVED: "signals",
    Kind.RUN_ASKED: "asks",
    Kind.APPROVAL_REQUESTED: "decisions",
    Kind.APPROVAL_APPROVED: "decisions",
    Kind.APPROVAL_REJECTED: "decisions",
    Kind.APPROVAL_EDITED: "decisions",
    Kind.APPROVAL_SNOOZED: "decisions",
    Kind.APPROVAL_DELEGATED: "decisions",
    Kind.APPROVAL_ESCALATED: "decisions",
    Kind.APPROVAL_EXPIRED: "decisions",
    Kind.INTENT_BLOCKED: "decisions",
    Kind.EXECUTION_SUCCEEDED: "acts",
    Kind.EXECUTION_FAILED: "acts",
    Kind.EXECUTION_DOUBTED: "acts",
    Kind.EXECUTION_SETTLED: "acts",
    Kind.INTENT_GIVEN_UP: "acts",
    Kind.EXECUTION_UNDONE: "undo",
    Kind.UNDO_CONFLICTED: "undo",
    Kind.UNDO_FAILED: "undo",
    Kind.INTENT_RETRACTED: "undo",
    Kind.PLAN_PROPOSED: "plans",
    Kind.PLAN_EDITED: "plans",
    Kind.PLAN_MOVED: "plans",
    Kind.PLAN_REFUSED: "plans",
    Kind.PULL_COMPLETED: "looks",
    Kind.PULL_FAILED: "looks",
    Kind.ACCOUNT_CREATED: "changes",
    Kind.ACCOUNT_CHANGED: "changes",
}
# What was done about an act: what follows its name, and its tone.
SAID: Mapping[str, tuple[str, str]] = {
    Kind.APPROVAL_REQUESTED: ("a person is asked", "wait"),
    Kind.APPROVAL_APPROVED: ("approved", "good"),
    Kind.APPROVAL_REJECTED: ("rejected", "bad"),
    Kind.APPROVAL_EDITED: ("edited before deciding", ""),
    Kind.APPROVAL_SNOOZED: ("put off", ""),
    Kind.APPROVAL_DELEGATED: ("handed to somebody else", ""),
    Kind.APPROVAL_ESCALATED: ("handed to an approver", "wait"),
    Kind.APPROVAL_EXPIRED: ("nobody decided in time", "out"),
    Kind.INTENT_BLOCKED: ("blocked", "bad"),
    Kind.EXECUTION_SUCCEEDED: ("done", "good"),
    Kind.EXECUTION_FAILED: ("failed", "bad"),
    Kind.EXECUTION_DOUBTED: ("not known whether it was done", "wait"),
    Kind.INTENT_GIVEN_UP: ("given up before it could start", "bad"),
    Kind.EXECUTION_UNDONE: ("taken back", "out"),
    Kind.UNDO_CONFLICTED: ("not taken back, as somebody had changed it", "wait"),
    Kind.UNDO_FAILED: ("not taken back", "bad"),
    Kind.INTENT_RETRACTED: ("called off before it started", "out"),
}
MOVED: Mapping[str, tuple[str, str]] = {
    "APPROVED": ("approved", "run"),
    "ACTIVE": ("under way", "run"),
    "PAUSED": ("paused", "wait"),
    "DRAFT": ("back to draft", ""),
    "COMPLETED": ("completed", "good"),
    "ABORTED": ("aborted", "out"),
    "EXPIRED": ("expired", "out"),
}
CAUSES: Mapping[str, str] = {
    "idea": "Because of the idea.",
    "timing": "Because of the timing.",
    "execution": "Because of how it was done.",
    "external": "Because of something outside.",
}
WAYS: Mapping[tuple[str, str], str] = {
    ("email", "in"): "They wrote a mail",
    ("email", "out"): "We wrote a mail",
    ("email", "both"): "Mails went both ways",
    ("chat", "in"): "They wrote in a chat",
    ("chat", "out"): "We wrote in a chat",
    ("chat", "both"): "There was a chat",
}
OTHERWISE: Mapping[str, str] = {"meeting": "There was a meeting", "crm": "A CRM note"}
QUOTE = 240
# Their words are read where a person can be erased from them: in conversations.
SPOKEN = frozenset({"reply_received"})


@dataclass(frozen=True, kw_only=True)
class Happened:
    """One line."""

    what: str
    by: str
    at: datetime
    tone: str = ""
    url: str = ""
    details: Sequence[str] = ()
    quote: str = ""
    act: Act | None = None


@dataclass(frozen=True, kw_only=True)
class Found:
    """What lines speak of, by id."""

    signals: Mapping[str, Signal] = field(default_factory=dict)
    intents: Mapping[str, Intent] = field(default_factory=dict)
    executions: Mapping[str, Execution] = field(default_factory=dict)
    plans: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    people: Mapping[str, str] = field(default_factory=dict)


def told_met(met: Interaction) -> Happened:
    """Somebody there and somebody here had to do with each other."""
    said = met.text if len(met.text) <= QUOTE else f"{met.text[: QUOTE - 1]}…"
    known = WAYS.get((met.channel, met.direction))
    return Happened(
        what=known or OTHERWISE.get(met.channel, "There was contact"),
        by={"in": "From them", "out": "From us"}.get(met.direction, "Together"),
        at=met.at,
        tone="run",
        details=[met.subject] if met.subject else [],
        quote=said,
    )


def told_entry(entry: Entry, found: Found, acts: Mapping[str, Act | str]) -> Happened:
    """A fact of the ledger."""
    told = _TELLERS[KINDS[Kind(entry.kind)]](entry, found)
    if entry.kind not in (Kind.EXECUTION_SUCCEEDED, Kind.EXECUTION_SETTLED):
        return told
    can = acts.get(entry.subjects.get("execution", ""))
    if isinstance(can, Act):
        return replace(told, act=can)
    return replace(told, details=[*told.details, can]) if can else told


def _by(entry: Entry, found: Found) -> str:
    return by_whom(entry.actor, found.people)


def _signal(entry: Entry, found: Found) -> Happened:
    row = found.signals.get(entry.subjects.get("signal", ""))
    type_ = row.type if row else entry.data["type"]
    source = found.sources.get(entry.subjects.get("connector", ""), "")
    return Happened(
        what=_heard(type_, row.payload if row else {}, entry.at),
        by=source or _by(entry, found),
        at=row.occurred_at if row else entry.at,
        tone="run",
    )


def _asks(entry: Entry, found: Found) -> Happened:
    return Happened(
        what="What would help was asked for",
        by=_by(entry, found),
        at=entry.at,
        url=reverse("run-page", args=[entry.subjects["run"]]),
    )


def _heard(type_: str, payload: Any, at: datetime) -> str:
    tells = SIGNALS.get(type_)
    if tells is None:
        return f"A signal: {spaced(type_).lower()}"
    said = payload if isinstance(payload, dict) and type_ not in SPOKEN else {}
    nobody = Facts(at=at, action_type="", lifecycle="", tier="", score=0.0, owned=True)
    return tells(said, nobody)


def _about_act(entry: Entry, found: Found) -> Happened:
    """A decision, an act, or that it was taken back."""
    intent = found.intents.get(entry.subjects.get("intent", ""))
    words, tone = SAID.get(entry.kind, ("", ""))
    data = entry.data
    if entry.kind == Kind.EXECUTION_SETTLED:
        words, tone = ("done", "good") if data["done"] else ("not done", "bad")
        words = f"it turned out to be {words}"
    named = action(intent.action_type) if intent else "An act"
    url = reverse("intent-page", args=[intent.pk]) if intent else ""
    return Happened(
        what=f"{named}: {words}",
        by=_by(entry, found),
        at=entry.at,
        tone=tone,
        url=url,
        details=[each for each in _details(entry, found, intent) if each],
    )


def _details(entry: Entry, found: Found, intent: Intent | None) -> Sequence[str]:
    data = entry.data
    match entry.kind:
        case Kind.EXECUTION_SUCCEEDED:
            how = "By autopilot." if data.get("auto_executed") else "A person said yes."
            return [how, intent.rationale if intent else ""]
        case Kind.APPROVAL_REQUESTED:
            return [intent.rationale if intent else ""]
        case Kind.APPROVAL_REJECTED:
            return [CAUSES.get(data.get("cause", ""), "")]
        case Kind.APPROVAL_DELEGATED:
            return [f"To {found.people.get(data['to'], 'somebody else')}."]
        case Kind.INTENT_BLOCKED:
            return [data.get("explanation", "")]
        case Kind.INTENT_RETRACTED:
            return ["The account was closed."] if "CLOSED" in data["reason"] else []
        case _:
            return [data.get("error", "")]


def _plan(entry: Entry, found: Found) -> Happened:
    data, id_ = entry.data, entry.subjects.get("plan", "")
    title = found.plans.get(id_) or spaced(data.get("plan_type", "")) or "A plan"
    words, tone = MEANING[Kind(entry.kind)].rstrip("."), ""
    if entry.kind == Kind.PLAN_MOVED:
        words, tone = MOVED.get(data["to"], (spaced(data["to"]).lower(), ""))
    elif entry.kind == Kind.PLAN_PROPOSED:
        words = "drafted"
    elif entry.kind == Kind.PLAN_EDITED:
        words = "changed"
    elif entry.kind == Kind.PLAN_REFUSED:
        words, tone = "kept from going on", "bad"
    told = [each["detail"] for each in data.get("violations", ())]
    return Happened(
        what=f"{title}: {words}",
        by=_by(entry, found),
        at=entry.at,
        tone=tone,
        url=reverse("plan-page", args=[id_]) if id_ else "",
        details=[*told, *filter(None, [data.get("explanation", "")])],
    )


def _look(entry: Entry, found: Found) -> Happened:
    data = entry.data
    source = found.sources.get(entry.subjects.get("connector", ""), "A source")
    if entry.kind == Kind.PULL_FAILED:
        what, tone, said = f"{source} could not be read", "bad", [data["error"]]
    else:
        count = data["signals"]
        news = f"{count} signal{'' if count == 1 else 's'}" if count else "nothing new"
        what, tone, said = f"{source} was read: {news}", "", []
    return Happened(what=what, by="The timetable", at=entry.at, tone=tone, details=said)


def _change(entry: Entry, found: Found) -> Happened:
    if entry.kind == Kind.ACCOUNT_CREATED:
        by = _by(entry, found)
        return Happened(what="The account was added", by=by, at=entry.at)
    before, after = entry.data["before"], entry.data["after"]
    deal = entry.data.get("opportunity")
    told = [
        _of_deal(deal, name, was, now) if deal else _changed(name, was, now, found)
        for name, now in after.items()
        if (was := before.get(name)) != now
    ]
    if "contact" in entry.subjects:
        told = _of_contact(entry.data)
    elif entry.data.get("renamed"):
        told.append("It was renamed")
    return Happened(
        what=told[0] if told else "The account was changed",
        by=_by(entry, found),
        at=entry.at,
        details=[f"{each}." for each in told[1:]],
    )


def _of_deal(deal: str, name: str, was: Any, now: Any) -> str:
    words = [spaced(str(each)).lower() if each else "nothing" for each in (was, now)]
    return f"Deal {deal}: {spaced(name).lower()} changed from {words[0]} to {words[1]}"


def _of_contact(data: Mapping[str, Any]) -> list[str]:
    """Who it was, the ledger does not say."""
    if "opted_out" not in data["after"]:
        return ["Somebody there has another name or address"]
    if data["after"]["opted_out"]:
        return ["Somebody there opted out"]
    return ["Somebody there opted in again" if data["before"] else "Somebody was added"]


def _changed(name: str, before: Any, after: Any, found: Found) -> str:
    match name:
        case "closed":
            return "The account was closed" if after else "The account was opened again"
        case "owner":
            named = [found.people.get(each or "", "nobody") for each in (before, after)]
            return f"The owner changed from {named[0]} to {named[1]}"
        case "heat_tier":
            return f"It turned from {str(before).lower()} to {str(after).lower()}"
        case "lifecycle":
            return (
                f"The phase changed from {str(before).lower()} to {str(after).lower()}"
            )
        case _:
            return f"{spaced(name)} changed"


_TELLERS: Mapping[str, Callable[[Entry, Found], Happened]] = {
    "signals": _signal,
    "asks": _asks,
    "decisions": _about_act,
    "acts": _about_act,
    "undo": _about_act,
    "plans": _plan,
    "looks": _look,
    "changes": _change,
}
