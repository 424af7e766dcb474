"""The jobs of the house: how often each comes round, when next, and how the last went."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldBooleanWidget

from autonomy import jobs
from autonomy.admin.words import moment, spaced, tag
from autonomy.errors import AutonomyError
from autonomy.models import Job
from ledger.admin import HouseWide
from ledger.clock import clock
from ledger.record import Actor
from perception.admin.pages import Door, Question, Shown, Tool

MEANS = {
    "pattern_scan": "Looks through what accounts did for patterns.",
    "proactive_outreach_check": "Looks for what should be begun before anybody asks.",
    "goal_progress_update": "Measures goals, and says which of them are behind.",
    "daily_digest_generation": "Writes and sends the digests that are due.",
    "context_summarization": "Tells weeks and months of accounts in counts.",
    "ranking_fit": "Fits models to what became clear; they score without effect.",
    "house_ranking_fit": "The same for tenants without a model, from those that share.",
    "ranking_evaluation": "Writes each tenant's report of how well proposals are ranked.",
    "outcome_reconciliation": "Looks for acts that ended without an outcome.",
    "earned_autonomy": "Looks at what each type has earned: suggests, and narrows.",
}
# Nobody came for it: no worker lives, or none knows how to do it.
LATE = timedelta(minutes=5)
SPANS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


class JobForm(forms.ModelForm):  # type: ignore[type-arg]
    """How often it comes, and whether it does."""

    every_s = forms.IntegerField(
        label="Comes every … seconds",
        min_value=jobs.SHORTEST,
        max_value=jobs.LONGEST,
        help_text="An hour is 3600, a day 86400. A shorter time holds at once.",
        widget=UnfoldAdminIntegerFieldWidget,
    )
    is_on = forms.BooleanField(
        label="Comes round",
        required=False,
        help_text="Off: nothing of it is done until it is switched on again.",
        widget=UnfoldBooleanWidget,
    )

    class Meta:
        model = Job
        fields = jobs.CHANGEABLE


@admin.register(Job)
class JobAdmin(HouseWide, Shown):
    """Every job that there is: changed here, and stated in the house's own ledger."""

    about = (
        "What the house does by itself, for all tenants. Each tick is run by one process; "
        "what breaks at one account is counted, and the others are served."
    )
    nothing = "They appear as soon as the timetable has started once."
    refusals = (AutonomyError,)
    form = JobForm
    list_display = ("named", "state", "every", "when", "last", "count", "faults")
    ordering = ("name",)
    sortable_by = ()
    readonly_fields = ("means", "state", "when", "began", "last", "count", "faults")

    when = moment("next_at", "next")
    began = moment("started_at", "began")
    last = moment("ended_at", "ended")

    def may_act(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*self.readonly_fields, *jobs.CHANGEABLE)

    def tools(self, request: HttpRequest, obj: Any = None) -> list[Tool]:
        if obj is None or not obj.is_on:
            return []
        return [Tool(label="Run now", href=self.url_of(quote(obj.pk), "run"))]

    def doors(self) -> Sequence[tuple[str, str, Door]]:
        return (("<path:object_id>/run/", "run", self.run_view),)

    def run_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks, and has it run at once."""
        self.insist(request)
        row, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        page = self.url_of(quote(row.pk))
        question = Question(
            title=f"Run {spaced(row.name)} now?",
            said=[
                "It runs within half a minute. Its times count from then on.",
                MEANS.get(row.name, ""),
            ],
            button="Run now",
            back=page,
        )

        def do() -> str:
            jobs.run_soon(row.name, by=_by(request), now=clock())
            return f"{spaced(row.name).capitalize()} runs within half a minute."

        return self.asked(request, question, do, page, row)

    def save_model(
        self, request: HttpRequest, obj: Job, form: Any, change: bool
    ) -> None:
        jobs.change(obj.name, form.cleaned_data, by=_by(request), now=clock())

    @admin.display(description="job")
    def named(self, row: Job) -> str:
        return spaced(row.name).capitalize()

    @admin.display(description="what it does")
    def means(self, row: Job) -> str:
        return MEANS.get(row.name, "")

    @admin.display(description="state")
    def state(self, row: Job) -> SafeString:
        if not row.is_on:
            return tag("off", "wait")
        if row.lease_until is not None and row.lease_until > clock():
            return tag("running", "wait")
        if row.next_at < clock() - LATE:
            return tag("overdue", "bad")
        return tag("broken", "bad") if row.broken else tag("on", "good")

    @admin.display(description="every")
    def every(self, row: Job) -> str:
        span, name = next(each for each in SPANS if row.every_s % each[0] == 0)
        count = row.every_s // span
        return name if count == 1 else f"{count} {name}s"

    @admin.display(description="broke")
    def faults(self, row: Job) -> str:
        return f"{row.broken}: {row.error}".rstrip(": ") if row.broken else "–"


def _by(request: HttpRequest) -> Actor:
    """Superusers are nobody's member: the ledger of the house names the person."""
    return Actor(type="person", id=str(request.user.pk))
