"""Copies of the ledger: asked for here, written by the relay, fetched by whoever asked."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminDateWidget, UnfoldAdminSelectWidget

from ledger.admin import as_json, oversees
from ledger.clock import clock
from ledger.errors import LedgerError
from ledger.export import LONGEST_RANGE, request_export
from ledger.models import Export
from perception.admin.asking import caller_of
from perception.admin.pages import Done, Door, Question, Shown, Tool
from perception.members import person_acting

A_DAY = timedelta(days=1)
A_MONTH = timedelta(days=30)
TONES = {"PENDING": "wait", "COMPLETED": "good", "FAILED": "bad"}
FORMATS = (
    ("jsonl", "JSON lines, which can be verified"),
    ("csv", "CSV, for a spreadsheet"),
    ("parquet", "Parquet, for analysis"),
)


class ExportForm(forms.Form):
    """Which days, both counted, and what kind of file."""

    first = forms.DateField(label="From", widget=UnfoldAdminDateWidget)
    last = forms.DateField(
        label="To",
        help_text="This day is in it. Days are counted in UTC.",
        widget=UnfoldAdminDateWidget,
    )
    format = forms.ChoiceField(choices=FORMATS, widget=UnfoldAdminSelectWidget)

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        first, last = given.get("first"), given.get("last")
        if first and last:
            if last < first:
                self.add_error("last", "The last day comes before the first.")
            elif last - first >= LONGEST_RANGE:
                days = LONGEST_RANGE.days
                self.add_error("last", f"A copy spans {days} days at most.")
        return given

    def stretch(self) -> tuple[datetime, datetime]:
        """From midnight to midnight."""
        given = self.cleaned_data
        begin = datetime.combine(given["first"], time.min, tzinfo=UTC)
        return begin, datetime.combine(given["last"], time.min, tzinfo=UTC) + A_DAY


@admin.register(Export)
class ExportAdmin(Shown):
    """Every copy that was asked for; the file is for whoever did."""

    about = (
        "A copy of a stretch of the ledger, with a manifest of what is in it. Asking for "
        "one and fetching it are stated in the ledger too."
    )
    nothing = "No copy was asked for yet. “Export …” has one written."
    refusals: ClassVar = (LedgerError,)
    list_display = ("requested", "format", "state", "begins", "ends", "file")
    list_filter = ("status", "format")
    ordering = ("-requested_at",)
    sortable_by = ()
    fields = (
        "id", "requested_by", "requested", "begins", "ends", "format", "state", "file",
        "attempts", "manifest_json", "error", "finished_at", "expires_at",
    )  # fmt: skip
    readonly_fields = fields

    manifest_json = as_json("manifest", "manifest")

    def may_act(self, request: HttpRequest) -> bool:
        return oversees(request)

    def tools(self, request: HttpRequest, obj: Any = None) -> list[Tool]:
        if obj is not None:
            return []
        return [Tool(label="Export …", href="ask/", tone="main")]

    def doors(self) -> Sequence[tuple[str, str, Door]]:
        return (("ask/", "ask", self.ask_view),)

    def ask_view(self, request: HttpRequest) -> HttpResponse:
        """Which days and what kind of file; the relay writes it within seconds."""
        self.insist(request)
        today = clock().date()
        form = ExportForm(
            request.POST or None,
            initial={"first": today - A_MONTH, "last": today, "format": "jsonl"},
        )
        question = Question(
            title="Export the ledger",
            said=["It is written within seconds, and can then be fetched for a while."],
            button="Write it",
            back=self.list_url(),
            form=form,
        )

        def write() -> Done:
            begin, end = form.stretch()
            by, kind = person_acting(caller_of(request)), form.cleaned_data["format"]
            request_export(begin=begin, end=end, format=kind, by=by, now=clock())
            return Done(said="The copy is being written. It appears here.")

        return self.asked(request, question, write, self.list_url())

    @admin.display(description="asked (UTC)")
    def requested(self, row: Export) -> str:
        return f"{row.requested_at:%Y-%m-%d %H:%M}"

    @admin.display(description="from")
    def begins(self, row: Export) -> str:
        return f"{row.begin:%Y-%m-%d}"

    @admin.display(description="to")
    def ends(self, row: Export) -> str:
        return f"{row.end - timedelta(microseconds=1):%Y-%m-%d}"

    @admin.display(description="state")
    def state(self, row: Export) -> SafeString:
        said = row.status.lower()
        return format_html(
            '<span class="gv-tag gv-{}">{}</span>', TONES[row.status], said
        )

    @admin.display(description="file")
    def file(self, row: Export) -> SafeString | str:
        if row.status != Export.Status.COMPLETED:
            return row.error or "not yet"
        if row.expires_at is not None and row.expires_at <= clock():
            return "gone: its time is over"
        href = reverse("export-download", args=[row.pk])
        return format_html(
            '<a class="gv-link" href="{}">Fetch it</a>, if you asked for it', href
        )
