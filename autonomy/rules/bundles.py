"""A10: what a policy bundle is, what its clauses may say, and how their hits resolve."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autonomy.rules.actions import worse
from autonomy.rules.facts import Facts
from autonomy.rules.modes import resolve as resolve_mode
from autonomy.rules.verdict import Decision, Judgement, Layer, ask, first_of

# What a clause may speak of: flat and typed, so that every slip is found at save.
VARIABLES: Mapping[str, str] = {
    "action_type": "string",
    "tier": "string",
    "risk_level": "string",
    "external_contact": "bool",
    "touches": "list(string)",
    "reversal": "string",
    "idempotent": "bool",
    "stage": "string",
    "lifecycle": "string",
    "origin": "string",
    "mode": "string",
    "confidence": "double",
    "min_confidence": "double",
    "allowlisted": "bool",
    "amount": "double",
    "amount_cap": "double",
    "within_hours": "bool",
    "tainted": "bool",
    "opted_in": "bool",
    "profile": "bool",
}
NO_CAP = 1e15
# What an amount that is none counts as: more than any cap allows.
BEYOND = 1e300
# Facts that are shown can make a sentence longer than anybody reads.
LONGEST = 900


@dataclass(frozen=True, kw_only=True, slots=True)
class Clause:
    """One sentence of policy: where the condition holds, this is the ceiling."""

    id: str
    ceiling: Decision
    condition: str
    reason: str
    explanation: str
    # What would have to be so that the act runs by itself, as a sentence's second half.
    remedy: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A row of a bundle's own test table: facts that differ, and what must follow."""

    given: Mapping[str, Any]
    expect: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What is wrong with a bundle, and where: line and column within the field."""

    where: str
    line: int
    column: int
    message: str

    def stated(self) -> dict[str, Any]:
        return {
            "where": self.where,
            "line": self.line,
            "column": self.column,
            "message": self.message,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """A clause whose condition held, or broke."""

    clause: Clause
    broke: bool = False


def variables(facts: Facts) -> dict[str, Any]:
    """The facts as a clause sees them; what is unknown is never the lenient value."""
    traits = facts.traits
    registered = traits.risk_level if traits else "UNKNOWN"
    return {
        "action_type": facts.action_type,
        "tier": traits.tier if traits else "UNKNOWN",
        "risk_level": worse(registered, facts.risk_level),
        "external_contact": traits.external_contact if traits else True,
        "touches": list(traits.touches) if traits else [],
        "reversal": traits.reversal if traits else "UNKNOWN",
        "idempotent": traits.idempotent if traits else False,
        "stage": facts.stage or "",
        "lifecycle": facts.lifecycle,
        "origin": facts.origin,
        "mode": resolve_mode(facts.modes).mode or "",
        # A confidence that is none counts as the lowest there is.
        "confidence": facts.confidence if is_confidence(facts.confidence) else 0.0,
        "min_confidence": facts.min_confidence,
        "allowlisted": facts.allowlisted,
        "amount": facts.amount if math.isfinite(facts.amount) else BEYOND,
        "amount_cap": _cap(facts.amount_cap),
        "within_hours": facts.within_hours,
        "tainted": facts.tainted,
        "opted_in": facts.opted_in,
        "profile": facts.profile,
    }


def _cap(cap: float | None) -> float:
    if cap is None:
        return NO_CAP
    return cap if math.isfinite(cap) else 0.0


def is_confidence(value: float | None) -> bool:
    """A number from 0 to 1; NaN and infinities are none."""
    return value is not None and math.isfinite(value) and 0.0 <= value <= 1.0


def resolve(
    hits: Sequence[Hit],
    given: Mapping[str, Any],
    *,
    confident: bool,
    clauses: Sequence[Clause],
) -> Judgement:
    """The lowest ceiling among all hits; without a clause that allows, a person."""
    found = [_judged(hit, given) for hit in hits]
    if not confident:
        invalid = ask(
            Layer.POLICY,
            "CONFIDENCE_INVALID",
            "Its confidence is not a number from 0 to 1.",
            "it states a confidence from 0 to 1",
        )
        found.insert(0, invalid)
    if not any(each.decision is Decision.AUTO_EXECUTE for each in found):
        found.append(
            ask(
                Layer.POLICY,
                "TENANT_POLICY",
                "No clause of the policy lets this run by itself.",
                _allowing(clauses, given),
            )
        )
    return first_of(found)


def _judged(hit: Hit, given: Mapping[str, Any]) -> Judgement:
    if hit.broke:
        return Judgement(
            layer=Layer.POLICY,
            decision=Decision.REQUIRE_APPROVAL,
            reason="POLICY_ERROR",
            clause=hit.clause.id,
            explanation=f"The policy's clause {hit.clause.id} could not be judged.",
            remedies=(f"the policy's clause {hit.clause.id} is mended",),
        )
    allowed = hit.clause.ceiling is Decision.AUTO_EXECUTE
    return Judgement(
        layer=Layer.POLICY,
        decision=hit.clause.ceiling,
        reason="ALLOWED" if allowed else hit.clause.reason,
        clause=hit.clause.id,
        explanation=hit.clause.explanation.format_map(_shown(given))[:LONGEST],
        remedies=() if allowed else (_remedy(hit.clause, given),),
    )


def _remedy(clause: Clause, given: Mapping[str, Any]) -> str:
    if clause.remedy:
        return clause.remedy.format_map(_shown(given))[:LONGEST]
    return f"the policy's clause {clause.id} ({clause.condition}) does not apply"


def _allowing(clauses: Sequence[Clause], given: Mapping[str, Any]) -> str:
    """What the clauses that allow something ask for."""
    remedies = [
        clause.remedy.format_map(_shown(given))[:LONGEST]
        for clause in clauses
        if clause.ceiling is Decision.AUTO_EXECUTE and clause.remedy
    ]
    return ", or ".join(remedies) or "the policy has a clause that allows it"


def _shown(given: Mapping[str, Any]) -> dict[str, str]:
    return {name: _words(value) for name, value in given.items()}


def _words(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.12g}"
        case list():
            return ", ".join(value)
        case _:
            return str(value)
