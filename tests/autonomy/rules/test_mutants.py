"""Whether the points would notice: each small wrong done to the layers is caught."""

import math
import random
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import pytest

from autonomy.policy import shipped
from autonomy.rules.facts import Facts
from tests import trials
from tests.autonomy.rules import domain, oracle
from tests.autonomy.rules.mutants import Mutant, Rules, all_mutants, rules_of

SHIPPED = shipped().plain()
# Its first condition has no answer where nothing is touched.
SHAKY: Mapping[str, Any] = {
    "name": "shaky",
    "clauses": [
        {"id": "first_touch", "ceiling": "AUTO_EXECUTE", "reason": "TOUCHED",
         "condition": "touches[0] == 'stage'", "explanation": "It moves a deal."},
        {"id": "anything", "ceiling": "AUTO_EXECUTE", "reason": "ANYTHING",
         "condition": "confidence >= 0.0", "explanation": "Whatever it is."},
    ],
    "tests": [{"given": {"touches": ["stage"]}, "expect": {"clause": "first_touch"}}],
}  # fmt: skip

# Wrongs that no verdict can show; each with its reason.
EQUIVALENT: Mapping[str, str] = {}


class Point(NamedTuple):
    """Facts, and what the layers must say of them."""

    given: domain.Given
    facts: Facts
    wanted: dict[str, tuple[str, str]]
    seen: dict[str, Any] | None


@cache
def points() -> tuple[Point, ...]:
    """What differs in one value from a base, then what differs in two, well mixed."""
    twos = list(domain.twos())
    random.Random(3).shuffle(twos)
    found = []
    for given in (*domain.ones(), *twos):
        facts: Any = domain.facts_of(given)
        # Modes that cannot be read break the layers that read them.
        seen = None if facts.modes is None else oracle.seen(facts)
        found.append(Point(given, facts, oracle.layers(facts), seen))
    return tuple(found)


def wrong(rules: Rules, *, core: bool, bundle: Mapping[str, Any] = SHIPPED) -> str:
    """The first point at which these rules differ from the expected, or nothing."""
    policy = rules.compiled(bundle)
    for given, facts, wanted, seen in points():
        judged = domain.facts_of(given, rules.core) if core else facts
        try:
            found = oracle.difference(rules.judge(judged, policy), wanted)
            if not found and seen is not None and rules.variables(judged) != seen:
                found = f"a clause sees {rules.variables(judged)}"
        except Exception as error:  # noqa: BLE001  what a wrong does is open
            found = repr(error)
        if found:
            return f"{given}: {found}"
    return _wrong_of_clauses(rules)


def _wrong_of_clauses(rules: Rules) -> str:
    """A10: a clause without an answer asks a person, whatever else allows."""
    policy = rules.compiled(SHAKY)
    for touches, said in (
        ((), (oracle.ASK, "POLICY_ERROR")),
        (("stage",), (oracle.AUTO, "ALLOWED")),
    ):
        facts = domain.facts_of({"traits.touches": touches})
        wanted = {**oracle.layers(facts), "policy": said}
        if found := oracle.difference(rules.judge(facts, policy), wanted):
            return found
    endless = rules.variables(domain.facts_of({"amount": math.inf}))["amount"]
    return "" if math.isfinite(endless) else "a clause sees an amount without end"


def survivors(mutants: list[Mutant]) -> list[str]:
    return [
        str(mutant)
        for mutant in mutants
        if str(mutant) not in EQUIVALENT
        and not wrong(rules_of(mutant), core=mutant.module == "catalogue")
    ]


def test_the_rules_as_they_are_agree_on_every_point() -> None:
    """A1-A11: what catches the wrongs finds nothing wrong in what is right."""
    assert wrong(rules_of(None), core=True) == ""


def test_there_are_wrongs_of_every_module_and_each_has_its_own_name() -> None:
    """A14: nothing that decides is left out."""
    mutants = all_mutants()
    assert len(mutants) >= 150
    assert len({str(each) for each in mutants}) == len(mutants)
    assert {each.module for each in mutants} == {
        "guardrails", "modes", "schedule", "contact", "budget",
        "judge", "verdict", "bundles", "actions", "catalogue",
    }  # fmt: skip
    assert set(EQUIVALENT) <= {str(each) for each in mutants}


def test_a_sample_of_wrongs_is_caught() -> None:
    """A14: forty of them, the same ones every time."""
    seed = trials.seed(14)
    chosen = random.Random(seed).sample(all_mutants(), 40)
    _all_caught(chosen, seed)


@pytest.mark.parametrize("clause", [each["id"] for each in SHIPPED["clauses"]])
def test_every_clause_of_the_shipped_policy_counts(clause: str) -> None:
    """A10: without it, or with another ceiling, some verdict is not as expected."""
    rest = [each for each in SHIPPED["clauses"] if each["id"] != clause]
    (old,) = (each for each in SHIPPED["clauses"] if each["id"] == clause)
    changed = [
        [*rest, {**old, "ceiling": ceiling}]
        for ceiling in oracle.CHAIN
        if ceiling != old["ceiling"]
    ]
    for clauses in (rest, *changed):
        bundle = {**SHIPPED, "clauses": clauses}
        assert wrong(rules_of(None), core=False, bundle=bundle) != ""


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_every_wrong_is_caught() -> None:
    """A14: all of them."""
    _all_caught(list(all_mutants()), None)


def _all_caught(mutants: list[Mutant], seed: int | None) -> None:
    left = survivors(mutants)
    trials.record("mutants", trials=len(mutants), violations=len(left), seed=seed)
    assert left == []
