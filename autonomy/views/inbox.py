"""/inbox/: what waits for the reader; many of one kind are decided together."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from autonomy import asking, decisions, feed, looks
from autonomy.decisions import Bulk
from autonomy.feed import BESIDE
from autonomy.lists import UNSHOWN, Merged
from autonomy.registry import all_types
from autonomy.rules.actions import SEVERITY
from autonomy.rules.approvals import DECIDERS, UNKNOWN, risk_of
from autonomy.views import words
from autonomy.views.cards import cards
from autonomy.views.offers import answers
from autonomy.views.questions import told
from ledger.clock import clock
from perception.pages import page, part, renewed
from perception.rules.callers import Caller
from perception.rules.roles import Role

A_PAGE = 5
# Of one kind, in short, to be decided together.
TOGETHER = 40
LISTED = 20
FEW = 2
APPROVAL = "approval"
Waiting = Mapping[str, QuerySet[Any]]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What of the list is asked for; what makes no sense is as if not asked."""

    kind: str
    type: str
    risk: str
    together: bool
    after: str

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "Asked":
        type_, risk = given.get("type", "")[:64], given.get("risk", "")
        kind = given.get("kind", "")
        return cls(
            kind=kind if kind in words.KINDS else "",
            type=type_,
            risk=risk if risk in words.RISKS else "",
            together=bool(given.get("together") and type_ and risk in words.RISKS),
            after=_id(given.get("after", "")),
        )

    def url(self, **other: Any) -> str:
        """The same list, otherwise."""
        said = {
            "kind": self.kind,
            "type": self.type,
            "risk": self.risk,
            "together": "1" if self.together else "",
            "after": self.after,
            **other,
        }
        kept = {name: value for name, value in said.items() if value}
        return f"{reverse('inbox-page')}{'?' if kept else ''}{urlencode(kept)}"


@dataclass(frozen=True, kw_only=True)
class Group:
    """Questions about one action type at one risk."""

    type: str
    risk: str
    title: str
    risk_words: str
    tone: str
    count: int
    claimed: Sequence[str]
    url: str = ""


@require_safe
@page()
def inbox(request: HttpRequest, caller: Caller) -> HttpResponse:
    """The page, or the part of it that renews itself."""
    context = context_of(request, caller)
    if context["asked"].together:
        return render(request, "autonomy/pages/inbox.html", context)
    shown = part(request, "autonomy/pages/inbox.html#list", context)
    if request.headers.get("HX-Request"):
        return renewed(request, shown)
    return render(request, "autonomy/pages/inbox.html", {**context, "part": shown})


