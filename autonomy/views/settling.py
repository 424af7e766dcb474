"""What is done about doubts, about what is held back, and about runs that stopped."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_http_methods

from autonomy import desk, runs, settle
from autonomy.errors import AutonomyError, CannotRetract
from autonomy.models import Execution, Intent, Run
from autonomy.retract import retract
from autonomy.rules.approvals import DECIDERS
from autonomy.views import words
from autonomy.views.questions import back
from ledger.clock import clock
from perception.accounts import visible_to
from perception.errors import PerceptionError
from perception.members import person_acting
from perception.pages import page
from perception.rules.callers import Caller
from perception.rules.roles import Role

LONGEST = 300
LOOK, DONE, MISSING = "look", "done", "missing"


@require_http_methods(["GET", "HEAD", "POST"])
@page(DECIDERS)
def doubt(request: HttpRequest, caller: Caller, pk: UUID, verb: str) -> HttpResponse:
    """Ask the tool what became of an act, or say it."""
    if verb not in (LOOK, DONE, MISSING):
        raise Http404
    if request.method == "POST":
        act = get_object_or_404(_of(caller, Execution.objects.all()), pk=pk)
        _tried(request, lambda: _settled(request, caller, act, verb))
    return back(request, "inbox-page")


@require_http_methods(["GET", "HEAD", "POST"])
@page(DECIDERS)
def held(request: HttpRequest, caller: Caller, pk: UUID) -> HttpResponse:
    """Pull back what has not gone out."""
    if request.method == "POST":
        intent = get_object_or_404(_of(caller, Intent.objects.all()), pk=pk)
        _tried(request, lambda: _pulled_back(request, caller, intent))
    return back(request, "inbox-page")


@require_http_methods(["GET", "HEAD", "POST"])
@page({Role.ADMIN})
def retry(request: HttpRequest, caller: Caller, pk: UUID) -> HttpResponse:
    """Send a run that stopped on its way again."""
    if request.method == "POST":
        run = get_object_or_404(Run.objects.filter(tenant_id=caller.tenant), pk=pk)
        if runs.retry(run, by=person_acting(caller), now=clock()):
            messages.success(request, "The run goes on from where it stopped.")
        else:
            messages.error(request, "Somebody has sent it on its way already.")
    return back(request, "inbox-page")


def _tried(request: HttpRequest, act: Callable[[], str]) -> None:
    """Do it and say so, or say why not."""
    try:
        with transaction.atomic():
            said = act()
    except CannotRetract:
        messages.error(request, "It has gone out, or was pulled back, already.")
    except (AutonomyError, PerceptionError) as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, said)


def _settled(request: HttpRequest, caller: Caller, act: Execution, verb: str) -> str:
    by = person_acting(caller)
    if verb == LOOK:
        looked = desk.look_up(act.pk, by=by)
        return looked.said
    note = request.POST.get("reason", "").strip()[:LONGEST]
    settle.settle(act, done=verb == DONE, by=by, note=note, now=clock())
    how = "done" if verb == DONE else "not done"
    return f"Settled: {words.action(act.action_type)} was {how}."


def _pulled_back(request: HttpRequest, caller: Caller, intent: Intent) -> str:
    retract(
        intent.pk,
        by=person_acting(caller),
        member=caller.membership,
        reason=request.POST.get("reason", "").strip()[:LONGEST],
    )
    return f"Pulled back: {words.action(intent.action_type)}. It does not go out."


def _of(caller: Caller, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Those of the accounts that the caller sees."""
    mine = visible_to(caller).values("id")
    return rows.filter(tenant_id=caller.tenant, account_id__in=mine)
