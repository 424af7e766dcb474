"""/goals/: goals, and how they stand; set, taken back, helped from here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from autonomy import goals as verbs
from autonomy.errors import AutonomyError
from autonomy.models import Goal, Intent
from autonomy.propose import propose
from autonomy.rules.approvals import DECIDERS
from autonomy.rules.goals import ACTIONS, ACTIVE, COMPLETED, MISSED
from autonomy.views.goal_cards import COUNTS, TITLES, cards
from autonomy.views.goal_form import GoalForm, begun, choices
from autonomy.views.helping import fields_of, parameters_of, word_of
from ledger.clock import clock
from perception.accounts import visible_to
from perception.errors import PerceptionError
from perception.members import person_acting
from perception.models import Account, Membership
from perception.pages import page, part, renewed
from perception.rules.callers import Caller
from perception.rules.roles import sees_all_accounts

# So that a page with everything stays small.
A_PAGE = 6
TABS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "current": ("Current", (ACTIVE,)),
    "past": ("Past", (COMPLETED, MISSED)),
}
TEMPLATE = "autonomy/pages/goals.html"


@dataclass(frozen=True, kw_only=True)
class Tab:
    """Goals that run, or those that ended."""

    title: str
    count: int
    url: str
    is_here: bool


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What of the list is asked for; what makes no sense is as if not asked."""

    tab: str
    type: str
    whose: str
    page: int

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "Asked":
        number, tab = given.get("page", ""), given.get("tab", "")
        type_, whose = given.get("type", ""), given.get("whose", "")
        return cls(
            tab=tab if tab in TABS else "current",
            type=type_ if type_ in TITLES else "",
            whose=whose if whose == "all" else _id(whose),
            page=min(int(number), 10_000) if number.isdecimal() else 1,
        )

    def url(self, **other: Any) -> str:
        """The same list, otherwise."""
        said = {"tab": self.tab, "type": self.type, "whose": self.whose, **other}
        return f"?{urlencode({name: value for name, value in said.items() if value})}"


@require_safe
@page()
def goals(request: HttpRequest, caller: Caller) -> HttpResponse:
    """The goals that the caller sees, each with how it stands."""
    asked = Asked.of(request.GET.dict())
    context = _list(caller, asked)
    shown = part(request, f"{TEMPLATE}#cards", context)
    if request.headers.get("HX-Request"):
        return renewed(request, shown)
    return render(request, TEMPLATE, {**context, "part": shown})


