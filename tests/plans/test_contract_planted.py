"""R12: what somebody planted, or changed behind the ledger's back, is named."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from autonomy.models import Execution, Intent, Permit
from autonomy.permits import digest
from ledger.clock import clock
from ledger.record import Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from plans.models import Plan
from tests.conftest import NOW
from tests.plans.conftest import NOTE, Course
from tests.plans.contracts import asked, completed, problems, verified


@pytest.fixture
def course(make_course: Callable[..., Course]) -> Course:
    """Here people decide on every act."""
    return make_course(mode="APPROVAL")


def state(course: Course, plan: Plan, kind: Kind, data: dict[str, Any], **who: UUID):
    with tenant_scope(course.tenant):
        subjects = {"account": plan.account_id, "plan": plan.pk, **who}
        record(Fact(kind=kind, subjects=subjects, data=data), now=clock())


def test_a_planted_act_is_named(course: Course) -> None:
    """R12: an act outside the contract makes it fail, by its id and its type."""
    plan = completed(course, NOTE)
    step = course.steps(plan)[0].step_id
    intent, execution = uuid7(), uuid7()
    proposed = {"action_type": "send_proposal", "parameters_digest": digest({})}
    state(course, plan, Kind.INTENT_PROPOSED, proposed, intent=intent, step=step)
    state(course, plan, Kind.EXECUTION_STARTED, {}, intent=intent, execution=execution)
    found = problems(course, plan)
    assert ("ACT_OUTSIDE", str(intent)) in found
    assert ("STARTED_OUTSIDE_WINDOW", str(intent)) in found
    assert ("ENTRY_WITHOUT_ROW", str(intent)) in found
    assert ("ENTRY_WITHOUT_ROW", str(execution)) in found
    said = [each.detail for each in verified(course, plan).problems]
    assert any("send_proposal" in each for each in said)


def test_an_execution_that_nobody_proposed_is_named(course: Course) -> None:
    """R12: with a plan for its subject, and nothing else."""
    plan, execution = completed(course, NOTE), uuid7()
    state(course, plan, Kind.EXECUTION_STARTED, {}, execution=execution)
    assert ("ROW_WITHOUT_ENTRY", str(execution)) in problems(course, plan)


def test_a_planted_row_is_named(course: Course) -> None:
    """R12: an act in the tables that the ledger does not know."""
    plan = completed(course, NOTE)
    with tenant_scope(course.tenant):
        intent = Intent.objects.create(
            tenant_id=course.tenant,
            account_id=plan.account_id,
            plan_id=plan.pk,
            step_id=course.steps(plan)[0].step_id,
            step_try=9,
            heard="SUCCEEDED",
            origin="plan",
            action_type="send_proposal",
            parameters={},
            status=Intent.Status.SUCCEEDED,
            created_at=NOW,
            updated_at=NOW,
        )
    assert problems(course, plan) == {("ROW_WITHOUT_ENTRY", str(intent.id))}


def test_a_planted_execution_is_named(course: Course) -> None:
    """R12: done in the tables, and never started by the ledger."""
    plan = asked(course, NOTE)
    intent = course.intents(plan)[0]
    course.decide(intent.id)
    with tenant_scope(course.tenant):
        execution = Execution.objects.create(
            tenant_id=course.tenant,
            intent_id=intent.id,
            permit=Permit.objects.get(intent_id=intent.id),
            account_id=plan.account_id,
            action_type=intent.action_type,
            status=Execution.Status.SUCCEEDED,
            auto_executed=False,
            approval_source="HUMAN",
            started_at=NOW,
        )
    assert problems(course, plan) == {("ROW_WITHOUT_ENTRY", str(execution.id))}


def test_a_second_statement_is_noticed(course: Course) -> None:
    """R12: a plan has one statement, the first that was stated."""
    plan = completed(course, NOTE)
    state(course, plan, Kind.PLAN_CLOSED, {"statement": {}})
    assert problems(course, plan) == {("NO_STATEMENT", "")}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("contract = jsonb_set(contract, '{max_external_touches}', '99')", "CONTRACT_CHANGED"),
        ("contract_digest = 'sha256:0'", "CONTRACT_CHANGED"),
        ("closing = jsonb_set(closing, '{acts}', '0')", "STATEMENT_CHANGED"),
        ("closing = NULL", "STATEMENT_CHANGED"),
        ("status = 'ABORTED'", "ROW_DIFFERS"),
    ],
)  # fmt: skip
def test_a_changed_row_is_noticed(
    course: Course, superuser: Any, change: str, code: str
) -> None:
    """R12: the tables may not say anything else than the ledger."""
    plan = completed(course, NOTE)
    with superuser.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(f"UPDATE plans_plan SET {change} WHERE id = %s", [str(plan.pk)])
    assert problems(course, plan) == {(code, "")}


def test_a_planted_approval_is_noticed(course: Course) -> None:
    """R12: one that agrees to everything, or says nothing of what it agrees to."""
    plan = completed(course, NOTE)
    for agreed in ({}, {"allowed": []}, {**(plan.contract or {}), "allowed": []}):
        data = {
            "from": "DRAFT",
            "to": "APPROVED",
            "agreed": agreed,
            "contract": "sha256:0",
        }
        state(course, plan, Kind.PLAN_MOVED, data)
    found = [each.code for each in verified(course, plan).problems]
    assert found.count("MOVES_BROKEN") == 3
    assert found.count("CONTRACT_CHANGED") == 4
