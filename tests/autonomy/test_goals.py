"""O1: goals set, measured when they are due, ended once; what is done about them."""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from autonomy import catching_up, counting, goals
from autonomy.errors import GoalEnded, NoSuchScope, NotYourGoal
from autonomy.models import Goal, Intent, Run
from autonomy.rules.runs import Stage
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.models import Account
from perception.rules.roles import Role
from tests.autonomy.aims import (
    DAY,
    a_goal,
    deal,
    kept,
    moved,
    other_account,
    seen,
)
from tests.autonomy.claims import claim, settled
from tests.autonomy.conftest import Desk
from tests.conftest import NOW


@pytest.mark.parametrize(("amount", "status"), [(99, "MISSED"), (100, "COMPLETED")])
def test_it_ends_once_and_stays(desk: Desk, amount: int, status: str) -> None:
    """O1: COMPLETED at the target, MISSED past the end; stated with its facts, for good."""
    goal = a_goal(desk, "revenue", end=NOW + 10 * DAY)
    deal(desk, "won", "closed_won", amount, at=NOW + DAY)
    at = NOW + (2 if amount == 100 else 10) * DAY
    assert goals.measure_due(now=at) >= 1
    goals.measure_due(now=at + 30 * DAY)
    found = kept(goal)
    assert (found.status, found.due_at) == (status, None)
    assert found.current == amount
    (entry,) = moved(goal)
    assert entry.data["after"] == status
    assert entry.data["facts"] == [each["id"] for each in found.measured["facts"]]
    deal(desk, "won", "closed_lost", amount, at=at)
    assert seen(goal, at=at + DAY).current == amount
    for change in ({"status": "ACTIVE", "ended_at": None}, {"current": 1}):
        with (
            pytest.raises(IntegrityError),
            tenant_scope(desk.tenant),
            transaction.atomic(),
        ):
            Goal.objects.filter(pk=goal.pk).update(**change)
    with pytest.raises(GoalEnded), tenant_scope(desk.tenant):
        goals.withdraw_goal(found, by=desk.admin, now=at)
    assert kept(goal).status == status


def test_what_was_set_stays(desk: Desk) -> None:
    """O1: nobody lowers a target while it runs; it is withdrawn, which is stated."""
    goal = a_goal(desk)
    with (
        pytest.raises(IntegrityError),
        tenant_scope(desk.tenant),
        transaction.atomic(),
    ):
        Goal.objects.filter(pk=goal.pk).update(target=1)
    with tenant_scope(desk.tenant):
        goals.withdraw_goal(goal, by=desk.admin, now=NOW)
        assert not Goal.objects.filter(pk=goal.pk).exists()
        rows = Entry.objects.filter(kind="setting.changed").order_by("number")
        said = [each.data for each in rows if each.data["setting"] == "goal"]
    assert [each["before"] is None for each in said] == [True, False]
    assert said[0]["after"] == said[1]["before"]


def test_who_may_set_which(desk: Desk) -> None:
    """O1: sellers for themselves and their accounts; nothing is kept of what is refused."""
    admin = desk.house.members[Role.ADMIN].id
    foreign = other_account(desk, "bolt")
    mine = a_goal(desk, by=Role.SELLER)
    assert mine.seller_id == desk.house.members[Role.SELLER].id
    assert a_goal(desk, by=Role.SELLER, account=desk.account.id).seller_id is None
    assert a_goal(desk, by=Role.APPROVER).seller_id is None
    for refusal, more in (
        (NotYourGoal, {"by": Role.SELLER, "seller": admin}),
        (NoSuchScope, {"by": Role.SELLER, "account": foreign.id}),
        (NoSuchScope, {"seller": foreign.id}),
        (NoSuchScope, {"account": admin}),
    ):
        with pytest.raises(refusal):
            a_goal(desk, **more)
    whole = a_goal(desk)
    with pytest.raises(NotYourGoal), tenant_scope(desk.tenant):
        goals.withdraw_goal(whole, by=desk.house.caller(Role.SELLER), now=NOW)
    with tenant_scope(desk.tenant):
        assert Goal.objects.count() == 4


