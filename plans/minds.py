"""R8: a model is asked about a draft, where the house has one; rules stand where it fails.

It is shown ids, dates, figures and words of ours, and nothing that anybody outside wrote:
so no words of strangers can reach a plan through it, and none of its steps is tainted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from uuid_utils.compat import uuid7

from autonomy import pacing
from autonomy.context import for_the_record, frozen_context
from autonomy.decide import count
from autonomy.drafts import RULES
from autonomy.models import DecisionUse
from autonomy.rules.proposals import Refused, sort_out
from autonomy.synthesizers.base import (
    NOTHING,
    Answer,
    Asked,
    NoAnswer,
    Synthesizer,
    choose,
)
from ledger.scope import current_tenant
from perception.models import Account
from perception.rules.signals import REGISTRY
from perception.tenants import today
from plans.facts import Types
from plans.rules.proposals import Outline
from plans.rules.refining import described, offered, refine

# What is shown of an account; all else may hold words of strangers.
SHOWN = (
    "at", "account", "posture", "opportunity", "opportunities", "goals", "intents",
    "outcomes", "open_approvals",
)  # fmt: skip
SPENT = "what decisions may cost today is used up"
NOTHING_HOLDS = "nothing of its answer holds"
ADDED = 600


@dataclass(frozen=True, kw_only=True)
class Thought:
    """A draft, who wrote it, and what asking took."""

    outline: Outline
    synthesizer: str = RULES
    # Why not the one that was to be asked.
    fallback: str = ""
    words: str = ""
    refused: tuple[Refused, ...] = ()
    answer: Answer = field(default_factory=Answer)

    @property
    def is_by_model(self) -> bool:
        return self.synthesizer != RULES

    def stated(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        return {
            "synthesizer": self.synthesizer,
            "fallback": self.fallback[:300],
            "model": self.answer.model,
            "prompt": self.answer.prompt,
            "tokens": self.answer.tokens,
            "cost": str(self.answer.cost),
            "refused": len(self.refused),
        }


def think(
    outline: Outline,
    account: Account,
    *,
    plan_type: str,
    types: Types,
    now: datetime,
) -> Thought:
    """What the one that is named makes of a draft of the rules. What it took is counted
    in the transaction at hand, whatever came of it.
    """
    chosen = choose()
    if chosen.name == RULES:
        return Thought(outline=outline)
    if chosen.charged and _is_spent(now=now):
        return Thought(outline=outline, fallback=f"{chosen.name}: {SPENT}")
    asked = _question(outline, account, plan_type=plan_type, types=types, now=now)
    try:
        answer = chosen.propose(asked, timeout=settings.TOOL_TIMEOUT_SECONDS)
    except NoAnswer as none:
        return _counted(
            Thought(
                outline=outline,
                fallback=f"{chosen.name}: {none.reason}",
                answer=none.taken,
            ),
            now=now,
        )
    return _counted(_held(outline, asked, answer, chosen), now=now)


def ruled(thought: Thought, outline: Outline) -> Thought:
    """What the rules say instead; what the failed attempt took stays told."""
    why = f"{thought.synthesizer}: {NOTHING_HOLDS}"
    return replace(thought, outline=outline, synthesizer=RULES, fallback=why, words="")


def _held(
    outline: Outline, asked: Asked, answer: Answer, chosen: Synthesizer
) -> Thought:
    """An answer held against form, template and schema."""
    found = sort_out(
        answer.drafts,
        known=asked.allowed_action_types,
        shown={each["id"] for each in asked.evidence},
        is_model=True,
    )
    refined = refine(outline, found.kept, asked.schemas)
    words = " ".join(each.rationale for each in refined.kept if each.rationale)
    thought = Thought(
        outline=refined.outline,
        synthesizer=chosen.name,
        words=" ".join(words.split())[:ADDED],
        refused=(*answer.refused, *found.refused, *refined.refused),
        answer=answer,
    )
    return thought if refined.kept else ruled(thought, outline)


def _question(
    outline: Outline,
    account: Account,
    *,
    plan_type: str,
    types: Types,
    now: datetime,
) -> Asked:
    known = for_the_record(frozen_context(account, None, now=now, trigger="plan"))
    signals = [each for each in known["signals"] if each["type"] in REGISTRY]
    names = offered(outline)
    return Asked(
        run_id=uuid7(),
        tenant=current_tenant(),
        account=account.pk,
        context={
            **{name: known[name] for name in SHOWN},
            "plan": described(outline, plan_type=plan_type),
            "signals": signals,
        },
        evidence=signals,
        allowed_action_types=names,
        schemas={name: _schema(types, name) for name in names},
    )


def _schema(types: Types, name: str) -> Mapping[str, Any]:
    return dict(types[name].schema) if name in types else {"type": "object"}


def _is_spent(*, now: datetime) -> bool:
    tenant = current_tenant()
    rows = DecisionUse.objects.filter(tenant_id=tenant, key=tenant, day=today(now=now))
    used = rows.values_list("cost", flat=True).first() or NOTHING
    most: float = pacing.decision_budget()["cost_per_day"]
    return float(used) >= most


def _counted(thought: Thought, *, now: datetime) -> Thought:
    if thought.answer.tokens or thought.answer.cost:
        count(thought.answer, now=now)
    return thought
