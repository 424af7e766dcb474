"""A10: what is no bundle is refused when it is saved, with line and column."""

from typing import Any

import pytest

from autonomy.errors import BundleRefused
from autonomy.policy import compiled, read
from autonomy.rules.catalogue import CORE
from autonomy.rules.theorems import broken
from tests.autonomy.api.small import LISTED, SMALL, bundle, clause

Plain = dict[str, Any]
AUTO, ASK, BLOCK = "AUTO_EXECUTE", "REQUIRE_APPROVAL", "BLOCK"


def fault(plain: Plain) -> tuple[str, int, int, str]:
    """The first fault of a bundle that is refused."""
    with pytest.raises(BundleRefused) as refused:
        compiled(read(plain))
    first = refused.value.faults[0]
    assert str(refused.value).endswith(
        f"{first.where}, line {first.line}, column {first.column}: {first.message}"
    )
    return first.where, first.line, first.column, first.message


@pytest.mark.parametrize(
    ("condition", "line", "column", "said"),
    [
        ("nosuch == 1", 1, 1, "undeclared reference to 'nosuch'"),
        ("tainted &&\n  nosuch", 2, 3, "undeclared reference to 'nosuch'"),
        ("stage == 1", 1, 7, "found no matching overload for '_==_'"),
        ("amount > 5", 1, 8, "found no matching overload"),
        ("amount_cap < 2.0 * amount", 1, 1, "Compare amount_cap with a number"),
        ("stage.size() > 'x'", 1, 14, "found no matching overload"),
        ("stage ==", 1, 9, "Syntax error"),
        ("stage = 'x'", 1, 7, "Syntax error"),
        ("(tainted", 1, 9, "Syntax error"),
        ("stage", 1, 1, "A condition must be true or false; this is a string."),
        ("touches.size() + 1", 1, 1, "A condition must be true or false"),
        ("touches.all(t, t == 'x')", 1, 9, "all() is not allowed here."),
        ("tainted && touches.exists(t, true)", 1, 20, "exists() is not allowed here."),
        ("touches.exists_one(t, true)", 1, 9, "exists_one() is not allowed here."),
        ("touches .map(t, t) == []", 1, 10, "map() is not allowed here."),
        ("touches.\n filter(t, true) == []", 1, 9, "filter() is not allowed here."),
        ("confidence + 0.1 < 0.8", 1, 1, "Compare confidence with a number"),
        ("tainted &&\n string(confidence) == '1'", 2, 9, "Compare confidence"),
        ("   ", 1, 1, "Write an expression of at most 500 signs."),
        ("tainted ||" * 60 + "tainted", 1, 1, "Write an expression of at most"),
    ],
)  # fmt: skip
def test_a_condition_that_is_none_is_refused_at_its_place(
    condition: str, line: int, column: int, said: str
) -> None:
    """A10: with line and column, when the bundle is saved."""
    found = fault(bundle(clause("odd", ASK, condition)))
    assert found[:3] == ("clauses[1].condition", line, column)
    assert said in found[3]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("id", "Odd", "Write it in lower_snake letters."),
        ("id", "x" * 65, "Write it in lower_snake letters."),
        ("id", "listed", "listed is taken."),
        ("id", "default", "default is taken."),
        ("reason", "odd", "Write it in UPPER_SNAKE letters."),
        ("reason", "", "Write it in UPPER_SNAKE letters."),
        ("explanation", " ", "Say in a sentence why."),
        ("explanation", "x" * 301, "At most 300 characters."),
        ("explanation", "It is {", "Its braces do not match"),
        ("explanation", "It is {heat}.", "{heat} is no fact."),
        ("explanation", "It is {}.", "{} is no fact."),
        ("explanation", "It is {amount.real}.", "{amount.real} is no fact."),
        ("explanation", "It is {amount:>99}.", "{amount} is no fact."),
        ("explanation", "It is {amount!r}.", "{amount} is no fact."),
    ],
)
def test_a_field_that_is_none(field: str, value: str, said: str) -> None:
    """A10."""
    found = fault(bundle({**clause("odd", ASK, "tainted"), field: value}))
    assert found[0] == f"clauses[1].{field}"
    assert said in found[3]