@require_http_methods(["GET", "HEAD", "POST"])
@page(DECIDERS)
def together(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Decide many of one action type and one risk; what is stale is left out and listed."""
    if request.method != "POST":
        return redirect("inbox-page")
    ids = [UUID(id_) for each in request.POST.getlist("ids") if (id_ := _id(each))]
    cause = request.POST.get("cause", "")
    decision = "reject" if cause else request.POST.get("decision", "")
    asked = Asked.of(request.POST.dict())
    is_said = decision == "approve" or cause in words.CAUSES
    if not ids or not is_said:
        messages.error(request, "Tick at least one, then approve or reject.")
        return redirect(asked.url())
    said: Any = {"cause": cause, "opened": looks.carried(request, caller)}
    found = decisions.decide_all(ids[:TOGETHER], decision, by=caller, **said)
    _say(request, found, decision)
    left = [str(id_) for id_, _ in found.refused[:LISTED]]
    return redirect(asked.url(left=",".join(left), after=""))


def context_of(request: HttpRequest, caller: Caller) -> dict[str, Any]:
    asked, now = Asked.of(request.GET.dict()), clock()
    waiting = feed.waiting(caller, now=now)
    groups = _groups(waiting[APPROVAL], asked)
    counts = {APPROVAL: sum(each.count for each in groups)}
    counts |= {kind: of.count() for kind, of in waiting.items() if kind != APPROVAL}
    size = TOGETHER if asked.together else A_PAGE
    found = _page(waiting, asked, groups, size)
    made = cards(found[:size], caller, now=now, here=asked.url())
    return {
        "asked": asked,
        "here": asked.url(),
        "cards": made,
        "any_to_decide": any(each.answers and each.answers.may_reject for each in made),
        "kinds": _kinds(counts, asked),
        "groups": _large(groups, asked) if caller.role in DECIDERS else [],
        "types": sorted({(each.type, each.title) for each in groups}, key=_second),
        "risks": _risks(groups),
        "causes": words.CAUSES,
        "count": sum(counts.values()),
        "is_filtered": bool(asked.kind or asked.type or asked.risk),
        "first": asked.url(after="") if asked.after else "",
        "after": asked.url(after=str(made[-1].id)) if len(found) > size else "",
        "left": _left(request, caller) if request.GET.get("left") else [],
        "is_reader": caller.role not in DECIDERS,
        # Admins see elsewhere what waits for everybody.
        "board": f"{reverse('admin:index')}#db-waiting"
        if caller.role is Role.ADMIN
        else "",
    }


def _page(waiting: Waiting, asked: Asked, groups: Sequence[Group], size: int) -> Any:
    """The newest of what is asked for, from where the page begins, and one more."""
    found = Merged(*_chosen(waiting, asked, groups).values())
    if asked.after:
        found = found.filter(id__lt=UUID(asked.after))
    return found.order_by("-id")[: size + 1]


def _chosen(waiting: Waiting, asked: Asked, groups: Sequence[Group]) -> Waiting:
    chosen = dict(waiting)
    if asked.type or asked.risk:
        pairs = Q(pk__in=())
        for each in groups:
            if asked.type in ("", each.type) and asked.risk in ("", each.risk):
                is_it = Q(intent__action_type=each.type)
                pairs |= is_it & Q(intent__risk_level__in=each.claimed)
        chosen = {APPROVAL: waiting[APPROVAL].filter(pairs)}
    if asked.kind:
        chosen = {kind: of for kind, of in chosen.items() if kind == asked.kind}
    return chosen


def _groups(questions: QuerySet[Any], asked: Asked) -> list[Group]:
    """All questions counted by action type and the risk that counts."""
    rows = (
        questions.order_by()
        .values_list("intent__action_type", "intent__risk_level")
        .annotate(count=Count("id"))
    )
    registered = {each.key: each.traits.risk_level for each in all_types()}
    found: dict[tuple[str, str], tuple[int, list[str]]] = {}
    for type_, claimed, count in rows:
        risk = risk_of(registered.get(type_), claimed or None)
        key = (type_, risk if risk in words.RISKS else UNKNOWN)
        had, all_claimed = found.get(key, (0, []))
        found[key] = (had + count, [*all_claimed, claimed])
    return [
        Group(
            type=type_,
            risk=risk,
            title=words.action(type_),
            risk_words=words.risk(risk)[0],
            tone=words.risk(risk)[1],
            count=count,
            claimed=claimed,
            url=asked.url(kind=APPROVAL, type=type_, risk=risk, together="1", after=""),
        )
        for (type_, risk), (count, claimed) in found.items()
    ]


def _large(groups: Sequence[Group], asked: Asked) -> list[Group]:
    """Those worth deciding together, the largest first."""
    if asked.together:
        return []
    found = [each for each in groups if each.count >= FEW]
    return sorted(found, key=lambda each: -each.count)[:6]


def _kinds(counts: Mapping[str, int], asked: Asked) -> list[dict[str, Any]]:
    def tab(key: str, title: str, count: int) -> dict[str, Any]:
        url = Asked.of({"kind": key}).url()
        return {
            "title": title,
            "count": count,
            "url": url,
            "is_here": asked.kind == key,
        }

    every = tab("", "Everything", sum(counts.values()))
    return [every, *(tab(key, words.KINDS[key], of) for key, of in counts.items())]


def _risks(groups: Sequence[Group]) -> list[tuple[str, str]]:
    keys = {each.risk for each in groups}
    place = {**{str(risk): at for risk, at in SEVERITY.items()}, UNKNOWN: len(SEVERITY)}
    return [(key, words.risk(key)[0]) for key in sorted(keys, key=place.__getitem__)]


def _left(request: HttpRequest, caller: Caller) -> list[dict[str, Any]]:
    """What was left out of a decision about many, and how each stands now."""
    texts = request.GET["left"].split(",")[:LISTED]
    ids = [UUID(id_) for each in texts if (id_ := _id(each))]
    rows = asking.seen_by(caller).filter(pk__in=ids).defer(*UNSHOWN)
    now = clock()
    return [
        {
            "title": words.action(row.intent.action_type),
            "account": row.account.name,
            "url": reverse("approval-page", args=[row.pk]),
            "why": told(row, now=now)
            or answers(row, caller, now=now, here="").why_not
            or "It still waits.",
        }
        for row in rows.select_related(
            *BESIDE, "decided_by__person", "assigned_to__person"
        ).order_by("id")
    ]


def _say(request: HttpRequest, found: Bulk, decision: str) -> None:
    """How many were decided; why others were not, counted."""
    if found.decided:
        done = "approved" if decision == "approve" else "rejected"
        messages.success(request, f"{found.decided} {done}.")
    if found.refused:
        why = Counter(type(error).__doc__ or "" for _, error in found.refused)
        said = " ".join(f"{count}: {words_}" for words_, count in why.items())
        messages.error(request, f"{len(found.refused)} left out. {said}")


def _second(pair: tuple[str, str]) -> str:
    return pair[1]


def _id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        return ""
