"""/: what to do next, the most worthwhile first."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from autonomy import feed
from autonomy.rules.approvals import DECIDERS
from autonomy.views import words
from autonomy.views.cards import cards
from ledger.clock import clock
from perception.accounts import visible_to
from perception.pages import page, part, renewed
from perception.rules.callers import Caller

A_PAGE = 5


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a page begins: behind this one."""

    score: int
    id: UUID

    @classmethod
    def of(cls, text: str) -> "Place | None":
        """What makes no sense is the beginning."""
        score, _, id_ = text.partition("_")
        try:
            return cls(score=int(score), id=UUID(id_))
        except ValueError:
            return None


@require_safe
@page()
def next_page(request: HttpRequest, caller: Caller) -> HttpResponse:
    """The page, or the part of it that renews itself."""
    context = context_of(request, caller)
    shown = part(request, "autonomy/pages/next.html#list", context)
    if request.headers.get("HX-Request"):
        return renewed(request, shown)
    return render(request, "autonomy/pages/next.html", {**context, "part": shown})


def context_of(request: HttpRequest, caller: Caller) -> dict[str, Any]:
    now = clock()
    place = Place.of(request.GET.get("after", ""))
    rows: Any = feed.next_for(caller, now=now)
    found = _page(rows, place)
    here = request.get_full_path()
    shown = found[:A_PAGE]
    last = shown[-1] if shown else None
    home = reverse("home")
    return {
        "here": here,
        "causes": words.CAUSES,
        "cards": cards(shown, caller, now=now, here=here),
        "after": f"{home}?after={last.score}_{last.id}"
        if last is not None and len(found) > A_PAGE
        else "",
        "first": home if place else "",
        "is_reader": caller.role not in DECIDERS,
        "has_accounts": bool(shown) or visible_to(caller).exists(),
    }


def _page(rows: Any, place: Place | None) -> list[Any]:
    """The ids of a page are found first: what is shown of them is read for those alone."""
    ranked = rows.order_by("-score", "-id")
    if place is not None:
        behind = Q(score__lt=place.score) | Q(score=place.score, id__lt=place.id)
        ranked = ranked.filter(behind)
    ids = list(ranked.values_list("id", flat=True)[: A_PAGE + 1])
    return list(rows.filter(pk__in=ids).order_by("-score", "-id"))
