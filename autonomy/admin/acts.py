"""What came of intents: permits, receipts of budget, executions, and doubts to end."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminTextInputWidget

from autonomy.admin.pages import Done, Door, Question, Tool, Walked
from autonomy.admin.replays import Replayed
from autonomy.admin.walk import STATUS_TONES, link
from autonomy.admin.words import moment, spaced, stated, tag
from autonomy.desk import can_look, look_up
from autonomy.models import Execution, Permit, Receipt
from autonomy.settle import settle
from autonomy.undo import request as request_undo
from autonomy.undo import standing_of
from ledger.admin import as_json, oversees
from perception.admin.asking import caller_of, decides
from perception.members import person_acting

IN_DOUBT = Execution.Status.IN_DOUBT
TAKEN = {"DONE": "It was taken back.", "REQUESTED": "It is being taken back."}
# Pages that an approver does not come to.
BEHIND = ("about_intent", "about_permit")


class NoteForm(forms.Form):
    """How somebody knows."""

    note = forms.CharField(
        label="How you know",
        required=False,
        max_length=300,
        help_text="For those who read it later: whom you asked, what you saw.",
        widget=UnfoldAdminTextInputWidget,
    )


class UndoForm(forms.Form):
    """Why."""

    reason = forms.CharField(
        label="Why",
        required=False,
        max_length=300,
        help_text="For those who read it later.",
        widget=UnfoldAdminTextInputWidget,
    )


@admin.register(Execution)
class ExecutionAdmin(Replayed):
    """What was done, by which tool; where that is in doubt, a person says."""

    about = (
        "What was done, by which tool, and whether a person had said yes. Where a tool "
        "did not say whether it acted, the act is in doubt until a person does."
    )
    nothing = "Nothing was done yet. Acts appear here the moment that they start."
    ways = (("All", ""), ("In doubt", f"status__exact={IN_DOUBT}"))
    searched = ("id", "intent_id")
    list_display = ("action", "account", "state", "alone", "tool", "when")
    list_display_links = ("action",)
    list_select_related = ("account",)
    list_filter = (("status", ChoicesDropdownFilter),)
    ordering = ("-id",)
    fields = (
        "action", "state", "error", "alone", "account", "seller", "tool", "about_intent",
        "about_permit", "attempts", "when", "finished_at_said", "outcome_json",
        "explanation", "id",
    )  # fmt: skip
    readonly_fields = fields

    outcome_json = as_json("outcome", "outcome")

    finished_at_said = moment("finished_at", "finished")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return oversees(request) or decides(request)

    def may_act(self, request: HttpRequest) -> bool:
        return decides(request)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if oversees(request):
            return self.fields
        return tuple(each for each in self.fields if each not in BEHIND)

    def tools(self, request: HttpRequest, obj: Any = None) -> list[Tool]:
        if obj is None:
            return []
        again = self.again(request, obj)
        if obj.status == IN_DOUBT:
            return [*self._about_doubt(obj), *again]
        if not standing_of(obj).can:
            return again
        return [Tool(label="Undo …", href=self.url_of(obj.pk, "undo")), *again]

    def _about_doubt(self, act: Execution) -> list[Tool]:
        """Ask the tool, where it can be asked; or say it."""
        pages = ("lookup", "done", "undone")
        look, done, undone = (self.url_of(act.pk, each) for each in pages)
        asks = [Tool(label="Ask the tool", href=look, tone="main", posts=True)]
        return [
            *(asks if can_look(act) else []),
            Tool(label="It was done …", href=done),
            Tool(label="It was not done …", href=undone),
        ]

    def doors(self) -> Sequence[tuple[str, str, Door]]:
        return (
            ("<path:object_id>/done/", "done", self.done_view),
            ("<path:object_id>/undone/", "undone", self.undone_view),
            ("<path:object_id>/lookup/", "lookup", self.lookup_view),
            ("<path:object_id>/undo/", "undo", self.undo_view),
            ("<path:object_id>/replay/", "replay", self.replay_view),
        )

    def done_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ends a doubt: it was done."""
        return self._settle(request, object_id, done=True)

    def undone_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ends a doubt: it was not done."""
        return self._settle(request, object_id, done=False)

    def lookup_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks the tool what became of an act in doubt."""
        self.insist(request)
        act, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        question = Question(
            title="Ask the tool?",
            said=["It is asked whether it did this. What it shows ends the doubt."],
            button="Ask the tool",
            back=self.url_of(act.pk),
        )

        def look() -> Done:
            looked = look_up(act.pk, by=person_acting(caller_of(request)))
            return Done(said=looked.said, is_refusal=looked.done is None)

        return self.asked(request, question, look, self.url_of(act.pk))

    def undo_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Takes an act back, after asking why."""
        self.insist(request)
        act, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        form = UndoForm(request.POST or None)
        question = Question(
            title="Undo this?",
            said=[
                f"{self.action(act).capitalize()} at {act.account} is taken back.",
                "What somebody has changed since stays as it is, and is told.",
            ],
            button="Undo",
            back=self.url_of(act.pk),
            form=form,
        )

        def take() -> Done:
            caller = caller_of(request)
            undo = request_undo(
                act.pk,
                by=person_acting(caller),
                member=caller.membership,
                reason=form.cleaned_data["reason"],
            )
            said = TAKEN.get(undo.status, undo.error)
            return Done(said=said, is_refusal=undo.status not in TAKEN)

        return self.asked(request, question, take, self.url_of(act.pk))

    def _settle(
        self, request: HttpRequest, object_id: str, *, done: bool
    ) -> HttpResponse:
        self.insist(request)
        act, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        form = NoteForm(request.POST or None)
        what = "was done" if done else "was not done"
        then = "succeeded" if done else "failed; it is not tried again"
        question = Question(
            title=f"It {what}?",
            said=[
                f"{self.action(act).capitalize()} at {act.account}, with {act.tool}.",
                f"It counts as {then}. The first word counts, and it is for good.",
            ],
            button=f"It {what}",
            back=self.url_of(act.pk),
            form=form,
        )

        def end() -> str:
            by, note = person_acting(caller_of(request)), form.cleaned_data["note"]
            ended = settle(act, done=done, by=by, note=note, now=timezone.now())
            return f"The doubt is over: it {stated(ended.status)}."

        return self.asked(request, question, end, self.url_of(act.pk))

    @admin.display(description="action")
    def action(self, row: Execution) -> str:
        return spaced(row.action_type)

    @admin.display(description="state")
    def state(self, row: Execution) -> SafeString:
        tones = {**STATUS_TONES, "STARTED": "wait"}
        return tag(spaced(row.status.lower()), tones.get(row.status, ""))

    @admin.display(description="let by")
    def alone(self, row: Execution) -> str:
        return "policy" if row.auto_executed else "a person"

    @admin.display(description="started (UTC)")
    def when(self, row: Execution) -> str:
        return f"{row.started_at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="intent")
    def about_intent(self, row: Execution) -> SafeString:
        return link("intent", row.intent_id, "What was proposed, and its verdict")

    @admin.display(description="permit")
    def about_permit(self, row: Execution) -> SafeString:
        return link("permit", row.permit_id, "The permit it spent")

    @admin.display(description="explanation")
    def explanation(self, row: Execution) -> SafeString:
        href = reverse("execution-explanation", args=[row.pk])
        return format_html(
            '<a class="gv-link" href="{}">Why it ran, from the ledger</a>', href
        )


@admin.register(Permit)
class PermitAdmin(Walked):
    """Leave to do one exact action once."""

    about = "Leave to do one exact action once. Without one, no tool acts."
    nothing = "No permit was minted yet."
    searched = ("id", "intent_id")
    list_display = ("action", "account", "state", "source", "when", "expires_at_said")
    list_display_links = ("action",)
    list_select_related = ("intent__account",)
    list_filter = (("source", ChoicesDropdownFilter),)
    ordering = ("-id",)
    fields = (
        "action", "state", "source", "approved_by", "about_intent", "when",
        "expires_at_said", "spent_at_said", "voided_at_said", "action_digest", "facts_digest",
        "policy_version", "epoch", "id",
    )  # fmt: skip
    readonly_fields = fields

    expires_at_said = moment("expires_at", "expires")
    spent_at_said = moment("spent_at", "spent")
    voided_at_said = moment("voided_at", "voided")

    @admin.display(description="action")
    def action(self, row: Permit) -> str:
        return spaced(row.action_type)

    @admin.display(description="account")
    def account(self, row: Permit) -> str:
        return str(row.intent.account)

    @admin.display(description="state")
    def state(self, row: Permit) -> SafeString:
        if row.spent_at:
            return tag("spent")
        return tag("voided", "wait") if row.voided_at else tag("open", "good")

    @admin.display(description="minted (UTC)")
    def when(self, row: Permit) -> str:
        return f"{row.minted_at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="intent")
    def about_intent(self, row: Permit) -> SafeString:
        return link("intent", row.intent_id, "What it is for")


@admin.register(Receipt)
class ReceiptAdmin(Walked):
    """What intents took out of budgets, and what came back."""

    about = "What each act took out of the day's budgets, and what came back."
    nothing = "No budget was used yet."
    searched = ("id", "intent_id")
    list_display = ("day", "state", "budgets", "consumed_at_said", "returned_at_said")
    ordering = ("-id",)
    fields = (
        "day", "state", "budgets", "about_intent", "consumed_at_said", "returned_at_said", "id",
    )  # fmt: skip
    readonly_fields = fields

    consumed_at_said = moment("consumed_at", "taken")
    returned_at_said = moment("returned_at", "came back")

    @admin.display(description="state")
    def state(self, row: Receipt) -> SafeString:
        return tag("came back", "wait") if row.returned_at else tag("used")

    @admin.display(description="out of budgets")
    def budgets(self, row: Receipt) -> int:
        return len(row.uses)

    @admin.display(description="intent")
    def about_intent(self, row: Receipt) -> SafeString:
        return link("intent", row.intent_id, "The act it was for")
