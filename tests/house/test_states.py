"""Diagrams of states: drawn from tables, and no table forgets a status."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from django.conf import settings

from autonomy.models import Approval, Execution, Goal, Intent, Telling
from autonomy.rules.lifecycles import EXECUTION, INTENT, QUESTION
from autonomy.rules.runs import MOVES as RUN
from autonomy.rules.verdict import Decision
from config.reference_states import chart, storeys
from plans.rules.lifecycle import MOVES as PLAN
from plans.rules.lifecycle import STEP_MOVES as STEP

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TABLES = {
    "autonomy_intent": INTENT,
    "autonomy_approval": QUESTION,
    "autonomy_execution": EXECUTION,
}
# Tests put these there by hand.
SHORTCUTS = {
    ("autonomy_intent", "", "APPROVED"),
    ("autonomy_intent", "APPROVED", "IN_DOUBT"),
}
# Tests that bring acts to every end there is.
ENDS = (
    "test_recall", "test_giving_up", "test_undo", "test_decisions", "test_perform",
    "test_release_hold", "test_rights_at_start", "test_closed_accounts",
    "test_replay_ends", "api/test_later_starts", "api/test_approvals",
    "api/test_replays", "tools/test_tools",
)  # fmt: skip
DRAWN = re.compile(r"```mermaid\n(.*?)```", re.DOTALL)
WORD = re.compile(r"\b[A-Z]{3,}(?:_[A-Z]+)*\b")


def _diagrams(name: str) -> list[str]:
    return DRAWN.findall((DOCS / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("moves", "statuses"),
    [
        (INTENT, Intent.Status.values),
        (QUESTION, Approval.Status.values),
        (EXECUTION, Execution.Status.values),
    ],
)
def test_tables_name_every_status(
    moves: Mapping[str, Iterable[str]], statuses: list[str]
) -> None:
    """A status that is added has to be drawn."""
    assert set(moves) == set(statuses)
    assert {to for onward in moves.values() for to in onward} <= set(statuses)


@pytest.mark.parametrize(
    ("name", "place", "moves"),
    [("spine.md", 0, RUN), ("plans.md", 0, PLAN), ("plans.md", 1, STEP)],
)
def test_explanations_draw_the_same(
    name: str, place: int, moves: Mapping[str, Iterable[str]]
) -> None:
    """G1, R2: the order of arrows is the writer's, the arrows are the code's."""
    drawn = f"```mermaid\n{_diagrams(name)[place]}```"
    expected = "\n".join(chart(moves)).splitlines()
    assert sorted(drawn.splitlines()) == sorted(expected)


def test_the_house_is_drawn_as_it_stands() -> None:
    (drawn,) = _diagrams("house.md")
    assert " --> ".join(storeys()) in drawn


def test_what_is_drawn_by_hand_names_what_there_is() -> None:
    """Flows that no table holds: their capitals are statuses and decisions."""
    known = {*Decision, *Intent.Status.values, "ASSIST"}
    assert set(WORD.findall("".join(_diagrams("governance.md")))) <= known
    told = set(Telling.Status.values)
    assert set(WORD.findall("".join(_diagrams("notifications.md")))) <= told
    (goal,) = _diagrams("goals.md")
    assert set(WORD.findall(goal)) <= set(Goal.Status.values)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_database_sees_no_other_move(tmp_path: Path) -> None:
    """A5: tests of every end run once more, with a trigger that writes each move down."""
    seen = tmp_path / "moves.json"
    env = {**os.environ, "MOVES": str(seen), "VAR_DIR": f"{settings.VAR_DIR}-moves"}
    files = [f"tests/autonomy/{each}.py" for each in ENDS]
    subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.moves", "-q", *files],
        cwd=ROOT, env=env, check=False, timeout=1700,
    )  # fmt: skip
    found = [tuple(each[:3]) for each in json.loads(seen.read_text())]
    drawn = {
        (table, now, to)
        for table, moves in TABLES.items()
        for now, onward in moves.items()
        for to in onward
    }
    begun = {(table, "", next(iter(moves))) for table, moves in TABLES.items()}
    assert set(found) <= drawn | begun | SHORTCUTS
    # What is drawn is no wish either.
    assert len(drawn & set(found)) >= 0.6 * len(drawn)
