"""R11: what breaks while ticks look breaks alone, and what dies in the middle is done after."""

import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from threading import Thread
from types import FrameType
from typing import Any

import pytest
from django.db import connection

from autonomy import news as act_news
from ledger.clock import clock
from ledger.scope import tenant_scope
from perception.models import Account
from plans import contract, ending, orchestrator, stepping, transitions
from plans.models import Plan
from plans.orchestrator import Ticked, tick
from tests import trials
from tests.plans.conftest import ESCALATE, NOTE, Course
from tests.plans.test_tick import promised

pytestmark = pytest.mark.usefixtures("alone")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
FILES = {
    each.__file__ for each in (orchestrator, stepping, ending, transitions, contract)
}


def elsewhere(course: Course, name: str) -> dict[str, Account]:
    return {"account": course.another_account(name)}


def corrupt(superuser: Any, plan: Plan) -> None:
    """What its objective compares with cannot be read any more: looking at it breaks."""
    promised(plan)
    _set_baseline(superuser, plan, "[]")


def mended(superuser: Any, plan: Plan) -> None:
    _set_baseline(superuser, plan, '{"known": {"renewal_commitment": "signed"}}')


def _set_baseline(superuser: Any, plan: Plan, baseline: str) -> None:
    with superuser.cursor() as cursor:
        cursor.execute(
            "UPDATE plans_plan SET baseline = %s WHERE id = %s",
            [baseline, str(plan.pk)],
        )


def test_a_broken_plan_is_left_alone_longer_each_time_and_then_paused(
    course: Course, superuser: Any
) -> None:
    """R11: its fault is its own; others go on; a person finds it with its error."""
    broken = course.active(ESCALATE)
    sound = course.active(ESCALATE, **elsewhere(course, "sound"))
    corrupt(superuser, broken)
    at, waits = clock(), []
    assert tick(now=at) == Ticked(looked=2, broken=1)
    assert course.statuses(sound) == ["PENDING_APPROVAL"]
    for _ in range(4):
        due = course.read(broken).due_at
        assert due is not None
        waits.append(due - at)
        assert tick(now=due - MINUTE / 2) == Ticked()
        at = due
        assert tick(now=at).broken == 1
    assert waits == [MINUTE, 2 * MINUTE, 4 * MINUTE, 8 * MINUTE]
    found = course.read(broken)
    assert (found.status, found.reason, found.failures) == ("PAUSED", "LOOK_FAILED", 5)
    assert "list" in found.error
    assert course.intents(broken) == []
    mended(superuser, broken)
    course.do("resume", broken)
    tick(now=clock())
    found = course.read(broken)
    assert (found.status, found.failures, found.error) == ("ACTIVE", 0, "")
    assert course.statuses(broken) == ["PENDING_APPROVAL"]


def test_a_plan_that_broke_for_days_still_breaks_alone(
    course: Course, superuser: Any
) -> None:
    """R11: however often it broke: it is looked at each hour, and others are served."""
    broken = course.active(ESCALATE)
    sound = course.active(ESCALATE, **elsewhere(course, "sound"))
    course.do("pause", broken)
    corrupt(superuser, broken)
    with tenant_scope(course.tenant):
        Plan.objects.filter(pk=broken.pk).update(failures=32767)
    at = clock()
    assert tick(now=at) == Ticked(looked=2, broken=1)
    assert course.read(broken).due_at == at + HOUR
    assert course.statuses(sound) == ["PENDING_APPROVAL"]


