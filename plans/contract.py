"""R12: what is agreed on is sealed; what came of it is stated, and proven by the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from autonomy.models import Intent
from autonomy.permits import digest
from ledger.models import Entry
from ledger.record import SYSTEM, Actor, Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from plans import comparing
from plans.comparing import Problem
from plans.errors import NoSuchPlanType
from plans.evidence import Story, story_of
from plans.facts import Known
from plans.models import Plan, Step
from plans.rules import contract as rules
from plans.rules.contract import Ended, StepEnd
from plans.rules.facts import PlanFacts
from plans.rules.lifecycle import Status
from plans.transitions import subjects_of
from plans.types.base import PlanType


@dataclass(frozen=True, kw_only=True)
class Verification:
    """Whether a plan kept to its contract, by the ledger; what was stated of it.

    Of a plan that is under way, `statement` is what would be stated now.
    """

    plan: UUID
    ok: bool
    problems: tuple[Problem, ...]
    statement: Mapping[str, Any]
    # What came of its acts after its statement was drawn up.
    after_the_end: tuple[Mapping[str, Any], ...] = field(default=())

    def stated(self) -> dict[str, Any]:
        return {
            "plan": str(self.plan),
            "ok": self.ok,
            "problems": [each.stated() for each in self.problems],
            "statement": dict(self.statement),
            "after_the_end": [dict(each) for each in self.after_the_end],
        }


def seal(plan: Plan, facts: PlanFacts, type_: PlanType) -> tuple[dict[str, Any], str]:
    """What approving this plan agrees to, and its digest; the caller keeps and states both."""
    owner = str(plan.owner_id) if plan.owner_id else None
    agreed = rules.agree(
        facts, type_, objective=plan.objective, owner=owner, digest=digest
    )
    return agreed, digest(agreed)


def agree(known: Known) -> dict[str, Any]:
    """The same of a plan as it is known, without the digest."""
    if known.type_ is None:
        raise NoSuchPlanType(known.plan.plan_type)
    return seal(known.plan, known.facts, known.type_)[0]


def close(
    plan: Plan, steps: Sequence[Step], *, by: Actor = SYSTEM, now: datetime
) -> dict[str, Any]:
    """Draw up the statement of a plan that has ended, keep it, and state it.

    It comes last in the transaction that ends the plan: whatever is stated later, is
    late. The acts are held meanwhile, so that their ends come before it or after it.
    """
    story = story_of(plan.pk, _held_acts(plan.pk))
    ended = Ended(
        status=str(plan.status),
        reason=plan.reason,
        explanation=plan.explanation,
        objective_met=plan.objective_met,
        at=now,
    )
    closing = rules.statement(
        str(plan.pk),
        plan.contract,
        [_end_of(step) for step in _in_order(steps)],
        story.acts,
        ended=ended,
        moves=story.moves,
        retried=story.retried,
    )
    rows = Plan.objects.filter(tenant_id=current_tenant(), pk=plan.pk)
    rows.update(closing=closing)
    plan.closing = closing
    data = {"statement": closing, "contract": plan.contract_digest}
    said = Fact(kind=Kind.PLAN_CLOSED, by=by, subjects=subjects_of(plan), data=data)
    record(said, now=now)
    return closing


def verify(plan_id: UUID) -> Verification:
    """Hold a plan of the tenant in scope against the ledger, from its entries alone.

    Problems name what does not fit: the contract, the statement, an act, a row.
    """
    rows = comparing.rows_of(plan_id)
    story = story_of(plan_id, [intent.pk for intent in rows.intents])
    told, late = _told(story)
    problems = [*comparing.in_itself(story, told), *comparing.with_rows(story, rows)]
    stated = story.closings[0].data.get("statement") if story.closings else None
    return Verification(
        plan=plan_id,
        ok=not problems,
        problems=tuple(problems),
        statement=stated or told,
        after_the_end=tuple(late),
    )


def _held_acts(plan: UUID) -> list[UUID]:
    """The plan's acts, locked: whoever ends one has written that, or will do it later."""
    rows = Intent.objects.select_for_update(of=("self",), no_key=True)
    acts = rows.filter(tenant_id=current_tenant(), plan_id=plan).order_by("id")
    return list(acts.values_list("id", flat=True))


def _in_order(steps: Sequence[Step]) -> list[Step]:
    return sorted(steps, key=lambda step: (step.place, step.pk))


def _end_of(step: Step) -> StepEnd:
    return StepEnd(
        step_id=str(step.step_id),
        action_type=step.action_type,
        required=step.required,
        status=str(step.status),
        reason=step.reason,
        explanation=step.explanation,
        waived_by=str(step.waived_by_id) if step.waived_by_id else "",
    )


def _told(story: Story) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The statement as the ledger tells it, as of its end; and what came after."""
    closed = story.closings[0] if story.closings else None
    then = story.until(closed.number) if closed else story
    last = then.moves[-1] if then.moves else None
    ended = Ended(
        status=last.to if last else Status.DRAFT.value,
        reason=last.reason if last else "",
        explanation=last.explanation if last else "",
        objective_met=last.objective_met if last else None,
        at=_as_of(closed, story),
    )
    told = rules.statement(
        str(story.plan),
        then.contract,
        then.step_ends(),
        then.acts,
        ended=ended,
        moves=then.moves,
        retried=then.retried,
    )
    return told, (_late(then, story) if closed else [])


def _as_of(closed: Entry | None, story: Story) -> datetime:
    """When it was drawn up; of what is under way, when something happened last."""
    if closed is not None:
        return closed.at
    return story.entries[-1].at if story.entries else datetime.min.replace(tzinfo=UTC)


def _late(then: Story, story: Story) -> list[dict[str, Any]]:
    """Acts that came, or ended otherwise, after the statement was drawn up."""
    known = {(act.intent, act.execution): act.status for act in then.acts}
    return [
        {
            "intent": act.intent,
            "execution": act.execution,
            "step_id": act.step_id,
            "action_type": act.action_type,
            "status": act.status,
            "at": rules.moment(act.ended_at) if act.ended_at else None,
        }
        for act in story.acts
        if known.get((act.intent, act.execution)) != act.status
    ]
