"""What people do to a plan: approve, start, pause, resume, end, take back, do without.

Each takes the plan's row first, asks who may, asks the gate, and moves it once.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NoReturn
from uuid import UUID

from django.db import IntegrityError, transaction

from autonomy import news as act_news
from autonomy.permits import digest
from ledger.clock import clock
from ledger.record import SYSTEM, Actor, Fact, record_all
from ledger.scope import current_tenant
from perception.members import person_acting
from perception.rules.callers import Caller
from plans import contract, ending, facts, stepping
from plans.errors import IllegalMove, NoSuchStep, PlanRefused, StepNotOpen
from plans.models import Plan, Step
from plans.rules.authority import Verb
from plans.rules.gate import Code, Violation, beyond_policy, starting
from plans.rules.lifecycle import (
    Status,
    StepStatus,
    may_move,
    may_step,
    why_not,
)
from plans.standing import held, insist
from plans.transitions import edited, move, move_step, refused

POLICY = Actor(type="policy", id="plans")


def approve(id_: UUID, *, by: Caller, reason: str = "") -> Plan:
    """A person agrees to the course; what was agreed on is sealed."""
    plan = held(id_)
    insist(plan, Verb.APPROVE, by)
    _insist_on_move(plan, Status.APPROVED)
    actor = person_acting(by)
    return _approve(plan, actor, approved_by=by.membership, source="HUMAN", why=reason)


def submit(id_: UUID, *, by: Caller | None = None, reason: str = "") -> Plan:
    """Policy agrees to what is of low risk; everything else waits for a person."""
    plan = held(id_)
    if by is not None:
        insist(plan, Verb.EDIT, by)
    _insist_on_move(plan, Status.APPROVED)
    known = facts.know(plan, facts.steps_of(plan))
    if found := beyond_policy(known.facts):
        _refuse(plan, Status.APPROVED, found, POLICY)
    return _approve(plan, POLICY, approved_by=None, source="POLICY", why=reason)


def activate(id_: UUID, *, by: Caller, reason: str = "") -> Plan:
    """Start an approved plan."""
    plan = held(id_)
    insist(plan, Verb.ACTIVATE, by)
    if plan.status != Status.APPROVED:
        raise IllegalMove(why_not(Status(plan.status), Status.ACTIVE))
    return start(plan, by=person_acting(by), reason="ACTIVATED", why=reason)


def resume(id_: UUID, *, by: Caller, reason: str = "") -> Plan:
    """Go on with a paused plan; a new owner takes it over by that."""
    plan = held(id_)
    insist(plan, Verb.RESUME, by)
    if plan.status != Status.PAUSED:
        raise IllegalMove(why_not(Status(plan.status), Status.ACTIVE))
    actor, is_asked = person_acting(by), plan.accept_by is not None
    if is_asked:
        insist(plan, Verb.ACCEPT, by)
    start(plan, by=actor, reason="RESUMED", why=reason)
    if is_asked:
        # Only now: who is refused has taken nothing over.
        _take_over(plan, actor, why=reason)
    return plan


def start(plan: Plan, *, by: Actor, reason: str, why: str = "") -> Plan:
    """Make a held plan ACTIVE, if the gate and the one place of its type allow it."""
    known = facts.know(plan, facts.steps_of(plan))
    at = clock()
    active = Plan.objects.filter(
        tenant_id=current_tenant(),
        account_id=plan.account_id,
        plan_type=plan.plan_type,
        status=Status.ACTIVE.value,
    ).exclude(pk=plan.pk)
    found = starting(
        known.facts,
        known.type_,
        known.world,
        active=[str(each) for each in active.values_list("id", flat=True)],
    )
    if found:
        _refuse(plan, Status.ACTIVE, found, by)
    try:
        with transaction.atomic():
            fact = move(
                plan,
                Status.ACTIVE,
                reason=reason,
                explanation=why,
                by=by,
                now=at,
                activated_at=plan.activated_at or at,
                paused_at=None,
                failures=0,
                error="",
            )
            record_all([fact], now=at)
    except IntegrityError:
        # Another one took the place between the look and the write.
        words = "Another plan of this type has just become active on the account."
        beaten = Violation(code=Code.CONFLICT_ACTIVE_PLAN, message=words)
        _refuse(plan, Status.ACTIVE, [beaten], by)
    return plan


def pause(id_: UUID, *, by: Caller, reason: str = "") -> Plan:
    """Hold a plan: what it has not begun is recalled; its clock runs on."""
    plan = held(id_)
    insist(plan, Verb.PAUSE, by)
    return ending.pause(
        plan,
        facts.steps_of(plan),
        reason="PAUSED_BY_PERSON",
        explanation=reason,
        by=person_acting(by),
        now=clock(),
    )


def abort(id_: UUID, *, by: Caller, reason: str = "") -> Plan:
    """End a plan for good, whatever it has reached."""
    plan = held(id_)
    insist(plan, Verb.ABORT, by)
    _insist_on_move(plan, Status.ABORTED)
    known, at = facts.know(plan, facts.steps_of(plan)), clock()
    # What was done by now, is told as done.
    came = stepping.take_news(known, by=SYSTEM, now=at)
    record_all(came.stated, now=at)
    ending.end(
        facts.again(known), Status.ABORTED, reason="ABORTED_BY_PERSON",
        explanation=reason, by=person_acting(by), now=at,
    )  # fmt: skip
    act_news.heard(came.heard)
    return plan


def revise(id_: UUID, *, by: Caller, reason: str = "") -> Plan:
    """Take a plan back to DRAFT, to be changed and approved anew."""
    plan = held(id_)
    insist(plan, Verb.REVISE, by)
    return ending.back_to_draft(
        plan,
        facts.steps_of(plan),
        reason="REVISED",
        explanation=reason,
        by=person_acting(by),
        member=by.membership,
        now=clock(),
    )


def accept(id_: UUID, *, by: Caller, reason: str = "") -> Plan:
    """The account's new owner takes the plan over; it stays paused."""
    plan = held(id_)
    insist(plan, Verb.ACCEPT, by)
    if plan.accept_by is None:
        raise IllegalMove("Nobody is asked to take it over.")
    _take_over(plan, person_acting(by), why=reason)
    return plan


