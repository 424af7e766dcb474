"""R2, R6: the database itself keeps to the lifecycle, whoever asks it, and how."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg2
import pytest
from django.conf import settings
from psycopg2 import errors

from plans.models import Plan, Step
from plans.rules.lifecycle import (
    MOVES,
    STEP_MOVES,
    TERMINAL,
    Status,
    StepStatus,
    may_move,
    may_step,
    trigger,
)
from tests.plans.conftest import BRIEF, NOTE, Course

DOCUMENT = Path(__file__).parents[2] / "docs/plans.md"
# What a plan has to have, to stand where it does.
COLUMNS = """
UPDATE plans_plan SET status = %(to)s,
    approved_at = CASE WHEN %(to)s = 'DRAFT' THEN NULL ELSE clock_timestamp() END,
    contract = CASE WHEN %(to)s = 'DRAFT' THEN contract ELSE '{}' END,
    ended_at = CASE WHEN %(ends)s THEN clock_timestamp() END,
    due_at = CASE WHEN %(ends)s THEN NULL ELSE clock_timestamp() END
WHERE id = %(plan)s
"""
STEP = "UPDATE plans_step SET status = %s WHERE id = %s"
# The shortest way from a draft to each status.
WAYS: dict[Status, tuple[Status, ...]] = {
    Status.DRAFT: (),
    Status.APPROVED: (Status.APPROVED,),
    Status.ACTIVE: (Status.APPROVED, Status.ACTIVE),
    Status.PAUSED: (Status.APPROVED, Status.ACTIVE, Status.PAUSED),
    Status.COMPLETED: (Status.APPROVED, Status.ACTIVE, Status.COMPLETED),
    Status.ABORTED: (Status.ABORTED,),
    Status.EXPIRED: (Status.EXPIRED,),
}
FROZEN: dict[str, str] = {
    "step_id": "gen_random_uuid()",
    "place": "place + 1",
    "action_type": "'send_email'",
    "parameters": 'parameters || \'{"text": "Another."}\'',
    "depends_on": "ARRAY[gen_random_uuid()]",
    "required": "NOT required",
    "human_touch": "NOT human_touch",
    "only_if": "'NO_REPLY'",
    "earliest": "clock_timestamp()",
    "latest": "clock_timestamp()",
    "max_failures": "max_failures + 1",
    "confidence": "confidence / 2",
}
# What happens to a step, as opposed to what it is.
FREE = {
    "reason", "explanation", "tries", "failures", "next_at", "started_at", "finished_at",
}  # fmt: skip


class Owner:
    """The connection of the tables' owner, within one tenant; everything is taken back."""

    def __init__(self, connection: Any, tenant: UUID) -> None:
        self.connection = connection
        self.cursor = connection.cursor()
        self.run("SELECT set_config('app.tenant', %s, true)", str(tenant))

    def run(self, statement: str, *values: Any) -> int:
        self.cursor.execute(statement, values)
        count: int = self.cursor.rowcount
        return count

    def move(self, plan: UUID, to: Status) -> int:
        named = {"plan": str(plan), "to": to.value, "ends": to in TERMINAL}
        self.cursor.execute(COLUMNS, named)
        count: int = self.cursor.rowcount
        return count

    def bring(self, plan: UUID, to: Status) -> None:
        for each in WAYS[to]:
            assert self.move(plan, each) == 1

    def step(self, step: UUID, to: StepStatus) -> int:
        return self.run(STEP, to.value, str(step))

    def refuses(self, words: str, do: Callable[[], Any]) -> None:
        """What is refused is refused by name, and changes nothing."""
        self.run("SAVEPOINT before")
        with pytest.raises(errors.CheckViolation, match=words):
            do()
        self.run("ROLLBACK TO before")

    def afresh(self, do: Callable[[], Any]) -> Any:
        """Do it, and take it back."""
        self.run("SAVEPOINT afresh")
        try:
            return do()
        finally:
            self.run("ROLLBACK TO afresh")


@pytest.fixture
def owner(course: Course) -> Iterator[Owner]:
    connection = psycopg2.connect(settings.OWNER_URL)
    yield Owner(connection, course.tenant)
    connection.rollback()
    connection.close()


