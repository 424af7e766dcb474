"""O1: what would help goals that are behind: suggested, and proposed once a day."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from autonomy.goals import facts_of
from autonomy.models import Goal
from autonomy.rules.goals import ACTIONS, ACTIVE, SUGGESTED, look, wanted, why
from autonomy.rules.triggers import Trigger
from autonomy.starting import start
from ledger.scope import current_tenant, system_scope, tenant_scope
from perception import tenants
from perception.faults import Tell, unheard

logger = logging.getLogger(__name__)

A_PAGE = 1000
# An account: its id, its name, and how warm it is.
Warm = tuple[UUID, str, str]

_QUIET = """
    SELECT a.id, a.name, a.heat_tier, a.heat_score FROM perception_account a
    WHERE a.tenant_id = %(tenant)s AND a.closed_at IS NULL
      AND NOT EXISTS (
          SELECT FROM autonomy_intent i
          WHERE i.tenant_id = a.tenant_id AND i.account_id = a.id
            AND i.status IN ('PROPOSED', 'AWAITING_APPROVAL', 'APPROVED', 'EXECUTING',
                             'IN_DOUBT'))
"""
_FIRST = "ORDER BY a.heat_score DESC, a.id LIMIT %(most)s"
# For each scope the warmest of its accounts at which nothing is under way: the one, a
# seller's, or anybody's; each way by an index of its own.
_WARMEST = f"""
SELECT g.account, g.seller, w.id, w.name, w.heat_tier
FROM unnest(%(accounts)s::uuid[], %(sellers)s::uuid[])
     WITH ORDINALITY AS g(account, seller, place)
CROSS JOIN LATERAL (
    ({_QUIET} AND g.account IS NOT NULL AND a.id = g.account)
    UNION ALL
    ({_QUIET} AND g.seller IS NOT NULL AND a.owner_id = g.seller {_FIRST})
    UNION ALL
    ({_QUIET} AND g.account IS NULL AND g.seller IS NULL {_FIRST})) w
ORDER BY g.place, w.heat_score DESC, w.id
"""  # noqa: S608  pieces of this file only
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
    return suggestions_of([goal], now=now)[goal.id]


def suggestions_of(
    goals: Sequence[Goal], *, now: datetime
) -> dict[UUID, list[Suggestion]]:
    """The same of many goals, by goal, in one read."""
    warmest = _warmest([goal for goal in goals if wanted(facts_of(goal), now=now)])
    return {goal.id: _suggested(goal, warmest.get(goal.id, []), now) for goal in goals}


def _suggested(goal: Goal, accounts: list[Warm], now: datetime) -> list[Suggestion]:
    facts = facts_of(goal)
    pairs = [(action, warm) for action in ACTIONS[goal.type] for warm in accounts]
    return [
        Suggestion(
            action_type=action,
            account=id_,
            account_name=name,
            why=f"{why(facts, now=now)} {name} is {tier.lower()}, and nothing is under way there.",
        )
        for action, (id_, name, tier) in pairs[:SUGGESTED]
    ]


def behind(*, now: datetime, broke: Tell = unheard) -> Iterator[Behind]:
    """The goals of every tenant that are behind by what was measured last, with the
    accounts where something could be done.
    """
    for tenant, id_ in _running(now):
        try:
            with tenant_scope(tenant):
                found = _look(id_, now=now)
        except Exception as problem:
            broke(problem)
            logger.exception("a goal could not be looked at")
            continue
        if found is not None:
            yield found


def outreach(*, now: datetime, broke: Tell = unheard) -> int:
    """Start runs at accounts that could help goals which are behind: at most three a day
    for each goal, however often somebody comes by. Return how many were started.
    """
    done = 0
    for each in behind(now=now, broke=broke):
        try:
            with tenant_scope(each.tenant):
                done += _start(each, now=now)
        except Exception as problem:
            broke(problem)
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
    return Behind(
        tenant=goal.tenant_id,
        goal=goal.id,
        type=goal.type,
        since=goal.start,
        accounts=tuple(id_ for id_, *_ in _warmest([goal]).get(goal.id, [])),
    )


def _warmest(goals: Sequence[Goal]) -> dict[UUID, list[Warm]]:
    """Accounts for each of the goals, the warmest first; each scope is looked at once."""
    scopes = list(dict.fromkeys((goal.account_id, goal.seller_id) for goal in goals))
    found: dict[tuple[UUID | None, UUID | None], list[Warm]] = {}
    if scopes:
        named: dict[str, Any] = {
            "tenant": str(current_tenant()),
            "accounts": [account and str(account) for account, _ in scopes],
            "sellers": [seller and str(seller) for _, seller in scopes],
            "most": SUGGESTED,
        }
        with connection.cursor() as cursor:
            cursor.execute(_WARMEST, named)
            for account, seller, *warm in cursor.fetchall():
                listed = found.setdefault((account, seller), [])
                listed.append((warm[0], warm[1], warm[2]))
    return {goal.id: found.get((goal.account_id, goal.seller_id), []) for goal in goals}


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
