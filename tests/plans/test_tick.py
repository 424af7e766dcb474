"""R3, R11: ticks twice, late, in the midst of faults; time passes for plans wherever they are."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from autonomy.execute import start
from autonomy.models import ContextField
from autonomy.policies import save_data
from autonomy.rules.data import DEFAULT
from autonomy.rules.switches import Scope
from autonomy.switchboard import Wanted, engage
from config.worlds.time import VirtualTime, virtual_time
from ledger.clock import clock
from ledger.scope import tenant_scope
from perception.members import person_acting
from perception.models import Account
from perception.rules.roles import Role
from plans import facts, steering
from plans.errors import IllegalMove, StepNotOpen
from plans.models import Plan
from plans.orchestrator import Ticked, tick
from tests.plans.conftest import BRIEF, ESCALATE, NOTE, Course

pytestmark = pytest.mark.usefixtures("alone")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def time(db: None) -> Iterator[VirtualTime]:
    with virtual_time() as time:
        yield time


def promised(plan: Plan) -> None:
    """It is noted of its account that the renewal is promised."""
    with tenant_scope(plan.tenant_id):
        ContextField.objects.create(
            tenant_id=plan.tenant_id,
            account_id=plan.account_id,
            field="renewal_commitment",
            value="signed",
            updated_at=clock(),
        )


def elsewhere(course: Course, name: str) -> dict[str, Account]:
    return {"account": course.another_account(name)}


def test_five_ticks_without_an_outcome_make_one_intent(course: Course) -> None:
    """R11: a step that waits for a person waits, however often somebody looks."""
    plan = course.active(ESCALATE, NOTE)
    for _ in range(5):
        tick(now=clock())
        tick(now=clock() + DAY)
    assert [each.action_type for each in course.intents(plan)] == [
        "escalate_support_risk",
        "create_internal_note",
    ]
    assert course.statuses(plan) == ["PENDING_APPROVAL", "RUNNING"]


def test_a_plan_of_a_type_that_is_gone_expires_all_the_same(
    course: Course, time: VirtualTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R2, R3: the clock stops for nobody."""
    plan = course.active(ESCALATE, expires_at=clock() + DAY)
    monkeypatch.setattr(facts, "type_of", lambda _: None)
    tick(now=clock())
    assert course.read(plan).status == "ACTIVE"
    assert course.intents(plan) == []
    time.pass_(DAY)
    tick(now=clock())
    assert (course.read(plan).status, course.read(plan).reason) == (
        "EXPIRED",
        "window_past",
    )


def test_a_backlog_holds_nobody_up(make_course: Callable[..., Course]) -> None:
    """R11: 60 that are due do not keep the one of somebody else waiting."""
    crowd, other = make_course(), make_course()
    for _ in range(60):
        crowd.draft(NOTE)
    with tenant_scope(crowd.tenant):
        Plan.objects.filter(status="DRAFT").update(due_at=clock())
    plan = other.active(ESCALATE)
    looked = tick(now=clock(), most=20).looked
    assert other.statuses(plan) == ["PENDING_APPROVAL"]
    assert looked == 21
    assert [tick(now=clock(), most=20).looked for _ in range(3)] == [20, 20, 0]


@pytest.mark.parametrize("status", ["DRAFT", "APPROVED", "ACTIVE", "PAUSED"])
def test_the_clock_runs_wherever_a_plan_is(
    course: Course, time: VirtualTime, status: str
) -> None:
    """R2, R3: and a step that was ready does not start any more."""
    step = {**NOTE, "earliest": clock() + 2 * DAY - HOUR}
    more = {"expires_at": clock() + 2 * DAY}
    if status == "DRAFT":
        plan = course.draft(step, **more)
    elif status == "APPROVED":
        plan = course.approved(step, **more)
    else:
        plan = course.active(step, **more)
    if status == "PAUSED":
        course.do("pause", plan)
    tick(now=clock())
    assert course.read(plan).status == status
    time.pass_(2 * DAY)
    tick(now=clock())
    found = course.read(plan)
    assert (found.status, found.reason) == ("EXPIRED", "window_past")
    assert (found.ended_at is None, found.due_at) == (False, None)
    assert course.intents(plan) == []
    assert course.statuses(plan) == ["CANCELLED"]
    assert tick(now=clock() + DAY) == Ticked()


