"""What tests of goals share: goals as somebody sets them, and facts at any moment."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from autonomy import goals
from autonomy.models import Execution, Goal
from autonomy.perform import perform
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception import deals, interactions
from perception.accounts import add_account
from perception.models import Account
from perception.rules.roles import Role
from perception.sources.base import Deal, Met
from tests.autonomy.conftest import Desk
from tests.conftest import NOW

DAY = timedelta(days=1)
END = NOW + 90 * DAY


def a_goal(desk: Desk, type_: str = "activity", **more: Any) -> Goal:
    """A goal as somebody sets it; for the desk's account, unless it says whose."""
    by, now = more.pop("by", Role.ADMIN), more.pop("now", NOW)
    given = {"type": type_, "target": Decimal(100), "start": NOW, "end": END}
    with tenant_scope(desk.tenant):
        return goals.set_goal({**given, **more}, by=desk.house.caller(by), now=now)


def seen(goal: Goal, *, at: datetime) -> Goal:
    with tenant_scope(goal.tenant_id):
        return goals.as_of(Goal.objects.get(pk=goal.pk), now=at)


def kept(goal: Goal) -> Goal:
    with tenant_scope(goal.tenant_id):
        return Goal.objects.get(pk=goal.pk)


def moved(goal: Goal) -> list[Entry]:
    with tenant_scope(goal.tenant_id):
        rows = Entry.objects.filter(kind="goal.moved").order_by("number")
        return [each for each in rows if each.subjects["goal"] == str(goal.pk)]


def deal(
    desk: Desk, name: str, stage: str, amount: int | None, *, at: datetime
) -> None:
    """A deal as the CRM shows it at a moment."""
    given = Deal(
        account="acme",
        external_id=name,
        stage=stage,
        amount=None if amount is None else Decimal(amount),
    )
    with tenant_scope(desk.tenant):
        deals.keep([(desk.account.id, given)], now=at)


def did(desk: Desk, action_type: str, *, at: datetime, **more: Any) -> UUID:
    """Something that autopilot did, as if it had been then."""
    intent = desk.propose(action_type, **more)
    assert perform(intent.id, tenant=desk.tenant) == "SUCCEEDED"
    with tenant_scope(desk.tenant):
        act = Execution.objects.get(intent=intent)
        Execution.objects.filter(pk=act.pk).update(started_at=at)
    return act.id


def met(desk: Desk, name: str, direction: str, *, at: datetime) -> None:
    one = Met(external_id=name, channel="email", direction=direction, at=at)
    with tenant_scope(desk.tenant):
        interactions.keep([(desk.account.id, one)], connector=None, now=at)


def other_account(desk: Desk, name: str, *, at: datetime = NOW, **more: Any) -> Account:
    given = {"external_id": name, "name": name.title(), **more}
    with tenant_scope(desk.tenant):
        return add_account(given, by=desk.admin, now=at)
