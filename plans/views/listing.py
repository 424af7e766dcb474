"""/plans/: the plans that one sees, and a door to have one proposed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.db.models import Case, Count, IntegerField, Prefetch, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from autonomy.errors import AutonomyError
from autonomy.rules.approvals import DECIDERS
from ledger.clock import clock
from perception.accounts import visible_to
from perception.errors import PerceptionError
from perception.models import Membership
from perception.pages import page, part, renewed
from perception.rules.callers import Caller
from plans import proposing, standing
from plans.drafting import By
from plans.errors import PlanError
from plans.models import Plan, Step
from plans.rules.lifecycle import RUNNING, TERMINAL, Status
from plans.types.registry import TYPES
from plans.views.cards import cards

A_PAGE = 25
ACCOUNTS_OFFERED = 500
TABS: Mapping[str, tuple[str, Sequence[Status]]] = {
    "running": ("Running", sorted(RUNNING)),
    "drafts": ("Drafts", [Status.DRAFT]),
    "ended": ("Ended", sorted(TERMINAL)),
}
# Those that go on come first, then those that rest, then those that nobody started.
PLACES = (Status.ACTIVE, Status.PAUSED, Status.APPROVED)


@dataclass(frozen=True, kw_only=True)
class Tab:
    """One group of plans."""

    title: str
    count: int
    url: str
    is_here: bool


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What of the list is asked for; what makes no sense is as if not asked."""

    tab: str
    plan_type: str
    owner: str
    account: str
    page: int

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "Asked":
        number, tab = given.get("page", ""), given.get("tab", "")
        return cls(
            tab=tab if tab in TABS else "running",
            plan_type=key if (key := given.get("type", "")) in TYPES else "",
            owner=_id(given.get("owner", "")),
            account=_id(given.get("account", "")),
            page=min(int(number), 10_000) if number.isdecimal() else 1,
        )

    def url(self, **other: Any) -> str:
        """The same list, otherwise."""
        said = {
            "tab": self.tab,
            "type": self.plan_type,
            "owner": self.owner,
            "account": self.account,
            **other,
        }
        kept = {name: value for name, value in said.items() if value}
        return f"?{urlencode(kept)}"


@require_safe
@page()
def plans(request: HttpRequest, caller: Caller) -> HttpResponse:
    """The plans of the accounts that the caller sees."""
    context = _context(caller, Asked.of(request.GET.dict()))
    shown = part(request, "plans/pages/list.html#cards", context)
    if request.headers.get("HX-Request"):
        return renewed(request, shown)
    return render(request, "plans/pages/list.html", {**context, "part": shown})


@require_http_methods(["GET", "HEAD", "POST"])
@page(DECIDERS)
def propose(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Have the house think of a plan for an account."""
    if request.method != "POST":
        return redirect("plans-page")
    chosen = {name: request.POST.get(name, "") for name in ("account", "plan_type")}
    account = get_object_or_404(visible_to(caller), pk=_id(chosen["account"]) or None)
    try:
        with transaction.atomic():
            plan = proposing.propose(
                account,
                plan_type=chosen["plan_type"] or None,
                by=By.person(caller),
                now=clock(),
            )
    except (PlanError, AutonomyError, PerceptionError) as refusal:
        context = _context(caller, Asked.of({}))
        shown = part(request, "plans/pages/list.html#cards", context)
        again = {**context, "part": shown, "refusal": _titled(str(refusal))}
        again["chosen"] = chosen
        return render(request, "plans/pages/list.html", again)
    messages.success(request, "A draft was proposed. Look at it before it is approved.")
    return redirect("plan-page", plan.pk)


def _context(caller: Caller, asked: Asked) -> dict[str, Any]:
    seen = standing.seen_by(caller)
    counts = _counts(seen)
    chosen = _chosen(seen, asked)
    first = (asked.page - 1) * A_PAGE
    found = list(chosen[first : first + A_PAGE + 1])
    shown = found[:A_PAGE]
    return {
        "cards": cards(shown, caller),
        "tabs": [
            Tab(
                title=title,
                count=sum(counts.get(each, 0) for each in statuses),
                url=asked.url(tab=name),
                is_here=name == asked.tab,
            )
            for name, (title, statuses) in TABS.items()
        ],
        "asked": asked,
        "is_filtered": bool(asked.plan_type or asked.owner or asked.account),
        "of": _name(caller, asked.account),
        "unfiltered": asked.url(type="", owner="", account=""),
        "before": asked.url(page=asked.page - 1) if asked.page > 1 else "",
        "after": asked.url(page=asked.page + 1) if len(found) > A_PAGE else "",
        "here": asked.url(page=asked.page),
        "here_url": reverse("plans-page") + asked.url(page=asked.page),
        "has_any": bool(counts),
        "types": list(TYPES.values()),
        "owners": _owners(seen),
        "may_propose": caller.role in DECIDERS,
        "accounts": _accounts(caller) if caller.role in DECIDERS else [],
        "is_reader": caller.role not in DECIDERS,
    }


def _name(caller: Caller, account: str) -> str:
    """The account whose plans alone are shown, if it is one that the caller sees."""
    if not account:
        return ""
    names = visible_to(caller).filter(pk=account).values_list("name", flat=True)
    return names.first() or "an account that you do not see"


def _counts(seen: QuerySet[Plan]) -> Mapping[str, int]:
    rows = seen.order_by().values_list("status").annotate(n=Count("id"))
    return dict(rows)


def _chosen(seen: QuerySet[Plan], asked: Asked) -> QuerySet[Plan]:
    rows = seen.filter(status__in=TABS[asked.tab][1])
    if asked.plan_type:
        rows = rows.filter(plan_type=asked.plan_type)
    if asked.owner:
        rows = rows.filter(owner_id=UUID(asked.owner))
    if asked.account:
        rows = rows.filter(account_id=UUID(asked.account))
    place = Case(
        *(When(status=each, then=Value(at)) for at, each in enumerate(PLACES)),
        default=Value(len(PLACES)),
        output_field=IntegerField(),
    )
    steps = Prefetch("steps", Step.objects.order_by("place", "id"))
    return (
        rows.select_related("account__owner__person", "owner__person")
        .prefetch_related(steps)
        .order_by(place, "-id")
    )


def _owners(seen: QuerySet[Plan]) -> list[Membership]:
    owning = seen.order_by().values("owner_id")
    members = Membership.objects.filter(pk__in=owning).select_related("person")
    return sorted(members, key=lambda each: str(each.person).casefold())


def _accounts(caller: Caller) -> list[tuple[UUID, str]]:
    rows = visible_to(caller).filter(closed_at__isnull=True).order_by("name", "id")
    return list(rows.values_list("id", "name")[:ACCOUNTS_OFFERED])


def _id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        return ""


def _titled(text: str) -> str:
    """Types of plans by their titles, as the form calls them."""
    for key, declared in TYPES.items():
        text = text.replace(key, f"“{declared.title}”")
    return text
