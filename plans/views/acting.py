"""What people do to a plan from its page: one verb, then back to where they were."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods

from autonomy.errors import AutonomyError
from autonomy.rules.approvals import DECIDERS
from perception.errors import PerceptionError
from perception.pages import page
from perception.rules.callers import Caller
from plans import standing, steering
from plans.errors import PlanError, PlanRefused
from plans.models import Plan
from plans.views.offers import Tried
from plans.views.single import shown
from plans.views.words import OFFERS, STEP_OFFERS

LONGEST = 500
Refusal = PlanError | AutonomyError | PerceptionError


@require_http_methods(["GET", "HEAD", "POST"])
@page(DECIDERS)
def move(request: HttpRequest, caller: Caller, pk: UUID, verb: str) -> HttpResponse:
    """Approve it, start it, pause it, and so on."""
    if verb not in OFFERS:
        raise Http404
    if request.method != "POST":
        return redirect("plan-page", pk)
    reason, plan = _reason(request), _seen(caller, pk)
    refusal = _refusal(lambda: steering.MOVES[verb](pk, by=caller, reason=reason))
    if refusal is None:
        messages.success(request, f"{plan.account.name}: {OFFERS[verb].done}")
        return _back(request, pk)
    tried = Tried(verb=verb, plan=str(pk), reason=reason)
    return shown(request, caller, pk, tried=tried, refusals=_said(refusal))


@require_http_methods(["GET", "HEAD", "POST"])
@page(DECIDERS)
def step(
    request: HttpRequest, caller: Caller, pk: UUID, step_id: UUID, verb: str
) -> HttpResponse:
    """Try one of its steps again, leave it out, or do without it."""
    if verb not in STEP_OFFERS:
        raise Http404
    if request.method != "POST":
        return redirect("plan-page", pk)
    reason = _reason(request)
    _seen(caller, pk)
    refusal = _refusal(
        lambda: steering.STEP_MOVES[verb](pk, step_id, by=caller, reason=reason)
    )
    if refusal is None:
        messages.success(request, STEP_OFFERS[verb].done)
        return _back(request, pk)
    tried = Tried(verb=verb, plan=str(pk), step=str(step_id), reason=reason)
    return shown(request, caller, pk, tried=tried, refusals=_said(refusal))


def _refusal(act: Callable[[], Plan]) -> Refusal | None:
    """Do it, or say why not; what was stated of a refusal stays, all else is undone."""
    kept: PlanRefused | None = None
    try:
        with transaction.atomic():
            try:
                act()
            except PlanRefused as refusal:
                if not refusal.keeps:
                    raise
                kept = refusal
    except (PlanError, AutonomyError, PerceptionError) as refusal:
        return refusal
    return kept


def _said(refusal: Refusal) -> list[str]:
    """Everything that stands against it, one by one."""
    if isinstance(refusal, PlanRefused):
        return [each.message for each in refusal.violations]
    return [str(refusal)]


def _seen(caller: Caller, pk: UUID) -> Plan:
    """What a caller does not see, they cannot change either."""
    return get_object_or_404(standing.seen_by(caller).select_related("account"), pk=pk)


def _reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "").strip()[:LONGEST]


def _back(request: HttpRequest, pk: UUID) -> HttpResponse:
    """To the list that one came from, or to the plan."""
    to = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(to, allowed_hosts=None):
        return redirect(to)
    return redirect("plan-page", pk)
