"""What was taken back, one by one or since a moment, and what stood in the way."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from autonomy import sweep as sweeps
from autonomy import undo as undos
from autonomy.admin.acts import NoteForm
from autonomy.admin.pages import Done, Door, Question, Tool, Walked
from autonomy.admin.walk import link
from autonomy.admin.words import moment, spaced, stated, tag
from autonomy.models import Sweep, Undo
from ledger.admin import as_json, oversees
from perception.admin.asking import caller_of, decides
from perception.members import person_acting
from perception.models import Account

TONES = {"DONE": "good", "REQUESTED": "wait", "RUNNING": "wait", "IN_DOUBT": "wait",
         "CONFLICT": "bad", "FAILED": "bad"}  # fmt: skip
PROOFS = {
    "HOUSE": "The house's own record was put back and read again.",
    "READ_BACK": "The tool was asked afterwards: it stands as it stood before.",
    "TOOL": "The tool confirmed it; the house cannot look itself.",
    "PERSON": "A person found that it was taken back.",
    "RETRACTED": "It was called off before it started.",
}


SINCE = (
    "What has not started is called off at once. What was done is put back as it was, "
    "newest first; what somebody has changed since stays."
)


@admin.register(Undo)
class UndoAdmin(Walked):
    """Acts that were taken back, or are to be."""

    about = (
        "Acts that were taken back, or are to be. What somebody has changed since is a "
        "conflict: it was left as it is."
    )
    nothing = "Nothing was taken back yet. An act's page has the button."
    ways = (
        ("All", ""),
        ("Conflicts", "status__exact=CONFLICT"),
        ("In doubt", "status__exact=IN_DOUBT"),
    )
    searched = ("id", "execution_id", "intent_id", "sweep_id")
    list_display = ("action", "account", "state", "reason", "when")
    list_display_links = ("action",)
    list_select_related = ("account", "intent")
    list_filter = (("status", ChoicesDropdownFilter),)
    ordering = ("-id",)
    fields = (
        "action", "state", "proof_said", "error", "found_json", "reason", "account",
        "about_execution", "when", "finished_at_said", "id",
    )  # fmt: skip
    readonly_fields = fields

    found_json = as_json("found", "what stands there now")
    finished_at_said = moment("finished_at", "ended")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return oversees(request) or decides(request)

    def may_act(self, request: HttpRequest) -> bool:
        return decides(request)

    def tools(self, request: HttpRequest, obj: Any = None) -> list[Tool]:
        if obj is None or obj.status != Undo.Status.IN_DOUBT:
            return []
        done, failed = (self.url_of(obj.pk, each) for each in ("done", "failed"))
        return [
            Tool(label="It was taken back …", href=done, tone="main"),
            Tool(label="It was not …", href=failed),
        ]

    def doors(self) -> Sequence[tuple[str, str, Door]]:
        return (
            ("<path:object_id>/done/", "done", self.done_view),
            ("<path:object_id>/failed/", "failed", self.failed_view),
        )

    def done_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ends a doubt: it was taken back."""
        return self._settle(request, object_id, done=True)

    def failed_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ends a doubt: it was not taken back."""
        return self._settle(request, object_id, done=False)

    def _settle(
        self, request: HttpRequest, object_id: str, *, done: bool
    ) -> HttpResponse:
        self.insist(request)
        row, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        form = NoteForm(request.POST or None)
        what = "was taken back" if done else "was not taken back"
        question = Question(
            title=f"It {what}?",
            said=["The first word counts, and it is for good."],
            button=f"It {what}",
            back=self.url_of(row.pk),
            form=form,
        )

        def end() -> str:
            by, note = person_acting(caller_of(request)), form.cleaned_data["note"]
            ended = undos.settle(row.pk, done_=done, by=by, note=note)
            return f"The doubt is over: it {stated(ended.status)}."

        return self.asked(request, question, end, self.url_of(row.pk))

    @admin.display(description="action")
    def action(self, row: Undo) -> str:
        return spaced(row.intent.action_type)

    @admin.display(description="state")
    def state(self, row: Undo) -> SafeString:
        return tag(spaced(row.status.lower()), TONES.get(row.status, ""))

    @admin.display(description="how that is known")
    def proof_said(self, row: Undo) -> str:
        return PROOFS.get(row.proof, "–")

    @admin.display(description="asked for (UTC)")
    def when(self, row: Undo) -> str:
        return f"{row.asked_at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="act")
    def about_execution(self, row: Undo) -> SafeString | str:
        if row.execution_id is None:
            return "It had not started."
        return link("execution", row.execution_id, "What was done")


class SinceForm(forms.Form):
    """Since when, for which account, and why."""

    since = forms.DateTimeField(
        label="Since (UTC)",
        widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}),
    )
    account = forms.ModelChoiceField(
        Account.objects.none(),
        required=False,
        empty_label="Every account",
        widget=UnfoldAdminSelectWidget,
    )
    also_approved = forms.BooleanField(
        label="Also what people had approved",
        required=False,
        widget=UnfoldBooleanWidget,
    )
    reason = forms.CharField(max_length=300, widget=UnfoldAdminTextInputWidget)

    def __init__(self, *args: Any, tenant: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        rows = Account.objects.filter(tenant_id=tenant).order_by("name")
        field: Any = self.fields["account"]
        field.queryset = rows


@admin.register(Sweep)
class SweepAdmin(Walked):
    """Everything since a moment, taken back."""

    about = (
        "Everything since a moment, taken back: newest first, so that each field is as "
        "it was before. What cannot be taken back is listed, and left as it is."
    )
    nothing = "Nothing was ever taken back at once."
    searched = ("id", "account_id")
    list_display = ("since_said", "about_whom", "state", "ended", "reason", "when")
    list_display_links = ("since_said",)
    list_select_related = ("account",)
    ordering = ("-id",)
    fields = (
        "since_said", "about_whom", "state", "ended", "rows", "reason", "when",
        "finished_at_said", "id",
    )  # fmt: skip
    readonly_fields = fields

    finished_at_said = moment("finished_at", "ended at")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return oversees(request) or decides(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Sweep]:
        return sweeps.with_counts(super().get_queryset(request))

    def tools(self, request: HttpRequest, obj: Any = None) -> list[Tool]:
        if obj is not None:
            return []
        href = reverse("admin:autonomy_sweep_since")
        return [Tool(label="Take back since …", href=href, tone="main")]

    def doors(self) -> Sequence[tuple[str, str, Door]]:
        return (("since/", "since", self.since_view),)

    def since_view(self, request: HttpRequest) -> HttpResponse:
        """Asks since when; then workers go to it."""
        self.insist(request)
        caller = caller_of(request)
        form = SinceForm(request.POST or None, tenant=caller.tenant)
        question = Question(
            title="Take back everything since",
            said=[
                SINCE,
                "Messages that went out cannot be called back: they are listed.",
            ],
            button="Take it back",
            back=self.list_url(),
            tone="stop",
            form=form,
        )

        def go() -> Done:
            given = form.cleaned_data
            sweep = sweeps.request(
                given["since"],
                account=given["account"].pk if given["account"] else None,
                only_automatic=not given["also_approved"],
                reason=given["reason"],
                by=person_acting(caller),
                member=caller.membership,
            )
            count = sum(sweeps.counted(sweeps.one(sweep.pk)).values())
            what = "1 act is" if count == 1 else f"{count} acts are"
            said = f"{what} being taken back."
            return Done(said=said, then=self.url_of(sweep.pk))

        return self.asked(request, question, go, self.list_url())

    @admin.display(description="since (UTC)")
    def since_said(self, row: Sweep) -> str:
        return f"{row.since:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="of")
    def about_whom(self, row: Sweep) -> str:
        return str(row.account) if row.account_id else "every account"

    @admin.display(description="state")
    def state(self, row: Sweep) -> SafeString:
        return tag(spaced(row.status.lower()), TONES.get(row.status, ""))

    @admin.display(description="how it went")
    def ended(self, row: Sweep) -> str:
        found = sorted(sweeps.counted(row).items())
        return ", ".join(f"{n} {spaced(name.lower())}" for name, n in found) or "–"

    @admin.display(description="acts")
    def rows(self, row: Sweep) -> SafeString:
        href = reverse("admin:autonomy_undo_changelist")
        return format_html(
            '<a class="gv-link" href="{}?q={}">What became of each</a>', href, row.pk
        )

    @admin.display(description="asked for (UTC)")
    def when(self, row: Sweep) -> str:
        return f"{row.asked_at:%Y-%m-%d %H:%M:%S}"
