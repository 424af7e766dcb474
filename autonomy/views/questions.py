"""/inbox/{id}/: one question whole, what became of it, and the answers to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.timezone import get_current_timezone
from django.views.decorators.http import require_http_methods, require_safe

from autonomy import asking, deciding, decisions, looks
from autonomy.decisions import Decided
from autonomy.errors import AutonomyError, CannotSnooze, MovedTarget
from autonomy.feed import BESIDE
from autonomy.lists import UNSHOWN
from autonomy.models import Approval, Intent
from autonomy.rules.approvals import DECIDERS
from autonomy.views import cards, offers, words
from autonomy.views.artefact import Change, changes
from autonomy.views.parts import Said
from ledger.clock import clock
from perception.errors import PerceptionError
from perception.models import Membership
from perception.pages import page
from perception.rules.callers import Caller
from perception.rules.roles import Role

Status = Approval.Status
LONGEST = 2000
MEMBERS = 200
# A form with all answers, and the field that each of them sends.
ANY = "answer"
MEANT = {"cause": "reject", "until": "snooze", "to": "delegate", "yes": "approve"}
DECIDED = {Status.APPROVED: "approved", Status.REJECTED: "rejected"}


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One change that somebody has made."""

    by: str
    at: datetime
    changes: Sequence[Change]


