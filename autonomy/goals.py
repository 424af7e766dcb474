"""O1: goals are set, measured from facts, and end: reached, or past their end."""

import logging
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Q, QuerySet

from autonomy.counting import Counted, baseline_of, count
from autonomy.errors import GoalEnded, NoSuchScope, NotYourGoal
from autonomy.models import Goal
from autonomy.rules.goals import ACTIVE, GoalFacts, ending, next_look
from ledger.record import Actor, Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant, system_scope, tenant_scope
from perception.accounts import visible_to
from perception.faults import Tell, unheard
from perception.members import person_acting
from perception.models import Membership, Tenant
from perception.rules.callers import Caller
from perception.rules.days import zone_at
from perception.rules.roles import Role, sees_all_accounts

logger = logging.getLogger(__name__)

BY = Actor(type="schedule", id="goals")
# Goals that are read at once; and how long one whose measurement broke is left alone.
A_PAGE = 1000
APART = timedelta(hours=1)

_DUE = """
SELECT tenant_id, id FROM autonomy_goal
WHERE due_at <= %s AND (tenant_id, id) > (%s::uuid, %s::uuid)
ORDER BY tenant_id, id LIMIT %s
"""


def set_goal(given: Mapping[str, Any], *, by: Caller, now: datetime) -> Goal:
    """Set a goal, and measure it at once. Sellers set their own: where they name neither
    an account nor a seller, it is theirs.

    A date stands for the whole of its day in the tenant's time zone, as `end` too.
    """
    account, seller = _whose(given, by=by)
    zone = _zone(now)
    goal = Goal(
        tenant_id=current_tenant(),
        account_id=account,
        seller_id=seller,
        type=given["type"],
        target=given["target"],
        start=_moment(given["start"], zone, is_end=False),
        end=_moment(given["end"], zone, is_end=True),
        status=ACTIVE,
        due_at=now,
        set_by_id=by.membership,
        created_at=now,
    )
    goal.save(force_insert=True)
    _state_set(goal, None, _said(goal), by=by, now=now)
    _measure(goal, now=now)
    return goal


def withdraw_goal(goal: Goal, *, by: Caller, now: datetime) -> None:
    """Take back a goal that has not ended: whoever set it, approvers and admins may."""
    may = by.role in (Role.ADMIN, Role.APPROVER) or goal.set_by_id == by.membership
    if not may:
        raise NotYourGoal
    rows = Goal.objects.filter(tenant_id=current_tenant(), pk=goal.pk, status=ACTIVE)
    gone, _ = rows.delete()
    if not gone:
        raise GoalEnded
    _state_set(goal, _said(goal), None, by=by, now=now)


def visible(caller: Caller) -> QuerySet[Goal]:
    """The goals that a caller sees: all, or a seller's own and those of their accounts."""
    goals = Goal.objects.filter(tenant_id=caller.tenant)
    if sees_all_accounts(caller.role):
        return goals
    own = visible_to(caller).values("id")
    return goals.filter(Q(seller_id=caller.membership) | Q(account_id__in=own))


def facts_of(goal: Goal) -> GoalFacts:
    """A goal as rules look at it."""
    return GoalFacts(
        type=goal.type,
        target=goal.target,
        current=goal.current,
        start=goal.start,
        end=goal.end,
        status=goal.status,
    )


def as_of(goal: Goal, *, now: datetime) -> Goal:
    """The goal with what its facts come to now; nothing is written, and what has ended
    stays as it ended.
    """
    if goal.status == ACTIVE:
        counted = count(goal, baseline_of(goal, now=now), now=now)
        goal.current, goal.measured = counted.current, counted.kept()
        goal.measured_at = now
    return goal


def measure_due(*, now: datetime, broke: Tell = unheard) -> int:
    """Measure the goals that are due, of every tenant; return how many were.

    Each in a transaction of its own: the fault of one is its own, and is tried again;
    `broke` is told.
    """
    done, last = 0, (UUID(int=0), UUID(int=0))
    while True:
        with system_scope("measure goals"), connection.cursor() as cursor:
            cursor.execute(_DUE, [now, str(last[0]), str(last[1]), A_PAGE])
            found = cursor.fetchall()
        done += sum(_safely(*each, now=now, broke=broke) for each in found)
        if len(found) < A_PAGE:
            return done
        last = found[-1]


