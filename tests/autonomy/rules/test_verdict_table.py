"""Verdicts over the whole finite domain against the oracle, and the laws they keep."""

import json
import math
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from itertools import chain, combinations
from multiprocessing import get_context
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy.policy import Program, compiled, shipped
from autonomy.rules import judge as room
from autonomy.rules.catalogue import CORE
from autonomy.rules.facts import Facts, unsealed
from autonomy.rules.judge import GUARDS, judge
from autonomy.rules.verdict import RANK, Decision, Judgement, Layer, Verdict, compose
from ledger.rules.canonical import canonical
from tests import trials
from tests.autonomy.rules import domain, oracle

SEED = trials.seed(20261120)
SAMPLE = 60_000
SHARES = 64
SHOWN = 5

AUTO, ASK, BLOCK = Decision.AUTO_EXECUTE, Decision.REQUIRE_APPROVAL, Decision.BLOCK


@cache
def policy() -> Program:
    return compiled(shipped())


def verdict(**given: Any) -> Verdict:
    return judge(domain.facts_of(given), policy())


def difference(facts: Facts) -> str:
    """Where the verdict on these facts is not what it must be, or nothing."""
    wanted = oracle.layers(facts)
    found = judge(facts, policy())
    said = oracle.difference(found, wanted)
    if not said and (found.decision, found.reason) != oracle.expected(facts):
        said = f"it says {found.decision}, {found.reason}"
    return f"{facts}: {said}" if said else ""


def differences(low: int, high: int) -> list[str]:
    """The first differences within a share of the table."""
    found: list[str] = []
    for place in range(low, high):
        if said := difference(domain.at(place)):
            found.append(said)
            if len(found) == SHOWN:
                break
    return found


# A14: the table.


def test_the_catalogue_is_the_one_of_the_requirements() -> None:
    """A2, A5: tier, external contact and touched fields of every type."""
    assert {
        key: (each.traits.tier, each.traits.external_contact, each.traits.touches)
        for key, each in CORE.items()
    } == oracle.CATALOGUE
    assert [len(keys) for keys in oracle.TIERS.values()] == [15, 16, 7]
    assert len(oracle.EXTERNAL) == 12


def test_a_sample_of_the_table_holds() -> None:
    """A1-A11: decision, reason and every layer, at the same places every time."""
    places = domain.sampled(SAMPLE, SEED)
    found = [said for place in places if (said := difference(domain.at(place)))]
    trials.record("verdicts", trials=len(places), violations=len(found), seed=SEED)
    assert found[:SHOWN] == []


def test_the_sample_shows_every_pair_of_values() -> None:
    """A14: no value and no two values of the table are left out."""
    points = [domain.digits(place) for place in domain.sampled(SAMPLE, SEED)]
    sizes = [len(values) for values in domain.TABLE.values()]
    for first, second in combinations(range(len(sizes)), 2):
        pairs = {(point[first], point[second]) for point in points}
        assert len(pairs) == sizes[first] * sizes[second], (first, second)


