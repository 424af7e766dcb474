"""R8: what the timetable proposes: plans for renewals that come near, and for goals.

Each account in a transaction of its own, by rules alone; twice or late drafts nothing new.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from autonomy.facts import Question, read
from autonomy.rules.modes import resolve
from autonomy.rules.schedule import schedule
from autonomy.rules.verdict import Decision
from ledger.record import Actor
from ledger.scope import current_tenant, system_scope, tenant_scope
from perception.faults import Tell, unheard
from perception.models import Account
from perception.rules.lifecycle import LOST
from perception.rules.noticing import WINDOWS, window_of
from plans import drafting, facts, steering
from plans.errors import NothingToPropose, PlanError
from plans.minds import Thought
from plans.models import Plan, Step
from plans.proposing import Ready, keep, prepare, type_named
from plans.rules.proposals import GOALS, Footing, submission
from plans.types.registry import type_of

logger = logging.getLogger(__name__)

RENEWAL = "RENEWAL_DEFENSE"
# Accounts that are read at once.
A_PAGE = 500

# Renewals that are near and for which nothing of their type was ever proposed.
_NEAR = """
SELECT DISTINCT o.account_id FROM perception_opportunity o
JOIN perception_account a ON a.tenant_id = o.tenant_id AND a.id = o.account_id
WHERE o.tenant_id = %(tenant)s AND o.account_id > %(after)s AND a.closed_at IS NULL
  AND o.renewal_date > %(today)s AND o.renewal_date <= %(until)s
  AND o.stage <> %(lost)s
  AND NOT EXISTS (
      SELECT FROM plans_plan p
      WHERE p.tenant_id = o.tenant_id AND p.account_id = o.account_id
        AND p.plan_type = %(type)s AND p.opportunity_id = o.id
        AND p.baseline #>> ARRAY['deals', o.id::text, 'renewal_date']
            = o.renewal_date::text)
ORDER BY o.account_id LIMIT %(most)s
"""
_TENANTS = """
SELECT DISTINCT tenant_id FROM perception_opportunity
WHERE renewal_date > %s AND renewal_date <= %s
"""


def propose_due(*, now: datetime, broke: Tell = unheard) -> int:
    """Plans for all renewals that are near, of every tenant; how many were drafted."""
    today = now.date()
    with system_scope("propose plans"), connection.cursor() as cursor:
        cursor.execute(_TENANTS, [today, _until(now)])
        tenants = [row[0] for row in cursor.fetchall()]
    done = 0
    for tenant in tenants:
        try:
            for accounts in _pages(tenant, now=now):
                done += propose_for_runway(
                    accounts, tenant=tenant, now=now, broke=broke
                )
        except Exception as problem:
            broke(problem)
            # The other tenants get theirs; this one's turn comes again.
            logger.exception("plans of a tenant could not be proposed")
    return done


def propose_for_runway(
    accounts: Iterable[UUID], *, tenant: UUID, now: datetime, broke: Tell = unheard
) -> int:
    """RENEWAL_DEFENSE for accounts whose renewal comes within 90 days, once for each
    renewal; each account in a transaction of its own. How many were drafted.
    """
    by = _timetable("renewal runway")
    return sum(
        _safely(tenant, account, lambda held: _for_renewal(held, by=by, now=now), broke)
        for account in accounts
    )


def goal_behind(
    account: UUID,
    goal: str,
    *,
    tenant: UUID,
    since: datetime,
    now: datetime,
    broke: Tell = unheard,
) -> int:
    """A plan that helps towards a goal that is behind, once since the goal began; in a
    transaction of its own. 1 where one was drafted.
    """
    by = _timetable("goals")
    return int(
        _safely(
            tenant,
            account,
            lambda held: _for_goal(held, goal, since=since, by=by, now=now),
            broke,
        )
    )


def _for_renewal(account: Account, *, by: drafting.By, now: datetime) -> Plan | None:
    ready = prepare(account, [type_named(RENEWAL)], is_named=False, now=now)
    suits = ready.choice.suits
    left = (suits.day - now.date()).days if suits.day else 0
    window = window_of(left)
    if window is None or _was_proposed(account, suits.opportunity, suits.day):
        return None
    occasion = f"It is within {window[0]} days."
    return _scheduled(ready, by=by, now=now, occasion=occasion)


def _for_goal(
    account: Account, goal: str, *, since: datetime, by: drafting.By, now: datetime
) -> Plan | None:
    """Of the plans that help towards the goal, the first that fits and was not tried."""
    rows = Plan.objects.filter(
        tenant_id=current_tenant(), account=account, created_at__gte=since
    )
    tried = set(rows.values_list("plan_type", flat=True))
    for key in GOALS.get(goal, ()):
        declared = type_of(key)
        if declared is None or key in tried:
            continue
        try:
            ready = prepare(account, [declared], is_named=False, now=now)
        except NothingToPropose:
            continue
        occasion = f"The goal “{goal}” is behind."
        return _scheduled(ready, by=by, now=now, occasion=occasion)
    return None


def _scheduled(ready: Ready, *, by: drafting.By, now: datetime, occasion: str) -> Plan:
    """By rules alone: nobody is charged for what nobody asked for."""
    thought = Thought(outline=ready.outline)
    plan = keep(ready, thought, by=by, now=now, occasion=occasion)
    _to_policy(plan, is_by_person=by.member is not None)
    return plan


def _safely(
    tenant: UUID,
    account: UUID,
    proposes: Callable[[Account], Plan | None],
    broke: Tell,
) -> bool:
    """One account's fault is its own, and is tried again the next time."""
    try:
        with tenant_scope(tenant):
            held = Account.objects.select_for_update(no_key=True).filter(
                tenant_id=tenant, pk=account
            )
            found = held.first()
            return found is not None and proposes(found) is not None
    except NothingToPropose:
        return False
    except Exception as problem:
        broke(problem)
        logger.exception("a plan could not be proposed")
        return False


