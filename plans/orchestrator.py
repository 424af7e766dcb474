"""The tick of plans: what has news or is due is looked at, and goes on.

A look is one transaction that holds the plan. It reads what came of its acts, asks the
rules, and does what they say; twice, late or after a crash it finds the rest to do.
"""

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from autonomy import news as act_news
from ledger.record import Actor, Fact, record_all
from ledger.scope import current_tenant, system_scope, tenant_scope
from perception import news as account_news
from plans import ending, facts, ownership, stepping
from plans.facts import Known
from plans.models import Plan
from plans.rules.course import Wait, course
from plans.rules.evaluator import evaluate
from plans.rules.lifecycle import TERMINAL, Status, StepStatus
from plans.transitions import move_step
from plans.types.base import Met

logger = logging.getLogger(__name__)

BY = Actor(type="schedule", id="plans")
# Plans that one tick looks at, and tenants that it serves; whose turn it is, changes.
MOST, TENANTS, LEAST_EACH = 500, 50, 20
A_DAY = timedelta(days=1)
# A plan whose look broke is left alone for a while, longer each time; then it is paused.
PATIENCE, LONGEST = timedelta(minutes=1), timedelta(hours=1)
MOST_FAILURES, COUNTED = 5, 10
# Nobody can say whether the objective of a type that is gone is met.
UNKNOWN = Met(holds=False, why="")

_TENANTS = """
SELECT plans_due_tenants(%s) UNION SELECT autonomy_news_tenants()
UNION SELECT perception_news_tenants()
"""
_DUE = """
SELECT id FROM plans_plan WHERE tenant_id = %s AND due_at <= %s
ORDER BY due_at LIMIT %s
"""


@dataclass(frozen=True, kw_only=True)
class Ticked:
    """What one tick came to."""

    looked: int = 0
    broken: int = 0

    def __add__(self, other: "Ticked") -> "Ticked":
        return Ticked(
            looked=self.looked + other.looked, broken=self.broken + other.broken
        )