def test_what_varies_beside_the_table_holds() -> None:
    """A1-A11: switches, contact, budgets, amounts, traits, one and two at a time."""
    points = chain(domain.ones(), domain.twos())
    said = [difference(domain.facts_of(point)) for point in points]
    found = [each for each in said if each]
    trials.record("verdicts", trials=len(said), violations=len(found), seed=None)
    assert found[:SHOWN] == []


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_whole_table_holds() -> None:
    """A14: every point of the finite domain."""
    bounds = [domain.SIZE * share // SHARES for share in range(SHARES + 1)]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as workers:
        shares = workers.map(differences, bounds[:-1], bounds[1:])
        found = list(chain.from_iterable(shares))
    # A share ends early where it differs often: then this is the least that broke.
    trials.record("verdicts", trials=bounds[-1], violations=len(found), seed=None)
    assert found[:SHOWN] == []


# The laws.

# A few things differ from the lenient case, so that the verdict hangs on each.
ANYTHING = st.lists(
    st.sampled_from(
        [
            (name, value)
            for name, values in domain.VARIED.items()
            for value in values
            if (name, value) != ("modes", None)
        ]
    ),
    max_size=4,
).map(dict)
NUMBERS = st.one_of(st.sampled_from([0.0, 0.5, 0.69, 0.7, 1.0]), st.floats(-1.0, 1.0))
DECISIONS = st.sampled_from(list(Decision))
CASES = settings(max_examples=300, deadline=None, derandomize=True, database=None)


def judgement(layer: Layer, decision: Decision) -> Judgement:
    return Judgement(
        layer=layer, decision=decision, reason="R", clause="c", explanation="E."
    )


def broken(facts: Facts) -> Judgement:
    raise RuntimeError(facts.action_type)


class BrokenPolicy:
    """A policy that cannot be asked."""

    version = "broken"

    def __call__(self, facts: Facts) -> Judgement:
        raise TimeoutError


@CASES
@given(ANYTHING, st.tuples(NUMBERS, NUMBERS))
def test_less_confidence_is_never_less_strict(
    facts: domain.Given, two: tuple[float, float]
) -> None:
    """A10: for c1 < c2 the verdict at c1 is at least as strict."""
    low, high = (
        RANK[verdict(**{**facts, "confidence": each}).decision] for each in sorted(two)
    )
    assert low <= high


@CASES
@given(ANYTHING, st.sampled_from([-0.01, 1.01, math.nan, math.inf, -math.inf, None]))
def test_a_confidence_that_is_none_never_passes(
    facts: domain.Given, confidence: float | None
) -> None:
    """A10: it must be finite and in 0-1, whatever the minimum is."""
    assert verdict(**{**facts, "confidence": confidence}).decision is not AUTO


@CASES
@given(st.lists(DECISIONS, min_size=10, max_size=10), DECISIONS, st.data())
def test_another_layer_never_raises_autonomy(
    decisions: list[Decision], more: Decision, data: st.DataObject
) -> None:
    """A14: whatever it says and wherever it stands; and the verdict is the minimum."""
    pairs = zip(Layer, decisions, strict=True)
    said = [judgement(layer, decision) for layer, decision in pairs]
    place = data.draw(st.integers(0, 10))
    layer = data.draw(st.sampled_from([each for each in Layer if each != "policy"]))
    longer = [*said[:place], judgement(layer, more), *said[place:]]
    before = compose(said, policy_version="v").decision
    after = compose(longer, policy_version="v").decision
    assert before is min(decisions, key=list(Decision).index)
    assert after is min(before, more, key=list(Decision).index)


@CASES
@given(ANYTHING, st.sampled_from(list(GUARDS)), DECISIONS)
def test_a_stricter_layer_never_loosens_the_verdict(
    facts: domain.Given, layer: Layer, decision: Decision
) -> None:
    """A14: with the other layers as they are."""
    found = verdict(**facts)
    more = compose([*found.layers, judgement(layer, decision)], policy_version="v")
    assert RANK[more.decision] == min(RANK[found.decision], RANK[decision])


@CASES
@given(ANYTHING)
def test_sealed_facts_are_judged_alike(facts: domain.Given) -> None:
    """A12, A13: what was sealed, read again, gives the same verdict to the byte."""
    before = domain.facts_of(facts)
    found = judge(before, policy())
    for spelled in (
        json.dumps(before.sealed(), allow_nan=False),
        canonical(before.sealed()),
    ):
        again = judge(unsealed(json.loads(spelled)), policy())
        assert again == found
        assert canonical(again.stated()) == canonical(found.stated())


@pytest.mark.parametrize("layer", list(GUARDS))
def test_a_broken_layer_asks_a_person(
    layer: Layer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A4: an error inside a layer is never a pass."""
    assert verdict().decision is AUTO
    monkeypatch.setattr(room, "GUARDS", {**GUARDS, layer: broken})
    found = verdict()
    assert (found.decision, found.reason) == (ASK, "LAYER_ERROR")
    assert found.policy_clause == f"{layer}.layer_error"
    assert "RuntimeError" in found.explanation
    assert [each.layer for each in found.layers] == list(Layer)


@CASES
@given(ANYTHING)
def test_a_broken_policy_asks_a_person(facts: domain.Given) -> None:
    """A10: it neither lets pass nor lifts what another layer blocks."""
    sound, found = verdict(**facts), judge(domain.facts_of(facts), BrokenPolicy())
    said = {each.layer: (each.decision, each.reason) for each in found.layers}
    assert said[Layer.POLICY] == (ASK, "POLICY_ERROR")
    blocked = BLOCK in (
        each.decision for each in sound.layers if each.layer != "policy"
    )
    assert found.decision is (BLOCK if blocked else ASK)


@CASES
@given(ANYTHING, st.sampled_from(oracle.TIERS["HARD_STOP"]))
def test_a_hard_stop_is_always_blocked(facts: domain.Given, key: str) -> None:
    """A2, A14: whatever else is known."""
    before = domain.facts_of({**facts, "action_type": key})
    found = judge(replace(before, action_type=key, traits=CORE[key].traits), policy())
    assert found.decision is BLOCK
    assert found.layers[1].reason == "HARD_STOP"


UNKNOWN = [
    {"action_type": domain.UNKNOWN_TYPE},
    *({"stage": stage} for stage in ("Evaluation", "", "won")),
    *({"mode": mode} for mode in ("", "TURBO", "autopilot")),
    *({"risk_level": risk} for risk in ("", "CRITICAL", "low")),
    *({"confidence": number} for number in (None, math.nan)),
    *({"origin": origin} for origin in ("cron", "", "SIGNAL")),
    *({"traits.tier": tier} for tier in ("", "UNKNOWN", "autonomous")),
    *({"traits.risk_level": risk} for risk in ("", "UNKNOWN", "low")),
    *({"traits.reversal": reversal} for reversal in ("", "UNDO", "inverse")),
    {"switches": None},
    {"modes": None},
]


@pytest.mark.parametrize("unknown", UNKNOWN, ids=str)
@settings(CASES, max_examples=40)
@given(facts=ANYTHING)
def test_what_is_unknown_never_passes(
    unknown: domain.Given, facts: domain.Given
) -> None:
    """A4: an unknown type, stage, mode or fact goes to a person at best."""
    if "modes" in unknown:
        facts.pop("mode", None)
    if "action_type" in unknown:
        facts = {name: each for name, each in facts.items() if "traits." not in name}
    assert verdict(**{**facts, **unknown}).decision is not AUTO


@CASES
@given(ANYTHING, st.sampled_from(oracle.EXTERNAL))
def test_outreach_without_the_profile_never_passes(
    facts: domain.Given, key: str
) -> None:
    """A5, A14: nothing with external contact is AUTO under the default profile."""
    given = {**facts, "profile": False}
    added = verdict(**{**given, "traits.external_contact": True})
    core = {name: each for name, each in given.items() if "traits." not in name}
    shipped_type = verdict(**{**core, "action_type": key})
    assert AUTO not in (added.decision, shipped_type.decision)