def _to_policy(plan: Plan, *, is_by_person: bool) -> None:
    """A draft of low risk goes to policy, where plans may start acts by themselves."""
    steps = facts.steps_of(plan)
    found = submission(
        risk=plan.risk_level,
        is_by_person=is_by_person,
        footings=[_footing(plan, step) for step in steps],
    )
    if not found.goes:
        return
    try:
        steering.submit(plan.pk)
    except PlanError:
        # The gate keeps it; it stays a draft, and what was against it is stated.
        logger.info("a draft was kept from policy")


def _footing(plan: Plan, step: Step) -> Footing:
    """What A7 and A8 say of a step, with the very rules that will judge its act."""
    asked = Question(
        account=plan.account_id,
        action_type=step.action_type,
        parameters=step.parameters,
        confidence=step.confidence,
        risk_level=None,
        origin="plan",
        plan_type=plan.plan_type,
    )
    found = read(asked, tenant=current_tenant()).facts
    judged = schedule(found)
    return Footing(
        mode=resolve(found.modes).mode,
        is_open=judged.decision == Decision.AUTO_EXECUTE,
        reason=judged.reason,
    )


def _was_proposed(account: Account, deal: str | None, day: date | None) -> bool:
    """Whether anybody ever proposed a defence of this renewal."""
    if deal is None or day is None:
        return False
    rows = Plan.objects.filter(
        tenant_id=current_tenant(),
        account=account,
        plan_type=RENEWAL,
        opportunity_id=deal,
    )
    renewals = (
        baseline.get("deals", {}).get(deal, {}).get("renewal_date")
        for baseline in rows.values_list("baseline", flat=True)
    )
    return day.isoformat() in renewals


def _pages(tenant: UUID, *, now: datetime) -> Iterator[list[UUID]]:
    """The accounts that there is something to propose for, some at a time."""
    last = UUID(int=0)
    while True:
        with tenant_scope(tenant), connection.cursor() as cursor:
            named: dict[str, Any] = {
                "tenant": tenant,
                "after": last,
                "today": now.date(),
                "until": _until(now),
                "lost": LOST,
                "type": RENEWAL,
                "most": A_PAGE,
            }
            cursor.execute(_NEAR, named)
            found = [row[0] for row in cursor.fetchall()]
        if not found:
            return
        yield found
        last = found[-1]


def _until(now: datetime) -> date:
    return now.date() + timedelta(days=WINDOWS[-1][0])


def _timetable(what: str) -> drafting.By:
    return drafting.By(
        actor=Actor(type="schedule", id=what), member=None, source=Plan.Source.RULES
    )