def tick(*, now: datetime, most: int = MOST) -> Ticked:
    """Look at what is due, of each tenant its share. Any number of ticks may run."""
    with system_scope("advance plans"), connection.cursor() as cursor:
        cursor.execute(_TENANTS, [now])
        tenants = [row[0] for row in cursor.fetchall()]
    # By lot, so that nobody's backlog holds up the others.
    random.shuffle(tenants)
    each = max(LEAST_EACH, most // max(1, min(len(tenants), TENANTS)))
    done = Ticked()
    for tenant in tenants[:TENANTS]:
        try:
            done += _serve(tenant, now, each)
        except Exception:
            # Others are served all the same; this tenant's turn comes again.
            logger.exception("plans of a tenant could not be served")
            done += Ticked(broken=1)
    return done


def _serve(tenant: UUID, now: datetime, most: int) -> Ticked:
    """One tenant's share: what has news first, then what is due longest."""
    with tenant_scope(tenant):
        heard = account_news.account_news(most)
        told = [each.plan for each in act_news.news(tenant, most=most)]
        moved = ownership.live_plans(account for account, _ in heard)
        with connection.cursor() as cursor:
            cursor.execute(_DUE, [tenant, now, most])
            due = [row[0] for row in cursor.fetchall()]
        resting = _resting([*moved, *told], now=now)
    plans = [
        each for each in dict.fromkeys([*moved, *told, *due]) if each not in resting
    ]
    done = Ticked()
    for plan in plans:
        done += _safely(tenant, plan, now)
    # What somebody else held was not looked at: the news stays for the next tick.
    if heard and done.looked == len(plans):
        with tenant_scope(tenant):
            account_news.heard(heard)
    return done


def _safely(tenant: UUID, plan: UUID, now: datetime) -> Ticked:
    """One plan's fault is its own: it is kept, and the plan left alone for a while."""
    try:
        with tenant_scope(tenant):
            return Ticked(looked=int(look(plan, now=now)))
    except Exception as fault:
        logger.exception("a plan could not be looked at")
        _noted(tenant, plan, fault, now=now)
        return Ticked(looked=1, broken=1)


def look(id_: UUID, *, now: datetime) -> bool:
    """Everything that there is to do about one plan now; False where somebody holds it."""
    rows = Plan.objects.select_for_update(skip_locked=True, of=("self",))
    # What was agreed on and what came of it is long, and not looked at here.
    plan = (
        rows.select_related("account")
        .defer("contract", "closing")
        .filter(tenant_id=current_tenant(), pk=id_)
        .first()
    )
    if plan is None:
        return False
    known = facts.know(plan, facts.steps_of(plan))
    came = stepping.take_news(known, by=BY, now=now)
    record_all(came.stated, now=now)
    if plan.status not in TERMINAL:
        known = facts.again(known)
        if not (_ended(known, now=now) or _halted(known, came.problem, now=now)):
            _go_on(known, now=now)
    # After whatever was recalled: whoever decides locks questions before intents.
    act_news.heard(came.heard)
    return True


def _ended(known: Known, *, now: datetime) -> bool:
    """Whether the plan is over: its account closed, its owner gone, or as judged."""
    plan = known.plan
    if (over := ownership.over(known)) is not None:
        ending.end(
            known, Status.ABORTED, reason=over.reason, explanation=over.explanation,
            by=BY, now=now,
        )  # fmt: skip
        return True
    met = known.type_.is_met(known.facts, known.world) if known.type_ else UNKNOWN
    judged = evaluate(known.facts, met, now=known.world.now)
    if judged.to is None:
        return False
    ending.end(
        known, judged.to, reason=judged.reason, explanation=judged.explanation,
        by=BY, now=now, objective_met=judged.objective_met,
    )  # fmt: skip
    return plan.status in TERMINAL


def _halted(known: Known, problem: str, *, now: datetime) -> bool:
    """Whether the plan does not go on: it changed hands, a step failed, or it rests."""
    plan = known.plan
    if ownership.changed(known):
        ownership.hand_over(known, by=BY, now=now)
    elif plan.status == Status.ACTIVE and problem:
        ending.pause(
            plan, known.steps, reason=problem,
            explanation="A step that the plan needs has failed.", by=BY, now=now,
        )  # fmt: skip
    if plan.status == Status.ACTIVE:
        return False
    ends = [at for at in (plan.expires_at, plan.accept_by) if at is not None]
    _rest(plan, min([*ends, now + A_DAY]))
    return True


def _go_on(known: Known, *, now: datetime) -> None:
    """Start what is ready, leave out what no longer fits, and say what waits for whom."""
    if known.type_ is None:
        _rest(known.plan, min(known.plan.expires_at, now + A_DAY))
        return
    way = course(known.facts, known.type_, known.world)
    stated: list[Fact] = []
    for skip in way.skips:
        stated += move_step(
            known.step(skip.step_id), StepStatus.SKIPPED, plan=known.plan,
            reason=skip.reason, explanation=skip.explanation, by=BY, now=now,
            finished_at=now, next_at=None,
        )  # fmt: skip
    problem = ""
    for step_id in way.starts:
        came = stepping.submit(known, known.step(step_id), by=BY, now=now)
        stated += came.stated
        problem = problem or came.problem
    record_all(stated, now=now)
    if problem:
        _halted(known, problem, now=now)
        return
    if way.starts:
        # What came of submitting them decides when to look again.
        way = course(facts.again(known).facts, known.type_, known.world)
    until = now if way.starts else way.next_at
    _rest(known.plan, min(known.plan.expires_at, until), way.waits)


def _rest(plan: Plan, until: datetime, waits: Sequence[Wait] = ()) -> None:
    """Nothing more to do now; what it waits for is shown."""
    Plan.objects.filter(tenant_id=current_tenant(), pk=plan.pk).update(
        due_at=until, waits=[_shown(each) for each in waits], failures=0, error=""
    )


def _shown(wait: Wait) -> dict[str, str | None]:
    return {
        "step_id": wait.step_id,
        "reason": wait.reason,
        "explanation": wait.explanation,
        "until": wait.until.isoformat() if wait.until else None,
    }


def _resting(plans: Sequence[UUID], *, now: datetime) -> set[UUID]:
    """Those whose last look broke, and that are left alone for now; news waits with them."""
    if not plans:
        return set()
    found = Plan.objects.filter(
        tenant_id=current_tenant(), pk__in=plans, failures__gt=0, due_at__gt=now
    )
    return set(found.values_list("id", flat=True))


def _noted(tenant: UUID, plan: UUID, fault: Exception, *, now: datetime) -> None:
    """Keep a fault; what breaks on the way is logged, and holds nobody else up."""
    try:
        with tenant_scope(tenant):
            is_enough = _broke(plan, fault, now=now)
        if is_enough:
            with tenant_scope(tenant):
                _give_up(plan, now=now)
    except Exception:
        logger.exception("a plan's fault could not be noted")


def _broke(id_: UUID, fault: Exception, *, now: datetime) -> bool:
    """A look at a plan broke: again later. Whether that was often enough."""
    plan = _held(id_)
    if plan is None or plan.status in TERMINAL:
        return False
    plan.failures = min(plan.failures + 1, COUNTED)
    plan.error = f"{type(fault).__name__}: {fault}"[:300]
    plan.due_at = now + min(LONGEST, PATIENCE * 2 ** (plan.failures - 1))
    plan.save(update_fields=["failures", "error", "due_at"])
    return plan.failures >= MOST_FAILURES


def _give_up(id_: UUID, *, now: datetime) -> None:
    """A person is needed."""
    plan = _held(id_)
    if plan is not None and plan.status == Status.ACTIVE:
        ending.pause(
            plan, facts.steps_of(plan), reason="LOOK_FAILED",
            explanation="Looking at it broke every time.", by=BY, now=now,
        )  # fmt: skip


def _held(id_: UUID) -> Plan | None:
    rows = Plan.objects.select_for_update().filter(tenant_id=current_tenant(), pk=id_)
    return rows.first()
