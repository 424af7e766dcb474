"""/settings/notifications/: what its reader is told of by mail, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from autonomy import notice_choices, notice_facts
from autonomy.models import Telling
from autonomy.notice_choices import Chosen
from autonomy.rules.approvals import APPROVERS, DECIDERS
from autonomy.rules.notice_words import TITLES
from autonomy.rules.notices import Topic
from ledger.clock import clock
from perception.models import Membership
from perception.pages import page, tenant_time
from perception.rules.callers import Caller
from perception.rules.roles import Role

LISTED = 20
# Who is told of what, where they want to be.
FOR: dict[Topic, frozenset[Role]] = {
    Topic.DECISIONS: frozenset(DECIDERS),
    Topic.REMINDERS: frozenset(DECIDERS),
    Topic.ESCALATIONS: frozenset(APPROVERS),
    Topic.SWITCHES: frozenset(DECIDERS),
    Topic.SERVICE: frozenset({Role.ADMIN}),
    Topic.PARKED: frozenset({Role.ADMIN}),
    Topic.DIGESTS: frozenset({Role.ADMIN}),
}
STATES = {
    "TOLD": ("good", "sent"),
    "WAITING": ("wait", "on its way"),
    "FAILED": ("bad", "not delivered"),
    "DROPPED": ("", "not needed"),
}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One thing to be told of."""

    key: str
    title: str
    is_on: bool


@dataclass(frozen=True, kw_only=True)
class Item:
    """One notice that was on its way to the reader."""

    row: Telling
    what: str
    where: str
    about: str
    url: str
    tone: str
    state: str


@require_http_methods(["GET", "HEAD", "POST"])
@page()
def notifications(request: HttpRequest, caller: Caller) -> HttpResponse:
    """What the reader chose, and the newest that they were told."""
    if request.method == "POST":
        return _choose(request, caller)
    wanted = notice_choices.chosen(caller)
    person = Membership.objects.select_related("person").get(pk=caller.membership)
    items = _items(caller)
    context = {
        "choices": [
            Choice(key=each.value, title=TITLES[each], is_on=each in wanted.mail)
            for each in _topics(caller)
        ],
        "digest_only": wanted.digest_only,
        "by_mail": settings.DIGESTS_BY_MAIL,
        "address": person.person.email,
        "items": items,
        "failed": _is_failing(items),
    }
    return render(request, "autonomy/pages/notifications.html", context)


def _choose(request: HttpRequest, caller: Caller) -> HttpResponse:
    shown = set(_topics(caller))
    ticked = set(request.POST.getlist("mail"))
    kept = notice_choices.chosen(caller).mail
    wanted = Chosen(
        digest_only=request.POST.get("how") == "digest",
        # What their role is not told of stays as it was.
        mail=tuple(
            each
            for each in Topic
            if (each.value in ticked if each in shown else each in kept)
        ),
    )
    notice_choices.choose(wanted, by=caller, now=clock())
    messages.success(request, "Saved.")
    return redirect("notifications-page")


def _topics(caller: Caller) -> list[Topic]:
    return [each for each in Topic if caller.role in FOR[each]]


def _is_failing(items: Sequence[Item]) -> bool:
    """Whether the newest that was tried to its end did not arrive."""
    ended = (Telling.Status.TOLD, Telling.Status.FAILED)
    newest = next((each for each in items if each.row.status in ended), None)
    return newest is not None and newest.row.status == Telling.Status.FAILED


def _items(caller: Caller) -> Sequence[Item]:
    rows = Telling.objects.filter(tenant_id=caller.tenant, member_id=caller.membership)
    listed = list(rows.select_related("notice").order_by("-id")[:LISTED])
    notes = [row.notice for row in listed]
    told = notice_facts.read(notes, now=clock(), zone=tenant_time())
    reader = notice_facts.readers([caller.membership]).get(str(caller.membership))
    found = []
    for row in listed:
        each = told.get(row.notice_id)
        line = each.line(reader) if each and reader else None
        tone, state = STATES[row.status]
        found.append(
            Item(
                row=row,
                what=line.what if line else row.notice.kind,
                where=line.where if line else "",
                about=TITLES[line.topic] if line else "",
                url=line.url.removeprefix(settings.PUBLIC_URL) if line else "",
                tone=tone,
                state=state,
            )
        )
    return found
