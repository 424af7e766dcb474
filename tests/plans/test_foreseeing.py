"""R8: what the timetable proposes, once each; and what of it policy takes on at once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from autonomy.models import Intent
from autonomy.steering import set_mode, set_opt_in
from ledger.clock import clock
from ledger.scope import tenant_scope
from perception.models import Account, Opportunity
from perception.rules.roles import Role
from plans import foreseeing
from plans.models import Plan
from tests.autonomy.synthesizers.conftest import Service
from tests.autonomy.synthesizers.conftest import serve as serve
from tests.plans.conftest import Course, clock_of
from tests.plans.test_proposing import plans_of, renewal
from tests.races import in_threads


def run(course: Course, *more: Account, later: int = 0) -> int:
    now = clock_of(course) + timedelta(days=later)
    ids = [each.pk for each in (course.account, *more)]
    return foreseeing.propose_for_runway(ids, tenant=course.tenant, now=now)


def end(course: Course) -> None:
    """Everything that is there ends by itself."""
    with tenant_scope(course.tenant):
        Plan.objects.filter(tenant_id=course.tenant).update(
            status="EXPIRED", ended_at=clock(), due_at=None
        )


def test_a_renewal_within_its_window_is_drafted_once(course: Course) -> None:
    """R8: however often it is looked at, and whatever became of it; in nobody's name."""
    renewal(course)
    assert [run(course), run(course), run(course, later=1)] == [1, 0, 0]
    (plan,) = plans_of(course)
    assert (plan.status, plan.source, plan.proposed_by_id) == ("DRAFT", "rules", None)
    assert "It is within 90 days." in plan.rationale
    (entry,) = course.entries(plan, "plan.proposed")
    assert entry.actor == {"type": "schedule", "id": "renewal runway"}
    end(course)
    assert run(course) == 0
    assert len(plans_of(course)) == 1


def test_another_renewal_day_is_another_renewal(course: Course) -> None:
    """R8: once for each account and renewal."""
    renewal(course, days=80)
    assert run(course) == 1
    end(course)
    renewal(course, days=60)
    assert run(course) == 1
    assert "It is within 60 days." in plans_of(course)[-1].rationale


def test_what_a_person_drafted_counts(course: Course) -> None:
    """R8: whoever proposed it, that renewal has its plan."""
    renewal(course)
    course.draft()
    end(course)
    assert run(course) == 0


@pytest.mark.parametrize("days", [-5, 0, 20, 30, 91, 200])
def test_outside_the_windows_nothing_is_drafted(course: Course, days: int) -> None:
    """R8: too early, or too late for its deadline."""
    renewal(course, days=days)
    assert run(course) == 0
    assert plans_of(course) == []


