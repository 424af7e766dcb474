"""The buttons of a plan and of its steps: what there is to do, and why not for whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.urls import reverse

from autonomy.views.parts import Act
from perception.rules.callers import Caller
from plans.models import Plan, Step
from plans.rules.authority import Verb
from plans.rules.lifecycle import RUNNING, SUCCEEDED, StepStatus, may_step
from plans.standing import FROM, SUBMIT, may
from plans.views.words import OFFERS, STEP_OFFERS, Offer, why_not

# What a plan is too far on, or not far enough, for is not shown at all.
MISPLACED = frozenset({"ILLEGAL_MOVE", "NOT_A_DRAFT"})
ON_CARDS = (Verb.APPROVE, Verb.ACTIVATE, Verb.RESUME, Verb.PAUSE, Verb.ABORT)


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What was asked for and refused: it is shown again, with nothing lost."""

    verb: str
    plan: str
    step: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Hindered:
    """Things that somebody may not do, all for one reason."""

    words: str
    why: str


def of_plan(plan: Plan, caller: Caller, tried: Tried | None = None) -> list[Act]:
    """Everything that fits where the plan is, whether the caller may or not."""
    found = may(plan, by=caller)
    return [
        _of_plan(plan, verb, offer, found[verb], tried)
        for verb, offer in OFFERS.items()
        if found[verb] not in MISPLACED and _fits(verb, plan, found)
    ]


def of_card(plan: Plan, caller: Caller) -> list[Act]:
    """What the caller may do to it from the list."""
    return [
        each
        for each in of_plan(plan, caller)
        if each.may and each.url.endswith(tuple(f"/{verb}/" for verb in ON_CARDS))
    ]


def hindered(acts: Sequence[Act]) -> list[Hindered]:
    """Why some of them are not for the caller, said once for each reason."""
    words: dict[str, list[str]] = {}
    for act in acts:
        if not act.may:
            words.setdefault(act.why_not, []).append(act.word)
    return [Hindered(words=", ".join(of), why=why) for why, of in words.items()]


def of_step(
    plan: Plan,
    step: Step,
    title: str,
    allowed: Mapping[str, bool | str],
    tried: Tried | None,
) -> list[Act]:
    """What the caller may do to one step of a plan that runs, or could."""
    if plan.status not in RUNNING:
        return []
    return [
        _of_step(plan, step, title, verb, STEP_OFFERS[verb], tried)
        for verb in _fitting(step)
        if allowed[verb] is True
    ]


def _fitting(step: Step) -> list[Verb]:
    status = StepStatus(step.status)
    found = [Verb.RETRY] if status is StepStatus.FAILED else []
    is_past = status in SUCCEEDED or status is StepStatus.CANCELLED
    is_under_way = status is StepStatus.RUNNING
    if not is_past and not is_under_way and step.waived_at is None and step.required:
        found.append(Verb.WAIVE)
    if may_step(status, StepStatus.SKIPPED) and not is_under_way:
        found.append(Verb.SKIP)
    return found


def _fits(verb: str, plan: Plan, found: Mapping[str, bool | str]) -> bool:
    """Policy is mentioned to those whom it would serve, a new owner where one is asked."""
    if verb == SUBMIT:
        return found[verb] is True
    if verb == Verb.ACCEPT and plan.accept_by is None:
        return False
    return plan.status in FROM[Verb(verb)]


def _of_plan(
    plan: Plan, verb: str, offer: Offer, found: bool | str, tried: Tried | None
) -> Act:
    is_tried = tried is not None and not tried.step and tried.verb == verb
    is_asked = plan.accept_by is not None
    return Act(
        key=f"{verb}-{plan.pk}",
        word=offer.word,
        of=f"{plan.account.name}: {plan.objective}",
        url=reverse("plan-page-move", args=[plan.pk, verb]),
        may=found is True,
        why_not="" if found is True else why_not(verb, str(found), is_asked=is_asked),
        asks=offer.asks,
        must=offer.must,
        about=offer.about,
        confirm=offer.confirm,
        tone=offer.tone,
        said=tried.reason if tried and is_tried else "",
        is_open=is_tried,
    )


def _of_step(
    plan: Plan, step: Step, title: str, verb: Verb, offer: Offer, tried: Tried | None
) -> Act:
    is_tried = (
        tried is not None and tried.step == str(step.step_id) and tried.verb == verb
    )
    return Act(
        key=f"{verb}-{step.pk}",
        word=offer.word,
        of=title,
        url=reverse("plan-page-step", args=[plan.pk, step.step_id, verb]),
        may=True,
        why_not="",
        asks=offer.asks,
        must=offer.must,
        about=offer.about,
        confirm=offer.confirm,
        tone=offer.tone,
        said=tried.reason if tried and is_tried else "",
        is_open=is_tried,
    )
