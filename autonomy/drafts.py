"""Proposals that hold become intents; those that do not are named in the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from autonomy.context import for_the_record, is_from_outside
from autonomy.models import Intent
from autonomy.permits import digest
from autonomy.propose import proposed
from autonomy.ranking import Ranked, choices
from autonomy.rows import Writes, new
from autonomy.rules.actions import ActionType
from autonomy.rules.proposals import Draft, Refused
from autonomy.synthesizers.base import Answer, Asked
from ledger.record import Actor, Fact
from ledger.rules.ids import id_in
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant

RULES = "rules"
# Beside what reaches out, this is written to somebody.
ADDRESSED = frozenset({"draft_email"})


class Started(Protocol):
    """What is to be known of a run."""

    @property
    def id(self) -> UUID: ...
    @property
    def trigger(self) -> str: ...
    @property
    def origin(self) -> str: ...


class Said(NamedTuple):
    """What was answered, by whom, and why not by the one that was to be asked."""

    answer: Answer
    synthesizer: str
    fallback: str

    @property
    def is_by_model(self) -> bool:
        """Whether anything but the rules of the house wrote it."""
        return self.synthesizer != RULES


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What of an answer holds, and what it was an answer to."""

    asked: Asked
    said: Said
    ranked: Ranked
    refused: tuple[Refused, ...]
    types: Mapping[str, ActionType]

    @property
    def kept(self) -> tuple[Draft, ...]:
        return self.ranked.drafts

    def stated(self) -> dict[str, Any]:
        """As the run's row and the ledger hold it."""
        answer, synthesizer, fallback = self.said
        model = {
            "name": answer.model or synthesizer,
            "tokens": answer.tokens,
            "cost": str(answer.cost),
            "prompt": answer.prompt,
        }
        return {
            "synthesizer": synthesizer,
            "fallback": fallback,
            "note": answer.note,
            "tokens": answer.tokens,
            "cost": str(answer.cost),
            "model": model
            if self.said.is_by_model or answer.model or answer.tokens
            else None,
            "refused": len(self.refused),
        }


def keep(run: Started, settled: Settled, *, now: datetime) -> list[Intent]:
    """Keep the proposals as intents that nobody has judged yet, and state everything,
    in the transaction at hand.
    """
    intents = [
        _intent(run, settled, draft, place, now)
        for place, draft in enumerate(settled.kept, start=1)
    ]
    by = Actor(type="system", id=f"synthesizer.{settled.said.synthesizer}")
    subjects = {"run": run.id, "account": settled.asked.account}
    if settled.asked.context["signal"]:
        subjects["signal"] = UUID(settled.asked.context["signal"])
    facts = [Fact(kind=Kind.RUN_DECIDED, by=by, subjects=subjects,
                  data=_decided(run, settled, intents))]  # fmt: skip
    for intent in intents:
        facts.append(proposed(intent, by))
    for refused in settled.refused:
        said = {
            "code": refused.code,
            "action_type": refused.action_type,
            "detail": refused.detail,
        }
        facts.append(
            Fact(kind=Kind.PROPOSAL_REFUSED, by=by, subjects=subjects, data=said)
        )
    ranked = choices(settled.ranked, intents, run=run.id, now=now)
    Writes().insert(*intents).insert(*ranked).state(facts, now=now).ride()
    return intents


def _intent(
    run: Started, settled: Settled, draft: Draft, place: int, now: datetime
) -> Intent:
    context, action = settled.asked.context, settled.types[draft.action_type]
    traits = action.traits
    is_about_deal = traits.external_contact or bool(traits.touches)
    is_addressed = traits.external_contact or action.key in ADDRESSED
    return new(
        Intent,
        tenant_id=current_tenant(),
        account_id=settled.asked.account,
        # The house says whom and what it concerns; whoever wrote it does not.
        opportunity_id=id_in(context["opportunity"]) if is_about_deal else None,
        contact_id=id_in(context["contact"]) if is_addressed else None,
        run_id=run.id,
        origin=Intent.Origin(run.origin).value,
        action_type=draft.action_type,
        parameters=dict(draft.parameters),
        confidence=float(draft.confidence),
        risk_level=draft.risk_level or "",
        rationale=draft.rationale,
        evidence=list(draft.evidence),
        tainted=_is_tainted(settled, draft),
        reaches_out=traits.external_contact,
        status=Intent.Status.PROPOSED,
        rank=place,
        lead=settled.ranked.leads[place - 1],
        due_at=now,
        created_at=now,
        updated_at=now,
    )


def _is_tainted(settled: Settled, draft: Draft) -> bool:
    """Rules rest on what they cite; a model on everything that it was shown."""
    context = settled.asked.context
    if settled.said.is_by_model:
        return is_from_outside(context)
    return any(
        each["external_text"] and each["id"] in draft.evidence
        for each in context["signals"]
    )


def _decided(
    run: Started, settled: Settled, intents: Sequence[Intent]
) -> dict[str, Any]:
    context = settled.asked.context
    return {
        **settled.stated(),
        "trigger": run.trigger,
        "snapshot": for_the_record(context),
        "snapshot_digest": digest(context),
        "ranking": settled.ranked.stated(),
        "proposals": [
            {
                "intent": str(each.id),
                "rank": each.rank,
                "action_type": each.action_type,
                "confidence": each.confidence,
                "risk_level": each.risk_level,
                "parameters_digest": digest(each.parameters),
                "evidence": each.evidence,
                "tainted": each.tainted,
            }
            for each in intents
        ],
    }
