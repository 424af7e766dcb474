"""R2, R5: many hands on the same plans at once; what was promised of one holds for all."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any
from uuid import UUID

import psycopg2
import pytest
from django.conf import settings

from autonomy.deciding import newest
from autonomy.decisions import approve as say_yes
from autonomy.errors import AutonomyError
from autonomy.execute import start
from autonomy.models import Approval, Execution, Intent
from autonomy.settle import finish
from autonomy.tools.base import End
from config.problems import STATUSES
from ledger.clock import clock
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from plans import orchestrator, steering
from plans.errors import IllegalMove, PlanError, PlanRefused
from plans.models import Plan
from tests.plans.conftest import ESCALATE, NOTE, Course
from tests.races import in_threads

pytestmark = pytest.mark.usefixtures("alone")
_ACTIVE = """
SELECT count(*) FROM plans_plan
WHERE account_id = %s AND plan_type = 'RENEWAL_DEFENSE' AND status = 'ACTIVE'
"""
OPEN = ("PROPOSED", "AWAITING_APPROVAL", "APPROVED")


@contextmanager
def watched(account: UUID) -> Iterator[list[int]]:
    """How many plans of an account were ACTIVE, each time that somebody looked."""
    seen: list[int] = []
    stop = Event()

    def watch() -> None:
        connection = psycopg2.connect(settings.DATABASE_GIVEN_URL)
        connection.autocommit = True
        with connection.cursor() as cursor:
            while not stop.is_set():
                cursor.execute(_ACTIVE, [str(account)])
                seen.append(cursor.fetchone()[0])
        connection.close()

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        stop.set()
        watcher.join(60)


def asks(course: Course, verb: str, plan: UUID) -> str:
    """What a door would answer, and keep."""
    with tenant_scope(course.tenant):
        try:
            steering.MOVES[verb](plan, by=course.caller(Role.ADMIN))
        except PlanRefused as refusal:
            return refusal.code if refusal.keeps else "LOST"
        except PlanError as refusal:
            return type(refusal).__name__
    return "DONE"


def test_fifty_at_once_never_make_two_active(
    make_course: Callable[..., Course],
) -> None:
    """R5: at no moment, by rows and by the ledger; whoever is refused is told so, stated."""
    course = make_course()
    drafted = [course.approved(NOTE) for _ in range(10)]
    plans = [each.pk for each in drafted]
    verbs = ("activate", "activate", "pause", "resume", "abort")
    said: Counter[str] = Counter()
    with watched(course.account.id) as seen:
        for turn in range(4):

            def go(number: int, turn: int = turn) -> str:
                # Aborts come late and are few, so that there is something to fight for.
                verb = verbs[(number + turn) % 5]
                verb = "resume" if verb == "abort" and turn < 3 else verb
                return asks(course, verb, plans[(number * 7 + turn) % 10])

            said.update(in_threads(50, go))
    assert set(said) <= {"DONE", "IllegalMove", "CONFLICT_ACTIVE_PLAN"}
    assert min(said["DONE"], said["CONFLICT_ACTIVE_PLAN"]) > 0
    assert seen
    assert max(seen) == 1
    found = [course.read(each) for each in drafted]
    entries = [each for plan in found for each in course.entries(plan)]
    refused = [each for each in entries if each.kind == "plan.refused"]
    assert len(refused) == said["CONFLICT_ACTIVE_PLAN"]
    codes = {each.data["violations"][0]["code"] for each in refused}
    assert codes == {"CONFLICT_ACTIVE_PLAN"}
    moved = [
        e for e in entries if e.kind == "plan.moved" and e.data["to"] != "APPROVED"
    ]
    assert len(moved) == said["DONE"]
    for plan in found:
        came = ["DRAFT"]
        for entry in course.entries(plan, "plan.moved"):
            assert entry.data["from"] == came[-1]
            came.append(entry.data["to"])
        assert came[-1] == plan.status


def test_eight_ticks_at_once_submit_each_step_once(
    make_course: Callable[..., Course],
) -> None:
    """R11: 40 plans, two steps each; afterwards nothing is left to do."""
    course = make_course(limit=1000)
    plans = [
        course.active(ESCALATE, NOTE, account=course.another_account(f"a{number}"))
        for number in range(40)
    ]

    def go(_: int) -> Any:
        return orchestrator.tick(now=clock())

    ticked = in_threads(8, go)
    assert sum(each.broken for each in ticked) == 0
    ticked.append(orchestrator.tick(now=clock()))
    for plan in plans:
        assert course.statuses(plan) == ["PENDING_APPROVAL", "RUNNING"]
        tries = [(each.step_id, each.step_try) for each in course.intents(plan)]
        assert len(set(tries)) == len(tries) == 2
        assert len(course.entries(plan, "step.moved")) == 2
    assert orchestrator.tick(now=clock()).looked == 0


def _nothing_is_open(course: Course, plan: Plan) -> None:
    """Neither waits, nor can start; no question about it can be answered."""
    for intent in course.intents(plan):
        assert intent.status not in OPEN
        with tenant_scope(course.tenant):
            assert not Approval.objects.filter(intent=intent, status="PENDING").exists()
            assert start(intent.id).execution is None


@pytest.mark.parametrize("verb", ["pause", "abort", "revise"])
def test_stopping_against_submitting(
    make_course: Callable[..., Course], verb: str
) -> None:
    """R2: whoever comes first, nothing of it is on its way afterwards."""
    course = make_course(limit=1000)
    for number in range(6):
        account = course.another_account(f"a{number}")
        plan = course.active(ESCALATE, NOTE, account=account)

        def go(place: int, plan: Plan = plan) -> Any:
            if place:
                return orchestrator.tick(now=clock()).broken
            return asks(course, verb, plan.pk)

        assert in_threads(4, go) == ["DONE", 0, 0, 0]
        _nothing_is_open(course, plan)
        to = {"pause": "PAUSED", "abort": "ABORTED", "revise": "DRAFT"}[verb]
        assert course.read(plan).status == to
        open_ = "CANCELLED" if verb == "abort" else "PENDING"
        assert set(course.statuses(plan)) == {open_}


@pytest.mark.parametrize("verb", ["pause", "abort"])
def test_stopping_against_deciding(
    make_course: Callable[..., Course], verb: str
) -> None:
    """R2: a yes that came first is recalled; one that came after is told so, as a 409."""
    course = make_course(limit=1000)
    said: Counter[str | int] = Counter()
    for number in range(8):
        account = course.another_account(f"a{number}")
        plan = course.look(course.active(ESCALATE, account=account))
        question = _question(course, plan)

        def go(place: int, plan: Plan = plan, question: UUID = question) -> Any:
            return asks(course, verb, plan.pk) if place else _yes(course, question)

        decided, stopped = in_threads(2, go)
        said[decided] += 1
        assert stopped == "DONE"
        assert decided in ("YES", 409)
        assert [each.status for each in course.intents(plan)] == ["CANCELLED"]
        _nothing_is_open(course, plan)
        # Whoever decided is answered as before; anybody else, that it is too late.
        assert _yes(course, question) == decided
        assert [each.status for each in course.intents(plan)] == ["CANCELLED"]
    assert sum(said.values()) == 8


def _question(course: Course, plan: Plan) -> UUID:
    with tenant_scope(course.tenant):
        found: UUID = newest(course.intents(plan)[0].id).id
    return found


def _yes(course: Course, question: UUID) -> str | int:
    try:
        with tenant_scope(course.tenant):
            say_yes(question, by=course.caller(Role.APPROVER))
    except AutonomyError as refusal:
        return STATUSES[type(refusal)]
    return "YES"


def _begun(course: Course, plan: Plan) -> tuple[Execution, int]:
    """Its first act is under way; nobody has told the plan."""
    intent = course.intents(plan)[0].id
    with tenant_scope(course.tenant):
        execution = start(intent).execution
        assert execution is not None
        return execution, Intent.objects.get(pk=intent).fence


def _ends(course: Course, execution: Execution, fence: int) -> bool:
    end = End(status=Execution.Status.SUCCEEDED, outcome={})
    with tenant_scope(course.tenant):
        return finish(execution, end, fence=fence, at=clock())


def test_a_result_counts_once(course: Course) -> None:
    """R3: told twice, and read by several at once, it moves its step once."""
    plan = course.look(course.active(NOTE, ESCALATE))
    execution, fence = _begun(course, plan)
    ended = in_threads(4, lambda _: _ends(course, execution, fence))
    assert sorted(ended) == [False, False, False, True]
    in_threads(4, lambda _: orchestrator.tick(now=clock()))
    orchestrator.tick(now=clock())
    assert course.statuses(plan) == ["AUTO_EXECUTED", "PENDING_APPROVAL"]
    to = [each.data["to"] for each in course.entries(plan, "step.moved")]
    assert Counter(to) == {"RUNNING": 1, "PENDING_APPROVAL": 1, "AUTO_EXECUTED": 1}


def test_a_result_after_the_end_changes_nothing(course: Course) -> None:
    """R2: the act ran to its end; plan and step stay as they ended."""
    plan = course.look(course.active(NOTE))
    execution, fence = _begun(course, plan)
    course.do("abort", plan)
    assert course.statuses(plan) == ["CANCELLED"]
    assert _ends(course, execution, fence)
    before = course.entries(plan, "plan.moved", "step.moved", "plan.closed")
    orchestrator.tick(now=clock())
    assert course.statuses(plan) == ["CANCELLED"]
    assert course.read(plan).status == "ABORTED"
    assert course.entries(plan, "plan.moved", "step.moved", "plan.closed") == before
    # It was heard, so it is no news any more.
    assert orchestrator.tick(now=clock()).looked == 0
    with pytest.raises(IllegalMove):
        course.do("resume", plan, Role.ADMIN)