def _safely(tenant: UUID, goal: UUID, *, now: datetime, broke: Tell) -> bool:
    rows = Goal.objects.filter(
        tenant_id=tenant, pk=goal, status=ACTIVE, due_at__lte=now
    )
    try:
        with tenant_scope(tenant):
            # Whoever holds it measures it.
            held = rows.select_for_update(skip_locked=True, no_key=True).first()
            return held is not None and _measure(held, now=now)
    except Exception as problem:
        broke(problem)
        logger.exception("a goal could not be measured")
    with tenant_scope(tenant):
        rows.update(due_at=now + APART)
    return False


def _measure(goal: Goal, *, now: datetime) -> bool:
    """Keep what the facts come to, and how it ends, if it does; False where somebody
    else measured it meanwhile.
    """
    baseline = baseline_of(goal, now=now)
    counted = count(goal, baseline, now=now)
    seen_due, goal.current = goal.due_at, counted.current
    end = ending(facts_of(goal), now=now)
    values: dict[str, Any] = {
        "baseline": baseline,
        "current": counted.current,
        "measured": counted.kept(),
        "measured_at": now,
        "status": end or ACTIVE,
        "due_at": None if end else next_look(facts_of(goal), now=now),
        "ended_at": now if end else None,
    }
    rows = Goal.objects.filter(
        tenant_id=current_tenant(), pk=goal.pk, status=ACTIVE, due_at=seen_due
    )
    if not rows.update(**values):
        return False
    for name, value in values.items():
        setattr(goal, name, value)
    if end:
        _state_moved(goal, counted, now=now)
    return True


def _state_moved(goal: Goal, counted: Counted, *, now: datetime) -> None:
    data = {
        **_said(goal),
        "before": ACTIVE,
        "after": str(goal.status),
        "current": str(counted.current),
        "count": counted.count,
        "kinds": dict(counted.kinds),
        "facts": [each["id"] for each in counted.facts],
    }
    fact = Fact(kind=Kind.GOAL_MOVED, by=BY, subjects=_subjects(goal), data=data)
    record(fact, now=now)


def _state_set(
    goal: Goal,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    *,
    by: Caller,
    now: datetime,
) -> None:
    data = {"setting": "goal", "before": before, "after": after}
    fact = Fact(
        kind=Kind.SETTING_CHANGED,
        by=person_acting(by),
        subjects=_subjects(goal),
        data=data,
    )
    record(fact, now=now)


def _subjects(goal: Goal) -> dict[str, UUID]:
    named = {"goal": goal.id, "account": goal.account_id, "member": goal.seller_id}
    return {noun: id_ for noun, id_ in named.items() if id_ is not None}


def _said(goal: Goal) -> dict[str, Any]:
    return {
        "type": str(goal.type),
        "target": str(goal.target),
        "start": goal.start.isoformat(),
        "end": goal.end.isoformat(),
    }


def _whose(given: Mapping[str, Any], *, by: Caller) -> tuple[UUID | None, UUID | None]:
    """The account or the seller that it is for, if the caller may set one there."""
    account, seller = given.get("account"), given.get("seller")
    if by.role == Role.SELLER and account is None:
        seller = seller or by.membership
    if by.role == Role.SELLER and seller not in (None, by.membership):
        raise NotYourGoal
    if account is not None and not visible_to(by).filter(pk=account).exists():
        raise NoSuchScope(f"No account has the id {account}.", "account")
    if seller is not None and not _is_member(seller):
        raise NoSuchScope(f"No member has the id {seller}.", "seller")
    return account, seller


def _is_member(member: UUID) -> bool:
    rows = Membership.objects.filter(tenant_id=current_tenant(), pk=member)
    return rows.filter(is_active=True).exists()


def _moment(given: date | datetime, zone: ZoneInfo, *, is_end: bool) -> datetime:
    if isinstance(given, datetime):
        return given
    day = given + timedelta(days=1) if is_end else given
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _zone(now: datetime) -> ZoneInfo:
    tenant = Tenant.objects.get(pk=current_tenant())
    return ZoneInfo(
        zone_at(
            now,
            timezone=tenant.timezone,
            previous=tenant.previous_timezone,
            since=tenant.timezone_since,
        )
    )
