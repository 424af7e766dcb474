"""A plan's step is submitted once for each try, and judged like anything else (R3, A8)."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from autonomy.errors import AlreadySubmitted, WrongParameters
from autonomy.models import Execution, Intent, Verdict
from autonomy.perform import perform
from autonomy.rules.switches import Scope
from autonomy.switchboard import Wanted, engage
from ledger.clock import clock
from ledger.models import Entry
from ledger.scope import tenant_scope
from tests.autonomy.claims import RAN_ALONE
from tests.autonomy.conftest import Desk
from tests.autonomy.steps import (
    PLAN_TYPE,
    PLANS,
    fresh,
    let_run,
    step_of,
    submitted,
)
from tests.races import in_threads


def test_a_step_keeps_its_plan_and_its_facts_name_both(desk: Desk) -> None:
    """R3, L3: every fact of its intent is a fact of its plan."""
    let_run(desk)
    step = step_of(try_=2)
    intent = submitted(desk, step)
    assert perform(intent.id, tenant=desk.tenant) == "SUCCEEDED"
    kept = fresh(intent)
    assert (kept.plan_id, kept.step_id, kept.step_try) == (step.plan, step.step, 2)
    assert (kept.plan_type, kept.origin, kept.tainted) == (PLAN_TYPE, "plan", False)
    with tenant_scope(desk.tenant):
        assert Execution.objects.get(intent=intent).plan_type == PLAN_TYPE
        facts = Entry.objects.filter(intent_id=intent.id).order_by("number")
        stated = {each.kind: each.subjects for each in facts}
    assert list(stated) == RAN_ALONE
    for kind, subjects in stated.items():
        named = (subjects["plan"], subjects["step"])
        assert named == (str(step.plan), str(step.step)), kind


def test_questions_about_a_step_name_its_plan(desk: Desk) -> None:
    """L3: what a person is asked, too. Nobody opted in, so a person is asked."""
    step = step_of()
    intent = submitted(desk, step)
    assert intent.status == "AWAITING_APPROVAL"
    with tenant_scope(desk.tenant):
        asked = Entry.objects.get(intent_id=intent.id, kind="approval.requested")
        assert asked.plan_id == step.plan
        verdict = Verdict.objects.get(intent=intent)
        assert (verdict.decision, verdict.reason) == (
            "REQUIRE_APPROVAL",
            "MODE_AUTOPILOT",
        )


@pytest.mark.parametrize("scheduled", [True, False])
def test_a_plan_knows_what_the_verdict_made_of_its_step(
    desk: Desk, scheduled: bool
) -> None:
    if scheduled:
        let_run(desk)
    kept = fresh(submitted(desk))
    assert kept.heard == kept.status != ""


def test_others_are_of_no_plan(desk: Desk) -> None:
    kept = fresh(desk.propose())
    assert (kept.plan_id, kept.step_id, kept.step_try, kept.heard) == (
        None, None, 0, "",
    )  # fmt: skip


def test_a_try_is_submitted_once(desk: Desk) -> None:
    """R3: the second one is told so and leaves no trace; the next try is another."""
    step = step_of()
    submitted(desk, step)
    before = _traces(desk)
    with pytest.raises(AlreadySubmitted):
        submitted(desk, step)
    assert _traces(desk) == before
    with tenant_scope(desk.tenant), transaction.atomic():
        # Whoever is told goes on in the same transaction.
        with pytest.raises(AlreadySubmitted):
            submitted(desk, step)
        assert Intent.objects.count() == 1
    submitted(desk, step_of(step.plan, step.step, try_=2))
    with tenant_scope(desk.tenant):
        assert Intent.objects.filter(step_id=step.step).count() == 2


def test_many_at_once_submit_a_try_once(desk: Desk) -> None:
    """R3: one of eight; the budget is taken once."""
    let_run(desk)
    step = step_of()

    def work(_: int) -> str:
        try:
            return str(submitted(desk, step).status)
        except AlreadySubmitted:
            return "already"

    found = in_threads(8, work)
    assert sorted(found) == ["APPROVED", *["already"] * 7]
    with tenant_scope(desk.tenant):
        kinds = Entry.objects.filter(plan_id=step.plan).values_list("kind", flat=True)
        assert sorted(kinds) == [
            "budget.consumed", "intent.judged", "intent.proposed", "permit.minted",
        ]  # fmt: skip


def test_what_is_refused_may_be_submitted_again(desk: Desk) -> None:
    """A try that was refused was none."""
    step = step_of()
    with pytest.raises(WrongParameters):
        submitted(desk, step, parameters={"text": 5})
    assert _traces(desk) == (0, 0)
    assert submitted(desk, step).status == "AWAITING_APPROVAL"


def test_a_plan_and_its_step_come_together(desk: Desk) -> None:
    """The database refuses one without the other, and a try twice."""
    first, second = submitted(desk), submitted(desk)
    changes: list[dict[str, Any]] = [
        {"step_id": None},
        {"plan_id": None},
        {"step_id": first.step_id},
    ]
    for change in changes:
        with pytest.raises(IntegrityError), tenant_scope(desk.tenant):
            Intent.objects.filter(pk=second.pk).update(**change)


def test_older_code_goes_on_inserting(desk: Desk) -> None:
    """S7: a release that does not know the columns leaves them out."""
    known = desk.propose()
    with tenant_scope(desk.tenant), transaction.atomic():
        fields = [
            field.column
            for field in Intent._meta.concrete_fields
            if field.name not in ("id", "plan_id", "step_id", "step_try", "heard")
        ]
        columns = ", ".join(f'"{name}"' for name in fields)
        with transaction.get_connection().cursor() as cursor:
            cursor.execute(
                f"INSERT INTO autonomy_intent (id, {columns}) "
                f"SELECT gen_random_uuid(), {columns} FROM autonomy_intent "
                "WHERE id = %s RETURNING plan_id, step_id, step_try, heard",
                [known.id],
            )
            assert cursor.fetchone() == (None, None, 0, "")


def test_a_switch_for_its_type_of_plan_stops_it(desk: Desk) -> None:
    """A1: it is blocked before, and waits after it was approved."""
    let_run(desk)
    approved = submitted(desk)
    with tenant_scope(desk.tenant):
        wanted = Wanted(scope=Scope.PLAN_TYPE, target=PLAN_TYPE, reason="a trial")
        engage(wanted, by=PLANS, now=clock())
    assert perform(approved.id, tenant=desk.tenant) == "WAITS"
    assert fresh(approved).status == "APPROVED"
    blocked = submitted(desk)
    with tenant_scope(desk.tenant):
        assert blocked.status == "BLOCKED"
        assert Verdict.objects.get(intent=blocked).reason == "KILL_SWITCH"
        assert not Execution.objects.exists()


@pytest.mark.parametrize("tainted", [True, False])
def test_taint_is_as_asked(desk: Desk, tainted: bool) -> None:
    """A9: every layer sees whether it rests on text from outside."""
    intent = submitted(desk, tainted=tainted)
    assert fresh(intent).tainted == tainted
    with tenant_scope(desk.tenant):
        assert Verdict.objects.get(intent=intent).facts["tainted"] == tainted


def _traces(desk: Desk) -> tuple[int, int]:
    with tenant_scope(desk.tenant):
        return Intent.objects.count(), Entry.objects.filter(
            intent_id__isnull=False
        ).count()
