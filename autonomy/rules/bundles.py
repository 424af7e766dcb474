"""A10: what a policy bundle is, what its clauses may say, and how their hits resolve."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
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

MAX_CLAUSES = 100
MAX_TESTS = 500
MAX_CONDITION = 500
MAX_EXPLANATION = 300
ID = re.compile(r"[a-z][a-z0-9_]{0,63}")
REASON = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
# Loops over made-up lists burn time and say nothing that these facts need.
MACROS = re.compile(r"\.\s*(map|filter|all|exists|exists_one)\s*\(")
# A confidence is only ever compared, so that the points that matter can be listed.
NUMBER = r"(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?"
COMPARED = re.compile(
    rf"\bconfidence\s*(?:<=|>=|<|>)\s*(?:{NUMBER}|min_confidence\b)(?!\s*[-+*/%?.(\[])"
)
MENTIONED = re.compile(r"\bconfidence\b")
TEXT = re.compile(r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"")
LITERAL = re.compile(rf"(?<![\w.]){NUMBER}")


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


def well_formed(clauses: Sequence[Clause]) -> list[Fault]:
    """What is wrong before any engine has looked."""
    faults = []
    if not clauses:
        faults.append(_fault("clauses", "A bundle needs at least one clause."))
    if len(clauses) > MAX_CLAUSES:
        faults.append(_fault("clauses", f"At most {MAX_CLAUSES} clauses."))
    seen: set[str] = set()
    for place, clause in enumerate(clauses):
        where = f"clauses[{place}]"
        if not ID.fullmatch(clause.id):
            faults.append(_fault(f"{where}.id", "Write it in lower_snake letters."))
        if clause.id in seen or clause.id == "default":
            faults.append(_fault(f"{where}.id", f"{clause.id} is taken."))
        seen.add(clause.id)
        if not REASON.fullmatch(clause.reason):
            faults.append(_fault(f"{where}.reason", "Write it in UPPER_SNAKE letters."))
        if not clause.explanation.strip():
            faults.append(_fault(f"{where}.explanation", "Say in a sentence why."))
        faults += _worded(clause.explanation, f"{where}.explanation")
        faults += _worded(clause.remedy, f"{where}.remedy")
        faults += _conditioned(clause, f"{where}.condition")
    return faults


def confidence_points(
    clauses: Sequence[Clause], minimums: Sequence[float]
) -> list[float]:
    """The confidences at, just below and just above everything they are compared with.

    Between two of these points no verdict can change, so trying them tries them all.
    """
    compared = {0.0, 1.0, *minimums}
    for clause in clauses:
        bare = TEXT.sub("''", clause.condition)
        compared |= {float(each) for each in LITERAL.findall(bare)}
    around = {
        near
        for point in compared
        for near in (
            math.nextafter(point, -1.0),
            point,
            math.nextafter(point, 2.0),
        )
    }
    return sorted(point for point in around if 0.0 <= point <= 1.0)


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
        explanation=hit.clause.explanation.format_map(_shown(given)),
        remedies=() if allowed else (_remedy(hit.clause, given),),
    )


def _remedy(clause: Clause, given: Mapping[str, Any]) -> str:
    if clause.remedy:
        return clause.remedy.format_map(_shown(given))
    return f"the policy's clause {clause.id} ({clause.condition}) does not apply"


def _allowing(clauses: Sequence[Clause], given: Mapping[str, Any]) -> str:
    """What the clauses that allow something ask for."""
    remedies = [
        clause.remedy.format_map(_shown(given))
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


def _worded(text: str, where: str) -> list[Fault]:
    """What is wrong with a text in which {facts} are shown."""
    if len(text) > MAX_EXPLANATION:
        return [_fault(where, f"At most {MAX_EXPLANATION} characters.")]
    try:
        named = [part[1:] for part in Formatter().parse(text)]
    except ValueError as error:
        return [_fault(where, f"Its braces do not match: {error}.")]
    for name, spec, conversion in named:
        if name is not None and (name not in VARIABLES or spec or conversion):
            column = text.find("{" + name) + 1
            return [_fault(where, f"{{{name}}} is no fact.", column=column)]
    return []


def _conditioned(clause: Clause, where: str) -> list[Fault]:
    condition = clause.condition
    if not condition.strip() or len(condition) > MAX_CONDITION:
        return [_fault(where, f"Write an expression of at most {MAX_CONDITION} signs.")]
    # Texts are blanked, so that places stay what they are.
    bare = TEXT.sub(lambda text: "'" + "_" * (len(text[0]) - 2) + "'", condition)
    if found := MACROS.search(bare):
        return [
            _at(where, bare, found.start() + 1, f"{found[1]}() is not allowed here.")
        ]
    compared = {match.start() for match in COMPARED.finditer(bare)}
    for mention in MENTIONED.finditer(bare):
        if mention.start() not in compared:
            return [
                _at(
                    where,
                    bare,
                    mention.start(),
                    "Compare confidence with a number or min_confidence, confidence "
                    "first, as in: confidence < 0.8.",
                )
            ]
    return []


def _at(where: str, text: str, place: int, message: str) -> Fault:
    before = text[:place]
    line = before.count("\n") + 1
    return Fault(
        where=where,
        line=line,
        column=place - (before.rfind("\n") + 1) + 1,
        message=message,
    )


def _fault(where: str, message: str, *, column: int = 1) -> Fault:
    return Fault(where=where, line=1, column=column, message=message)
