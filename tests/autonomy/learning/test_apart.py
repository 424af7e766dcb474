"""SPEC rule 3: learning tunes ranking and shown confidence, never policy."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
AUTONOMY = ROOT / "autonomy"
GOVERNING = [
    *sorted((AUTONOMY / "rules").rglob("*.py")),
    *(
        AUTONOMY / f"{name}.py"
        for name in (
            "facts",
            "reading",
            "policy",
            "opa",
            "approve",
            "execute",
            "budget",
            "permits",
            "steering",
        )
    ),
]
LEARNED = {
    f"autonomy.models.{name}"
    for name in ("learning", "Choice", "Ranking", "HouseRanking", "Suggestion")
}
# What is read off at a verdict must not hang on what was learned either.
SHOWN = {
    "autonomy.rules.calibration",
    "autonomy.rules.earned",
    "autonomy.rules.earning",
    "autonomy.rules.ranking",
    "autonomy.earning",
    "autonomy.track",
}
VERDICTS = {"judge.py", "verdict.py", "guardrails.py", "modes.py", "recheck.py"}


def names(path: Path) -> set[str]:
    """Everything that a file imports: modules, and names with theirs."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
            found |= {f"{node.module}.{each.name}" for each in node.names}
        elif isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
    return found


@pytest.mark.parametrize("path", GOVERNING, ids=lambda path: path.name)
def test_nothing_that_governs_knows_what_was_learned(path) -> None:
    """Rule 3, N4: neither the package, nor its rows under whatever roof."""
    found = names(path)
    assert not any(each.startswith("autonomy.learning") for each in found)
    assert not found & LEARNED
    if path.parent.name != "rules" or path.name in VERDICTS:
        assert not found & SHOWN


def test_what_serves_needs_no_numpy() -> None:
    """N3: numbers that are served are plain."""
    for path in (AUTONOMY / "rules").rglob("*.py"):
        assert "numpy" not in names(path), path