def waive(id_: UUID, step_id: UUID, *, by: Caller, reason: str = "") -> Plan:
    """Do without a step: it no longer stands in the way of completion."""
    plan, step = _step_of(id_, step_id, Verb.WAIVE, by)
    at, actor = clock(), person_acting(by)
    done = StepStatus(step.status) in (StepStatus.DONE, StepStatus.AUTO_EXECUTED)
    if done or step.waived_at is not None or step.status == StepStatus.CANCELLED:
        raise StepNotOpen(f"It is {step.status}.")
    stated = ending.leave_out(
        plan, step, reason="WAIVED", recalled="WAIVED", why=reason, by=actor, now=at,
        waived_by_id=by.membership, waived_at=at,
    )  # fmt: skip
    return _touched(plan, stated, at=at)


def skip(id_: UUID, step_id: UUID, *, by: Caller, reason: str = "") -> Plan:
    """Leave a step out. A required one then still stands in the way of completion."""
    plan, step = _step_of(id_, step_id, Verb.SKIP, by)
    at, actor = clock(), person_acting(by)
    if not may_step(StepStatus(step.status), StepStatus.SKIPPED):
        raise StepNotOpen(f"It is {step.status}.")
    stated = ending.leave_out(
        plan, step, reason="SKIPPED_BY_PERSON", recalled="SKIPPED", why=reason,
        by=actor, now=at,
    )  # fmt: skip
    return _touched(plan, stated, at=at)


