"""Simulations: a candidate tried on the recorded past, and what it would have changed."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models.fields.json import KT
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
)

from autonomy import simulate
from autonomy.admin.pages import Governed, Tool
from autonomy.admin.words import DECISIONS, MODES, accounts, moment, spaced, tag
from autonomy.models import Bundle, Simulation
from autonomy.rules.verdict import Decision
from ledger.admin import as_json
from perception.admin.asking import caller_of
from perception.models import Opportunity

TONES = {"COMPLETED": "good", "FAILED": "bad", "PENDING": "wait"}
LONGEST = 90
LISTED = 100


class SimulationForm(forms.ModelForm):  # type: ignore[type-arg]
    """A stretch of days, and what might have been in force."""

    days = forms.IntegerField(
        label="The last days",
        min_value=1,
        max_value=LONGEST,
        initial=7,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    bundle = forms.ModelChoiceField(
        Bundle.objects.none(),
        label="With this policy",
        required=False,
        empty_label="the one of the time",
        widget=UnfoldAdminSelectWidget,
    )
    mode = forms.ChoiceField(
        label="With this mode everywhere",
        choices=[("", "the one of the time"), *((mode, mode) for mode in MODES)],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    limit_per_day = forms.IntegerField(
        label="With this budget in all",
        min_value=0,
        max_value=1_000_000,
        required=False,
        help_text="Acts a day. Empty: the budgets of the time.",
        widget=UnfoldAdminIntegerFieldWidget,
    )
    gated_stages = forms.MultipleChoiceField(
        label="With a person deciding in",
        choices=Opportunity.Stage.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    class Meta:
        model = Simulation
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        newest = Bundle.objects.defer("source").order_by("-saved_at")
        self.fields["bundle"].queryset = newest  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        names = ("bundle", "mode", "gated_stages")
        named = any(given.get(name) for name in names)
        if not self.errors and not named and given["limit_per_day"] is None:
            raise forms.ValidationError("Choose something to be different.")
        return given

    def wanted(self) -> dict[str, Any]:
        """The candidate as plain data."""
        given = self.cleaned_data
        modes = [{"mode": given["mode"]}] if given["mode"] else []
        limit = given["limit_per_day"]
        budgets = [] if limit is None else [{"limit_per_day": limit}]
        bundle = given["bundle"]
        return {
            "modes": modes,
            "budgets": budgets,
            "gated_stages": given["gated_stages"],
            **({"bundle_version": bundle.version} if bundle else {}),
        }


@admin.register(Simulation)
class SimulationAdmin(Governed):
    """What would have run alone, and what people would have been asked."""

    about = (
        "A policy, a mode or a budget is tried on everything that was proposed in a "
        "stretch of time, in order. Nothing is done, and nothing is changed."
    )
    nothing = "Nothing was tried yet."
    form = SimulationForm
    list_display = ("stretch", "state", "how_far", "newly", "asked_by", "asked_at_said")
    list_display_links = ("stretch",)
    list_select_related = ("asked_by__person",)
    ordering = ("-asked_at",)
    sortable_by = ()
    shown = (
        "stretch",
        "state",
        "asked_by",
        "asked_at_said",
        "result",
        "candidate_json",
    )
    readonly_fields = shown

    candidate_json = as_json("candidate", "tried with")

    asked_at_said = moment("asked_at", "asked")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = (
            super()
            .get_queryset(request)
            .annotate(newly_total=KT("report__newly_autonomous_total"))
        )
        one = request.resolver_match and request.resolver_match.kwargs
        return rows if one else rows.defer("report", "candidate")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return tuple(SimulationForm.base_fields) if obj is None else self.shown

    def get_readonly_fields(
        self, request: HttpRequest, obj: Any = None
    ) -> tuple[str, ...]:
        return () if obj is None else self.shown

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"bundle": request.GET.get("bundle")}

    @admin.display(description="stretch")
    def stretch(self, row: Simulation) -> str:
        return f"{row.begin:%Y-%m-%d} to {row.end:%Y-%m-%d}"

    @admin.display(description="state")
    def state(self, row: Simulation) -> SafeString:
        return tag(row.status.lower(), TONES[row.status])

    @admin.display(description="done")
    def how_far(self, row: Simulation) -> SafeString:
        return progress(row)

    @admin.display(description="newly alone")
    def newly(self, row: Any) -> str:
        return "–" if row.newly_total is None else str(row.newly_total)

    @admin.display(description="report")
    def result(self, row: Simulation) -> SafeString:
        return render_to_string("autonomy/report.html", _report(row))

    def more(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        if obj is None or obj.status != Simulation.Status.PENDING:
            return {}
        return {"again": True}

    def tools(self, request: HttpRequest, obj: Any = None) -> list[Tool]:
        if obj is not None:
            return []
        return [Tool(label="Try something", href="add/", tone="main")]

    def save_model(
        self, request: HttpRequest, obj: Simulation, form: Any, change: bool
    ) -> None:
        now = timezone.now()
        begin = now - timedelta(days=form.cleaned_data["days"])
        made = simulate.ask_for(
            begin, now, form.wanted(), by=caller_of(request), now=now
        )
        obj.pk, obj.tenant_id = made.pk, made.tenant_id
        obj.begin, obj.status = made.begin, made.status

    def response_add(
        self, request: HttpRequest, obj: Simulation, post_url_continue: Any = None
    ) -> HttpResponse:
        """Go on to the page where the report will stand."""
        answer: HttpResponse = super().response_add(request, obj, post_url_continue)
        if answer.status_code == 302:
            answer["Location"] = self.url_of(obj.pk)
        return answer


def progress(row: Simulation) -> SafeString:
    """How far it is, to see at a glance."""
    share = 100 if row.finished_at else round(100 * row.progress)
    return format_html(
        '<span class="gv-bar gv-main"><span><i style="width:{}%"></i></span>{} %</span>',
        share,
        share,
    )


def _report(row: Simulation) -> dict[str, Any]:
    """What the report's page shows."""
    report = row.report
    if not report:
        return {"row": row, "report": None, "bar": progress(row)}
    listed = report["newly_autonomous"][:LISTED]
    named = accounts(each["account"] for each in listed)
    return {
        "row": row,
        "report": report,
        "heads": [DECISIONS[would][0] for would in Decision],
        "matrix": [
            (DECISIONS[was][0], [(report["matrix"][was][would], was == would)
                                 for would in Decision])
            for was in Decision
        ],
        "newly": [
            {**each, "named": named.get(each["account"], "an account"),
             "said": spaced(each["action_type"]), "day": each["at"][:16].replace("T", " ")}
            for each in listed
        ],
        "unevaluable": f"{100 * report['unevaluable_share']:.1f} %",
    }  # fmt: skip