@require_http_methods(["GET", "HEAD", "POST"])
@page(DECIDERS)
def set_(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Set a goal; what is refused is shown again, with nothing lost."""
    form = GoalForm(caller, initial=_like(caller, request.GET.get("like", "")))
    if request.method == "POST":
        form = GoalForm(caller, request.POST)
        if form.is_valid():
            try:
                with transaction.atomic():
                    verbs.set_goal(form.given(), by=caller, now=clock())
            except (AutonomyError, PerceptionError) as refusal:
                form.add_error(None, str(refusal))
            else:
                messages.success(request, "The goal is set.")
                return redirect("goals-page")
    context = {
        "form": form,
        "whose": choices(caller),
        "types": list(TITLES.items()),
        "meanings": [(TITLES[key], COUNTS[key]) for key in TITLES],
    }
    return render(request, "autonomy/pages/goal_set.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@page(DECIDERS)
def withdraw(request: HttpRequest, caller: Caller, pk: UUID) -> HttpResponse:
    """Take a goal back that has not ended."""
    if request.method != "POST":
        return redirect("goals-page")
    goal = get_object_or_404(verbs.visible(caller), pk=pk)
    try:
        with transaction.atomic():
            verbs.withdraw_goal(goal, by=caller, now=clock())
    except AutonomyError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "The goal was taken back.")
    return redirect("goals-page")


@require_http_methods(["GET", "HEAD", "POST"])
@page(DECIDERS)
def help_(request: HttpRequest, caller: Caller, pk: UUID) -> HttpResponse:
    """Propose what was suggested for a goal; it is judged like anything else."""
    goal = get_object_or_404(verbs.visible(caller).filter(status=ACTIVE), pk=pk)
    given = (request.POST if request.method == "POST" else request.GET).dict()
    seen, action_type = visible_to(caller), given.get("action_type", "")
    account = get_object_or_404(seen, pk=_id(given.get("account", "")) or None)
    if action_type not in ACTIONS[goal.type]:
        raise Http404
    refusal = ""
    if request.method == "POST":
        try:
            intent = _proposed(goal, account, given, caller)
        except (AutonomyError, PerceptionError) as problem:
            refusal = str(problem)
        else:
            _say(request, intent, account.name)
            return redirect("goals-page")
    context = {
        "goal": goal,
        "title": TITLES[goal.type],
        "account": account,
        "word": word_of(action_type),
        "action_type": action_type,
        "fields": fields_of(action_type, account, given),
        "refusal": refusal,
    }
    return render(request, "autonomy/pages/goal_help.html", context)


def _proposed(
    goal: Goal, account: Account, given: Mapping[str, str], caller: Caller
) -> Intent:
    proposal = {
        "action_type": given["action_type"],
        "parameters": parameters_of(given["action_type"], given),
        "contact": _id(given.get("contact", "")) or None,
        # A person says so.
        "confidence": 1.0,
        "rationale": f"It helps the goal for {goal.type}.",
    }
    with transaction.atomic():
        return propose(
            proposal,
            account,
            origin=Intent.Origin.AGENT,
            by=person_acting(caller),
            member=caller.membership,
            now=clock(),
        )


def _say(request: HttpRequest, intent: Intent, where: str) -> None:
    """What the verdict made of it."""
    match intent.status:
        case Intent.Status.AWAITING_APPROVAL:
            said = f"{where}: proposed. It waits for a yes."
        case Intent.Status.BLOCKED:
            why = intent.verdicts.order_by("-id").values_list("explanation", flat=True)
            messages.error(request, f"{where}: it may not be done. {why[0]}")
            return
        case _:
            said = f"{where}: it is on its way."
    messages.success(request, said)


def _list(caller: Caller, asked: Asked) -> dict[str, Any]:
    """What the live part shows."""
    seen, now = verbs.visible(caller), clock()
    counts = dict(seen.order_by().values_list("status").annotate(n=Count("id")))
    first = (asked.page - 1) * A_PAGE
    found = list(_chosen(seen, asked)[first : first + A_PAGE + 1])
    return {
        "cards": cards(found[:A_PAGE], caller, now=now),
        "asked": asked,
        "tabs": [
            Tab(
                title=title,
                count=sum(counts.get(each, 0) for each in statuses),
                url=asked.url(tab=name),
                is_here=name == asked.tab,
            )
            for name, (title, statuses) in TABS.items()
        ],
        "has_any": bool(counts),
        "is_filtered": bool(asked.type or asked.whose),
        "unfiltered": asked.url(type="", whose=""),
        "before": asked.url(page=asked.page - 1) if asked.page > 1 else "",
        "after": asked.url(page=asked.page + 1) if len(found) > A_PAGE else "",
        "here": asked.url(page=asked.page),
        "may_set": caller.role in DECIDERS,
        "owners": _owners(seen) if sees_all_accounts(caller.role) else [],
        "types": list(TITLES.items()),
    }


def _chosen(seen: QuerySet[Goal], asked: Asked) -> QuerySet[Goal]:
    rows = seen.filter(status__in=TABS[asked.tab][1])
    if asked.type:
        rows = rows.filter(type=asked.type)
    if asked.whose == "all":
        rows = rows.filter(seller=None, account=None)
    elif asked.whose:
        rows = rows.filter(seller_id=UUID(asked.whose))
    # What ends soonest comes first, or what ended last.
    order = ("end", "id") if asked.tab == "current" else ("-ended_at", "-id")
    people = rows.select_related("account", "seller__person", "set_by__person")
    return people.defer("baseline").order_by(*order)


def _owners(seen: QuerySet[Goal]) -> list[Membership]:
    owning = seen.order_by().values("seller_id")
    members = Membership.objects.filter(pk__in=owning).select_related("person")
    return sorted(members, key=lambda each: str(each.person).casefold())


def _like(caller: Caller, text: str) -> dict[str, Any]:
    """A goal to be set anew, as the form begins; else an empty one."""
    if not _id(text):
        return begun(None)
    return begun(verbs.visible(caller).defer("baseline").filter(pk=_id(text)).first())


def _id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        return ""