def retry(id_: UUID, step_id: UUID, *, by: Caller, reason: str = "") -> Plan:
    """Try a failed step again, from the start."""
    plan, step = _step_of(id_, step_id, Verb.RETRY, by)
    at = clock()
    if step.status != StepStatus.FAILED:
        raise StepNotOpen(f"It is {step.status}.")
    stated = move_step(
        step, StepStatus.PENDING, plan=plan, reason="RETRIED", explanation=reason,
        by=person_acting(by), now=at, failures=0, next_at=None, finished_at=None,
    )  # fmt: skip
    return _touched(plan, stated, at=at)


def _approve(
    plan: Plan, by: Actor, *, approved_by: UUID | None, source: str, why: str = ""
) -> Plan:
    known = facts.know(plan, facts.steps_of(plan))
    found = starting(known.facts, known.type_, known.world, active=())
    if found or known.type_ is None:
        _refuse(plan, Status.APPROVED, found, by)
    agreed = contract.agree(known)
    sealed = digest(agreed)
    at = clock()
    fact = move(
        plan,
        Status.APPROVED,
        reason=f"APPROVED_BY_{source}",
        explanation=why,
        by=by,
        now=at,
        stated={
            "contract": sealed,
            "agreed": agreed,
            "approval_source": source,
        },
        contract=agreed,
        contract_digest=sealed,
        approved_at=at,
        approved_by_id=approved_by,
        approval_source=source,
    )
    record_all([fact], now=at)
    return plan


def _take_over(plan: Plan, by: Actor, *, why: str = "") -> None:
    """The account's owner is the plan's owner from here on."""
    at, before = clock(), plan.owner_id
    plan.owner_id, plan.accept_by = plan.account.owner_id, None
    plan.explanation, plan.updated_at, plan.due_at = why[:1000], at, at
    if plan.status != Status.ACTIVE:
        plan.reason = "ACCEPTED"
    plan.save(
        update_fields=[
            "owner", "accept_by", "reason", "explanation", "updated_at", "due_at",
        ]
    )  # fmt: skip
    was, is_ = (str(each) if each else None for each in (before, plan.owner_id))
    changed = [{"field": "owner", "before": was, "after": is_}]
    record_all([edited(plan, changed, by=by)], now=at)


def _step_of(id_: UUID, step_id: UUID, verb: Verb, by: Caller) -> tuple[Plan, Step]:
    plan = held(id_)
    insist(plan, verb, by)
    if plan.status not in (Status.ACTIVE, Status.PAUSED, Status.APPROVED):
        raise IllegalMove(f"The plan is {plan.status}.")
    steps = [each for each in facts.steps_of(plan) if each.step_id == step_id]
    if not steps:
        raise NoSuchStep(f"There is none with the id {step_id}.")
    return plan, steps[0]


def _touched(plan: Plan, stated: Sequence[Fact], *, at: datetime) -> Plan:
    """It is looked at again at once."""
    plan.due_at, plan.updated_at = at, at
    plan.save(update_fields=["due_at", "updated_at"])
    record_all(stated, now=at)
    return plan


def _insist_on_move(plan: Plan, to: Status) -> None:
    if not may_move(Status(plan.status), to):
        raise IllegalMove(why_not(Status(plan.status), to))


def _refuse(plan: Plan, to: Status, found: Sequence[Violation], by: Actor) -> NoReturn:
    """State it, and refuse; what was stated stays."""
    refused(plan, to, [each.stated() for each in found], by=by, now=clock())
    raise PlanRefused(found, keeps=True)


# What an API or a page can ask for by name, of plans and of their steps.
MOVES: Mapping[str, Callable[..., Plan]] = {
    "approve": approve,
    "submit": submit,
    "activate": activate,
    "pause": pause,
    "resume": resume,
    "abort": abort,
    "revise": revise,
    "accept": accept,
}
STEP_MOVES: Mapping[str, Callable[..., Plan]] = {
    "waive": waive,
    "skip": skip,
    "retry": retry,
}
