"""A plan at a glance: how far it is, what waits for whom, and when something is next."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from autonomy.models import Approval
from autonomy.views.parts import Act
from autonomy.views.words import action
from ledger.scope import current_tenant
from perception.rules.callers import Caller
from perception.rules.roles import Role
from plans.models import Plan, Step
from plans.rules.lifecycle import ENDED, SUCCEEDED, TERMINAL, Status, StepStatus
from plans.views.offers import of_card
from plans.views.words import STATUSES, STEPS, because, title_of

ASKED: Mapping[str, str] = {
    Role.SELLER: "the account's owner",
    Role.APPROVER: "an approver",
    Role.ADMIN: "an admin",
}
WAITS_SHOWN = 3
Questions = Mapping[UUID, Approval]


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One step as a piece of the track."""

    title: str
    words: str
    tone: str


@dataclass(frozen=True, kw_only=True)
class Wait:
    """What waits, for whom or what, and until when."""

    what: str
    why: str
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Card:
    """A plan on the list."""

    plan: Plan
    title: str
    words: str
    tone: str
    why: str
    pieces: Sequence[Piece]
    done: int
    waits: Sequence[Wait]
    more_waits: int
    next_at: datetime | None
    owner: str
    acts: Sequence[Act]

    @property
    def all(self) -> int:
        return len(self.pieces)

    @property
    def is_over(self) -> bool:
        return self.plan.status in TERMINAL


def cards(plans: Sequence[Plan], caller: Caller) -> list[Card]:
    """The cards of plans whose steps were read along."""
    asked = questions(step for plan in plans for step in plan.steps.all())
    return [_card(plan, list(plan.steps.all()), asked, caller) for plan in plans]


def questions(steps: Iterable[Step]) -> Questions:
    """What people are asked about steps, by the step's intent."""
    ids = [
        step.intent_id
        for step in steps
        if step.status == StepStatus.PENDING_APPROVAL and step.intent_id
    ]
    rows = Approval.objects.filter(
        tenant_id=current_tenant(), intent_id__in=ids, status=Approval.Status.PENDING
    ).select_related("assigned_to__person")
    return {each.intent_id: each for each in rows}


def pieces(steps: Sequence[Step]) -> list[Piece]:
    return [
        Piece(
            title=named(step), words=STEPS[step.status][0], tone=STEPS[step.status][1]
        )
        for step in steps
    ]


def named(step: Step) -> str:
    """A step as people call it: its place, and what it does."""
    return f"{step.place + 1}. {action(step.action_type)}"


def done(steps: Sequence[Step]) -> int:
    return sum(StepStatus(step.status) in SUCCEEDED for step in steps)


def waits_of(
    plan: Plan, steps: Sequence[Step], asked: Questions
) -> dict[str, list[Wait]]:
    """What each step waits for, by its id; of the plan as a whole under an empty one."""
    found: dict[str, list[Wait]] = {}
    told = {each["step_id"]: each for each in plan.waits}
    for step in steps:
        key, waits = str(step.step_id), told.get(str(step.step_id))
        if step.status == StepStatus.PENDING_APPROVAL:
            question = asked.get(step.intent_id) if step.intent_id else None
            found[key] = [_asked(step, question)]
        elif waits and StepStatus(step.status) not in ENDED:
            until = waits["until"]
            found[key] = [
                Wait(
                    what=named(step),
                    why=waits["explanation"],
                    until=datetime.fromisoformat(until) if until else None,
                )
            ]
        elif step.next_at is not None and StepStatus(step.status) not in ENDED:
            again = "It is tried again."
            found[key] = [Wait(what=named(step), why=again, until=step.next_at)]
    if whole := _whole(plan):
        found[""] = [whole]
    return found


def next_at(
    plan: Plan, steps: Sequence[Step], waits: Iterable[Wait]
) -> datetime | None:
    """When something happens next by itself, or has to be done by; None: not by itself."""
    if plan.status != Status.ACTIVE:
        return plan.accept_by
    open_ = [step for step in steps if step.status == StepStatus.PENDING]
    times = [
        *(each.until for each in waits),
        *(step.next_at or step.earliest for step in open_),
    ]
    ahead = [at for at in times if at is not None and at >= plan.updated_at]
    return min(ahead, default=plan.expires_at)


def _asked(step: Step, question: Approval | None) -> Wait:
    if question is None:
        return Wait(what=named(step), why="Waits for a person.")
    named_one = question.assigned_to.person if question.assigned_to else None
    whom = str(named_one or ASKED.get(question.requires_role, "a person"))
    why = f"Waits for {whom} to decide."
    return Wait(what=named(step), why=why, until=question.expires_at)


def _whole(plan: Plan) -> Wait | None:
    """What the plan as a whole waits for."""
    match Status(plan.status):
        case Status.DRAFT:
            why = "Waits for somebody else to approve it."
            return Wait(what="The plan", why=why, until=plan.expires_at)
        case Status.APPROVED:
            why = "Waits for its owner to start it."
            return Wait(what="The plan", why=why, until=plan.expires_at)
        case Status.PAUSED if plan.accept_by is not None:
            owner = plan.account.owner
            whom = str(owner.person) if owner else "the account's new owner"
            why = f"Waits for {whom} to take it over."
            return Wait(what="The plan", why=why, until=plan.accept_by)
        case _:
            return None


def _card(plan: Plan, steps: list[Step], asked: Questions, caller: Caller) -> Card:
    waits = [each for of in waits_of(plan, steps, asked).values() for each in of]
    # What waits for people comes first.
    waits.sort(key=lambda each: not each.why.startswith("Waits for"))
    words, tone = STATUSES[plan.status]
    is_told = plan.status == Status.PAUSED or plan.status in TERMINAL
    return Card(
        plan=plan,
        title=title_of(plan.plan_type),
        words=words,
        tone=tone,
        why=because(plan.reason, plan.explanation) if is_told else "",
        pieces=pieces(steps),
        done=done(steps),
        waits=waits[:WAITS_SHOWN],
        more_waits=max(0, len(waits) - WAITS_SHOWN),
        next_at=next_at(plan, steps, waits),
        owner=str(plan.owner.person) if plan.owner else "nobody",
        acts=of_card(plan, caller),
    )
