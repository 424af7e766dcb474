"""/digest/: what a member was told, day by day; what of it they can still do about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from autonomy import digests
from autonomy import undo as undos
from autonomy.digest_mail import shown
from autonomy.errors import AutonomyError, NoSuchDigest
from autonomy.models import Digest, Execution
from autonomy.rules.approvals import DECIDERS
from autonomy.rules.digest_words import Line, Section
from autonomy.rules.undo import Standing
from autonomy.views.mornings import Morning
from autonomy.views.parts import PUT_BACK, Act
from ledger.clock import clock
from perception.accounts import visible_to
from perception.members import person_acting
from perception.models import Tenant
from perception.pages import page, tenant_time
from perception.rules.callers import Caller

DAYS = 14


@dataclass(frozen=True, kw_only=True)
class Item:
    """A line of the page: what it says, where it leads, what can be done about it."""

    line: Line
    url: str = ""
    act: Act | None = None


@dataclass(frozen=True, kw_only=True)
class Block:
    """A section of the page."""

    section: Section
    items: Sequence[Item]


@require_safe
@page()
def digest(request: HttpRequest, caller: Caller) -> HttpResponse:
    """One day's digest, the newest where none is asked for."""
    mine = _mine(caller)
    listed = list(mine.order_by("-day")[:DAYS])
    row = _asked(mine, request.GET.get("day", "")) or (listed[0] if listed else None)
    context: dict[str, Any] = {"row": row, "days": listed, "hour": _hour()}
    if row is None or row.pk == listed[0].pk:
        context["morning"] = Morning(caller)
    if row is not None:
        zone, tenant = str(tenant_time()), Tenant.objects.get(pk=caller.tenant)
        found = shown(row.body, row, tenant=tenant.name, zone=zone)
        context.update(found, blocks=_blocks(found["told"], caller, row))
        context["is_newest"] = row.pk == listed[0].pk if listed else False
        context["failed"] = row.delivered_at is None and row.next_at is None
    return render(request, "autonomy/pages/digest.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@page()
def seen(request: HttpRequest, caller: Caller, pk: UUID) -> HttpResponse:
    """Its reader has read it here: that is its receipt, if it has none yet."""
    if request.method == "POST":
        try:
            row = digests.seen(pk, by=caller, now=clock())
        except NoSuchDigest as problem:
            messages.error(request, str(problem))
            return redirect("digest-page")
        messages.success(request, "Noted: you have read it.")
        return _back(row.day.isoformat())
    return redirect("digest-page")


@require_http_methods(["GET", "HEAD", "POST"])
@page(DECIDERS)
def undo(request: HttpRequest, caller: Caller, pk: UUID) -> HttpResponse:
    """Take back an act that a digest told of."""
    if request.method != "POST":
        return redirect("digest-page")
    rows = Execution.objects.filter(
        tenant_id=caller.tenant, account_id__in=visible_to(caller).values("id")
    )
    execution = get_object_or_404(rows, pk=pk)
    reason = request.POST.get("reason", "").strip()[:300]
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
        _say(request, done.status)
    return _back(request.POST.get("next", ""))


def _say(request: HttpRequest, status: str) -> None:
    if status == "CONFLICT":
        said = "Somebody has changed it since: it stays as it is."
        messages.error(request, said)
    elif status == "DONE":
        messages.success(request, "It was taken back.")
    else:
        messages.success(request, "It is being taken back.")


def _mine(caller: Caller) -> QuerySet[Digest]:
    """The digests that were written for the caller; other days are told by those."""
    rows = Digest.objects.filter(
        tenant_id=caller.tenant, member_id=caller.membership, written_at__isnull=False
    )
    return rows.filter(body__has_key="did")


def _asked(rows: QuerySet[Digest], text: str) -> Digest | None:
    try:
        return rows.filter(day=date.fromisoformat(text)).first()
    except ValueError:
        return None


def _hour() -> int:
    return Tenant.objects.get().digest_hour


def _back(day: str) -> HttpResponse:
    url = reverse("digest-page")
    try:
        return redirect(f"{url}?day={date.fromisoformat(day).isoformat()}")
    except ValueError:
        return redirect(url)


def _blocks(told: Sequence[Section], caller: Caller, row: Digest) -> list[Block]:
    """Its sections as they were, with what can be done now."""
    lines = [line for section in told for line in section.lines]
    ids = [UUID(line.id) for line in lines if line.about == "execution"]
    seen_by = visible_to(caller).values("id")
    acts = Execution.objects.filter(
        tenant_id=caller.tenant, account_id__in=seen_by, pk__in=ids
    )
    standings = undos.standings_of(list(acts))
    pages = {
        each.get("approval") or each["execution"]: each["intent"]
        for name in ("waits", "did")
        for each in row.body[name]["items"]
    }
    return [
        Block(
            section=section,
            items=[
                _item(section.key, line, _url(line, pages), standings, caller)
                for line in section.lines
            ],
        )
        for section in told
    ]


def _url(line: Line, pages: Mapping[str, str]) -> str:
    """Where one reads more of it."""
    if line.about == "plan":
        return reverse("plan-page", args=[line.id])
    intent = pages.get(line.id)
    return reverse("intent-page", args=[intent]) if intent else ""


def _item(
    key: str,
    line: Line,
    url: str,
    standings: Mapping[UUID, Standing],
    caller: Caller,
) -> Item:
    if key != "did" or caller.role not in DECIDERS:
        return Item(line=line, url=url)
    stands = standings.get(UUID(line.id))
    if stands is None:
        return Item(line=line, url=url)
    if not stands.can:
        more = f"{line.more} · {stands.why}"
        return Item(line=replace(line, more=more), url=url)
    button = Act(
        key=f"undo-{line.id}",
        word="Undo",
        of=f"{line.what} at {line.where}",
        url=reverse("digest-page-undo", args=[line.id]),
        about=PUT_BACK,
        confirm="Undo it",
        tone="bad",
    )
    return Item(line=line, url=url, act=button)
