"""Verdicts: ceilings of layers, composed by their minimum, never bare."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any


class Decision(StrEnum):
    """A ceiling: how far a layer lets an act go by itself."""

    BLOCK = "BLOCK"
    REQUIRE_APPROVAL = "REQUIRE_APPROVAL"
    AUTO_EXECUTE = "AUTO_EXECUTE"


# The chain, lowest first.
RANK = {decision: place for place, decision in enumerate(Decision)}


class Layer(StrEnum):
    """The layers, in the order in which the reported reason is looked for."""

    KILL_SWITCH = "kill_switch"
    TIER = "tier"
    STAGE = "stage"
    FLOOR = "floor"
    REVERSAL = "reversal"
    MODE = "mode"
    SCHEDULE = "schedule"
    CONTACT = "contact"
    POLICY = "policy"
    BUDGET = "budget"


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What one layer says.

    `remedies`: what would all have to be so that it lets the act run by itself; none
    where nothing would do.
    """

    layer: Layer
    decision: Decision
    reason: str
    clause: str
    explanation: str
    remedies: tuple[str, ...] = ()

    def stated(self) -> dict[str, str]:
        """As rows, doors and the ledger show it."""
        return {
            "layer": self.layer.value,
            "decision": self.decision.value,
            "reason": self.reason,
            "clause": self.clause,
            "explanation": self.explanation,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What all layers together say, and which of them decided."""

    decision: Decision
    reason: str
    policy_clause: str
    explanation: str
    policy_version: str
    layers: tuple[Judgement, ...]
    would_be_automatic_if: tuple[str, ...]

    def stated(self) -> dict[str, Any]:
        return {
            "decision": self.decision.value,
            "reason": self.reason,
            "policy_clause": self.policy_clause,
            "explanation": self.explanation,
            "policy_version": self.policy_version,
            "layers": [judgement.stated() for judgement in self.layers],
            "would_be_automatic_if": list(self.would_be_automatic_if),
        }


def allow(layer: Layer, clause: str, explanation: str) -> Judgement:
    """The layer sees nothing in the way."""
    return Judgement(
        layer=layer,
        decision=Decision.AUTO_EXECUTE,
        reason="ALLOWED",
        clause=clause,
        explanation=explanation,
    )


def ask(layer: Layer, reason: str, explanation: str, remedy: str = "") -> Judgement:
    """The layer wants a person to decide."""
    return Judgement(
        layer=layer,
        decision=Decision.REQUIRE_APPROVAL,
        reason=reason,
        clause=f"{layer.value}.{reason.lower()}",
        explanation=explanation,
        remedies=(remedy,) if remedy else (),
    )


def block(layer: Layer, reason: str, explanation: str, remedy: str = "") -> Judgement:
    """The layer lets nobody do this, people neither."""
    return Judgement(
        layer=layer,
        decision=Decision.BLOCK,
        reason=reason,
        clause=f"{layer.value}.{reason.lower()}",
        explanation=explanation,
        remedies=(remedy,) if remedy else (),
    )


def lowest(judgements: Sequence[Judgement]) -> Judgement:
    """The first judgement that attains the minimum."""
    return min(judgements, key=lambda judgement: RANK[judgement.decision])


def first_of(obstacles: Sequence[Judgement]) -> Judgement:
    """What a layer says that sees several things in the way: the first of the lowest,
    and everything that would have to change.
    """
    return replace(lowest(obstacles), remedies=remedies(obstacles))


def remedies(judgements: Sequence[Judgement]) -> tuple[str, ...]:
    """What would all have to change; nothing where for one of them nothing would do."""
    held = [each for each in judgements if each.decision is not Decision.AUTO_EXECUTE]
    if not all(each.remedies for each in held):
        return ()
    return tuple(dict.fromkeys(remedy for each in held for remedy in each.remedies))


def compose(judgements: Sequence[Judgement], *, policy_version: str) -> Verdict:
    """The verdict of all layers; where nothing stands in the way, policy speaks."""
    decisive = lowest(judgements)
    if decisive.decision is Decision.AUTO_EXECUTE:
        decisive = next(each for each in judgements if each.layer is Layer.POLICY)
    return Verdict(
        decision=decisive.decision,
        reason=decisive.reason,
        policy_clause=decisive.clause,
        explanation=decisive.explanation,
        policy_version=policy_version,
        layers=tuple(judgements),
        would_be_automatic_if=remedies(judgements),
    )
