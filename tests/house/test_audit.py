"""`make audit` takes silence for no answer."""

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

AUDIT: Any = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "audit.py"))
SOUND = {"name": "a", "version": "1", "vulns": []}
WEAK = {
    "name": "b",
    "version": "2",
    "vulns": [
        {"id": "CVE-1", "fix_versions": ["3"]},
        {"id": "CVE-2", "fix_versions": []},
    ],
}
SKIPPED = {"name": "c", "skip_reason": "Dependency not found on PyPI"}


@pytest.mark.parametrize(
    ("found", "code"),
    [([SOUND], 0), ([SOUND, WEAK], 1), ([SOUND, SKIPPED], 3), ([WEAK, SKIPPED], 1)],
    ids=["sound", "weak", "not looked up", "both"],
)
def test_the_code_says_how_it_went(found: Any, code: int) -> None:
    audit = AUDIT["of_python"]("x.lock", json.dumps({"dependencies": found}), "")
    assert audit.code == code
    said = "\n".join(AUDIT["told"]("x.lock", audit))
    assert ("CVE-1, mended in 3" in said) == (WEAK in found)
    assert ("NOT LOOKED UP" in said) == (SKIPPED in found)


@pytest.mark.parametrize("said", ["", "No known vulnerabilities found", "{}", "[]"])
def test_an_answer_that_is_none_is_no_good_news(said: str) -> None:
    audit = AUDIT["of_python"]("x.lock", said, "a trace\nConnectionError: no way\n")
    assert (audit.code, audit.asked) == (3, set())
    assert "all of x.lock (ConnectionError: no way)" in AUDIT["told"]("x", audit)[1]
    assert AUDIT["of_assets"](said).code == 3


def test_what_npm_says() -> None:
    whole = {"metadata": {"dependencies": {"total": 2}}, "vulnerabilities": {}}
    assert AUDIT["of_assets"](json.dumps(whole)).code == 0
    weak = {**whole, "vulnerabilities": {"x": {"severity": "high"}}}
    audit = AUDIT["of_assets"](json.dumps(weak))
    assert (audit.code, audit.known) == (1, {"x: high"})