@pytest.fixture
def plan(course: Course) -> Plan:
    course.draft(NOTE, account=course.another_account())
    return course.draft(NOTE, BRIEF)


def test_all_49_pairs_of_plans(owner: Owner, plan: Plan) -> None:
    """R2: what the table names works; the rest is refused, by whoever owns the table."""
    moved = 0
    for now, to in product(Status, Status):

        def go(now: Status = now, to: Status = to) -> None:
            owner.bring(plan.pk, now)
            if may_move(now, to) or now == to:
                assert owner.move(plan.pk, to) == 1
                return
            words = f"{now} cannot become {to}"
            owner.refuses(words, lambda: owner.move(plan.pk, to))
            owner.run("SELECT status FROM plans_plan WHERE id = %s", str(plan.pk))
            assert owner.cursor.fetchone()[0] == now

        owner.afresh(go)
        moved += may_move(now, to)
    assert moved == sum(map(len, MOVES.values())) == 17


def _way_to(status: StepStatus) -> tuple[StepStatus, ...]:
    return () if status == StepStatus.PENDING else (status,)


def test_all_64_pairs_of_steps(course: Course, owner: Owner, plan: Plan) -> None:
    """R1, R2: likewise of steps, in every status of their plan in which they move."""
    step = course.steps(plan)[0].pk
    moved = 0
    for now, to in product(StepStatus, StepStatus):

        def go(now: StepStatus = now, to: StepStatus = to) -> None:
            owner.bring(plan.pk, Status.ACTIVE)
            for each in _way_to(now):
                assert owner.step(step, each) == 1
            if may_step(now, to) or now == to:
                assert owner.step(step, to) == 1
                return
            owner.refuses(f"{now} cannot become {to}", lambda: owner.step(step, to))

        owner.afresh(go)
        moved += may_step(now, to)
    assert moved == sum(map(len, STEP_MOVES.values())) == 23


def test_a_status_that_nobody_knows_is_refused(owner: Owner, plan: Plan) -> None:
    """R2: a word outside the table is no status."""
    for word in ("", "active", "DELETED", "RESUMED"):
        change = "UPDATE plans_plan SET status = %s WHERE id = %s"
        owner.refuses("cannot become", partial(owner.run, change, word, str(plan.pk)))


COPY = """
INSERT INTO plans_plan SELECT (jsonb_populate_record(p, %s::jsonb)).* FROM plans_plan p
WHERE id = %s
"""
COPY_STEP = """
INSERT INTO plans_step SELECT (jsonb_populate_record(s, %s::jsonb)).* FROM plans_step s
WHERE id = %s
"""


def test_a_plan_begins_as_a_draft(owner: Owner, plan: Plan) -> None:
    """R2: nothing is inserted further on, approved or over."""
    for status in Status:

        def go(status: Status = status) -> None:
            owner.bring(plan.pk, status)
            given = f'{{"id": "{uuid4()}"}}'

            def insert() -> int:
                return owner.run(COPY, given, str(plan.pk))

            if status == Status.DRAFT:
                assert insert() == 1
            else:
                owner.refuses(f"begins as DRAFT, not as {status}", insert)

        owner.afresh(go)


def test_steps_are_frozen_outside_of_drafts(
    course: Course, owner: Owner, plan: Plan
) -> None:
    """R6: no step comes, goes or changes in what was approved; what happens to it does."""
    step = str(course.steps(plan)[0].pk)
    for status in (each for each in Status if each != Status.DRAFT):

        def go(status: Status = status) -> None:
            owner.bring(plan.pk, status)
            _is_frozen(owner, step)

        owner.afresh(go)


def _is_frozen(owner: Owner, step: str) -> None:
    another = f'{{"id": "{uuid4()}", "step_id": "{uuid4()}"}}'
    deletion = "DELETE FROM plans_step WHERE id = %s"
    owner.refuses("stay as they are", lambda: owner.run(COPY_STEP, another, step))
    owner.refuses("stay as they are", lambda: owner.run(deletion, step))
    for column, value in FROZEN.items():
        change = f"UPDATE plans_step SET {column} = {value} WHERE id = %s"
        owner.refuses("stay as they are", partial(owner.run, change, step))
    # What happens to it, and what is written as it is by programs that save whole rows.
    kept = ", ".join(f"{column} = {column}" for column in (*FROZEN, *FREE))
    change = f"UPDATE plans_step SET {kept}, status = 'SKIPPED' WHERE id = %s"
    assert owner.run(change, step) == 1


