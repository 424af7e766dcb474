"""/plans/{id}/: one plan whole: what was agreed, what is done, what waits, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from autonomy.models import Verdict
from autonomy.views.parts import Act, Why, spaced, why_of
from autonomy.views.words import action
from ledger.scope import current_tenant
from perception.pages import page, part, renewed
from perception.rules.callers import Caller
from plans import contract, facts, standing
from plans.contract import Verification
from plans.models import Plan, Step
from plans.rules.lifecycle import TERMINAL, Status
from plans.types.base import Met
from plans.types.registry import type_of
from plans.views import offers, told
from plans.views.cards import (
    Wait,
    done,
    named,
    next_at,
    pieces,
    questions,
    waits_of,
)
from plans.views.offers import Tried
from plans.views.words import STATUSES, STEPS, because, title_of

CONDITIONS: Mapping[str, str] = {"NO_REPLY": "only if nobody has answered by then"}


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One step on the page."""

    step: Step
    title: str
    words: str
    tone: str
    why_so: str
    after: str
    condition: str
    waits: Sequence[Wait]
    contents: Sequence[tuple[str, str]]
    why: Why | None
    acts: Sequence[Act]


@require_safe
@page()
def plan(request: HttpRequest, caller: Caller, pk: UUID) -> HttpResponse:
    """One plan of an account that the caller sees."""
    if request.headers.get("HX-Request"):
        context = context_of(caller, pk)
        return renewed(request, part(request, "plans/pages/plan.html#whole", context))
    return shown(request, caller, pk)


def shown(
    request: HttpRequest,
    caller: Caller,
    pk: UUID,
    *,
    tried: Tried | None = None,
    refusals: Sequence[str] = (),
) -> HttpResponse:
    """The page, with what was refused on top, if anything was."""
    context = {**context_of(caller, pk, tried), "refusals": refusals}
    whole = part(request, "plans/pages/plan.html#whole", context)
    return render(request, "plans/pages/plan.html", {**context, "part": whole})


def context_of(caller: Caller, pk: UUID, tried: Tried | None = None) -> dict[str, Any]:
    rows = standing.seen_by(caller).select_related(
        "account__owner__person",
        "owner__person",
        "proposed_by__person",
        "approved_by__person",
    )
    plan = get_object_or_404(rows, pk=pk)
    steps = facts.steps_of(plan)
    waits = waits_of(plan, steps, questions(steps))
    words, tone = STATUSES[plan.status]
    acts, closing = offers.of_plan(plan, caller, tried), _verified(plan)
    titles = {str(step.step_id): named(step) for step in steps}
    is_over = plan.status in TERMINAL
    is_told = plan.status == Status.PAUSED or (is_over and plan.objective_met is None)
    every = [each for of in waits.values() for each in of]
    return {
        "plan": plan,
        "title": title_of(plan.plan_type),
        "words": words,
        "tone": tone,
        "why_so": because(plan.reason, plan.explanation) if is_told else "",
        "is_over": is_over,
        "pieces": pieces(steps),
        "done": done(steps),
        "all": len(steps),
        "next_at": next_at(plan, steps, every),
        "waits": waits.get("", []),
        "steps": _shown_steps(plan, steps, waits, titles, caller, tried),
        "met": _met(plan, steps),
        "condition": _condition(plan),
        "contract": _contract(plan),
        "closing": closing,
        "fates": _fates(closing, titles),
        "acts": acts,
        "hindered": offers.hindered(acts),
        "lines": told.history(plan),
        "revisions": told.revisions(plan, titles),
        "api": reverse("plan-ledger", args=[plan.pk]),
    }


def _shown_steps(
    plan: Plan,
    steps: Sequence[Step],
    waits: Mapping[str, list[Wait]],
    titles: Mapping[str, str],
    caller: Caller,
    tried: Tried | None,
) -> list[Shown]:
    verdicts = _verdicts(steps)
    places = {step.step_id: str(step.place + 1) for step in steps}
    allowed = standing.may(plan, by=caller)
    return [
        Shown(
            step=step,
            title=action(step.action_type),
            words="Done without" if step.waived_at else STEPS[step.status][0],
            tone=STEPS[step.status][1],
            why_so=because(step.reason, step.explanation) if step.reason else "",
            after=_after([places.get(each, "?") for each in step.depends_on]),
            condition=CONDITIONS.get(step.only_if, step.only_if),
            waits=waits.get(str(step.step_id), []),
            contents=_contents(step),
            why=_why(step, verdicts),
            acts=offers.of_step(plan, step, titles[str(step.step_id)], allowed, tried),
        )
        for step in steps
    ]


def _after(places: list[str]) -> str:
    if not places:
        return ""
    return f"after step{'s' if len(places) > 1 else ''} {' and '.join(sorted(places))}"


def _contents(step: Step) -> list[tuple[str, str]]:
    """What exactly it does; plain words where they are plain."""
    return [(spaced(name), str(value)) for name, value in step.parameters.items()]


def _verdicts(steps: Sequence[Step]) -> dict[UUID, Verdict]:
    """The newest verdict on each step's newest try."""
    ids = [step.intent_id for step in steps if step.intent_id]
    rows = Verdict.objects.filter(tenant_id=current_tenant(), intent_id__in=ids)
    return {each.intent_id: each for each in rows.order_by("id")}


def _why(step: Step, verdicts: Mapping[UUID, Verdict]) -> Why | None:
    verdict = verdicts.get(step.intent_id) if step.intent_id else None
    return None if verdict is None else why_of(verdict)


def _met(plan: Plan, steps: Sequence[Step]) -> Met | None:
    """Whether the objective holds, and by which fact; None: nobody can tell."""
    if plan.status in TERMINAL:
        is_met = plan.objective_met
        why = because(plan.reason, plan.explanation)
        return None if is_met is None else Met(holds=is_met, why=why)
    known = facts.know(plan, steps)
    return known.type_.is_met(known.facts, known.world) if known.type_ else None


def _condition(plan: Plan) -> str:
    declared = type_of(plan.plan_type)
    return declared.condition if declared else ""


def _contract(plan: Plan) -> dict[str, Any] | None:
    """What was agreed on; a draft that was taken back is bound to nothing."""
    if plan.contract is None or plan.approved_at is None:
        return None
    agreed: dict[str, Any] = plan.contract
    return {
        "allowed": [
            {"what": action(each["action_type"]), "at_most": each["at_most"]}
            for each in agreed["allowed"]
        ],
        "touches": agreed["max_external_touches"],
        "stops": [each["text"] for each in agreed["stop_conditions"]],
        "revision": agreed["revision"],
    }


def _verified(plan: Plan) -> Verification | None:
    """What was made of it, held against the ledger."""
    return contract.verify(plan.pk) if plan.closing is not None else None


def _fates(
    closing: Verification | None, titles: Mapping[str, str]
) -> list[tuple[str, str]]:
    """What did not go as promised, step by step, and what was done besides."""
    if closing is None:
        return []
    told = closing.statement
    steps = [
        (titles.get(each["step_id"], ""), because(each["reason"], each["explanation"]))
        for name in ("skipped", "failed", "cancelled")
        for each in told[name]
    ]
    besides = [("Deviation", each["detail"]) for each in told["deviations"]]
    return [*steps, *besides]
