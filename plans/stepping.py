"""Steps go into the spine, and what comes of them is read back."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F

from autonomy import news
from autonomy import propose as proposals
from autonomy.errors import AutonomyError
from autonomy.models import Intent
from autonomy.news import End
from autonomy.rules.actions import Risk
from ledger.record import Actor, Fact
from ledger.scope import current_tenant
from perception.errors import PerceptionError
from plans.facts import Known, step_facts
from plans.models import Step
from plans.rules.adaptation import After, Ended, after
from plans.rules.lifecycle import ENDED, OPEN, TERMINAL, StepStatus
from plans.transitions import move_step


@dataclass(kw_only=True)
class Came:
    """What came of steps: facts to state, and why the plan cannot go on, if it cannot."""

    stated: list[Fact] = field(default_factory=list)
    problem: str = ""
    # What the plan knows from here on: to be noted last of all.
    heard: dict[UUID, str] = field(default_factory=dict)

    def add(self, other: "Came") -> None:
        self.stated += other.stated
        self.problem = self.problem or other.problem


def take_news(known: Known, *, by: Actor, now: datetime) -> Came:
    """What came of the plan's acts; late and double results change nothing any more."""
    unheard = Intent.objects.filter(
        tenant_id=current_tenant(), plan_id=known.plan.pk, step_id__isnull=False
    ).exclude(heard=F("status"))
    ends = news.ends(list(unheard.values_list("id", flat=True)))
    came = Came(heard={end.intent: end.status for end in ends})
    for end in ends:
        step = next((s for s in known.steps if s.intent_id == end.intent), None)
        is_open = step is not None and StepStatus(step.status) in OPEN
        if step is None or not is_open or known.plan.status in TERMINAL:
            continue
        came.add(_follow(known, step, _ended(end), by=by, now=now))
    return came


def submit(known: Known, step: Step, *, by: Actor, now: datetime) -> Came:
    """Propose the step's act; every layer judges it like any other."""
    plan, number = known.plan, step.tries + 1
    given = {
        "action_type": step.action_type,
        "parameters": step.parameters,
        "confidence": step.confidence,
        # A claim only raises the risk: where a person is promised, one is asked.
        "risk_level": Risk.MEDIUM.value if step.human_touch else None,
        "rationale": plan.objective,
        "opportunity": plan.opportunity_id,
        "contact": plan.contact_id,
    }
    named = proposals.Step(
        plan=plan.pk,
        step=step.step_id,
        try_=number,
        plan_type=plan.plan_type,
        not_after=min(filter(None, (step.latest, plan.expires_at))),
    )
    try:
        with transaction.atomic():
            intent = proposals.propose(
                given, plan.account, origin="plan", by=by, member=None, now=now,
                for_step=named,
            )  # fmt: skip
    except (AutonomyError, PerceptionError) as refusal:
        refused = Ended(
            status="REFUSED", automatic=False, cause="", reason="REFUSED",
            explanation=str(refusal),
        )  # fmt: skip
        step.tries = number
        step.save(update_fields=["tries"])
        return _follow(known, step, refused, by=by, now=now)
    step.tries, step.intent_id, step.started_at = number, intent.pk, now
    step.save(update_fields=["tries", "intent", "started_at"])
    return _follow(known, step, _ended(news.ends([intent.pk])[0]), by=by, now=now)


def _follow(
    known: Known, step: Step, ended: Ended, *, by: Actor, now: datetime
) -> Came:
    """Move the step to where its act is."""
    came = after(
        step_facts(step, known.types.get(step.action_type)), ended, known.world
    )
    stated = move_step(
        step, came.status, plan=known.plan, reason=came.reason,
        explanation=came.explanation, by=by, now=now, next_at=came.next_at,
        failures=step.failures + came.failed,
        finished_at=_finished(step, came, now=now),
    )  # fmt: skip
    return Came(stated=stated, problem=came.pauses)


def _finished(step: Step, came: After, *, now: datetime) -> datetime | None:
    return now if came.status in ENDED else step.finished_at


def _ended(end: End) -> Ended:
    return Ended(
        status=end.status,
        automatic=end.is_automatic,
        cause=end.cause,
        reason=end.reason,
        explanation=end.error or end.explanation,
    )
