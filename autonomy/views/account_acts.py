"""What people do to an account from its page: one verb, then back to where they were."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from autonomy import undo as undos
from autonomy.errors import AutonomyError
from autonomy.models import Execution
from autonomy.rules.approvals import APPROVERS, DECIDERS
from autonomy.starting import ask as ask_for
from autonomy.views.account_past import GROUPS
from ledger.clock import clock
from ledger.doors import etag
from perception.accounts import change_account, changeable, visible_to
from perception.contacts import change_contacts
from perception.errors import PerceptionError
from perception.members import person_acting
from perception.models import Account, Contact
from perception.pages import page
from perception.rules.callers import Caller
from perception.rules.roles import Role

LONGEST = 300
MOVED_ON = "It was changed by somebody else meanwhile. Look at it again."


@require_http_methods(["GET", "HEAD", "POST"])
@page(DECIDERS)
def ask(request: HttpRequest, caller: Caller, pk: UUID) -> HttpResponse:
    """Ask what would help it; the top of its page shows what comes of that."""
    if request.method != "POST":
        return redirect("account-page", pk)
    account = get_object_or_404(visible_to(caller), pk=pk)
    try:
        with transaction.atomic():
            ask_for(account.pk, by=person_acting(caller), now=clock())
    except AutonomyError as refusal:
        messages.error(request, str(refusal))
    return redirect("account-page", pk)


@require_http_methods(["GET", "HEAD", "POST"])
@page(APPROVERS)
def owner(request: HttpRequest, caller: Caller, pk: UUID) -> HttpResponse:
    """Say whose account it is."""
    wanted = {"owner": request.POST.get("owner", "") or None}
    return _change(request, caller, pk, wanted, "It has a new owner.")


@require_http_methods(["GET", "HEAD", "POST"])
@page({Role.ADMIN})
def closing(request: HttpRequest, caller: Caller, pk: UUID) -> HttpResponse:
    """Close it, or open it again."""
    closes = request.POST.get("closed", "") == "yes"
    said = "The account is closed." if closes else "The account is open again."
    return _change(request, caller, pk, {"closed": closes}, said)


@require_http_methods(["GET", "HEAD", "POST"])
@page(DECIDERS)
def opting(
    request: HttpRequest, caller: Caller, pk: UUID, contact: UUID
) -> HttpResponse:
    """Note that somebody there opts out; an admin opts them in again."""
    if request.method != "POST":
        return redirect("account-page", pk)
    opts_out = request.POST.get("opted_out", "") == "yes"
    account = get_object_or_404(visible_to(caller), pk=pk)
    people = Contact.objects.filter(tenant_id=caller.tenant, account=account)
    held = get_object_or_404(people, pk=contact, erased_at__isnull=True)
    given = {"external_id": held.external_id, "opted_out": opts_out}
    try:
        with transaction.atomic():
            change_contacts(account, [given], by=caller, now=clock())
    except PerceptionError as refusal:
        messages.error(request, str(refusal))
    else:
        said = "Nothing is sent to them any more."
        messages.success(request, said if opts_out else "They may be written to again.")
    return redirect("account-page", pk)


@require_http_methods(["GET", "HEAD", "POST"])
@page(DECIDERS)
def undo(
    request: HttpRequest, caller: Caller, pk: UUID, execution: UUID
) -> HttpResponse:
    """Take back an act that its timeline shows."""
    rows = Execution.objects.filter(
        tenant_id=caller.tenant, account_id__in=visible_to(caller).values("id")
    )
    if request.method != "POST":
        return redirect("account-page", pk)
    held = get_object_or_404(rows, pk=execution, account_id=pk)
    try:
        with transaction.atomic():
            done = undos.request(
                held.pk,
                by=person_acting(caller),
                member=caller.membership,
                reason=request.POST.get("reason", "").strip()[:LONGEST],
            )
    except AutonomyError as refusal:
        messages.error(request, str(refusal))
    else:
        _say(request, done.status)
    return _back(request, pk)


def tag_of(account: Account) -> str:
    """What the account is like, for whoever wants to change it."""
    return etag({"id": account.id, **changeable(account)})


def _change(
    request: HttpRequest, caller: Caller, pk: UUID, wanted: Mapping[str, Any], said: str
) -> HttpResponse:
    if request.method != "POST":
        return redirect("account-page", pk)
    try:
        with transaction.atomic():
            rows = visible_to(caller).select_for_update(no_key=True)
            account = get_object_or_404(rows, pk=pk)
            if request.POST.get("seen") != tag_of(account):
                messages.error(request, MOVED_ON)
                return redirect("account-page", pk)
            change_account(account, wanted, by=caller, now=clock())
    except PerceptionError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, said)
    return redirect("account-page", pk)


def _say(request: HttpRequest, status: str) -> None:
    if status == "CONFLICT":
        said = "Somebody has changed it since: it stays as it is."
        messages.error(request, said)
    elif status == "DONE":
        messages.success(request, "It was taken back.")
    else:
        messages.success(request, "It is being taken back.")


def _back(request: HttpRequest, pk: UUID) -> HttpResponse:
    """To the same kinds of the timeline."""
    url, show = reverse("account-page", args=[pk]), request.POST.get("next", "")
    return redirect(f"{url}?show={show}" if show and show in GROUPS else url)