def test_two_who_measure_at_once_state_one_end(desk: Desk) -> None:
    """O1: the move is conditional: whoever comes second finds nothing to do."""
    goal = a_goal(desk, end=NOW + DAY)
    barrier = threading.Barrier(2)

    def measure() -> None:
        barrier.wait()
        goals.measure_due(now=NOW + 2 * DAY)
        connection.close()

    threads = [threading.Thread(target=measure) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert kept(goal).status == "MISSED"
    assert len(moved(goal)) == 1


def test_one_that_breaks_holds_up_no_other(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O1, O2: it is left alone for an hour, and the others are measured."""
    broken, whole = (a_goal(desk, end=NOW + DAY) for _ in range(2))
    count = counting.count

    def breaks(goal: Goal, *args: Any, **more: Any) -> counting.Counted:
        if goal.pk == broken.pk:
            raise RuntimeError
        return count(goal, *args, **more)

    monkeypatch.setattr(goals, "count", breaks)
    at = NOW + 2 * DAY
    goals.measure_due(now=at)
    assert (kept(broken).status, kept(whole).status) == ("ACTIVE", "MISSED")
    assert kept(broken).due_at == at + goals.APART


def test_what_would_help_is_said_of_the_warmest(
    make_desk: Callable[..., Desk],
) -> None:
    """O1: the type's action at accounts with nothing under way; none when on track."""
    desk = make_desk(mode="APPROVAL")
    warm = [other_account(desk, name) for name in ("bolt", "coil", "dome", "edge")]
    with tenant_scope(desk.tenant):
        for score, account in zip((0.2, 0.9, 0.5, 0.7), warm, strict=True):
            Account.objects.filter(pk=account.pk).update(heat_score=score)
        Account.objects.filter(pk=warm[3].pk).update(closed_at=NOW)
        Account.objects.filter(pk=desk.account.pk).update(heat_score=1.0)
    desk.propose("send_follow_up_email")
    goal = a_goal(desk, "activity")
    with tenant_scope(desk.tenant):
        assert catching_up.suggestions(goal, now=NOW) == []
        found = catching_up.suggestions(goal, now=NOW + 45 * DAY)
    assert [each.account for each in found] == [warm[1].id, warm[2].id, warm[0].id]
    assert {each.action_type for each in found} == {"schedule_meeting"}
    assert "at 0.0 %, and 50.0 % was due" in found[0].why


def test_of_one_account_there_are_three_too(desk: Desk) -> None:
    """O1: where accounts are few, other actions stand in."""
    goal = a_goal(desk, "quality", account=desk.account.id)
    with tenant_scope(desk.tenant):
        found = catching_up.suggestions(goal, now=NOW + 45 * DAY)
    actions = [each.action_type for each in found]
    assert len(set(actions)) == 3
    assert actions[0] == "qualify_conversation"


def test_a_goal_that_is_behind_starts_runs(desk: Desk) -> None:
    """O1, O2, G1: scheduled work of the goal's type, at the goal's account."""
    goal = a_goal(desk, "quality", account=desk.account.id)
    at = NOW + 45 * DAY
    catching_up.outreach(now=NOW)
    with tenant_scope(desk.tenant):
        assert not Run.objects.exists()
    catching_up.outreach(now=at)
    catching_up.outreach(now=at)
    with tenant_scope(desk.tenant):
        run = Run.objects.get()
        assert (run.trigger, run.origin, run.status) == (
            "GOAL_BEHIND", "ritual", "RECEIVED",
        )  # fmt: skip
        Run.objects.update(
            status="TRIGGERED", stage=Stage.DECIDE.value, gate_result="ALLOW"
        )
    told = [each for each in catching_up.behind(now=at) if each.goal == goal.pk]
    assert [(each.type, each.accounts) for each in told] == [
        ("quality", (desk.account.id,))
    ]
    held = claim(run.id, Stage.DECIDE, tenant=desk.tenant)
    assert held is not None
    settled(held)
    with tenant_scope(desk.tenant):
        intents = Intent.objects.filter(run_id=run.id).order_by("rank")
        assert [each.origin for each in intents] == ["ritual", "ritual"]
        assert intents[0].action_type == "qualify_conversation"
    catching_up.outreach(now=at + DAY)
    with tenant_scope(desk.tenant):
        # Something is under way there now.
        assert Run.objects.count() == 1


def test_a_goal_starts_no_more_than_three_runs_a_day(desk: Desk) -> None:
    """O1, O2: however often somebody comes by, and however many accounts there are."""
    for number in range(4):
        other_account(desk, f"a{number}")
    a_goal(desk, "revenue")
    at = NOW + 45 * DAY

    def started(now: datetime) -> int:
        catching_up.outreach(now=now)
        with tenant_scope(desk.tenant):
            return Run.objects.count()

    assert started(at) == 3
    with tenant_scope(desk.tenant):
        helped = Run.objects.values("account_id")
        Account.objects.filter(pk__in=helped).update(closed_at=at)
    assert started(at + DAY / 24) == 3
    assert started(at + DAY) == 5
