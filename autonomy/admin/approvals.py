"""Approvals: what people are asked, with all that it rests on, and their answers."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
)

from autonomy import asking, decisions, looks
from autonomy.admin import habits
from autonomy.admin.approval_forms import CAUSES, EditForm, RejectForm, SnoozeForm
from autonomy.admin.pages import Carded, Done, Door, Question, Tool
from autonomy.admin.steps import pretty
from autonomy.admin.walk import account_link, said
from autonomy.admin.words import left, moment, people, shown, spaced, stated, tag
from autonomy.decisions import Decided
from autonomy.errors import AlreadyDecided
from autonomy.models import Approval
from autonomy.rules.approvals import risk_of
from ledger.admin import oversees
from ledger.clock import clock
from perception.admin.asking import caller_of, decides

PENDING = Approval.Status.PENDING
HABITS = "view=habits"
TONES = {
    "PENDING": "wait", "APPROVED": "good", "REJECTED": "bad",
}  # fmt: skip


def may_look(request: HttpRequest) -> bool:
    """Overseers read; approvers decide."""
    return oversees(request) or decides(request)


@admin.register(Approval)
class ApprovalAdmin(Carded):
    """The first decision counts; whoever comes second is told who was first."""

    about = (
        "What people are asked. An answer holds for exactly what is shown, once; an "
        "edit is judged again; what nobody answers in time expires."
    )
    nothing = (
        "Nobody was asked anything yet. Whatever policy does not let run alone waits "
        "here for a yes or a no."
    )
    ways = (
        ("All", ""),
        ("Waiting", f"status__exact={PENDING}"),
        ("Approved", f"status__exact={Approval.Status.APPROVED}"),
        ("Rejected", f"status__exact={Approval.Status.REJECTED}"),
    )
    card_template = "autonomy/approval.html"
    searched = ("id", "intent_id", "account_id")
    list_display = (
        "action",
        "account",
        "state",
        "why",
        "decider",
        "asked_said",
        "expires_said",
    )
    list_display_links = ("action",)
    list_select_related = ("account", "intent", "verdict")
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("account", AutocompleteSelectFilter),
    )
    ordering = ("-id",)

    asked_said = moment("asked_at", "asked")
    expires_said = moment("expires_at", "expires")

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = asking.seen_by(caller_of(request)).select_related(
            "account", "intent", "verdict"
        )
        one = request.resolver_match and request.resolver_match.kwargs
        heavy = ("verdict__facts", "verdict__layers", "intent__evidence", "edits")
        return rows if one else rows.defer(*heavy)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_look(request)

    def may_act(self, request: HttpRequest) -> bool:
        return decides(request)

    def shows(self, request: HttpRequest, query: str) -> bool:
        """Who decides does not grade themselves."""
        return query != HABITS or oversees(request)

    def changelist_view(
        self, request: HttpRequest, extra_context: Any = None
    ) -> HttpResponse:
        """The list, or how people decide."""
        if request.GET.urlencode() != HABITS:
            return super().changelist_view(request, extra_context)
        if not self.shows(request, HABITS):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            **self.around(request),
            "opts": self.opts,
            **habits.told(timezone.now()),
        }
        return TemplateResponse(request, "autonomy/habits.html", context)

    def titled(self, row: Approval) -> str:
        return self.action(row).capitalize()

    @admin.display(description="action")
    def action(self, row: Approval) -> str:
        return spaced(row.intent.action_type)

    @admin.display(description="state")
    def state(self, row: Approval) -> SafeString:
        is_over = row.status == PENDING and row.expires_at <= timezone.now()
        words = "waiting" if row.status == PENDING else stated(row.status)
        return tag("out of time" if is_over else words, TONES.get(row.status, ""))

    @admin.display(description="asked because")
    def why(self, row: Approval) -> str:
        return stated(row.verdict.reason)

    @admin.display(description="decided by")
    def decider(self, row: Approval) -> str:
        return "the seller" if row.requires_role == "SELLER" else "an approver"

    def tools(self, request: HttpRequest, obj: Any = None) -> list[Tool]:
        if obj is None or obj.status != PENDING:
            return []
        since = looks.shown(obj.pk, caller_of(request), now=clock())
        seen = {"payload_hash": obj.payload_hash, looks.NAME: since}
        reject = self.url_of(obj.pk, "reject")
        return [
            Tool(
                label="Approve",
                href=self.url_of(obj.pk, "approve"),
                tone="main",
                posts=True,
                carries=seen,
            ),
            # The form asks further; it is this page that shows the question.
            Tool(label="Reject …", href=f"{reject}?{urlencode({looks.NAME: since})}"),
            Tool(label="Edit …", href=self.url_of(obj.pk, "edit")),
            Tool(label="Snooze …", href=self.url_of(obj.pk, "snooze")),
        ]

    def card(self, request: HttpRequest, row: Approval) -> dict[str, Any]:
        edits = row.edits or []
        ended = [each for each in edits if each["approval"] == str(row.pk)]
        given = ended[-1]["before"] if ended else row.intent.parameters
        ids = [row.decided_by_id, row.assigned_to_id, row.author_id]
        named = people([*(each for each in ids if each), *(e["by"] for e in edits)])
        facts = row.verdict.facts
        risk = risk_of(
            (facts.get("traits") or {}).get("risk_level"), facts["risk_level"]
        )
        return {
            "row": row,
            "state": self.state(row),
            "account": account_link(row) if oversees(request) else row.account.name,
            "parameters": [(spaced(name), _text(each)) for name, each in given.items()],
            "evidence": pretty(row.intent.evidence) if row.intent.evidence else "",
            "newest": said(row.verdict),
            "risk": stated(risk),
            "decider": self.decider(row),
            "cause": CAUSES.get(row.cause, ""),
            "decided_by": named.get(str(row.decided_by_id), ""),
            "assigned_to": named.get(str(row.assigned_to_id), ""),
            "author": named.get(str(row.author_id), ""),
            "left": left(row.expires_at, now=timezone.now()),
            "edits": [_edit(each, named) for each in edits],
        }

    def refused(self, refusal: Exception, obj: Any = None) -> str:
        """Whoever comes second reads who was first."""
        if not isinstance(refusal, AlreadyDecided) or obj is None:
            return super().refused(refusal, obj)
        obj.refresh_from_db()
        who = people([obj.decided_by_id]).get(str(obj.decided_by_id), "Somebody else")
        at = f"{obj.decided_at:%Y-%m-%d %H:%M:%S} UTC"
        return f"{who} {stated(obj.status)} it at {at}. The first decision counts."

    def doors(self) -> Sequence[tuple[str, str, Door]]:
        return tuple(
            (f"<path:object_id>/{name}/", name, view)
            for name, view in (
                ("approve", self.approve_view),
                ("reject", self.reject_view),
                ("edit", self.edit_view),
                ("snooze", self.snooze_view),
            )
        )

    def approve_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Lets exactly what was shown be done."""
        row, away = self._taken(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        question = self._question(
            row,
            "Approve",
            "Exactly what is shown there is done, once, as soon as it may.",
        )
        shown_then = request.POST.get("payload_hash") or row.payload_hash

        def yes() -> Done:
            decided = self._decided(request, row)
            done = decisions.approve(row.pk, payload_hash=shown_then, **decided)
            return self._done(done, "Approved: it starts as soon as it may.")

        return self.asked(request, question, yes, self.url_of(row.pk), row)

    def reject_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks why not."""
        row, away = self._taken(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        form = RejectForm(request.POST or None)
        question = self._question(row, "Reject", "It is not done.", form)

        def no() -> Done:
            given = {**form.cleaned_data, **self._decided(request, row)}
            done = decisions.reject(row.pk, **given)
            return self._done(done, "Rejected. What you said is kept with it.")

        return self.asked(request, question, no, self.url_of(row.pk), row)

    def edit_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks what should be done instead."""
        row, away = self._taken(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        form = EditForm(
            request.POST or None, initial={"parameters": row.intent.parameters}
        )
        says = "What you write is judged again; then it can be approved."
        question = self._question(
            row, "Edit", says, form, button="Save and judge again"
        )

        def change() -> Done:
            given, by = form.cleaned_data["parameters"], caller_of(request)
            done = decisions.edit(row.pk, given, by=by)
            return self._done(done, "Changed, and judged again.")

        return self.asked(request, question, change, self.url_of(row.pk), row)

    def snooze_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks when to ask again."""
        row, away = self._taken(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        form = SnoozeForm(request.POST or None)
        says = f"It expires {_at(row.expires_at)}; before that, it can wait."
        question = self._question(row, "Snooze", says, form)

        def later() -> Done:
            until = timezone.now() + timedelta(hours=form.cleaned_data["hours"])
            done = decisions.snooze(row.pk, until, by=caller_of(request))
            return self._done(done, f"Put off until {_at(until)}.")

        return self.asked(request, question, later, self.url_of(row.pk), row)

    def _taken(self, request: HttpRequest, object_id: str) -> Any:
        self.insist(request)
        return self.found(request, object_id)

    def _decided(self, request: HttpRequest, row: Approval) -> dict[str, Any]:
        """Who decides, and since when the question was open before them."""
        by = caller_of(request)
        return {"by": by, "opened": looks.carried(request, by).get(row.pk)}

    def _question(
        self, row: Approval, verb: str, says: str, form: Any = None, button: str = ""
    ) -> Question:
        return Question(
            title=f"{verb}: {self.action(row)}",
            said=[f"At {row.account}.", says],
            button=button or verb,
            tone="stop" if verb == "Reject" else "main",
            back=self.url_of(row.pk),
            form=form,
        )

    def _done(self, done: Decided, words: str) -> Done:
        """What was decided; a refusal says why, and what stands now stays."""
        then = self.url_of(done.approval.pk)
        if done.refusal is not None:
            return Done(said=str(done.refusal), then=then, is_refusal=True)
        return Done(said=words, then=then)


def _at(moment_: datetime) -> str:
    return f"{moment_:%Y-%m-%d %H:%M} UTC"


def _text(value: Any) -> str:
    return pretty(value) if isinstance(value, dict | list) else shown(value)


def _edit(edit: dict[str, Any], named: Any) -> dict[str, Any]:
    before, after = edit["before"], edit["after"]
    return {
        "who": named.get(edit["by"], "Somebody"),
        "at": edit["at"][:19].replace("T", " "),
        "changes": [
            (spaced(name), _text(before.get(name)), _text(after.get(name)))
            for name in {**before, **after}
            if before.get(name) != after.get(name)
        ],
    }