def test_one_account_s_fault_is_its_own(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R8: the others get theirs, nothing of it stays, and its turn comes again."""
    bolt = course.another_account()
    renewal(course)
    renewal(course, account=bolt)

    def broken(plan: Plan, **_: Any) -> None:
        if plan.account_id == course.account.pk:
            raise RuntimeError("broken")

    monkeypatch.setattr(foreseeing, "_to_policy", broken)
    assert run(course, bolt) == 1
    assert [each.account_id for each in plans_of(course)] == [bolt.pk]
    monkeypatch.undo()
    assert run(course, bolt) == 1


def test_runs_that_meet_draft_once(course: Course) -> None:
    """R8: the account is held from the look to the draft."""
    renewal(course)
    assert sorted(in_threads(5, lambda _: run(course))) == [0, 0, 0, 0, 1]
    assert len(plans_of(course)) == 1


def test_accounts_of_others_are_not_there(
    course: Course, make_course: Callable[..., Course]
) -> None:
    """T1: a foreign id brings nothing."""
    other = make_course()
    renewal(other)
    assert run(course, other.account) == 0
    assert plans_of(other) == []


def test_the_due_of_all_tenants_are_found(
    course: Course, make_course: Callable[..., Course], monkeypatch: pytest.MonkeyPatch
) -> None:
    """R8: page by page; what was proposed, is closed or lost is not looked at again."""
    monkeypatch.setattr(foreseeing, "A_PAGE", 1)
    other = make_course()
    bolt, gone = course.another_account(), course.another_account("Gone")
    for where, account in (
        (course, None),
        (course, bolt),
        (course, gone),
        (other, None),
    ):
        renewal(where, account=account)
    with tenant_scope(course.tenant):
        Opportunity.objects.filter(account=gone).update(stage="closed_lost")
        # A contract that runs renews as well.
        Opportunity.objects.filter(account=bolt).update(stage="closed_won")
    assert foreseeing.propose_due(now=clock_of(course)) >= 3
    assert {each.account_id for each in plans_of(course)} == {
        course.account.pk,
        bolt.pk,
    }
    assert len(plans_of(other)) == 1
    assert list(foreseeing._pages(course.tenant, now=clock_of(course))) == []


def test_the_timetable_asks_no_model(
    course: Course, serve: Callable[..., Service], settings: Any
) -> None:
    """R8: nobody is charged for what nobody asked for."""
    service = serve(lambda _: {"proposals": []})
    settings.SYNTHESIZER, settings.SYNTHESIZER_URL = "http", service.url
    renewal(course)
    assert run(course) == 1
    assert service.asked == []


def opt_in(course: Course, mode: str = "AUTOPILOT", *, granted: bool = True) -> None:
    with tenant_scope(course.tenant):
        at, admin = clock(), course.caller(Role.ADMIN)
        set_opt_in(granted, None, by=admin, now=at)
        set_mode(mode, {}, by=admin, now=at)


def behind(course: Course, goal: str = "pipeline") -> int:
    now = clock_of(course)
    with tenant_scope(course.tenant):
        Account.objects.filter(pk=course.account.pk).update(lifecycle="PROSPECT")
        Opportunity.objects.filter(account=course.account).update(stage="closed_lost")
    return foreseeing.goal_behind(
        course.account.pk, goal, tenant=course.tenant,
        since=now - timedelta(days=20), now=now,
    )  # fmt: skip


def test_a_goal_that_is_behind_is_helped_once(course: Course) -> None:
    """R8: by a type that fits; without an opt-in its owner decides."""
    opt_in(course, granted=False)
    assert [behind(course), behind(course)] == [1, 0]
    (plan,) = plans_of(course)
    assert (plan.plan_type, plan.status) == ("PIPELINE_CREATION", "DRAFT")
    assert "The goal “pipeline” is behind." in plan.rationale
    assert (plan.opportunity_id, plan.risk_level) == (None, "LOW")
    end(course)
    assert behind(course) == 0


@pytest.mark.parametrize("goal", ["activity", "quality", "", "constructor"])
def test_goals_that_no_plan_helps_bring_none(course: Course, goal: str) -> None:
    """R8: the table decides."""
    assert behind(course, goal) == 0
    assert plans_of(course) == []


def test_low_risk_goes_to_policy_where_somebody_opted_in(course: Course) -> None:
    """R7, A8: the course is approved, by policy; none of its steps is, nor begun."""
    opt_in(course)
    assert behind(course) == 1
    (plan,) = plans_of(course)
    assert (plan.status, plan.approval_source) == ("APPROVED", "POLICY")
    assert plan.approved_by_id is None
    with tenant_scope(course.tenant):
        assert not Intent.objects.filter(tenant_id=course.tenant).exists()


@pytest.mark.parametrize("mode", ["APPROVAL", "ASSIST", "DISABLED"])
def test_modes_below_autopilot_leave_it_to_the_owner(course: Course, mode: str) -> None:
    """R7, A7."""
    opt_in(course, mode)
    assert behind(course) == 1
    assert [each.status for each in plans_of(course)] == ["DRAFT"]


def test_without_a_budget_it_stays_a_draft(make_course: Callable[..., Course]) -> None:
    """A8: scheduled work needs a budget."""
    course = make_course(limit=None)
    opt_in(course)
    assert behind(course) == 1
    assert [each.status for each in plans_of(course)] == ["DRAFT"]


def test_medium_risk_never_goes_to_policy(course: Course) -> None:
    """R7: however much is allowed."""
    opt_in(course, "SCHEDULED")
    renewal(course)
    assert run(course) == 1
    (plan,) = plans_of(course)
    assert (plan.risk_level, plan.status) == ("MEDIUM", "DRAFT")
    assert course.entries(plan, "plan.refused") == []
