"""/intents/{id}/ and /runs/{id}/: one act whole, from its signal to its proof."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from autonomy.models import Intent
from autonomy.policies import texts_of
from autonomy.views import endings
from autonomy.views.intent_acts import Offered, offered
from autonomy.views.parts import DECISIONS, spaced
from autonomy.views.seals import OVERSEERS, proven
from autonomy.views.stations import (
    Station,
    beginning,
    budget,
    judged,
    run_state,
    who,
)
from autonomy.views.story import Told, of_intent, of_run
from autonomy.views.story_words import TRIGGERS, plain, sentence, when
from autonomy.views.words import INTENTS, action, taken_back
from ledger.api import EntryOut
from ledger.prove import prove_act
from ledger.rules.kinds import Kind
from perception.pages import page, part, renewed
from perception.rules.callers import Caller

OPEN = frozenset({"PROPOSED", "AWAITING_APPROVAL", "APPROVED", "EXECUTING", "IN_DOUBT"})
TEMPLATE = "autonomy/pages/intent.html"
LEADS = {
    "BLOCKED": "It was not done: nobody may do this.",
    "EXPIRED": "Nobody decided in time: it was not done.",
    "CANCELLED": "It was called off before it started: nothing was done.",
    "IN_DOUBT": "Nobody knows whether it was done. Look there, then say so here.",
}
ALREADY = "It is already: nobody had to be asked."
NEVER = "Nothing would: a person always decides about this, or nobody may do it."


@require_safe
@page()
def intent(request: HttpRequest, caller: Caller, pk: UUID) -> HttpResponse:
    """One act of an account that the caller sees."""
    return _shown(request, caller, of_intent(caller, pk))


@require_safe
@page()
def run(request: HttpRequest, caller: Caller, pk: UUID) -> HttpResponse:
    """One run: what came of it, or why nothing did."""
    return _shown(request, caller, of_run(caller, pk))


def _shown(request: HttpRequest, caller: Caller, told: Told) -> HttpResponse:
    stations = _stations(told)
    if (key := request.GET.get("station")) is not None:
        return _as_json(stations, key)
    if request.GET.get("proof") == "bundle":
        return _bundle(told, caller)
    context = _context(request, caller, told, stations)
    whole = f"{TEMPLATE}#whole"
    if request.headers.get("HX-Request"):
        return renewed(request, part(request, whole, context))
    every = request.GET.get("check") == "all"
    context["part"] = part(request, whole, context)
    context["proof"] = proven(told, caller, every=every)
    return render(request, TEMPLATE, context)


def _stations(told: Told) -> list[Station]:
    """The chain, as far as it went."""
    found: list[Station | None] = list(beginning(told))
    if told.intent is not None:
        found += [
            judged(told),
            budget(told),
            endings.approval(told),
            endings.permit(told),
            endings.execution(told),
            endings.outcome(told),
            endings.undo(told),
            *endings.replays(told),
        ]
    return [each for each in found if each is not None]


def _as_json(stations: Sequence[Station], key: str) -> HttpResponse:
    """What bears one station out, as the API gives it."""
    for each in stations:
        if each.key == key:
            shown = EntryOut(each.entries, many=True).data
            told = {"station": key, "said": each.said, "entries": shown}
            return JsonResponse(told, json_dumps_params={"indent": 2})
    raise Http404


def _bundle(told: Told, caller: Caller) -> HttpResponse:
    """The proof of an act as one file, for whoever believes nobody here."""
    if told.execution is None or caller.role not in OVERSEERS:
        raise Http404
    name = f'attachment; filename="proof-{told.execution.pk}.json"'
    proof = prove_act(told.execution.pk, texts_of)
    return HttpResponse(
        proof,
        content_type="application/json",
        headers={"Content-Disposition": name},
    )


def _context(
    request: HttpRequest, caller: Caller, told: Told, stations: Sequence[Station]
) -> dict[str, Any]:
    acts = offered(told, caller)
    shared = {
        "told": told,
        "url": request.path,
        "stations": stations,
        "acts": acts,
        "is_open": False,
    }
    if told.intent is None:
        return {**shared, **_of_run(told, stations)}
    return {**shared, **_of_intent(told, told.intent, acts)}


def _of_run(told: Told, stations: Sequence[Station]) -> dict[str, Any]:
    words, tone = run_state(told)
    trigger = told.run.trigger if told.run else ""
    about = TRIGGERS.get(trigger, spaced(trigger).lower())
    return {
        "title": f"A look because of {about}",
        "words": words,
        "tone": tone,
        "lead": stations[-1].said if stations else "It was not looked at yet.",
        "is_run": True,
    }


def _of_intent(told: Told, intent: Intent, acts: Offered) -> dict[str, Any]:
    words, tone = INTENTS[intent.status]
    verdict = told.last(Kind.INTENT_JUDGED)
    data = verdict.data if verdict else {}
    return {
        "title": action(intent.action_type),
        "words": words,
        "tone": tone,
        "lead": _lead(told, intent),
        "why": _why(intent),
        "verdict": sentence(data.get("explanation", "")),
        "decision": DECISIONS.get(data.get("decision", ""), ("", "")),
        "undo": _undo(told, intent),
        "automatic": _automatic(data),
        "remedies": data.get("would_be_automatic_if") or (),
        "contents": [(spaced(k), plain(v)) for k, v in intent.parameters.items()],
        "evidence": [
            (spaced(each.type), each.occurred_at) for each in told.signals.values()
        ],
        "policy": data,
        "explanation": reverse("intent-explanation", args=[intent.pk]),
        "execution": told.execution,
        "is_open": intent.status in OPEN or _is_moving(told),
        "acts": acts,
    }


def _is_moving(told: Told) -> bool:
    """Whether an undo or a replay is on its way."""
    states = [each.status for each in told.undos[-1:]]
    states += [each.status for each in told.replays[-1:]]
    return bool({"REQUESTED", "STARTED"} & set(states))


def _lead(told: Told, intent: Intent) -> str:
    """Who decided, and what came of it, in one sentence."""
    if intent.status in ("PROPOSED", "AWAITING_APPROVAL"):
        return endings.waiting(told)
    if intent.status in LEADS:
        return LEADS[intent.status]
    if intent.status == "REJECTED":
        by = told.last(Kind.APPROVAL_REJECTED)
        return f"{who(by, told.names) if by else 'Somebody'} said no: it was not done."
    if intent.status == "FAILED":
        return f"It was tried and failed. {sentence(intent.error)}".strip()
    if intent.status == "APPROVED":
        due = f" It starts {when(intent.due_at)}." if intent.due_at else ""
        return f"{_yes(told)}. It has not started yet.{due}"
    if intent.status == "EXECUTING":
        return f"{_yes(told)}. It is being done."
    act = told.execution
    ended = f" on {when(act.finished_at)}" if act and act.finished_at else ""
    said = f"{_yes(told)}. It was done{ended}."
    back = [each for each in told.undos if each.status == "DONE"]
    is_back = intent.status == "UNDONE" and back
    return f"{said} {taken_back(back[-1])}" if is_back else said


def _yes(told: Told) -> str:
    """Who let it happen."""
    minted = told.last(Kind.PERMIT_MINTED)
    if minted is None or minted.data["source"] == "POLICY":
        return "Nobody had to be asked: your policy lets this run by itself"
    yes = told.last(Kind.APPROVAL_APPROVED)
    return f"{who(yes, told.names) if yes else 'A person'} said yes"


def _why(intent: Intent) -> str:
    """Why it was proposed, in the words of whoever proposed it."""
    if intent.rationale:
        return sentence(intent.rationale)
    if intent.plan_id is not None:
        return "It is a step of a plan."
    return "Whoever proposed it gave no reason."


def _undo(told: Told, intent: Intent) -> str:
    """How it is taken back, until when, or why not."""
    stands = told.undoable
    if intent.status == "APPROVED":
        return "It has not started: it can still be called off."
    if intent.status in ("PROPOSED", "AWAITING_APPROVAL"):
        return "Nothing has been done yet. If it is rejected, nothing will be."
    if stands is None:
        return "Nothing was done, so there is nothing to take back."
    if not stands.can:
        return stands.why
    until = f" until {when(stands.until)}" if stands.until else ""
    if told.undos and told.undos[-1].status == "CONFLICT":
        return f"Somebody has changed it since. It can be asked for again{until}."
    return f"It can be taken back{until}."


def _automatic(data: dict[str, Any]) -> str:
    if not data or data["decision"] == "AUTO_EXECUTE":
        return ALREADY if data else ""
    return "" if data.get("would_be_automatic_if") else NEVER
