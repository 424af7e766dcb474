"""/autopilot/: what ran by itself, day by day, and how it is taken back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.timezone import get_current_timezone, localtime
from django.views.decorators.http import require_http_methods, require_safe

from autonomy import feed
from autonomy import undo as undos
from autonomy.errors import AutonomyError
from autonomy.lists import Lean
from autonomy.models import Execution, Undo
from autonomy.registry import all_types
from autonomy.rules.actions import ActionType
from autonomy.rules.approvals import DECIDERS
from autonomy.rules.undo import Standing
from autonomy.views import words
from autonomy.views.artefact import Artefact, artefact
from autonomy.views.parts import PUT_BACK, Act, Said, Why, read_layers, why_of
from autonomy.views.questions import back
from ledger.clock import clock
from ledger.rules.ids import id_in
from ledger.scope import current_tenant
from perception.accounts import visible_to
from perception.members import person_acting
from perception.pages import page, part, renewed
from perception.rules.callers import Caller

A_PAGE = 8
LONGEST = 300
SAID = 300
# How a wish to take something back stands, where it is not done.
ASKED: Mapping[str, str] = {
    Undo.Status.REQUESTED: "It is being taken back.",
    Undo.Status.CONFLICT: "Undo: somebody has changed it since, so it stays as it is.",
    Undo.Status.FAILED: "Undo: it could not be taken back.",
    Undo.Status.IN_DOUBT: "Undo: nobody knows whether it was taken back.",
}

Types = Mapping[str, ActionType]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What of the timeline is asked for; what makes no sense is as if not asked."""

    account: str
    type: str
    day: str
    after: str

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "Asked":
        day = _day(given.get("day", ""))
        return cls(
            account=given.get("account", "").strip()[:200],
            type=given.get("type", "")[:64],
            day=day.isoformat() if day else "",
            after=str(id_) if (id_ := id_in(given.get("after", ""))) else "",
        )

    def url(self, **other: Any) -> str:
        """The same list, otherwise."""
        said = {
            "account": self.account,
            "type": self.type,
            "day": self.day,
            "after": self.after,
            **other,
        }
        kept = {name: value for name, value in said.items() if value}
        return f"{reverse('autopilot-page')}{'?' if kept else ''}{urlencode(kept)}"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One thing that ran by itself."""

    id: UUID
    title: str
    account: UUID
    account_name: str
    url: str
    at: datetime
    words: str
    tone: str
    what: Artefact
    said: Sequence[str]
    why: Why
    undo: Act | None
    until: datetime | None


@require_safe
@page()
def autopilot(request: HttpRequest, caller: Caller) -> HttpResponse:
    """The page, or the part of it that renews itself."""
    context = context_of(request, caller)
    shown = part(request, "autonomy/pages/autopilot.html#list", context)
    if request.headers.get("HX-Request"):
        return renewed(request, shown)
    return render(request, "autonomy/pages/autopilot.html", {**context, "part": shown})


@require_http_methods(["GET", "HEAD", "POST"])
@page(DECIDERS)
def undo(request: HttpRequest, caller: Caller, pk: UUID) -> HttpResponse:
    """Take back something that ran."""
    if request.method == "POST":
        mine = visible_to(caller).values("id")
        rows = Execution.objects.filter(tenant_id=caller.tenant, account_id__in=mine)
        execution = get_object_or_404(rows, pk=pk)
        reason = request.POST.get("reason", "").strip()[:LONGEST]
        try:
            with transaction.atomic():
                done = undos.request(
                    execution.pk,
                    by=person_acting(caller),
                    member=caller.membership,
                    reason=reason,
                )
        except AutonomyError as refusal:
            messages.error(request, str(refusal))
        else:
            _say(request, done)
    return back(request, "autopilot-page")


def context_of(request: HttpRequest, caller: Caller) -> dict[str, Any]:
    asked = Asked.of(request.GET.dict())
    found = Lean(_chosen(feed.autopilot(caller), asked))[: A_PAGE + 1]
    known = {each.key: each for each in all_types()}
    lines = _lines(found[:A_PAGE], known, caller)
    types = sorted((words.action(key), key) for key in known)
    days = groupby(lines, key=lambda each: localtime(each.at).date())
    return {
        "asked": asked,
        "here": asked.url(),
        "days": [(day, list(of)) for day, of in days],
        "today": localtime(clock()).date(),
        "types": [(key, title) for title, key in types],
        "is_filtered": bool(asked.account or asked.type or asked.day),
        "first": asked.url(after="") if asked.after else "",
        "after": asked.url(after=str(lines[-1].id)) if len(found) > A_PAGE else "",
        "is_reader": caller.role not in DECIDERS,
    }


def _chosen(rows: QuerySet[Execution], asked: Asked) -> QuerySet[Execution]:
    if asked.account:
        one = id_in(asked.account)
        by = {"account_id": one} if one else {"account__name__icontains": asked.account}
        rows = rows.filter(**by)
    if asked.type:
        rows = rows.filter(action_type=asked.type)
    if day := _day(asked.day):
        begin, end = _midnight(day), _midnight(day + timedelta(days=1))
        rows = rows.filter(started_at__gte=begin, started_at__lt=end)
    if asked.after:
        rows = rows.filter(id__lt=UUID(asked.after))
    return rows.order_by("-id")


def _lines(rows: Sequence[Execution], known: Types, caller: Caller) -> list[Line]:
    stands, wishes = undos.standings_of(rows), _wishes(rows)
    read_layers(row.permit.verdict for row in rows)
    return [
        _line(row, known, stands[row.id], wishes.get(row.id), caller) for row in rows
    ]


def _wishes(rows: Sequence[Execution]) -> dict[UUID, Undo]:
    """The newest wish to take each of them back."""
    found = Undo.objects.filter(tenant_id=current_tenant(), execution__in=rows)
    return {
        each.execution_id: each
        for each in found.select_related("by__person").order_by("id")
        if each.execution_id
    }


def _line(
    row: Execution, known: Types, stands: Standing, wish: Undo | None, caller: Caller
) -> Line:
    said, tone = words.ACTS.get(row.status, (row.status, ""))
    title = words.action(row.action_type)
    can = stands.can and caller.role in DECIDERS
    return Line(
        id=row.id,
        title=title,
        account=row.account_id,
        account_name=row.account.name,
        url=reverse("intent-page", args=[row.intent_id]),
        at=row.started_at,
        words=said,
        tone=tone,
        what=artefact(row.intent.parameters, known.get(row.action_type), most=SAID),
        said=_said(row, stands, wish),
        why=why_of(row.permit.verdict),
        undo=_button(row, title) if can else None,
        until=stands.until if stands.can else None,
    )


def _said(row: Execution, stands: Standing, wish: Undo | None) -> list[str]:
    """What became of it, besides a word."""
    found = [row.error] if row.error else []
    if wish is not None and wish.status == Undo.Status.DONE:
        return [*found, words.taken_back(wish)]
    if wish is not None:
        return [*found, ASKED[wish.status]]
    is_done = row.status == Execution.Status.SUCCEEDED
    return [*found, stands.why] if is_done and not stands.can else found


def _button(row: Execution, title: str) -> Act:
    return Act(
        key=f"undo-{row.id}",
        word="Undo",
        of=f"{title} at {row.account.name}",
        url=reverse("autopilot-page-undo", args=[row.id]),
        about=PUT_BACK,
        confirm="Undo it",
        tone="bad",
    )


def _say(request: HttpRequest, done: Undo) -> None:
    said: Said = {
        Undo.Status.CONFLICT: (ASKED[Undo.Status.CONFLICT], "bad"),
        Undo.Status.DONE: ("It was taken back, and read again to be sure.", "good"),
    }.get(Undo.Status(done.status), (ASKED[Undo.Status.REQUESTED], "good"))
    tell = messages.error if said[1] == "bad" else messages.success
    tell(request, said[0])


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=get_current_timezone())


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
