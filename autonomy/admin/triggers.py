"""Triggers and the budget of decisions: how often runs start, what a day may take."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from autonomy import pacing
from autonomy.admin.budgets import bar
from autonomy.admin.history import Row, Told
from autonomy.admin.pages import Governed
from autonomy.admin.tool_forms import DecisionBudgetForm, TriggerForm
from autonomy.admin.words import spaced, tag
from autonomy.errors import NoSuchTrigger
from autonomy.models import DecisionBudget, DecisionUse, TriggerRow
from autonomy.rules.triggers import SHIPPED, Trigger
from ledger.scope import current_tenant
from perception import tenants
from perception.admin.asking import caller_of

WINDOWS = pacing.WINDOWS
MEANS = {
    Trigger.SIGNAL_ARRIVED: "Something happened at an account.",
    Trigger.LIFECYCLE_CHANGE: "An account became a lead, a customer, or was lost.",
    Trigger.POSTURE_CHANGE: "How an account stands to us has changed.",
    Trigger.RITUAL_MORNING_BRIEF: "Every morning, in the tenant's time zone.",
    Trigger.RITUAL_WEEKLY_REVIEW: "Every week, in the tenant's time zone.",
    Trigger.RITUAL_RENEWAL_RUNWAY: "A renewal comes near: 90, 60 and 30 days before.",
    Trigger.PATTERN_DETECTED: "Several signals together mean something.",
    Trigger.GOAL_BEHIND: "A goal falls behind.",
    Trigger.MANUAL: "A person asks.",
}


@admin.register(TriggerRow)
class TriggerAdmin(Governed):
    """Every trigger there is, with the windows that hold here."""

    about = (
        "What starts a run, and how often it may. Models never start anything. What a "
        "window holds back is skipped or put off, and its run says why."
    )
    told = Told(setting="trigger")
    form = TriggerForm
    readonly_fields = ("means",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("means", *WINDOWS)

    def changelist_view(
        self, request: HttpRequest, extra_context: Any = None
    ) -> HttpResponse:
        """All of them as they hold, not only the rows that were changed."""
        self.insist_on_looking(request)
        context = {
            **self.admin_site.each_context(request),
            **self.shared(request),
            "opts": self.opts,
            "title": "Triggers",
            "lines": [_line(each) for each in pacing.triggers()],
        }
        return TemplateResponse(request, "autonomy/triggers.html", context)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: Any = None
    ) -> TriggerRow | None:
        """A trigger by its name; those as they were shipped need no row."""
        try:
            held = pacing.trigger(object_id)
        except NoSuchTrigger:
            return None
        row = TriggerRow.objects.filter(
            tenant_id=current_tenant(), type=held["type"]
        ).first()
        return row or TriggerRow(tenant_id=current_tenant(), **held)

    @admin.display(description="starts when")
    def means(self, row: TriggerRow) -> str:
        return MEANS[Trigger(row.type)]

    def tells(self, obj: TriggerRow) -> Callable[[Row], bool]:
        return lambda row: bool(row["data"]["before"]["type"] == obj.type)

    def save_model(
        self, request: HttpRequest, obj: TriggerRow, form: Any, change: bool
    ) -> None:
        given, by = form.cleaned_data, caller_of(request)
        pacing.change_trigger(obj.type, given, by=by, now=timezone.now())


@admin.register(DecisionBudget)
class DecisionBudgetAdmin(Governed):
    """One budget for each tenant: as shipped, until somebody changes it."""

    about = (
        "How many decisions a day may take, and what they may cost. When a limit is "
        "reached, the gate skips what comes until the tenant's next day."
    )
    told = Told(setting="decision_budget")
    form = DecisionBudgetForm
    readonly_fields = ("today", "cost_today")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("today", "cost_today", *DecisionBudgetForm.Meta.fields)

    def changelist_view(
        self, request: HttpRequest, extra_context: Any = None
    ) -> HttpResponse:
        """There is one: its page is the list."""
        self.insist_on_looking(request)
        return HttpResponseRedirect(self.url_of(current_tenant()))

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: Any = None
    ) -> DecisionBudget | None:
        if object_id != str(current_tenant()):
            return None
        row: Any = DecisionBudget(
            tenant_id=current_tenant(), **pacing.decision_budget()
        )
        row.used = _used_today(row.tenant_id)
        return row  # type: ignore[no-any-return]

    @admin.display(description="decisions today")
    def today(self, row: Any) -> SafeString:
        used, limit = row.used.runs, row.runs_per_day
        return bar(used, limit, f"{used:,} of {limit:,}")

    @admin.display(description="cost today")
    def cost_today(self, row: Any) -> SafeString:
        used, limit = float(row.used.cost), float(row.cost_per_day)
        said = f"{used:,.2f} of {limit:,.2f}; {row.used.tokens:,} tokens"
        return bar(round(used * 100), round(limit * 100), said)

    def save_model(
        self, request: HttpRequest, obj: DecisionBudget, form: Any, change: bool
    ) -> None:
        given, by = form.cleaned_data, caller_of(request)
        pacing.change_decision_budget(given, by=by, now=timezone.now())


def _used_today(tenant: UUID) -> DecisionUse:
    day = tenants.today(now=timezone.now())
    rows = DecisionUse.objects.filter(tenant_id=tenant, key=tenant, day=day)
    return rows.first() or DecisionUse(tenant_id=tenant, key=tenant, day=day)


def _line(held: dict[str, Any]) -> dict[str, Any]:
    trigger = Trigger(held["type"])
    shipped = SHIPPED[trigger]
    is_changed = any(held[name] != getattr(shipped, name) for name in WINDOWS)
    return {
        "windows": {name: f"{held[name]:,}" for name in WINDOWS[1:]},
        "href": f"{trigger.value}/change/",
        "named": spaced(trigger.value).lower().capitalize(),
        "means": MEANS[trigger],
        "state": tag("on", "good") if held["enabled"] else tag("off", "wait"),
        "is_changed": is_changed,
    }
