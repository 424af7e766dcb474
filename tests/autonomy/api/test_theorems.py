"""A14: theorems over the finite domain, each with a counterexample that is one."""

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autonomy.errors import BundleRefused
from autonomy.policy import PLAINEST, Program, compiled, read, shipped
from autonomy.rules import theorems
from autonomy.rules.catalogue import CORE
from autonomy.rules.facts import BudgetLine, Facts, ModeAt, Reach, Switch
from autonomy.rules.judge import GUARDS
from autonomy.rules.theorems import OPEN, broken, widening
from autonomy.rules.verdict import RANK, Judgement, Layer, allow, compose
from tests.autonomy.api.small import LISTED, SMALL, clause

ACTIONS = list(CORE.values())
AUTO, ASK, BLOCK = "AUTO_EXECUTE", "REQUIRE_APPROVAL", "BLOCK"


def program(*clauses: dict[str, str]) -> Program:
    return compiled(read({**SMALL, "clauses": list(clauses)}))


def cases(made: Program) -> dict[str, Any]:
    """What is false of a bundle, each with the case that shows it."""
    return {each.theorem: each.case for each in broken(made, ACTIONS, [0.7])}


def test_the_shipped_bundle_breaks_none() -> None:
    """A14."""
    assert cases(compiled(shipped())) == {}
    assert cases(program(LISTED)) == {}


def test_a_clause_that_cannot_be_judged() -> None:
    made = program(LISTED, clause("odd", ASK, "touches[0] == 'price'"))
    case = cases(made)["every clause can be judged"]
    assert case == {"clause": "odd", "touches": []}
    assert made.holds(1, {**PLAINEST, "touches": case["touches"]}) is None


def test_a_clause_that_nobody_could_try() -> None:
    speaks = " && ".join(
        ["action_type != ''", "risk_level != ''", "stage != ''", "lifecycle != ''",
         "origin != ''", "mode != ''", "amount < 5.0", "confidence < 0.5"]
    )  # fmt: skip
    case = cases(program(LISTED, clause("odd", ASK, speaks)))
    found = case["every clause can be tried in all its cases"]
    assert (found["clause"], found["cases"] > 200_000) == ("odd", True)


@pytest.mark.parametrize(
    ("ceiling", "condition"),
    [
        (ASK, "confidence > 0.9"),
        (BLOCK, "confidence >= min_confidence"),
        (AUTO, "confidence < 0.5"),
        (ASK, "confidence > 0.3 && confidence < 0.4"),
        (AUTO, "!(confidence >= 0.8)"),
        (ASK, "tainted && stage == 'stalled' && confidence > 0.85"),
    ],
)
def test_a_clause_by_which_confidence_raises(ceiling: str, condition: str) -> None:
    """A10: the case is one where less confidence is less strict."""
    made = program(LISTED, clause("odd", ceiling, condition))
    case = dict(cases(made)["confidence may only lower a verdict"])
    assert case.pop("clause") == "odd"
    at = case["confidence"]
    ranks = {
        place: RANK[program(clause("odd", ceiling, condition), clause("all", ASK if
                    ceiling == AUTO else AUTO, "true")).ask(
                    {**PLAINEST, **case, "confidence": place}).decision]
        for place in (0.0, 0.05, 0.35, at - 0.01, at, 1.0) if 0 <= place <= 1
    }  # fmt: skip
    in_order = [ranks[place] for place in sorted(ranks)]
    if ceiling != AUTO:
        assert in_order != sorted(in_order)
    else:
        assert made.holds(1, {**PLAINEST, **case, "confidence": 0.0})
        assert not made.holds(1, {**PLAINEST, **case, "confidence": 1.0})


def test_a_verdict_without_words() -> None:
    """A14: every non-AUTO has reason and explanation; this one is bare without a deal."""
    bare = clause("bare", ASK, "tier == 'AUTONOMOUS'", explanation="{stage}")
    made = program(LISTED, bare)
    case = cases(made)["every verdict has its reason"]
    found = made(replace(OPEN, action_type=case["action_type"],
                         traits=CORE[case["action_type"]].traits))  # fmt: skip
    assert found.explanation == ""


