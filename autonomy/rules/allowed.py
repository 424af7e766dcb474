"""What guardrails alone say of a type at a stage: allowed, restricted, or never."""

from dataclasses import replace

from autonomy.rules.actions import ActionType
from autonomy.rules.guardrails import floor, reversal, stage, tier
from autonomy.rules.theorems import OPEN
from autonomy.rules.verdict import Judgement, lowest


def what_is_allowed(action: ActionType, at_stage: str | None) -> Judgement:
    """The lowest guardrail, with nothing else in the way."""
    facts = replace(OPEN, action_type=action.key, traits=action.traits, stage=at_stage)
    return lowest([tier(facts), stage(facts), floor(facts), reversal(facts)])