@pytest.mark.parametrize(
    ("plain", "where"),
    [
        ({}, "clauses"),
        ({**SMALL, "clauses": "x"}, "clauses"),
        ({**SMALL, "tests": {}}, "clauses"),
        ({**SMALL, "clauses": []}, "clauses"),
        ({**SMALL, "clauses": ["x"]}, "clauses[0]"),
        ({**SMALL, "clauses": [{**LISTED, "weight": "1"}]}, "clauses[0]"),
        ({**SMALL, "clauses": [{**LISTED, "reason": 1}]}, "clauses[0]"),
        ({**SMALL, "clauses": [{**LISTED, "ceiling": "ALLOW"}]}, "clauses[0].ceiling"),
        ({**SMALL, "tests": []}, "tests"),
        ({**SMALL, "tests": SMALL["tests"] * 501}, "tests"),
        ({**SMALL, "tests": [{"given": {}}]}, "tests[0]"),
        ({**SMALL, "tests": [{"given": [], "expect": {}}]}, "tests[0]"),
        ({**SMALL, "tests": [{"given": {}, "expect": {}}]}, "tests[0]"),
        ({**SMALL, "tests": [{"given": {}, "expect": {"layer": "x"}}]}, "tests[0]"),
        ({**SMALL, "tests": [{"given": {"heat": 1.0}, "expect": {"reason": "X"}}]},
         "tests[0]"),
        ({**SMALL, "tests": [{"given": {"stage": 1}, "expect": {"reason": "X"}}]},
         "tests[0]"),
    ],
)  # fmt: skip
def test_a_bundle_of_another_shape(plain: Plain, where: str) -> None:
    """A10."""
    assert fault(plain)[0] == where


def test_a_hundred_clauses_and_no_more() -> None:
    """A10: as many as somebody can still read."""
    many = [clause(f"c{place}", ASK, "tainted") for place in range(100)]
    held = compiled(read({**SMALL, "clauses": many}))
    assert len(held.clauses) == 100
    found = fault(bundle(*many))
    assert found[0] == "clauses"
    assert "At most 100 clauses." in found[3]


def test_every_fault_is_said_at_once() -> None:
    """A10: nobody mends a bundle one refusal at a time."""
    odd = clause("Odd", ASK, "nosuch", reason="x", explanation="{heat}")
    with pytest.raises(BundleRefused) as refused:
        compiled(read(bundle(odd, clause("listed", BLOCK, "stage"))))
    assert {each.where for each in refused.value.faults} == {
        "clauses[1].id", "clauses[1].reason", "clauses[1].explanation",
        "clauses[1].condition", "clauses[2].id", "clauses[2].condition",
    }  # fmt: skip


@pytest.mark.parametrize(
    "condition",
    [
        "1.0 - confidence < 0.25 && 1.0 - confidence > 0.15",
        "0.5 * confidence > 0.4 && 0.5 * confidence < 0.44",
        "-confidence < -0.75 && -confidence > -0.85",
        "confidence > 0.1 + 0.7 && confidence < 0.7 + 0.15",
        "confidence > 0.75 && confidence < 0.8 // and no more",
        "confidence == 0.8",
        "0.75 < confidence && 8e-1 > confidence",
        'stage != """x" \' y""" && confidence > 0.9 && stage != \'z\'',
        "stage != '''x' \" y''' && confidence > 0.9 && stage != \"z\"",
    ],
)
def test_no_way_of_writing_lets_confidence_raise_a_verdict(condition: str) -> None:
    """A10: refused as it stands, or by the theorem; there is no third."""
    plain = bundle(clause("odd", ASK, condition))
    try:
        made = compiled(read(plain))
    except BundleRefused:
        return
    found = [each.theorem for each in broken(made, list(CORE.values()), [0.7])]
    assert found == ["confidence may only lower a verdict"]


def test_no_way_of_writing_hides_a_loop() -> None:
    """A10: loops over made-up lists burn time, also with a comment in between."""
    for condition in (
        "touches.//\n all(t, t == 'x')",
        "[1, 2, 3]. // of these\n exists(n, n == 2)",
    ):
        assert fault(bundle(clause("odd", ASK, condition)))[0] == "clauses[1].condition"
