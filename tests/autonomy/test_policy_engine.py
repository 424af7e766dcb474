"""A10: bundles in CEL: how hits resolve, and a second engine's word."""

import random
from typing import Any

import cel
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from autonomy.policy import PLAINEST, Program, compiled, read, shipped
from autonomy.rules.bundles import VARIABLES
from autonomy.rules.verdict import Decision
from ledger.rules.canonical import canonical
from tests.autonomy.api.small import LISTED, SMALL, clause

Plain = dict[str, Any]
AUTO, ASK, BLOCK = "AUTO_EXECUTE", "REQUIRE_APPROVAL", "BLOCK"


def program(*clauses: Plain) -> Program:
    return compiled(read({**SMALL, "clauses": list(clauses)}))


def ask(made: Program, **facts: Any) -> tuple[str, str, str]:
    found = made.ask({**PLAINEST, **facts}).stated()
    return found["decision"], found["reason"], found["clause"]


# --- Hits --------------------------------------------------------------------------------

HITS = {
    "auto": clause("auto", AUTO, "true"),
    "ask": clause("ask", ASK, "true"),
    "block": clause("block", BLOCK, "true"),
    "broken": clause("broken", AUTO, "touches[0] == 'x'"),
    "miss": clause("miss", BLOCK, "tainted"),
}


@pytest.mark.parametrize(
    ("held", "wanted"),
    [
        (["auto"], (AUTO, "ALLOWED", "auto")),
        (["miss"], (ASK, "TENANT_POLICY", "policy.tenant_policy")),
        (["ask"], (ASK, "ASK", "ask")),
        (["auto", "ask"], (ASK, "ASK", "ask")),
        (["ask", "auto", "miss"], (ASK, "ASK", "ask")),
        (["auto", "ask", "block"], (BLOCK, "BLOCK", "block")),
        (["block"], (BLOCK, "BLOCK", "block")),
        (["broken"], (ASK, "POLICY_ERROR", "broken")),
        (["auto", "broken"], (ASK, "POLICY_ERROR", "broken")),
        (["broken", "ask"], (ASK, "POLICY_ERROR", "broken")),
        (["ask", "broken"], (ASK, "ASK", "ask")),
        (["broken", "block", "auto"], (BLOCK, "BLOCK", "block")),
    ],
)
def test_how_hits_resolve(held: list[str], wanted: tuple[str, str, str]) -> None:
    """A10: the lowest ceiling; without one that allows, and after an error, a person."""
    assert ask(program(*(HITS[each] for each in held))) == wanted


@pytest.mark.parametrize(
    "condition",
    [
        "touches[0] == 'x'",
        "1 / (touches.size()) == 1",
        "int(stage) == 1",
        "duration(stage) == duration('1s')",
        "stage.matches('(')",
    ],
)
def test_a_clause_that_breaks_asks_a_person(condition: str) -> None:
    """A10: never a pass; it names the clause and what mends it."""
    made = program(LISTED, clause("breaks", AUTO, condition))
    found = made.ask(PLAINEST)
    assert found.stated() == {
        "layer": "policy",
        "decision": ASK,
        "reason": "POLICY_ERROR",
        "clause": "breaks",
        "explanation": "The policy's clause breaks could not be judged.",
    }
    assert found.remedies == ("the policy's clause breaks is mended",)


@pytest.mark.parametrize("confidence", [None, -0.1, 1.1, float("nan"), float("inf")])
def test_a_confidence_that_is_none(confidence: float | None) -> None:
    """A10: at best a person, whatever the clauses say; BLOCK still blocks."""
    given = {**PLAINEST, "confidence": 0.0}
    for clauses, wanted in (
        ([HITS["auto"]], (ASK, "CONFIDENCE_INVALID")),
        ([HITS["auto"], HITS["block"]], (BLOCK, "BLOCK")),
    ):
        found = program(*clauses).ask(given, confident=False).stated()
        assert (found["decision"], found["reason"]) == wanted
    assert confidence is None or not 0 <= confidence <= 1


def test_the_words_of_an_explanation() -> None:
    """L7: facts are shown as people write them."""
    words = "{amount} {amount_cap} {tainted} {allowlisted} [{touches}] {confidence}"
    made = program(clause("said", ASK, "true", explanation=words))
    given = {**PLAINEST, "amount": 5000.0, "touches": ["stage", "price"]}
    assert made.ask(given).explanation == "5000 1e+15 no yes [stage, price] 0.9"


# --- The same input, the same bytes -----------------------------------------------------


