"""Plans in the control center: every one of the tenant, its steps, and what may be done."""

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminTextInputWidget

from autonomy.admin.contacts import ForgettingContacts
from autonomy.admin.pages import Done, Door, Question, Seen, Tool, Walked
from autonomy.admin.words import moment, spaced, stated, tag
from ledger.admin import as_json, oversees
from perception.admin.asking import caller_of, decides
from perception.models import Contact
from plans import standing, steering
from plans.errors import PlanError, PlanRefused
from plans.forgetting import forget_contact
from plans.models import Plan, Step
from plans.types.registry import type_of

TONES = {
    "ACTIVE": "good", "COMPLETED": "good", "APPROVED": "wait", "PAUSED": "wait",
    "ABORTED": "bad", "EXPIRED": "bad", "DONE": "good", "AUTO_EXECUTED": "good",
    "PENDING_APPROVAL": "wait", "RUNNING": "wait", "FAILED": "bad",
}  # fmt: skip
# What a button says, and how it is asked: verb -> label, question.
BUTTONS = {
    "approve": ("Approve", "Approve this course? Each of its steps is still judged."),
    "activate": ("Start", "Start this plan?"),
    "pause": ("Pause", "Pause this plan? What it has not begun is taken back."),
    "resume": ("Resume", "Go on with this plan?"),
    "revise": ("Back to draft", "Take it back to be changed? Approval starts over."),
    "abort": ("Abort", "End this plan for good?"),
}


class ReasonForm(forms.Form):
    """Why, for whoever reads it later."""

    reason = forms.CharField(
        required=False, max_length=300, widget=UnfoldAdminTextInputWidget
    )


@admin.register(Plan)
class PlanAdmin(Walked):
    """Courses of several steps towards an objective, account by account."""

    about = (
        "Courses of several steps towards an objective. Approving one agrees to the "
        "course; each of its steps is judged like any other act when its time comes."
    )
    nothing = "There is no plan yet. Sellers draft and propose them on their pages."
    ways = (
        ("All", ""),
        ("Active", "status__exact=ACTIVE"),
        ("Paused", "status__exact=PAUSED"),
        ("Drafts", "status__exact=DRAFT"),
    )
    refusals: ClassVar = (*Seen.refusals, PlanError)
    searched = ("id", "account_id")
    list_display = ("title", "account", "state", "risk", "owned", "waits_said", "ends")
    list_display_links = ("title",)
    list_select_related = ("account", "owner__person")
    list_filter = (("status", ChoicesDropdownFilter),)
    ordering = ("-id",)
    fields = (
        "title", "account", "objective", "state", "why", "risk", "owned", "rationale",
        "steps_said", "waits_said", "ends", "looked_at", "error", "agreed",
        "contract_digest", "statement", "revision", "id",
    )  # fmt: skip
    readonly_fields = fields

    ends = moment("expires_at", "ends")
    looked_at = moment("due_at", "looked at next")
    agreed = as_json("contract", "what was agreed on")
    statement = as_json("closing", "closing statement")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return oversees(request) or decides(request)

    def may_act(self, request: HttpRequest) -> bool:
        return decides(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Plan]:
        rows: QuerySet[Plan] = super().get_queryset(request)
        return rows.defer("contract", "closing", "baseline")

    def tools(self, request: HttpRequest, obj: Any = None) -> list[Tool]:
        if obj is None:
            return []
        may = standing.may(obj, caller_of(request))
        allowed = [verb for verb in BUTTONS if may.get(verb) is True]
        return [
            Tool(
                label=f"{BUTTONS[verb][0]} …",
                href=self.url_of(obj.pk, verb),
                tone="main" if verb in ("approve", "activate", "resume") else "plain",
            )
            for verb in allowed
        ]

    def doors(self) -> Sequence[tuple[str, str, Door]]:
        return tuple(
            (f"<path:object_id>/{verb}/", verb, partial(self.move_view, verb=verb))
            for verb in BUTTONS
        )

    def move_view(
        self, request: HttpRequest, object_id: str, *, verb: str
    ) -> HttpResponse:
        """Moves a plan, through the verb that everybody uses."""
        self.insist(request)
        row, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        label, asked = BUTTONS[verb]
        with_reason = verb in ("pause", "abort", "revise")
        form = ReasonForm(request.POST or None) if with_reason else None
        question = Question(
            title=asked,
            said=[f"{row.account}: {row.objective}"],
            button=label,
            back=self.url_of(row.pk),
            tone="danger" if verb == "abort" else "main",
            form=form,
        )

        def go() -> Done:
            more = {"reason": form.cleaned_data["reason"]} if form else {}
            try:
                moved = steering.MOVES[verb](row.pk, by=caller_of(request), **more)
            except PlanRefused as refusal:
                # It was stated, and that stays.
                return Done(said=str(refusal), is_refusal=True)
            return Done(said=f"The plan is {stated(moved.status)}.")

        return self.asked(request, question, go, self.url_of(row.pk))

    @admin.display(description="plan")
    def title(self, row: Plan) -> str:
        declared = type_of(row.plan_type)
        return declared.title if declared else row.plan_type

    @admin.display(description="status")
    def state(self, row: Plan) -> SafeString:
        return tag(spaced(row.status.lower()), TONES.get(row.status, ""))

    @admin.display(description="why")
    def why(self, row: Plan) -> str:
        return ": ".join(part for part in (stated(row.reason), row.explanation) if part)

    @admin.display(description="risk")
    def risk(self, row: Plan) -> str:
        return row.risk_level.lower()

    @admin.display(description="owner")
    def owned(self, row: Plan) -> str:
        return str(row.owner.person) if row.owner else "nobody"

    @admin.display(description="waits for")
    def waits_said(self, row: Plan) -> str:
        return "; ".join(each["explanation"] for each in row.waits[:3]) or "–"

    @admin.display(description="steps")
    def steps_said(self, row: Plan) -> SafeString:
        rows = Step.objects.filter(tenant_id=row.tenant_id, plan_id=row.pk)
        return format_html(
            "<ol>{}</ol>",
            format_html_join(
                "",
                "<li>{} {} {} {}</li>",
                (
                    (
                        spaced(step.action_type),
                        tag(spaced(step.status.lower()), TONES.get(step.status, "")),
                        step.explanation,
                        _intent(step),
                    )
                    for step in rows.order_by("place")
                ),
            ),
        )


admin.site.unregister(Contact)


@admin.register(Contact)
class ForgottenByPlans(ForgettingContacts):
    """The page of autonomy, with the verb that reaches further."""

    erasing = staticmethod(forget_contact)


def _intent(step: Step) -> SafeString | str:
    if step.intent_id is None:
        return ""
    href = reverse("admin:autonomy_intent_change", args=[step.intent_id])
    return format_html('<a href="{}">its newest try</a>', href)
