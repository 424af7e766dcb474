"""Explain an act from what was stored when it happened, never from today's rows."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q

from ledger.models import Entry
from ledger.rules.kinds import Kind

ENDS = {
    Kind.EXECUTION_SUCCEEDED,
    Kind.EXECUTION_FAILED,
    Kind.EXECUTION_DOUBTED,
    Kind.EXECUTION_SETTLED,
    Kind.EXECUTION_UNDONE,
}


@dataclass(frozen=True, kw_only=True)
class Story:
    """The entries of one intent, oldest first, by kind."""

    entries: tuple[Entry, ...]

    def last(self, *kinds: Kind) -> Entry | None:
        found = [entry for entry in self.entries if entry.kind in kinds]
        return found[-1] if found else None

    def said(self, *kinds: Kind) -> dict[str, Any]:
        entry = self.last(*kinds)
        return dict(entry.data) if entry else {}


def story_of_intent(intent: UUID) -> Story | None:
    """All that the ledger of the tenant in scope holds about an intent."""
    about = Entry.objects.filter(intent_id=intent)
    runs = {entry.run_id for entry in about if entry.run_id}
    entries = Entry.objects.filter(
        Q(intent_id=intent) | Q(run_id__in=runs, intent_id=None)
    ).order_by("number")
    return Story(entries=tuple(entries)) if about else None


def story_of_execution(execution: UUID) -> Story | None:
    """The same, found by an execution; of several, what led to it and came of it."""
    entry = (
        Entry.objects.filter(execution_id=execution, intent_id__isnull=False)
        .order_by("number")
        .first()
    )
    story = story_of_intent(entry.intent_id) if entry else None
    if entry is None or story is None:
        return None
    if {each.execution_id for each in story.entries} <= {execution, None}:
        return story
    return Story(
        entries=tuple(
            each
            for each in story.entries
            if each.execution_id == execution
            or (each.execution_id is None and each.number < entry.number)
        )
    )


def explain(story: Story) -> dict[str, Any]:
    """Why it happened, what was known, which policy allowed it, and who."""
    verdict = story.said(Kind.INTENT_JUDGED)
    decided = story.said(Kind.RUN_DECIDED)
    started = story.said(Kind.EXECUTION_STARTED)
    newest = story.entries[-1]
    return {
        "intent": _subject(story, "intent"),
        "execution": _subject(story, "execution"),
        "account": _subject(story, "account"),
        "tenant": str(newest.tenant_id),
        "why": {
            "trigger": story.said(Kind.TRIGGER_FIRED).get("trigger"),
            "gate": story.said(Kind.GATE_JUDGED),
            "decision": verdict.get("decision"),
            "reason": verdict.get("reason"),
            "explanation": verdict.get("explanation", ""),
            "layers": verdict.get("layers", []),
        },
        "what_it_knew": decided.get("snapshot", verdict.get("facts", {})),
        "which_policy": {
            "policy_version": verdict.get("policy_version", "unknown"),
            "policy_clause": verdict.get("policy_clause"),
        },
        "approval_source": _approval_source(story, started),
        "auto_executed": bool(started.get("auto_executed", False)),
        "would_be_automatic_if": verdict.get("would_be_automatic_if", []),
        "model": decided.get("model"),
        "outcome": _outcome(story),
        "entries": [str(entry.id) for entry in story.entries],
    }


def _approval_source(story: Story, started: dict[str, Any]) -> str | None:
    """Who let it happen; a person's decision counts before anything was started."""
    if started:
        return str(started.get("approval_source"))
    return "HUMAN" if story.last(Kind.APPROVAL_APPROVED) else None


def _subject(story: Story, noun: str) -> str | None:
    named = [e.subjects[noun] for e in story.entries if noun in e.subjects]
    return named[-1] if named else None


def _outcome(story: Story) -> dict[str, Any] | None:
    end = story.last(*ENDS)
    return {"kind": end.kind, "at": end.at, "data": end.data} if end else None
