"""plan: what operators learn of a plan by command (R12)."""

import json

import pytest
from django.core.management import call_command

from ledger.scope import tenant_scope
from plans.models import Plan
from tests.autonomy.api.commands import Run, refused, runner
from tests.plans.conftest import BRIEF, NOTE, Course
from tests.plans.contracts import closing_of


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys)


def completed(course: Course) -> Plan:
    plan = course.look(course.active(BRIEF, NOTE))
    course.perform(plan)
    return course.look(plan)


def test_a_statement_can_be_read(course: Course, run: Run) -> None:
    """R12: promised, done, objective, deviations; of a live plan, as it stands."""
    plan = completed(course)
    said = run("plan", "statement", str(plan.pk))
    for words in ("COMPLETED", "Objective: ", "met: no", "Promised", "Done"):
        assert words in said
    assert "Deviations: 0" in said
    for step in course.steps(plan):
        assert said.count(str(step.step_id)) == 2
    plain = json.loads(run("plan", "statement", str(plan.pk), "--json"))
    assert plain == {**closing_of(plan), "after_the_end": []}
    live = run("plan", "statement", str(course.approved(NOTE).pk))
    assert "APPROVED" in live
    assert "Unfinished" in live


def test_verify_names_each_problem(course: Course, run: Run) -> None:
    """R12: exit 1 where a plan does not fit; others are verified all the same."""
    plan, other = completed(course), course.draft(NOTE)
    assert "2 plans verified" in run("plan", "verify", "--tenant", course.house.slug)
    with tenant_scope(course.tenant):
        Plan.objects.filter(pk=plan.pk).update(closing={})
    with pytest.raises(SystemExit) as ended:
        run("plan", "verify", str(plan.pk), "--json")
    assert ended.value.code == 1
    run("plan", "verify", str(other.pk))


def test_verify_says_what_it_found(
    course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    """R12: the problem's code, and what it is about."""
    plan = completed(course)
    with tenant_scope(course.tenant):
        Plan.objects.filter(pk=plan.pk).update(contract_digest="sha256:0")
    capsys.readouterr()
    with pytest.raises(SystemExit):
        call_command("plan", "verify", "--tenant", course.house.slug)
    said = capsys.readouterr().out
    assert f"{plan.pk}  COMPLETED: 1 PROBLEMS" in said
    assert "CONTRACT_CHANGED: " in said


@pytest.mark.parametrize(
    "words",
    [
        ("verify",),
        ("statement", "--tenant", "nobody"),
        ("verify", "--tenant", "nobody"),
        ("verify", "00000000-0000-7000-8000-000000000000"),
    ],
)
def test_what_is_not_named_is_refused(db: None, words: tuple[str, ...]) -> None:
    """R12: in one line that a person can read."""
    refused("plan", *words)