@require_safe
@page()
def question(request: HttpRequest, caller: Caller, pk: UUID) -> HttpResponse:
    """The page: what would be done, whole, and how the question stands."""
    row, now = seen(caller, pk), clock()
    known = cards.know([row])
    here = request.get_full_path()
    card = cards.of_question(row, caller, known, now=now, here=here, whole=True)
    is_open = row.status == Status.PENDING and row.expires_at > now
    can_hand_on = is_open and card.answers is not None and card.answers.may_reject
    context = {
        "card": card,
        "row": row,
        "is_open": is_open,
        "state": state(row, now=now),
        "told": told(row, now=now),
        "causes": words.CAUSES,
        "cause": words.CAUSES.get(row.cause, ""),
        "newer": _newer(row),
        "intent_state": words.INTENTS.get(row.intent.status, (row.intent.status, "")),
        "edits": _edits(row, known),
        "members": _members(row, caller) if can_hand_on else [],
        "snoozed": row.snoozed_until and row.snoozed_until > now,
    }
    return render(request, "autonomy/pages/question.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@page(DECIDERS)
def answer(request: HttpRequest, caller: Caller, pk: UUID, verb: str) -> HttpResponse:
    """Yes, no, later, or somebody else: through the verbs that the API uses."""
    if request.method != "POST":
        return redirect("approval-page", pk)
    verb = _meant(request) if verb == ANY else verb
    if verb not in ANSWERS:
        raise Http404
    row = seen(caller, pk)
    if verb == "reject" and request.POST.get("cause", "") not in words.CAUSES:
        messages.error(request, "Say why not, in one of the four ways.")
        return redirect("approval-page", pk)
    done, refusal = tried(lambda: ANSWERS[verb](request, caller, pk))
    if refusal is not None:
        messages.error(request, refused(refusal, row))
        return redirect("approval-page", pk)
    messages.success(request, _done(verb, row, done))
    return back(request, "home")


def tried(
    act: Callable[[], Decided],
) -> tuple[Decided | None, AutonomyError | PerceptionError | None]:
    """Do it, or say why not; what was stated of a refusal stays, all else is undone."""
    try:
        with transaction.atomic():
            done = act()
    except (AutonomyError, PerceptionError) as refusal:
        return None, refusal
    return done, done.refusal


def seen(caller: Caller, pk: UUID) -> Approval:
    """What a caller does not see is not there."""
    rows = asking.seen_by(caller).select_related(
        *BESIDE, "decided_by__person", "assigned_to__person"
    )
    return get_object_or_404(rows.defer(*UNSHOWN), pk=pk)


def state(row: Approval, *, now: datetime) -> Said:
    """How a question stands, in a word."""
    if row.status == Status.PENDING:
        is_over = row.expires_at <= now
        return ("Expired", "out") if is_over else ("Waits for a decision", "wait")
    return {
        Status.APPROVED: ("Approved", "good"),
        Status.REJECTED: ("Rejected", "bad"),
        Status.EXPIRED: ("Expired", "out"),
        Status.WITHDRAWN: ("Changed meanwhile", "out"),
    }[Status(row.status)]


def told(row: Approval, *, now: datetime) -> str:
    """The same in a sentence: who, and when."""
    if row.status in DECIDED:
        who = str(row.decided_by.person) if row.decided_by else "Somebody"
        at = words.when(row.decided_at or now)
        return f"{who} {DECIDED[Status(row.status)]} it on {at}."
    if row.status == Status.EXPIRED or row.expires_at <= now:
        return f"Nobody decided in time: it expired on {words.when(row.expires_at)}."
    if row.status == Status.WITHDRAWN:
        return "It was edited, judged again, or called off: this question is over."
    if row.snoozed_until and row.snoozed_until > now:
        return f"It is put off until {words.when(row.snoozed_until)}."
    if row.assigned_to is not None:
        return f"It was handed to {row.assigned_to.person}."
    return ""


def refused(refusal: Exception, row: Approval) -> str:
    """Why not, and how it stands now."""
    now = clock()
    row.refresh_from_db()
    if row.status in DECIDED or row.status == Status.EXPIRED or row.expires_at <= now:
        again = " The first decision counts." if row.status in DECIDED else ""
        return f"{told(row, now=now)}{again} This click changed nothing."
    if isinstance(refusal, MovedTarget):
        why = f" {refusal.detail}" if refusal.detail else ""
        return f"It changed meanwhile, so nothing was decided.{why} Look at it again."
    if isinstance(refusal, CannotSnooze):
        until = words.when(row.expires_at)
        return f"Choose a time to come, before it expires on {until}."
    return str(refusal)


def back(request: HttpRequest, otherwise: str, *args: Any) -> HttpResponse:
    """To the list that one came from."""
    to = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(to, allowed_hosts=None):
        return redirect(to)
    return redirect(otherwise, *args)


def _meant(request: HttpRequest) -> str:
    """Which of the answers of one form was pressed."""
    return next((MEANT[name] for name in MEANT if name in request.POST), "")


def _approve(request: HttpRequest, caller: Caller, pk: UUID) -> Decided:
    seen_hash = request.POST.get("payload_hash", "")
    opened = looks.carried(request, caller).get(pk)
    return decisions.approve(pk, by=caller, payload_hash=seen_hash, opened=opened)


def _reject(request: HttpRequest, caller: Caller, pk: UUID) -> Decided:
    note = request.POST.get("note", "").strip()[:LONGEST]
    opened, cause = looks.carried(request, caller).get(pk), request.POST["cause"]
    return decisions.reject(pk, cause, by=caller, note=note, opened=opened)


def _snooze(request: HttpRequest, caller: Caller, pk: UUID) -> Decided:
    return decisions.snooze(pk, _until(request.POST.get("until", "")), by=caller)


def _delegate(request: HttpRequest, caller: Caller, pk: UUID) -> Decided:
    return decisions.delegate(pk, request.POST.get("to", ""), by=caller)


ANSWERS: dict[str, Callable[[HttpRequest, Caller, UUID], Decided]] = {
    "approve": _approve,
    "reject": _reject,
    "snooze": _snooze,
    "delegate": _delegate,
}


def _until(text: str) -> datetime:
    """A time by its name, or as a browser writes it, in the tenant's zone."""
    named = offers.moments(clock()).get(text)
    if named is not None:
        return named[1]
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise CannotSnooze from None
    return at if at.tzinfo else at.replace(tzinfo=get_current_timezone())


def _done(verb: str, row: Approval, done: Decided | None) -> str:
    what = f"{words.action(row.intent.action_type)}, {row.account.name}"
    asked = done.approval if done else row
    match verb:
        case "approve":
            return f"Approved: {what}. {_starts(row, asked)}"
        case "reject":
            return f"Rejected: {what}. Nothing is done."
        case "snooze":
            until = words.when(asked.snoozed_until or clock())
            return f"Put off: {what}. It comes back on {until}."
        case _:
            (who,) = cards.names([asked.assigned_to_id]).values()
            return f"Handed on: {what}. {who} decides now."


def _starts(row: Approval, asked: Approval) -> str:
    """When what was approved is done."""
    due = Intent.objects.values_list("due_at", flat=True).get(pk=row.intent_id)
    if due is None or asked.decided_at is None or due <= asked.decided_at:
        return "It starts at once."
    return f"It goes out at {words.when(due)}: until then you can pull it back."


def _newer(row: Approval) -> Approval | None:
    """What is asked about the same act now."""
    if row.status != Status.WITHDRAWN:
        return None
    rows = Approval.objects.filter(tenant_id=row.tenant_id, intent_id=row.intent_id)
    return rows.filter(pk__gt=row.pk).order_by("-id").first()


def _edits(row: Approval, known: cards.Known) -> list[Edit]:
    """What was changed before this was asked, or ended it; the newest first."""
    return [
        Edit(
            by=known.members.get(UUID(each["by"]), "Somebody"),
            at=datetime.fromisoformat(each["at"]),
            changes=changes(each["before"], each["after"]),
        )
        for each in reversed(row.edits)
    ]


def _members(row: Approval, caller: Caller) -> list[tuple[UUID, str]]:
    """Who could decide it instead."""
    found = Membership.objects.filter(
        tenant_id=row.tenant_id, is_active=True, role__in=[*DECIDERS]
    )
    others = found.exclude(pk=caller.membership).select_related("person")
    return [
        (each.id, f"{each.person} ({each.role.lower()})")
        for each in others.order_by("person__name", "id")[:MEMBERS]
        if deciding.hindrance_of(
            row, each.id, Role(each.role), is_yes=True, is_assigned=True
        )
        is None
    ]