def test_steps_of_a_draft_are_free(course: Course, owner: Owner, plan: Plan) -> None:
    """R6: a draft is changed as one likes."""
    step = str(course.steps(plan)[0].pk)
    for column, value in FROZEN.items():
        change = f"UPDATE plans_step SET {column} = {value} WHERE id = %s"
        assert owner.afresh(partial(owner.run, change, step)) == 1
    another = f'{{"id": "{uuid4()}", "step_id": "{uuid4()}"}}'
    assert owner.run(COPY_STEP, another, step) == 1
    assert owner.run("DELETE FROM plans_step WHERE id = %s", step) == 1


def test_a_step_stays_in_its_plan(course: Course, owner: Owner, plan: Plan) -> None:
    """R6: none leaves a frozen plan for a draft, or comes from there."""
    frozen = course.draft(NOTE, BRIEF, account=course.another_account("Cog"))
    mine, theirs = course.steps(plan)[0].pk, course.steps(frozen)[0].pk
    owner.bring(frozen.pk, Status.ACTIVE)
    change = "UPDATE plans_step SET plan_id = %s WHERE id = %s"
    for step, to in ((mine, frozen.pk), (theirs, plan.pk)):
        do = partial(owner.run, change, str(to), str(step))
        owner.refuses("stays in its plan", do)


def test_every_column_of_a_step_is_frozen_or_free() -> None:
    """R6: whoever adds one decides which."""
    known = {*FROZEN, *FREE, "id", "tenant_id", "plan_id", "status"}
    known |= {"intent_id", "waived_by_id", "waived_at"}
    assert {each.column for each in Step._meta.concrete_fields} == known


def _functions(owner: Owner) -> dict[str, str]:
    owner.run(
        "SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE proname = ANY(%s)",
        ["plans_plan_moves", "plans_step_moves"],
    )
    return dict(owner.cursor.fetchall())


def _plain(text: str) -> str:
    """Without what PostgreSQL writes in its own way: blanks, schema, quotes of the body."""
    body = text.partition("BEGIN")[2].rpartition("END")[0]
    return re.sub(r"\s+", "", body)


def test_the_database_knows_the_same_table(owner: Owner, plan: Plan) -> None:
    """R2: one table, written twice, and the two agree word for word."""
    there = _functions(owner)
    for table, moves in (("plans_plan", MOVES), ("plans_step", STEP_MOVES)):
        name = f"{table}_moves"
        assert _plain(there[name]) == _plain(trigger(name, table, moves))
        owner.run(
            "SELECT tgenabled, pg_get_triggerdef(t.oid) FROM pg_trigger t"
            " JOIN pg_class c ON c.oid = tgrelid WHERE relname = %s"
            " AND tgname = 'moves'",
            table,
        )
        enabled, text = owner.cursor.fetchone()
        assert enabled == "O"
        assert f"BEFORE UPDATE OF status ON public.{table} FOR EACH ROW" in text


def _charts() -> list[set[tuple[str, str]]]:
    """The moves that the pictures show, without those into the beginning."""
    text = DOCUMENT.read_text(encoding="utf-8")
    text = text.partition("\n## Lifecycle\n")[2].partition("\n## ")[0]
    charts = re.findall(r"```mermaid\nstateDiagram-v2\n(.*?)```", text, re.DOTALL)
    return [set(re.findall(r"^ +(\w+) --> (\w+)", each, re.M)) for each in charts]


def test_the_pictures_show_the_tables() -> None:
    """R2: what is drawn is what holds."""
    plans = {(now.value, to.value) for now in MOVES for to in MOVES[now]}
    steps = {(now.value, to.value) for now in STEP_MOVES for to in STEP_MOVES[now]}
    assert _charts() == [plans, steps]