def test_an_objective_met_while_paused_completes(course: Course) -> None:
    """R3: the objective comes first, whatever else."""
    plan = course.active(ESCALATE)
    course.do("pause", plan)
    promised(plan)
    tick(now=clock() + DAY)
    found = course.read(plan)
    assert (found.status, found.reason) == ("COMPLETED", "objective_met")
    assert found.objective_met is True
    assert course.statuses(plan) == ["CANCELLED"]


def test_steps_begin_within_business_hours(course: Course, time: VirtualTime) -> None:
    """R11: by the tenant's clock, on the day on which its doors open next."""
    hours = {"days": [0, 1, 2, 3, 4], "start": "09:00", "end": "17:00"}
    with tenant_scope(course.tenant):
        save_data({**DEFAULT, "hours": hours}, by=course.desk.admin, now=clock())
    # A Saturday in Berlin, and the Monday after it.
    saturday = datetime(2026, 12, 5, 11, tzinfo=UTC)
    monday = datetime(2026, 12, 7, 8, tzinfo=UTC)
    time.move_to(saturday)
    plan = course.active(ESCALATE)
    tick(now=clock())
    found = course.read(plan)
    assert found.waits[0]["reason"] == "OUTSIDE_HOURS"
    assert found.due_at is not None
    time.move_to(found.due_at)
    tick(now=clock())
    assert course.read(plan).due_at == monday
    assert course.intents(plan) == []
    time.move_to(monday)
    tick(now=clock())
    assert course.statuses(plan) == ["PENDING_APPROVAL"]


def test_what_is_under_way_is_not_skipped(course: Course) -> None:
    """R6: its plan has not heard yet that it began; its result comes first."""
    plan = course.look(course.active(ESCALATE))
    intent = course.intents(plan)[0].id
    course.decide(intent)
    with tenant_scope(course.tenant):
        assert start(intent).execution is not None
    step = course.steps(plan)[0]
    assert step.status == "PENDING_APPROVAL"
    for verb in (steering.skip, steering.waive):
        with pytest.raises(StepNotOpen), tenant_scope(course.tenant):
            verb(plan.pk, step.step_id, by=course.caller(Role.SELLER))
    assert course.statuses(plan) == ["PENDING_APPROVAL"]


def test_what_was_done_before_the_end_is_told_as_done(course: Course) -> None:
    """R12: nobody had looked in between; the abort itself hears of it first."""
    plan = course.look(course.active(ESCALATE, {**BRIEF, "earliest": clock() + DAY}))
    course.decide(course.intents(plan)[0].id)
    course.perform(plan)
    course.do("abort", plan)
    assert course.statuses(plan) == ["DONE", "CANCELLED"]
    assert tick(now=clock()) == Ticked()


def test_a_step_that_is_tried_again_is_looked_at_in_time(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R6: what came of submitting it decides when the plan is looked at next."""
    plan = course.active(NOTE)
    wanted = Wanted(scope=Scope.PLAN_TYPE, target="RENEWAL_DEFENSE", reason="a trial")
    with tenant_scope(course.tenant):
        engage(wanted, by=person_acting(course.desk.admin), now=clock())
    # As if it had been engaged after the plan looked, and before the act was judged.
    monkeypatch.setattr(facts, "_stops", lambda *_: {})
    tick(now=clock())
    (step,) = course.steps(plan)
    assert (step.status, step.reason) == ("PENDING", "KILL_SWITCH")
    found = course.read(plan)
    assert found.due_at == step.next_at
    assert found.waits[0]["reason"] == "NOT_YET"


def test_what_was_just_asked_is_shown_as_waiting(course: Course) -> None:
    """R6: from the look on in which it was asked."""
    plan = course.look(course.active(ESCALATE))
    assert [each["reason"] for each in plan.waits] == ["APPROVAL"]


def test_a_step_that_was_skipped_can_be_waived(course: Course) -> None:
    """R3: then it no longer stands in the way; both are stated."""
    plan = course.look(course.active(ESCALATE, NOTE))
    skipped = course.steps(plan)[0].step_id
    course.perform(plan)
    for verb in (steering.skip, steering.waive):
        course.look(plan)
        assert course.read(plan).status == "ACTIVE"
        with tenant_scope(course.tenant):
            verb(plan.pk, skipped, by=course.caller(Role.SELLER))
    assert course.look(plan).reason == "all_steps_done"
    told = [each.data["reason"] for each in course.entries(plan, "step.moved")]
    assert told[-2:] == ["SKIPPED_BY_PERSON", "WAIVED"]
    with pytest.raises(IllegalMove), tenant_scope(course.tenant):
        steering.waive(plan.pk, skipped, by=course.caller(Role.SELLER))
