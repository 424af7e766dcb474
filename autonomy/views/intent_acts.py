"""What can be done about an act from its page: each a verb of the API, or why not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from autonomy import decisions, looks
from autonomy import undo as undos
from autonomy.deciding import hindrance_of
from autonomy.desk import can_look, look_up
from autonomy.errors import AutonomyError
from autonomy.models import Execution, Intent
from autonomy.replay import Wanted, rehearse
from autonomy.retract import retract
from autonomy.rules.approvals import DECIDERS, Hindrance
from autonomy.settle import settle
from autonomy.views.parts import PUT_BACK, Act
from autonomy.views.story import Told, intents_seen_by
from autonomy.views.words import CAUSES, action
from ledger.clock import clock
from perception.errors import PerceptionError
from perception.members import person_acting
from perception.pages import page
from perception.rules.callers import Caller
from perception.rules.roles import Role

LONGEST = 300
READS = "Auditors read, and change nothing."
HINDERED: Mapping[Hindrance, str] = {
    Hindrance.NOT_YOURS: "It is for the account’s owner, or an approver, to decide.",
    Hindrance.NEEDS_APPROVER: "An approver decides this.",
    Hindrance.SELF_APPROVAL: "Whoever proposed or changed it cannot approve it too.",
}
DRY = (
    "It is judged again as things are now, and what would be done is shown. Nothing is "
    "done, sent or changed."
)
# verb: word, what is said before, the word that confirms, tone, whether a reason must be.
OFFERS: Mapping[str, tuple[str, str, str, str, bool]] = {
    "undo": ("Undo", PUT_BACK, "Undo it", "bad", False),
    "call-off": (
        "Call off",
        "It has not started yet. It will not be done.",
        "Call it off",
        "bad",
        False,
    ),
    "replay": ("Replay, dry", DRY, "Go through it dry", "", True),
    "done": (
        "It was done",
        "It counts as done. The first word is for good.",
        "Yes, it was done",
        "",
        False,
    ),
    "not-done": (
        "It was not done",
        "It counts as failed, and is not tried again. The first word is for good.",
        "No, it was not done",
        "",
        False,
    ),
    "look": (
        "Ask the tool",
        "It is asked whether it did this. What it shows ends the doubt.",
        "Ask the tool",
        "good",
        False,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Decide:
    """The question that waits: what is decided on, and whether the reader may."""

    id: UUID
    payload_hash: str
    shown: str
    may_approve: bool
    may_reject: bool
    why_not: str
    causes: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Offered:
    """Every button of the page."""

    undo: Act | None = None
    doubt: tuple[Act, ...] = ()
    replay: Act | None = None
    decide: Decide | None = None


def offered(told: Told, caller: Caller) -> Offered:
    """What the reader can do now, and why not the rest."""
    intent = told.intent
    if intent is None:
        return Offered()
    return Offered(
        undo=_undo(told, intent, caller),
        doubt=_doubt(told, intent, caller),
        replay=_replay(told, intent, caller),
        decide=_decide(told, caller),
    )


def _act(verb: str, intent: Intent, *, why_not: str = "") -> Act:
    word, about, confirm, tone, must = OFFERS[verb]
    return Act(
        key=verb,
        word=word,
        of="" if verb in ("done", "not-done", "look") else action(intent.action_type),
        url=reverse("intent-page-act", args=[intent.pk, verb]),
        about=about,
        confirm=confirm,
        tone=tone,
        must=must,
        asks=verb != "look",
        may=not why_not,
        why_not=why_not,
    )


def _undo(told: Told, intent: Intent, caller: Caller) -> Act | None:
    """Taking it back, or calling it off while it has not started."""
    reads = "" if caller.role in DECIDERS else READS
    if intent.status == Intent.Status.APPROVED:
        return _act("call-off", intent, why_not=reads)
    stands = told.undoable
    if stands is None:
        return None
    return _act("undo", intent, why_not=stands.why if not stands.can else reads)


def _doubt(told: Told, intent: Intent, caller: Caller) -> tuple[Act, ...]:
    """Ends a doubt: the tool is asked where it can be, or a person says."""
    act = told.execution
    if act is None or intent.status != "IN_DOUBT" or act.status != "IN_DOUBT":
        return ()
    reads = "" if caller.role in DECIDERS else READS
    verbs = ("look", "done", "not-done") if can_look(act) else ("done", "not-done")
    return tuple(_act(verb, intent, why_not=reads) for verb in verbs)


def _replay(told: Told, intent: Intent, caller: Caller) -> Act | None:
    """Admins go through what was started once more, dry."""
    if caller.role is not Role.ADMIN or told.execution is None:
        return None
    return _act("replay", intent)


def _decide(told: Told, caller: Caller) -> Decide | None:
    asked, now = told.asked, clock()
    if asked is None or asked.expires_at <= now:
        return None
    mine = {"is_assigned": asked.assigned_to_id == caller.membership}
    yes, no = (
        hindrance_of(asked, caller.membership, caller.role, is_yes=is_yes, **mine)
        for is_yes in (True, False)
    )
    why = READS if caller.role not in DECIDERS else HINDERED[yes] if yes else ""
    return Decide(
        id=asked.pk,
        payload_hash=asked.payload_hash,
        shown=looks.shown(asked.pk, caller, now=now),
        may_approve=yes is None,
        may_reject=no is None,
        why_not=why,
        causes=CAUSES,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@page(DECIDERS)
def act(request: HttpRequest, caller: Caller, pk: UUID, verb: str) -> HttpResponse:
    """One verb on an act that the caller sees, then back to its page."""
    if verb not in VERBS:
        raise Http404
    if request.method != "POST":
        return redirect("intent-page", pk)
    intent = get_object_or_404(intents_seen_by(caller), pk=pk)
    if verb == "replay" and caller.role is not Role.ADMIN:
        raise PermissionDenied
    try:
        with transaction.atomic():
            said, is_refusal = VERBS[verb](intent, caller, request)
    except (AutonomyError, PerceptionError) as refusal:
        said, is_refusal = str(refusal), True
    (messages.error if is_refusal else messages.success)(request, said)
    return redirect("intent-page", pk)


Done = tuple[str, bool]


def _reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "").strip()[:LONGEST]


def _newest(intent: Intent) -> Execution:
    rows = Execution.objects.filter(tenant_id=intent.tenant_id, intent=intent)
    newest = rows.order_by("-id").first()
    if newest is None:
        raise Http404
    return newest


def _take_back(intent: Intent, caller: Caller, request: HttpRequest) -> Done:
    undo = undos.request(
        _newest(intent).pk,
        by=person_acting(caller),
        member=caller.membership,
        reason=_reason(request),
    )
    if undo.status == "CONFLICT":
        return "Somebody has changed it since: it stays as it is.", True
    if undo.status == "DONE":
        return "It was taken back.", False
    return "It is being taken back.", False


def _call_off(intent: Intent, caller: Caller, request: HttpRequest) -> Done:
    retract(
        intent.pk,
        by=person_acting(caller),
        member=caller.membership,
        reason=_reason(request),
    )
    return "It was called off, and will not be done.", False


def _rehearse(intent: Intent, caller: Caller, request: HttpRequest) -> Done:
    reason = _reason(request)
    if not reason:
        return "Say why: it is kept with the replay.", True
    by = person_acting(caller)
    rehearse(intent.pk, Wanted(reason=reason, by=by, member=caller.membership))
    return "It was gone through; nothing was done. What was found is below.", False


def _settled(
    intent: Intent, caller: Caller, request: HttpRequest, *, done: bool
) -> Done:
    settle(
        _newest(intent),
        done=done,
        by=person_acting(caller),
        note=_reason(request),
        now=clock(),
    )
    return f"The doubt is over: it {'was' if done else 'was not'} done.", False


def _was_done(intent: Intent, caller: Caller, request: HttpRequest) -> Done:
    return _settled(intent, caller, request, done=True)


def _was_not_done(intent: Intent, caller: Caller, request: HttpRequest) -> Done:
    return _settled(intent, caller, request, done=False)


def _look(intent: Intent, caller: Caller, request: HttpRequest) -> Done:
    looked = look_up(_newest(intent).pk, by=person_acting(caller))
    return looked.said, looked.done is None


def _approve(intent: Intent, caller: Caller, request: HttpRequest) -> Done:
    given = request.POST.get("payload_hash") or None
    asked = _asked(intent, request)
    opened = looks.carried(request, caller).get(asked)
    decided = decisions.approve(asked, by=caller, payload_hash=given, opened=opened)
    if decided.refusal is not None:
        return str(decided.refusal), True
    return "Approved. It starts as soon as it may.", False


def _reject(intent: Intent, caller: Caller, request: HttpRequest) -> Done:
    cause = request.POST.get("cause", "")
    if cause not in CAUSES:
        return "Say what speaks against it.", True
    note, asked = _reason(request), _asked(intent, request)
    opened = looks.carried(request, caller).get(asked)
    decisions.reject(asked, cause, by=caller, note=note, opened=opened)
    return "Rejected. It will not be done.", False


def _asked(intent: Intent, request: HttpRequest) -> UUID:
    """The question that was shown; it must be one about this act."""
    try:
        given = UUID(request.POST.get("approval", ""))
    except ValueError:
        raise Http404 from None
    asked = get_object_or_404(intent.approvals, pk=given)
    found: UUID = asked.pk
    return found


VERBS: Mapping[str, Any] = {
    "undo": _take_back,
    "call-off": _call_off,
    "replay": _rehearse,
    "done": _was_done,
    "not-done": _was_not_done,
    "look": _look,
    "approve": _approve,
    "reject": _reject,
}
