"""Budgets: how many acts may run alone in a day, and what today has used."""

from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Max, OuterRef, Subquery, Sum
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from autonomy import steering
from autonomy.admin.history import Row, Told
from autonomy.admin.pages import Door, Previewed, Question, Tool
from autonomy.admin.words import moment, spaced, tag, type_choices
from autonomy.models import Budget, BudgetUse
from perception import tenants
from perception.admin.asking import caller_of
from perception.models import Membership

SCOPE = ("account", "seller", "each", "action_type")


class BudgetForm(forms.ModelForm):  # type: ignore[type-arg]
    """A limit, and what it counts."""

    each = forms.ChoiceField(
        label="For each",
        choices=[("", "no, one limit in all"), ("account", "account"), ("seller", "seller")],
        required=False,
        help_text="A limit for every one of them that has no budget of its own.",
        widget=UnfoldAdminSelectWidget,
    )  # fmt: skip
    action_type = forms.ChoiceField(required=False, widget=UnfoldAdminSelectWidget)
    limit_per_day = forms.IntegerField(
        label="Acts a day",
        min_value=0,
        max_value=1_000_000,
        help_text="Acts that may run alone in the tenant's day. Then a person is asked.",
        widget=UnfoldAdminIntegerFieldWidget,
    )
    decay_percent = forms.IntegerField(
        label="Decay in percent",
        min_value=0,
        max_value=100,
        initial=0,
        help_text="By how much each day without use shrinks the limit.",
        widget=UnfoldAdminIntegerFieldWidget,
    )

    class Meta:
        model = Budget
        fields = (*SCOPE, "limit_per_day", "decay_percent")
        help_texts = {"account": "Empty: all of them.", "seller": "Empty: all of them."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "action_type" in self.fields:
            types = [("", "Every type"), *type_choices()]
            self.fields["action_type"].choices = types  # type: ignore[attr-defined]
            people = Membership.objects.filter(is_active=True).select_related("person")
            self.fields["seller"].queryset = people  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if given.get("each") and (given.get("account") or given.get("seller")):
            self.add_error("each", "Give either this, or one account or seller.")
        return given


@admin.register(Budget)
class BudgetAdmin(Previewed):
    """Every budget that covers an act must have something left."""

    about = (
        "How many acts may run alone in a day. An act needs something left in every "
        "budget that covers it; without any budget, a person is asked."
    )
    nothing = "No budget is set: a person is asked each time."
    told = Told(setting="budget")
    form = BudgetForm
    list_display = ("where", "limit_shown", "today", "decay_shown", "state")
    list_display_links = ("where",)
    ordering = ("-is_active", "-set_at")
    sortable_by = ()
    autocomplete_fields = ("account",)

    set_at_said = moment("set_at", "set")

    def get_queryset(self, request: HttpRequest) -> Any:
        day = tenants.today(now=timezone.now())
        uses = BudgetUse.objects.filter(budget=OuterRef("pk"), day=day).order_by()
        grouped = uses.values("budget")
        rows = super().get_queryset(request)
        return rows.select_related("account", "seller__person").annotate(
            used_sum=Subquery(grouped.annotate(n=Sum("used")).values("n")),
            used_most=Subquery(grouped.annotate(n=Max("used")).values("n")),
            used_by=Subquery(grouped.annotate(n=Count("id")).values("n")),
        )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return (*SCOPE, "limit_per_day", "decay_percent")
        return (
            "where",
            "state",
            "today",
            "limit_per_day",
            "decay_percent",
            "set_at_said",
        )

    def get_readonly_fields(
        self, request: HttpRequest, obj: Any = None
    ) -> tuple[str, ...]:
        return () if obj is None else (*SCOPE, "where", "state", "today", "set_at_said")

    @admin.display(description="covers")
    def where(self, row: Budget) -> str:
        return where(row)

    @admin.display(description="acts a day")
    def limit_shown(self, row: Budget) -> str:
        return f"{row.limit_per_day:,}"

    @admin.display(description="decay")
    def decay_shown(self, row: Budget) -> str:
        return f"{row.decay_percent} % a day" if row.decay_percent else "none"

    @admin.display(description="used today")
    def today(self, row: Any) -> SafeString:
        used, limit = row.used_sum or 0, row.limit_per_day
        if not row.each:
            return bar(used, limit, f"{used:,} of {limit:,}")
        most, by = row.used_most or 0, row.used_by or 0
        said = f"{used:,} by {by:,}; at most {most:,} of {limit:,}"
        return bar(most, limit, said if by else f"none of {limit:,}")

    @admin.display(description="state")
    def state(self, row: Budget) -> SafeString:
        return tag("in use", "good") if row.is_active else tag("withdrawn")

    def tells(self, obj: Budget) -> Callable[[Row], bool]:
        scope = (
            str(obj.account_id or ""), str(obj.seller_id or ""), obj.each, obj.action_type
        )  # fmt: skip

        def told(row: Row) -> bool:
            subjects, data = row["subjects"], row["data"]
            return scope == (
                subjects.get("account", ""), subjects.get("member", ""),
                data.get("each", ""), data["action_type"],
            )  # fmt: skip

        return told

    def tools(self, request: HttpRequest, obj: Any = None) -> list[Tool]:
        if obj is None:
            return [Tool(label="Set a budget", href="add/", tone="main")]
        if not obj.is_active:
            return []
        href = self.url_of(obj.pk, "withdraw")
        return [Tool(label="Withdraw this budget", href=href)]

    def wanted(self, form: Any) -> dict[str, Any]:
        return {"budgets": [_plain(given(form))]}

    def save_model(
        self, request: HttpRequest, obj: Budget, form: Any, change: bool
    ) -> None:
        row = steering.set_budget(
            given(form), by=caller_of(request), now=timezone.now()
        )
        obj.pk, obj.tenant_id = row.pk, row.tenant_id

    def doors(self) -> Sequence[tuple[str, str, Door]]:
        withdraw = ("<path:object_id>/withdraw/", "withdraw", self.withdraw_view)
        return (*super().doors(), withdraw)

    def withdraw_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks, then takes a budget out of use."""
        self.insist(request)
        row, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        question = Question(
            title="Withdraw this budget",
            said=[
                f"{where(row)}: {row.limit_per_day:,} acts a day.",
                "Acts that no other budget covers will ask a person.",
                "What today has used stays counted, should it be set again.",
            ],
            button="Withdraw it",
            back=self.url_of(row.pk),
        )

        def take() -> str:
            steering.withdraw_budget(row, by=caller_of(request), now=timezone.now())
            return "The budget was withdrawn."

        return self.asked(request, question, take, self.list_url())


def given(form: Any) -> dict[str, Any]:
    """A valid form as the verb takes it."""
    row = form.instance
    return {
        "account": row.account_id,
        "seller": row.seller_id,
        "action_type": row.action_type,
        "each": row.each,
        "limit_per_day": form.cleaned_data["limit_per_day"],
        "decay_percent": form.cleaned_data["decay_percent"],
    }


def where(row: Budget) -> str:
    """What a budget covers, in words."""
    parts = [
        row.account.name if row.account else "",
        f"{row.seller.person}'s accounts" if row.seller else "",
        f"Each {row.each}" if row.each else "",
        spaced(row.action_type),
    ]
    return " · ".join(part for part in parts if part) or "Everything"


def bar(used: int, limit: int, said: str) -> SafeString:
    """How much of a limit is used, to see at a glance."""
    share = min(100, round(100 * used / limit)) if limit else 100
    tone = "bad" if share >= 100 else "wait" if share >= 80 else "good"
    return format_html(
        '<span class="gv-bar gv-{}"><span><i style="width:{}%"></i></span>{}</span>',
        tone,
        share,
        said,
    )


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    ids = ("account", "seller")
    return {
        name: str(value) if name in ids and value else value
        for name, value in row.items()
    }