def free(layer: Layer) -> Any:
    return lambda facts: allow(layer, "x", "Anything goes.")


@pytest.mark.parametrize(
    ("guard", "theorem"),
    [
        ("tier", "a hard stop is never done"),
        ("stage", "what is unknown asks a person"),
        ("mode", "what is unknown asks a person"),
        ("floor", "nobody outside is reached by default"),
        ("floor", "what is unknown asks a person"),
    ],
)
def test_a_guard_that_fails_is_reported(
    guard: str, theorem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A14: with a case that the guard as it is would have held."""
    layer = Layer(guard)
    monkeypatch.setattr(theorems, guard, free(layer))
    case = cases(program(clause("all", AUTO, "true")))[theorem]
    action = CORE.get(case["action_type"])
    facts = replace(
        OPEN,
        action_type=case["action_type"],
        traits=action.traits if action else None,
        risk_level=case["risk_level"],
        stage=case["stage"],
        modes=(ModeAt(scope="tenant", mode=case["mode"]),),
        origin=case["origin"],
    )
    assert RANK[GUARDS[layer](facts).decision] < RANK["AUTO_EXECUTE"]  # type: ignore[index]
    if theorem == "a hard stop is never done":
        assert action is not None
        assert action.traits.tier == "HARD_STOP"
    if theorem == "nobody outside is reached by default":
        assert action is not None
        assert action.traits.external_contact


def test_a_minimum_that_is_none_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A14: adding a layer never raises autonomy."""

    def highest(judgements: Any, *, policy_version: str) -> Any:
        top = max(judgements, key=lambda each: RANK[each.decision])
        return compose([top], policy_version=policy_version)

    monkeypatch.setattr(theorems, "compose", highest)
    case = cases(program(LISTED))["a layer only lowers"]
    one, two = (RANK[case[name]] for name in ("one", "two"))
    assert max(one, two) > min(one, two)


@pytest.mark.parametrize(
    ("condition", "facts"),
    [
        ("amount > 5000.0 && amount < 9000.0", {"amount": 6000.0}),
        ("amount > 5e3 && amount < 9e3", {"amount": 6000.0}),
        ("amount > double(5000) && amount < double('9000')", {"amount": 6000.0}),
        ("amount * 3.0 > 5000.0 && amount * 3.0 < 14999.0", {"amount": 2000.0}),
        ("amount_cap > 2000.0 && amount_cap < 9000.0", {"amount_cap": 5000.0}),
        ("amount_cap == 5000.0", {"amount_cap": 5000.0}),
        ("min_confidence > 0.8", {"min_confidence": 0.85}),
        ("amount_cap > amount * 2.0 && amount_cap < amount * 3.0",
         {"amount": 2000.0, "amount_cap": 5000.0}),
    ],
)  # fmt: skip
def test_no_way_of_writing_hides_that_a_bundle_widens(
    condition: str, facts: dict[str, float]
) -> None:
    """A10: what lets more run needs two persons; refused as unclear would do too."""
    old = program(LISTED)
    try:
        new = program(LISTED, clause("more", AUTO, condition))
    except BundleRefused:
        return
    given_facts = {**PLAINEST, "allowlisted": False, **facts}
    assert (old.ask(given_facts).decision, new.ask(given_facts).decision) == (ASK, AUTO)
    assert widening(old, new, ACTIONS, [0.7]) is not None


def test_what_widens_and_what_does_not() -> None:
    """A10: a case that is one; nothing where every verdict is as strict."""
    old = program(LISTED, clause("odd", ASK, "tainted"))
    for new, wide in (
        (program(LISTED), True),
        (program(LISTED, clause("odd", ASK, "tainted && stage == ''")), True),
        (program(LISTED, clause("odd", BLOCK, "tainted")), False),
        (program(LISTED, clause("odd", ASK, "tainted || stage == ''")), False),
        (program(clause("none", ASK, "true")), False),
    ):
        case = widening(old, new, ACTIONS, [0.7])
        assert (case is not None) == wide
        if case is not None:
            facts = {**PLAINEST, **case}
            assert RANK[new.ask(facts).decision] > RANK[old.ask(facts).decision]


# --- What the table takes for granted: each layer looks only at its own facts -------------

LOOKS_AT = {
    Layer.KILL_SWITCH: {"switches"},
    Layer.TIER: {"action_type", "traits"},
    Layer.STAGE: {"stage"},
    Layer.FLOOR: {"action_type", "traits", "risk_level", "profile", "tainted"},
    Layer.REVERSAL: {"action_type", "traits"},
    Layer.MODE: {"modes", "origin"},
    Layer.SCHEDULE: {
        "origin", "opted_in", "budgets", "digest_delivered", "digest_missing",
    },
    Layer.CONTACT: {
        "action_type", "traits", "contact", "opted_out", "account_reach",
        "contact_reach", "quiet",
    },
    Layer.BUDGET: {"budgets"},
}  # fmt: skip
MAYBE = st.sampled_from([True, False, None])
REACH = st.one_of(st.none(), st.builds(Reach, used=st.integers(0, 3), cap=st.just(2)))
TYPES = st.sampled_from([*CORE, "launch_rocket"])
FACTS = st.builds(
    Facts,
    day=st.just("2026-11-20"),
    account=st.sampled_from(["a", "b"]),
    seller=st.sampled_from([None, "s"]),
    action_type=TYPES,
    traits=TYPES.map(lambda key: CORE[key].traits if key in CORE else None),
    origin=st.sampled_from(["signal", "agent", "ritual", "plan", "odd"]),
    confidence=st.sampled_from([None, 0.0, 0.7, 1.0, float("nan")]),
    risk_level=st.sampled_from([None, "MINIMAL", "LOW", "MEDIUM", "HIGH", "odd"]),
    stage=st.sampled_from([None, "discovery", "negotiation", "odd"]),
    lifecycle=st.sampled_from(["", "CUSTOMER"]),
    tainted=st.booleans(),
    switches=st.sampled_from([
        None, (), (Switch(id="1", scope="tenant", reason="x"),),
        (Switch(id="1", scope="tool", reason="x", returning=True),),
    ]),
    modes=st.sampled_from([None, "DISABLED", "ASSIST", "AUTOPILOT", "SCHEDULED", "odd"])
    .map(lambda mode: (ModeAt(scope="tenant", mode=mode),)),
    opted_in=st.booleans(),
    digest_delivered=MAYBE,
    digest_missing=st.sampled_from(["", "2026-11-19"]),
    contact=st.sampled_from([None, "c"]),
    opted_out=MAYBE,
    account_reach=REACH,
    contact_reach=REACH,
    quiet=MAYBE,
    profile=st.booleans(),
    allowlisted=st.booleans(),
    min_confidence=st.sampled_from([0.0, 0.7]),
    amount=st.sampled_from([0.0, 1e15]),
    amount_cap=st.sampled_from([None, 5.0]),
    within_hours=st.booleans(),
    budgets=st.integers(0, 2).map(lambda used: tuple(
        BudgetLine(budget="b", key="k", scope="tenant", limit=1, used=used)
        for _ in range(used))),
)  # fmt: skip


@pytest.mark.parametrize("layer", list(GUARDS))
@settings(
    max_examples=150, deadline=None, derandomize=True,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(one=FACTS, two=FACTS)
def test_a_layer_looks_at_its_own_facts_only(
    layer: Layer, one: Facts, two: Facts
) -> None:
    """A14: what the table of theorems relies on when it varies one thing at a time."""
    names = {each.name for each in fields(Facts)} - LOOKS_AT[layer]
    elsewhere = replace(one, **{name: getattr(two, name) for name in names})
    before: Judgement = GUARDS[layer](one)
    assert GUARDS[layer](elsewhere) == before