def test_a_fault_that_cannot_even_be_noted_breaks_alone(
    course: Course, superuser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R11: pausing it breaks too; the faults are counted, the others served."""
    broken = course.active(ESCALATE)
    sound = course.active(ESCALATE, **elsewhere(course, "sound"))
    corrupt(superuser, broken)
    with tenant_scope(course.tenant):
        Plan.objects.filter(pk=broken.pk).update(failures=4)

    def breaks(*_: Any, **__: Any) -> None:
        raise ArithmeticError

    monkeypatch.setattr(ending, "pause", breaks)
    at = clock()
    assert tick(now=at).broken == 1
    assert course.statuses(sound) == ["PENDING_APPROVAL"]
    found = course.read(broken)
    assert (found.status, found.failures) == ("ACTIVE", 5)
    assert found.due_at is not None
    assert found.due_at > at


def test_news_does_not_wake_a_plan_that_is_left_alone(
    course: Course, superuser: Any
) -> None:
    """R11: what it has not heard waits with it, and is heard afterwards."""
    plan = course.look(course.active(ESCALATE))
    course.decide(course.intents(plan)[0].id)
    corrupt(superuser, plan)
    at = clock()
    assert tick(now=at).broken == 1
    assert tick(now=at) == Ticked()
    assert course.read(plan).failures == 1
    mended(superuser, plan)
    assert tick(now=at + MINUTE) == Ticked(looked=1)
    assert course.statuses(plan) == ["RUNNING"]


def test_a_broken_tenant_breaks_alone(
    make_course: Callable[..., Course], monkeypatch: pytest.MonkeyPatch
) -> None:
    """R11: nobody else waits for it."""
    broken, sound = make_course(), make_course()
    plans = [broken.active(ESCALATE), sound.active(ESCALATE)]
    news = act_news.news

    def breaks(tenant: Any, **more: Any) -> Any:
        if tenant == broken.tenant:
            raise ArithmeticError
        return news(tenant, **more)

    with monkeypatch.context() as patched:
        patched.setattr(act_news, "news", breaks)
        assert tick(now=clock()) == Ticked(looked=1, broken=1)
    assert sound.statuses(plans[1]) == ["PENDING_APPROVAL"]
    assert broken.intents(plans[0]) == []
    tick(now=clock())
    assert broken.statuses(plans[0]) == ["PENDING_APPROVAL"]


def test_a_type_of_act_that_is_gone_breaks_nothing(
    course: Course, superuser: Any
) -> None:
    """R6: nobody knows what such a step may do, so it does nothing by itself."""
    plan = course.active(NOTE)
    with superuser.cursor() as cursor:
        cursor.execute(
            "UPDATE plans_step SET status = 'PENDING' WHERE plan_id = %s",
            [str(plan.pk)],
        )
        cursor.execute("ALTER TABLE plans_step DISABLE TRIGGER frozen_columns")
        cursor.execute(
            "UPDATE plans_step SET action_type = 'gone' WHERE plan_id = %s",
            [str(plan.pk)],
        )
        cursor.execute("ALTER TABLE plans_step ENABLE TRIGGER frozen_columns")
    assert tick(now=clock()) == Ticked(looked=1)
    assert "APPROVED" not in {each.status for each in course.intents(plan)}
    assert course.statuses(plan) in (["PENDING_APPROVAL"], ["FAILED"])


class Killed(BaseException):
    """The process is gone: nothing that follows runs."""


class Trap:
    """Dies at one line of the code that looks at plans; counts the lines it passed."""

    def __init__(self, at: int) -> None:
        self.at, self.passed = at, 0

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in FILES:
            return None
        if event == "line":
            self.passed += 1
            if self.passed == self.at:
                raise Killed
        return self


def die_at(line: int) -> int:
    """In a thread of its own, with which its connection and its scope are gone."""
    trap, at = Trap(line), clock()

    def run() -> None:
        sys.settrace(trap)
        with suppress(Killed):
            tick(now=at)
        sys.settrace(None)
        held = connection.connection
        if held is not None:
            # As the server does when nobody is there any more.
            held.rollback()
            held.close()

    thread = Thread(target=run)
    thread.start()
    thread.join(120)
    return trap.passed


def begun(course: Course, name: str) -> Plan:
    """Both of its steps are ready."""
    return course.active(ESCALATE, NOTE, **elsewhere(course, name))


def asked(course: Course, name: str) -> Plan:
    """Both of its acts are done, and it has not heard of either."""
    plan = course.look(begun(course, name))
    course.decide(course.intents(plan)[0].id)
    course.perform(plan)
    return plan


def failing(course: Course, name: str) -> Plan:
    """The first of its steps was refused for good, so the second cannot be done."""
    second = {**NOTE, "required": False}
    plan = course.look(course.active(ESCALATE, second, **elsewhere(course, name)))
    with tenant_scope(course.tenant):
        plan.steps.filter(place=0).update(failures=2)
    course.decide(course.intents(plan)[0].id, yes=False, cause="timing")
    return plan


def started(course: Course, plan: Plan) -> None:
    assert course.statuses(plan) == ["PENDING_APPROVAL", "RUNNING"]
    assert [each.step_try for each in course.intents(plan)] == [1, 1]
    assert len(course.entries(plan, "step.moved")) == 2


def completed(course: Course, plan: Plan) -> None:
    assert course.read(plan).status == "COMPLETED"
    assert course.statuses(plan) == ["DONE", "AUTO_EXECUTED"]
    assert len(course.intents(plan)) == 2
    moves = [each.data["to"] for each in course.entries(plan, "plan.moved")]
    assert moves == ["APPROVED", "ACTIVE", "COMPLETED"]
    assert len(course.entries(plan, "plan.closed")) == 1


def paused(course: Course, plan: Plan) -> None:
    found = course.read(plan)
    assert (found.status, found.reason) == ("PAUSED", "STEP_FAILED")
    assert course.statuses(plan) == ["FAILED", "PENDING"]
    assert [each.status for each in course.intents(plan)] == ["REJECTED", "CANCELLED"]
    assert len(course.entries(plan, "intent.retracted")) == 1


STORIES = {
    "started": (begun, started),
    "completed": (asked, completed),
    "paused": (failing, paused),
}


def _at_lines(make_course: Callable[..., Course], story: str, every: int) -> None:
    before, after = STORIES[story]
    course = make_course(limit=10000)
    plan = before(course, "calm")
    lines = die_at(10**9)
    after(course, plan)
    assert lines > 100
    chosen = range(1, lines + 1, every)
    for line in chosen:
        plan = before(course, f"died at {line}")
        assert die_at(line) == line
        tick(now=clock())
        after(course, plan)
        assert tick(now=clock()) == Ticked()
    trials.record("crashes", trials=len(chosen), seed=None, lines=lines)


@pytest.mark.parametrize("story", STORIES)
def test_a_tick_may_die_at_sampled_lines(
    make_course: Callable[..., Course], story: str
) -> None:
    """R11, sampled: the next tick does the rest, once."""
    _at_lines(make_course, story, 61)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("story", STORIES)
def test_a_tick_may_die_at_every_line(
    make_course: Callable[..., Course], story: str
) -> None:
    """R11, all of them."""
    _at_lines(make_course, story, 1)
