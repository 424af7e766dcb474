"""A14: what must hold for every version of a policy, checked over the finite domain."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Protocol

from autonomy.rules.actions import ActionType, Risk, Tier
from autonomy.rules.bundles import Clause
from autonomy.rules.contact import contact
from autonomy.rules.domain import STAGES, Domain
from autonomy.rules.facts import BudgetLine, Facts, ModeAt, Reach
from autonomy.rules.guardrails import floor, reversal, stage, tier
from autonomy.rules.judge import Judge
from autonomy.rules.modes import MODES, mode
from autonomy.rules.schedule import schedule
from autonomy.rules.verdict import RANK, Decision, Judgement, Layer, compose

ORIGINS = ("signal", "agent", "ritual", "plan", "nobody_knows")
AUTO, BLOCK = RANK[Decision.AUTO_EXECUTE], RANK[Decision.BLOCK]
# More points than this in one clause, and nobody could say what it does either.
MOST_POINTS = 200_000


class Bundle(Protocol):
    """A compiled policy, as far as theorems look at it."""

    version: str

    @property
    def clauses(self) -> Sequence[Clause]: ...

    def __call__(self, facts: Facts) -> Judgement: ...

    def holds(self, place: int, given: Mapping[str, Any]) -> bool | None: ...

    def ask(self, given: Mapping[str, Any], *, confident: bool = True) -> Judgement: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """A theorem that is false, and a case that shows it."""

    theorem: str
    case: Mapping[str, Any]

    def stated(self) -> dict[str, Any]:
        return {"theorem": self.theorem, "case": dict(self.case)}


def broken(
    bundle: Bundle, actions: Sequence[ActionType], minimums: Sequence[float]
) -> list[Broken]:
    """Every theorem that does not hold, each with its first counterexample."""
    domain = Domain.of(bundle.clauses, actions, minimums)
    found = [*_clauses(bundle, domain), *_table(bundle, domain), *_minimum()]
    return list({each.theorem: each for each in reversed(found)}.values())[::-1]


def widening(
    old: Bundle,
    new: Bundle,
    actions: Sequence[ActionType],
    minimums: Sequence[float],
) -> Mapping[str, Any] | None:
    """A case in which the new bundle lets more happen than the old one, if any.

    Only where they differ can they disagree: what both forbid is left aside, and what
    both allow is supposed to be allowed, and not. So nothing that widens is missed.
    """
    olds, news = _beside(old, new), _beside(new, old)
    differing = [old.clauses[place] for place in olds]
    differing += [new.clauses[place] for place in news]
    domain = Domain.of(differing, actions, minimums)
    names = domain.mentioned(differing)
    if domain.size(names) > MOST_POINTS:
        return {"too_many_cases": domain.size(names)}
    shared = any(
        clause.ceiling is Decision.AUTO_EXECUTE
        for place, clause in enumerate(old.clauses)
        if place not in olds
    )
    for given in domain.points(names):
        for allowed in {False, shared}:
            if _ceiling(new, news, given, allowed) > _ceiling(
                old, olds, given, allowed
            ):
                return {name: given[name] for name in sorted(names)}
    return None


def _beside(one: Bundle, other: Bundle) -> list[int]:
    """The places of clauses that the other bundle does not have."""
    held = {(clause.ceiling, clause.condition) for clause in other.clauses}
    return [
        place
        for place, clause in enumerate(one.clauses)
        if (clause.ceiling, clause.condition) not in held
    ]


def _ceiling(
    bundle: Bundle, places: Sequence[int], given: Mapping[str, Any], allowed: bool
) -> int:
    """The lowest ceiling among some clauses; without one that allows, a person."""
    found = [AUTO] if allowed else []
    for place in places:
        held = bundle.holds(place, given)
        if held is None:
            found.append(RANK[Decision.REQUIRE_APPROVAL])
        elif held:
            found.append(RANK[bundle.clauses[place].ceiling])
    return min(found) if AUTO in found else min([*found, AUTO - 1])


def _clauses(bundle: Bundle, domain: Domain) -> Iterator[Broken]:
    """Clause by clause: each can be judged, and confidence only ever lowers."""
    for place, clause in enumerate(bundle.clauses):
        names = domain.mentioned([clause])
        if domain.size(names) > MOST_POINTS:
            yield Broken(
                theorem="every clause can be tried in all its cases",
                case={"clause": clause.id, "cases": domain.size(names)},
            )
            continue
        yield from _clause(bundle, place, clause, domain, names)


def _clause(
    bundle: Bundle, place: int, clause: Clause, domain: Domain, names: frozenset[str]
) -> Iterator[Broken]:
    rising = clause.ceiling is Decision.AUTO_EXECUTE
    last: tuple[Any, bool] | None = None
    for given in domain.points(names):
        held = bundle.holds(place, given)
        case = {"clause": clause.id, **{name: given[name] for name in sorted(names)}}
        if held is None:
            yield Broken(theorem="every clause can be judged", case=case)
            return
        # Confidence varies fastest, so the points of one case follow each other.
        rest = tuple(given[name] for name in sorted(names - {"confidence"}))
        key = repr(rest)
        if last is not None and last[0] == key and last[1] != held and held != rising:
            yield Broken(theorem="confidence may only lower a verdict", case=case)
            return
        last = (key, held)


def _table(bundle: Bundle, domain: Domain) -> Iterator[Broken]:
    """The whole verdict, for every type, risk, confidence, stage, mode and origin."""
    stages = {each: _rank(stage, _facts(stage=each)) for each in STAGES}
    starts = {
        (how, origin): min(
            _rank(mode, _facts(mode=how, origin=origin)),
            _rank(schedule, _facts(mode=how, origin=origin)),
        )
        for how in (*MODES, "", "nobody_knows")
        for origin in ORIGINS
    }
    for action in (*domain.actions, None):
        for risk in (*Risk, "", "nobody_knows"):
            for confidence in (*domain.confidences, -1.0, 1.01, float("nan"), None):
                facts = _facts(action=action, risk=risk, confidence=confidence)
                judged = bundle(facts)
                if not (judged.reason and judged.clause and judged.explanation):
                    yield _shown("every verdict has its reason", facts, "", "", "")
                of_type = min(
                    RANK[judged.decision],
                    *(_rank(each, facts) for each in (tier, floor, reversal, contact)),
                )
                yield from _held(facts, action, of_type, stages, starts)


def _held(
    facts: Facts,
    action: ActionType | None,
    of_type: int,
    stages: Mapping[str | None, int],
    starts: Mapping[tuple[str, str], int],
) -> Iterator[Broken]:
    known_type = action is not None and facts.risk_level in list(Risk)
    external = action is not None and action.traits.external_contact
    stopped = action is not None and action.traits.tier == Tier.HARD_STOP
    for (where, by_stage), (start, by_start) in product(stages.items(), starts.items()):
        verdict = min(of_type, by_stage, by_start)
        if stopped and verdict != BLOCK:
            yield _shown("a hard stop is never done", facts, where, *start)
        if verdict != AUTO:
            continue
        known = known_type and where != "nobody_knows" and where != ""
        if not known or "nobody_knows" in start or "" in start:
            yield _shown("what is unknown asks a person", facts, where, *start)
        if external:
            yield _shown("nobody outside is reached by default", facts, where, *start)


def _minimum() -> Iterator[Broken]:
    """Adding a layer never raises a verdict."""
    for one, two in product(Decision, Decision):
        alone, both = (
            compose([*made], policy_version="").decision
            for made in ([_said(one)], [_said(one), _said(two)])
        )
        if RANK[both] > min(RANK[alone], RANK[two]):
            yield Broken(
                theorem="a layer only lowers", case={"one": one.value, "two": two.value}
            )


def _said(decision: Decision) -> Judgement:
    return Judgement(
        layer=Layer.POLICY, decision=decision, reason="R", clause="c", explanation="e"
    )


def _rank(layer: Judge, facts: Facts) -> int:
    return RANK[layer(facts).decision]


def _shown(
    theorem: str, facts: Facts, where: str | None, how: str, origin: str
) -> Broken:
    return Broken(
        theorem=theorem,
        case={
            "action_type": facts.action_type,
            "risk_level": facts.risk_level,
            "confidence": None
            if facts.confidence != facts.confidence
            else facts.confidence,
            "stage": where,
            "mode": how,
            "origin": origin,
        },
    )


# Nothing in the way: what the cases differ from.
OPEN = Facts(
    day="",
    account="",
    seller=None,
    action_type="",
    traits=None,
    origin="signal",
    confidence=1.0,
    risk_level=None,
    stage=None,
    lifecycle="CUSTOMER",
    tainted=False,
    switches=(),
    modes=(ModeAt(scope="tenant", mode="SCHEDULED"),),
    opted_in=True,
    digest_delivered=True,
    contact="somebody",
    opted_out=False,
    account_reach=Reach(used=0, cap=1),
    contact_reach=Reach(used=0, cap=1),
    quiet=False,
    profile=False,
    allowlisted=True,
    min_confidence=0.7,
    amount=0.0,
    amount_cap=None,
    within_hours=True,
    budgets=(BudgetLine(budget="", key="", scope="tenant", limit=1, used=0),),
)


def _facts(
    *,
    action: ActionType | None = None,
    risk: str | None = None,
    confidence: float | None = 1.0,
    stage: str | None = None,
    mode: str = "SCHEDULED",
    origin: str = "signal",
) -> Facts:
    return replace(
        OPEN,
        action_type=action.key if action else "nobody_knows",
        traits=action.traits if action else None,
        risk_level=risk,
        confidence=confidence,
        stage=stage,
        modes=(ModeAt(scope="tenant", mode=mode),),
        origin=origin,
    )