def test_a_version_is_the_hash_of_the_source_and_of_nothing_else() -> None:
    """A10: key order does not count; every word of it does."""
    plain = shipped().plain()
    dice = random.Random(10)

    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            items = dice.sample(list(value.items()), len(value))
            return {name: shuffled(each) for name, each in items}
        return [shuffled(each) for each in value] if isinstance(value, list) else value

    assert {read(shuffled(plain)).version for _ in range(5)} == {shipped().version}
    changed = [
        {**plain, "name": "other"},
        {**plain, "clauses": plain["clauses"][::-1]},
        {**plain, "clauses": plain["clauses"][:-1]},
        {**plain, "tests": plain["tests"][:-1]},
    ]
    assert len({read(each).version for each in (plain, *changed)}) == 5


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": st.sampled_from(
        ["", "a", "plan", "stalled", "AUTONOMOUS", "LOW", "x-y_z"]
    ),
    "bool": st.booleans(),
    "double": st.sampled_from([0.0, 0.5, 0.7, 0.9, 1.0, 1000.0, 5000.01, 1e15]),
    "list(string)": st.lists(st.sampled_from(["stage", "price", "a"]), max_size=2),
}
GIVEN = st.fixed_dictionaries({name: VALUES[kind] for name, kind in VARIABLES.items()})
SETTINGS = settings(
    deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@settings(SETTINGS, max_examples=100)
@given(GIVEN)
def test_the_same_input_gives_the_same_bytes(facts: Plain) -> None:
    """A10: by another copy of the program, and in another order of keys."""
    one, two = compiled(shipped()), compiled(read(shipped().plain()))
    turned = dict(reversed(facts.items()))
    assert canonical(one.ask(facts).stated()) == canonical(two.ask(turned).stated())
    assert one.ask(facts).remedies == two.ask(turned).remedies


# --- A second engine ----------------------------------------------------------------------

# The second engine follows the same language; the grammar leaves out where it says that
# it does not: types that mix (it is not checked before it runs), sizes of texts beyond
# ASCII (it counts bytes), and whole numbers that divide by zero inside a float.
NAMED = {
    kind: [
        name for name, of in VARIABLES.items() if of == kind and name != "confidence"
    ]
    for kind in VALUES
}
TEXTS = st.sampled_from(["", "a", "plan", "stalled", "AUTONOMOUS", "LOW", "x-y_z", "l"])
NUMBERS = st.sampled_from(["0.0", "0.5", "0.7", "1.0", "1000.0", "5000.01"])
STRING = st.sampled_from(NAMED["string"])
DOUBLE = st.sampled_from(NAMED["double"])
COMPARES = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
ATOMS = st.one_of(
    st.sampled_from(NAMED["bool"]),
    st.sampled_from(["true", "false"]),
    st.builds("{} {} '{}'".format, STRING, st.sampled_from(["==", "!="]), TEXTS),
    st.builds("{} {} {}".format, STRING, st.sampled_from(["==", "<", ">="]), STRING),
    st.builds("{} in ['{}', '{}']".format, STRING, TEXTS, TEXTS),
    st.builds(
        "{}.{}('{}')".format,
        STRING,
        st.sampled_from(["startsWith", "endsWith", "contains"]),
        TEXTS,
    ),
    st.builds(
        "{}.matches('{}')".format,
        STRING,
        st.sampled_from(["^a$", "l+", "[A-Z]{3}", "^(a|plan)$", "x.y", "", r"\\\\w$"]),
    ),
    st.builds("{}.size() {} {}".format, STRING, COMPARES, st.integers(0, 8)),
    st.builds("{} {} {}".format, DOUBLE, COMPARES, NUMBERS),
    st.builds("{} {} {}".format, NUMBERS, COMPARES, DOUBLE),
    st.builds("{} {} {}".format, DOUBLE, COMPARES, DOUBLE),
    st.builds("confidence {} {}".format, st.sampled_from(["<", ">="]), NUMBERS),
    st.builds("'{}' in touches".format, st.sampled_from(["stage", "price", "b"])),
    st.builds("size(touches) {} {}".format, COMPARES, st.integers(0, 2)),
    st.builds("touches[{}] == '{}'".format, st.integers(0, 1), TEXTS),
    st.builds("touches == ['{}']".format, st.sampled_from(["stage", "a"])),
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("!({})".format, inner),
        st.builds("({}) && ({})".format, inner, inner),
        st.builds("({}) || ({})".format, inner, inner),
        st.builds("(({}) ? ({}) : ({}))".format, inner, inner, inner),
    ),
    max_leaves=6,
)


def second(condition: str, facts: Plain) -> bool | None:
    """What the other engine says; None where it cannot be judged."""
    try:
        found = cel.compile(condition).execute(dict(facts))
    except (IndexError, RuntimeError, ValueError, ZeroDivisionError):
        return None
    return found if isinstance(found, bool) else None


@settings(SETTINGS, max_examples=400)
@given(CONDITIONS, GIVEN)
def test_two_engines_agree(condition: str, facts: Plain) -> None:
    """A10: over every fact and every kind of expression that policies use."""
    assume(len(condition) <= 500)
    made = program(clause("odd", AUTO, condition))
    assert made.holds(0, facts) == second(condition, facts)


def test_both_engines_break_and_rescue_alike() -> None:
    """A10: an error is not hidden, except by what decides without it."""
    for condition, wanted in (
        ("touches[0] == 'x'", None),
        ("touches[0] == 'x' && false", False),
        ("false && touches[0] == 'x'", False),
        ("touches[0] == 'x' || true", True),
        ("touches[0] == 'x' || false", None),
        ("!(touches[0] == 'x')", None),
        ("(touches[0] == 'x') ? true : false", None),
        ("1 / size(touches) == 1", None),
    ):
        made = program(clause("odd", AUTO, condition))
        assert made.holds(0, PLAINEST) is wanted, condition
        assert second(condition, dict(PLAINEST)) is wanted, condition


def test_the_shipped_bundle_by_a_second_engine() -> None:
    """A10: every row of its own table, clause by clause."""
    made = compiled(shipped())
    assert made.failures() == []
    for case in made.source.tests:
        facts = {**PLAINEST, **case.given}
        for place, each in enumerate(made.clauses):
            assert made.holds(place, facts) == second(each.condition, facts)
        assert made.ask(facts).decision in list(Decision)
