"""What became of steps: found wherever it is, told at once, heard of once (R2, R3)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.db import connection

from autonomy import decisions
from autonomy.execute import start
from autonomy.models import Approval, Intent
from autonomy.news import _NEWS, End, ends, heard, news, tenants_with_news
from autonomy.perform import perform
from bench.parts.count import Counts, counted
from ledger.clock import clock
from ledger.scope import system_scope, tenant_scope
from tests.autonomy.conftest import Desk, swept
from tests.autonomy.steps import approver, fresh, let_run, step_of, submitted

MANY = """
INSERT INTO autonomy_intent (id, tenant_id, account_id, plan_id, step_id, step_try, heard,
    origin, plan_type, action_type, parameters, risk_level, rationale, evidence, tainted,
    reaches_out, status, fence, attempts, error, rank, created_at, updated_at)
SELECT gen_random_uuid(), tenant_id, account_id, gen_random_uuid(), gen_random_uuid(), 1,
    'SUCCEEDED', origin, plan_type, action_type, parameters, risk_level, rationale,
    evidence, tainted, reaches_out, 'SUCCEEDED', fence, attempts, error, rank, created_at,
    updated_at
FROM autonomy_intent, generate_series(1, %s) WHERE id = %s
"""


def found(desk: Desk) -> list[Any]:
    with tenant_scope(desk.tenant):
        return news(desk.tenant)


def told(desk: Desk, *intents: Intent) -> list[End]:
    with tenant_scope(desk.tenant):
        return ends([each.id for each in intents])


def note(desk: Desk, ends: list[End]) -> int:
    with tenant_scope(desk.tenant):
        return heard({each.intent: each.status for each in ends})


def has_news(desk: Desk) -> bool:
    with system_scope("probe news"):
        return desk.tenant in tenants_with_news()


def test_what_ran_is_news_until_it_is_heard(desk: Desk) -> None:
    """R2: by plan; what the plan did itself is none."""
    let_run(desk)
    one, other = step_of(), step_of()
    two = step_of(one.plan)
    first, second, third = (submitted(desk, each) for each in (one, two, other))
    assert found(desk) == []
    assert not has_news(desk)
    for each in (first, second, third):
        perform(each.id, tenant=desk.tenant)
    assert found(desk) == [
        (one.plan, (first.id, second.id)),
        (other.plan, (third.id,)),
    ]
    assert has_news(desk)
    (end,) = told(desk, first)
    assert (end.plan, end.step, end.try_) == (one.plan, one.step, 1)
    assert (end.status, end.source, end.is_automatic) == ("SUCCEEDED", "POLICY", True)
    assert end.error == end.cause == ""
    assert end.finished_at is not None
    assert note(desk, told(desk, first, second)) == 2
    assert found(desk) == [(other.plan, (third.id,))]
    assert note(desk, told(desk, third)) == 1
    assert found(desk) == []
    assert not has_news(desk)


def test_what_a_person_let_run_is_told_as_that(desk: Desk) -> None:
    """R2: DONE and AUTO_EXECUTED differ by who allowed it."""
    intent = submitted(desk)
    with tenant_scope(desk.tenant):
        asked = Approval.objects.get(intent=intent)
        decisions.approve(asked.id, by=approver(desk))
    (end,) = told(desk, intent)
    assert (end.status, end.source, end.finished_at) == ("APPROVED", "", None)
    perform(intent.id, tenant=desk.tenant)
    (end,) = told(desk, intent)
    assert (end.status, end.source, end.is_automatic) == ("SUCCEEDED", "HUMAN", False)


@pytest.mark.parametrize("cause", ["idea", "timing", "execution", "external"])
def test_why_it_was_refused_is_told(desk: Desk, cause: str) -> None:
    """R2: only its timing brings it again."""
    intent = submitted(desk)
    with tenant_scope(desk.tenant):
        asked = Approval.objects.get(intent=intent)
        decisions.reject(asked.id, cause, by=approver(desk))
    assert [ids for _, ids in found(desk)] == [(intent.id,)]
    (end,) = told(desk, intent)
    assert (end.status, end.cause) == ("REJECTED", cause)


def test_why_it_was_blocked_is_told(desk: Desk) -> None:
    """R2, A2: a mode that forbids it; the plan heard of that as it submitted it."""
    desk.mode("DISABLED")
    intent = submitted(desk)
    assert found(desk) == []
    (end,) = told(desk, intent)
    assert (end.status, end.reason) == ("BLOCKED", "MODE_DISABLED")
    assert end.explanation


def test_the_newest_reason_counts(desk: Desk) -> None:
    """A10: it was allowed, and blocked at its start."""
    let_run(desk)
    intent = submitted(desk)
    desk.mode("DISABLED")
    with tenant_scope(desk.tenant):
        start(intent.id)
    (end,) = told(desk, intent)
    assert (end.status, end.reason) == ("BLOCKED", "MODE_DISABLED")
    assert len(found(desk)) == 1


def test_what_moves_on_meanwhile_stays_news(desk: Desk) -> None:
    """R2: nothing is lost between the reading and the noting."""
    let_run(desk)
    intent = submitted(desk)
    with tenant_scope(desk.tenant):
        start(intent.id)
    read = told(desk, intent)
    assert [each.status for each in read] == ["EXECUTING"]
    with tenant_scope(desk.tenant):
        Intent.objects.filter(pk=intent.pk).update(status=Intent.Status.SUCCEEDED)
    assert note(desk, read) == 0
    assert fresh(intent).heard == "APPROVED"
    assert len(found(desk)) == 1
    assert note(desk, told(desk, intent)) == 1


def test_others_are_no_news_of_plans(
    desk: Desk, make_desk: Callable[..., Desk]
) -> None:
    """T1: neither what belongs to no plan, nor what belongs to another tenant."""
    intent = desk.propose()
    perform(intent.id, tenant=desk.tenant)
    assert (found(desk), told(desk, intent)) == ([], [])
    with tenant_scope(desk.tenant):
        assert heard({intent.id: "SUCCEEDED"}) == 0
    stranger = make_desk()
    let_run(stranger)
    step = submitted(stranger)
    perform(step.id, tenant=stranger.tenant)
    assert (found(desk), told(desk, step)) == ([], [])
    with tenant_scope(desk.tenant):
        assert heard({step.id: "SUCCEEDED"}) == 0
    assert len(found(stranger)) == 1


def test_as_many_as_are_wanted(desk: Desk) -> None:
    let_run(desk)
    for _ in range(3):
        perform(submitted(desk).id, tenant=desk.tenant)
    with tenant_scope(desk.tenant):
        assert len(news(desk.tenant, most=2)) == 2
        assert len(news(desk.tenant)) == 3


def test_a_constant_number_of_questions(desk: Desk) -> None:
    """One each, for any number of intents."""
    let_run(desk)
    intents = [submitted(desk) for _ in range(5)]
    for each in intents:
        perform(each.id, tenant=desk.tenant)
    for some in (intents[:1], intents[1:]):
        counts: Counts = Counts()
        with tenant_scope(desk.tenant), counted(counts):
            news(desk.tenant)
            read = ends([each.id for each in some])
            heard({each.intent: each.status for each in read})
        assert counts["queries"] == 3


@pytest.mark.parametrize(
    "count", [5_000, pytest.param(100_000, marks=pytest.mark.long)]
)
def test_what_was_heard_costs_nothing(desk: Desk, superuser: Any, count: int) -> None:
    """P2: of all that ever ran, only what is new is looked at."""
    let_run(desk)
    intent = submitted(desk)
    with tenant_scope(desk.tenant), connection.cursor() as cursor:
        cursor.execute(MANY, [count, intent.id])
    with superuser.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE autonomy_intent")
    perform(intent.id, tenant=desk.tenant)
    with tenant_scope(desk.tenant), connection.cursor() as cursor:
        pages = _pages(cursor, _NEWS, [desk.tenant, 1000])
    with system_scope("probe news"), connection.cursor() as cursor:
        pages += _pages(cursor, "SELECT autonomy_news_tenants()", [])
    assert pages < 100
    assert found(desk) == [(intent.plan_id, (intent.id,))]


def _pages(cursor: Any, statement: str, values: list[Any]) -> int:
    """How many pages a statement looks at; never the table from end to end."""
    cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", values)
    (plan,) = orjson.loads(orjson.dumps(cursor.fetchone()[0]))
    assert "Seq Scan" not in orjson.dumps(plan).decode()
    top = plan["Plan"]
    return int(top["Shared Hit Blocks"] + top["Shared Read Blocks"])


def test_a_question_that_nobody_answers_ends_as_news(desk: Desk) -> None:
    """H1: an end of its own."""
    intent = submitted(desk)
    with tenant_scope(desk.tenant):
        Approval.objects.filter(intent=intent).update(
            expires_at=clock() - timedelta(seconds=1)
        )
    swept(clock())
    (end,) = told(desk, intent)
    assert end.status == "EXPIRED"
    assert len(found(desk)) == 1
