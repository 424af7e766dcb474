"""O1: what would help goals that are behind: suggested, and proposed once a day."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from autonomy.goals import facts_of
from autonomy.models import Goal
from autonomy.rules.goals import ACTIONS, ACTIVE, look, wanted, why
from autonomy.rules.triggers import Trigger
from autonomy.starting import start
from ledger.scope import current_tenant, system_scope, tenant_scope
from perception import tenants

logger = logging.getLogger(__name__)

A_PAGE = 1000

# The warmest accounts at which nothing is under way.
_WARMEST = """
SELECT a.id, a.name, a.heat_tier, a.heat_score FROM perception_account a
WHERE a.tenant_id = %(tenant)s AND a.closed_at IS NULL
  AND (%(account)s::uuid IS NULL OR a.id = %(account)s::uuid)
  AND (%(seller)s::uuid IS NULL OR a.owner_id = %(seller)s::uuid)
  AND NOT EXISTS (
      SELECT FROM autonomy_intent i
      WHERE i.tenant_id = a.tenant_id AND i.account_id = a.id
        AND i.status IN ('PROPOSED', 'AWAITING_APPROVAL', 'APPROVED', 'EXECUTING',
                         'IN_DOUBT'))
ORDER BY a.heat_score DESC, a.id LIMIT %(most)s
"""
_RUNNING = """
SELECT tenant_id, id FROM autonomy_goal
WHERE due_at IS NOT NULL AND start < %s AND "end" > %s
  AND (tenant_id, id) > (%s::uuid, %s::uuid)
ORDER BY tenant_id, id LIMIT %s
"""


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """An action that would help a goal, at one account, and why it is this one."""

    action_type: str
    account: UUID
    account_name: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Behind:
    """A goal that is behind, for whoever stands above and can help it by a plan."""

    tenant: UUID
    goal: UUID
    type: str
    since: datetime
    accounts: tuple[UUID, ...]


def suggestions(goal: Goal, *, now: datetime) -> list[Suggestion]:
    """Up to three actions for a goal that is behind, each at an account of its own as
    far as there are enough at which nothing is under way.
    """
    facts = facts_of(goal)
    most = wanted(facts, now=now)
    accounts = _warmest(goal, most)
    pairs = [(action, row) for action in ACTIONS[goal.type] for row in accounts]
    return [
        Suggestion(
            action_type=action,
            account=id_,
            account_name=name,
            why=f"{why(facts, now=now)} {name} is {tier}, and nothing is under way there.",
        )
        for action, (id_, name, tier, _) in pairs[:most]
    ]


def behind(*, now: datetime) -> Iterator[Behind]:
    """The goals of every tenant that are behind by what was measured last, with the
    accounts where something could be done.
    """
    for tenant, id_ in _running(now):
        try:
            with tenant_scope(tenant):
                found = _look(id_, now=now)
        except Exception:
            logger.exception("a goal could not be looked at")
            continue
        if found is not None:
            yield found


def outreach(*, now: datetime) -> int:
    """Start runs at accounts that could help goals which are behind: at most three a day
    for each goal, however often somebody comes by. Return how many were started.
    """
    done = 0
    for each in behind(now=now):
        try:
            with tenant_scope(each.tenant):
                done += _start(each, now=now)
        except Exception:
            # The other goals are helped; this one's turn comes again.
            logger.exception("a goal could not be helped")
    return done


def _start(found: Behind, *, now: datetime) -> int:
    day = tenants.today(now=now)
    about = {"goal": str(found.goal), "goal_type": found.type}
    keys = {
        account: f"goal {found.goal} {day} {place}"
        for place, account in enumerate(found.accounts)
    }
    return len(start(Trigger.GOAL_BEHIND, keys, more=about))


def _look(id_: UUID, *, now: datetime) -> Behind | None:
    rows = Goal.objects.filter(tenant_id=current_tenant(), pk=id_, status=ACTIVE)
    goal = rows.defer("baseline", "measured").first()
    if goal is None or not look(facts_of(goal), now=now).is_behind:
        return None
    most = wanted(facts_of(goal), now=now)
    return Behind(
        tenant=goal.tenant_id,
        goal=goal.id,
        type=goal.type,
        since=goal.start,
        accounts=tuple(row[0] for row in _warmest(goal, most)),
    )


def _warmest(goal: Goal, most: int) -> list[tuple[Any, ...]]:
    if not most:
        return []
    named = {
        "tenant": str(current_tenant()),
        "account": goal.account_id and str(goal.account_id),
        "seller": goal.seller_id and str(goal.seller_id),
        "most": most,
    }
    with connection.cursor() as cursor:
        cursor.execute(_WARMEST, named)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _running(now: datetime) -> Iterator[tuple[UUID, UUID]]:
    last = (UUID(int=0), UUID(int=0))
    while True:
        with system_scope("help goals"), connection.cursor() as cursor:
            cursor.execute(_RUNNING, [now, now, str(last[0]), str(last[1]), A_PAGE])
            found = cursor.fetchall()
        yield from found
        if len(found) < A_PAGE:
            return
        last = found[-1]
