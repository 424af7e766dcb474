"""What is said of trials is what tests counted: no row without a test, no figure typed in."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests import trials
from tools import trials as tool

ROOT = Path(__file__).parents[2]
ROWS: list[dict[str, Any]] = json.loads(tool.TRUTH.read_text())
# The upper bounds of Clopper and Pearson at 95 %, one side, as beta quantiles give them.
KNOWN = {
    (0, 1): 0.95,
    (0, 59): 0.04950761,
    (0, 6000): 0.00049916,
    (1, 100): 0.04655981,
    (3, 50): 0.14783717,
    (9, 10): 0.99488380,
    (10, 10): 1.0,
}


def named(row: dict[str, Any]) -> list[str]:
    """The tests of all its forms."""
    return [test for form in row["forms"].values() for test in form["tests"]]


def words(path: Path) -> set[str]:
    """Everything that is written as a text in a file."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return {str(node.value) for node in nodes if isinstance(node, ast.Constant)}


@pytest.mark.parametrize("path", tool.pages(ROWS), ids=lambda path: path.name)
def test_the_pages_are_what_was_counted(path: Path) -> None:
    """`make trials` writes them."""
    assert path.read_text() == tool.pages(ROWS)[path]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_a_row_names_tests_that_tell_of_it(row: dict[str, Any]) -> None:
    """Each of its tests is there, in a file that counts for this row."""
    names = set(row.get("tells", [row["name"]]))
    assert named(row)
    for test in named(row):
        name, *within = test.partition("[")[0].split("::")
        tree: Any = ast.parse((ROOT / name).read_text())
        for each in within:
            (tree,) = [node for node in tree.body if getattr(node, "name", "") == each]
        assert names & words(ROOT / name), test


def test_whatever_is_told_has_a_row_of_its_own() -> None:
    names = [row["name"] for row in ROWS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z-]+", name) for name in names)
    known = {told for row in ROWS for told in row.get("tells", [row["name"]])}
    for path in (ROOT / "tests").rglob("test_*.py"):
        told = re.findall(r"trials\.record\(\s*\"(.+?)\"", path.read_text())
        assert path == Path(__file__) or set(told) <= known, path


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_nothing_broke(row: dict[str, Any]) -> None:
    """A violation is a fault to be mended, and no figure to be shown."""
    for form in row["forms"].values():
        if form["found"] != tool.NOT_YET:
            assert form["found"]["violations"] == 0
            assert form["found"]["trials"] > 0


@pytest.mark.parametrize(("counted", "wanted"), KNOWN.items(), ids=str)
def test_the_bound_is_the_exact_one(counted: tuple[int, int], wanted: float) -> None:
    assert tool.at_most(*counted) == pytest.approx(wanted, rel=1e-5)


def test_a_bound_is_rounded_up() -> None:
    """None of a hundred: 2.95 %, which is no 2.9 %. The rule of three says as much."""
    assert tool.percent(tool.at_most(0, 100)) == "3.0 %"
    assert tool.percent(0.05) == "5.0 %"
    assert tool.percent(0.0501) == "5.1 %"
    assert tool.percent(1.0) == "100 %"
    for trials_ in (30, 1000, 3_000_000):
        assert tool.at_most(0, trials_) == pytest.approx(3 / trials_, rel=0.06)


def test_what_tests_tell_is_added_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name; nothing is written where nobody asks."""
    path = tmp_path / "told"
    monkeypatch.delenv("TRIALS_FILE", raising=False)
    trials.record("storm", trials=1, seed=None)
    monkeypatch.setenv("TRIALS_FILE", str(path))
    trials.record("storm", trials=3, violations=1, seed=7, kills=2)
    trials.record("storm", trials=4, seed=None, kills=1, wipes=5)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    found = tool.summed(lines, seconds=9)
    assert (found["trials"], found["violations"], found["seeds"]) == (7, 1, [7])
    assert found["figures"] == {"kills": 3, "wipes": 5}


def test_a_violation_is_shown_with_its_bound() -> None:
    """Even where a list was tried as a whole."""
    form = {"all": True, "found": {"trials": 100, "violations": 1}}
    assert tool.bound(form) == "4.7 %"
    assert tool.bound({**form, "found": {"trials": 9, "violations": 0}}) == "whole list"
