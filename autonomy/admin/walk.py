"""Intents, and the verdicts on them. To read."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from autonomy.admin.pages import Walked
from autonomy.admin.words import decided, spaced, tag
from autonomy.models import Intent, Verdict
from ledger.admin import as_json

STATUS_TONES = {
    "SUCCEEDED": "good", "APPROVED": "good", "EXECUTING": "good",
    "AWAITING_APPROVAL": "wait", "PROPOSED": "wait", "IN_DOUBT": "wait",
    "BLOCKED": "bad", "FAILED": "bad",
}  # fmt: skip


@admin.register(Intent)
class IntentAdmin(Walked):
    """Everything that was proposed, and how far it came."""

    about = "Everything that was proposed, with the verdict of every layer of policy."
    nothing = "Nothing was proposed yet."
    searched = ("id", "account_id", "run_id")
    list_display = ("action", "account", "state", "origin", "confidence_said", "when")
    list_display_links = ("action",)
    list_select_related = ("account",)
    list_filter = (("status", ChoicesDropdownFilter), ("origin", ChoicesDropdownFilter))
    ordering = ("-id",)
    fields = (
        "action", "state", "verdict", "account", "opportunity", "contact", "origin",
        "confidence_said", "rationale", "evidence_json", "parameters_json",
        "proposed_by", "when", "id",
    )  # fmt: skip
    readonly_fields = fields

    parameters_json = as_json("parameters", "parameters")
    evidence_json = as_json("evidence", "evidence")

    @admin.display(description="action")
    def action(self, row: Intent) -> str:
        return spaced(row.action_type)

    @admin.display(description="state")
    def state(self, row: Intent) -> SafeString:
        return tag(spaced(row.status.lower()), STATUS_TONES.get(row.status, ""))

    @admin.display(description="confidence")
    def confidence_said(self, row: Intent) -> str:
        return "–" if row.confidence is None else f"{row.confidence:g}"

    @admin.display(description="proposed (UTC)")
    def when(self, row: Intent) -> str:
        return f"{row.created_at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="verdict")
    def verdict(self, row: Intent) -> SafeString:
        verdicts = list(row.verdicts.defer("facts").order_by("-id")[:20])
        acts = row.executions.order_by("-id")[:20]
        context = {
            "newest": said(verdicts[0]) if verdicts else None,
            "earlier": [said(each) for each in verdicts[1:]],
            "acts": [(each, reverse(ACT, args=[each.pk])) for each in acts],
            "explanation": reverse("intent-explanation", args=[row.pk]),
        }
        return render_to_string("autonomy/verdict.html", context)


@admin.register(Verdict)
class VerdictAdmin(Walked):
    """What every layer said, with the facts it looked at."""

    about = "What every layer of policy said, each time an intent was judged."
    nothing = "Nothing was judged yet."
    searched = ("id", "intent_id")
    list_display = ("action", "decision_said", "reason_said", "account", "when")
    list_display_links = ("action",)
    list_filter = (("decision", ChoicesDropdownFilter),)
    ordering = ("-judged_at", "-id")
    fields = (
        "layers_said", "about_intent", "account", "when", "policy_version",
        "facts_json", "id",
    )  # fmt: skip
    readonly_fields = fields

    facts_json = as_json("facts", "sealed facts")

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request).select_related("intent__account")
        one = request.resolver_match and request.resolver_match.kwargs
        heavy = ("intent__parameters", "intent__evidence", "intent__rationale")
        return rows if one else rows.defer("facts", "layers", *heavy)

    @admin.display(description="action")
    def action(self, row: Verdict) -> str:
        return spaced(row.intent.action_type)

    @admin.display(description="account")
    def account(self, row: Verdict) -> str:
        return str(row.intent.account)

    @admin.display(description="decision")
    def decision_said(self, row: Verdict) -> SafeString:
        return decided(row.decision)

    @admin.display(description="reason")
    def reason_said(self, row: Verdict) -> str:
        return spaced(row.reason).lower()

    @admin.display(description="judged (UTC)")
    def when(self, row: Verdict) -> str:
        return f"{row.judged_at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="layers")
    def layers_said(self, row: Verdict) -> SafeString:
        return render_to_string("autonomy/verdict.html", {"newest": said(row)})

    @admin.display(description="intent")
    def about_intent(self, row: Verdict) -> SafeString:
        return link("intent", row.intent_id, spaced(row.intent.action_type))


ACT = "admin:autonomy_execution_change"


def link(model: str, pk: Any, text: str) -> SafeString:
    """A link to the page of a row."""
    href = reverse(f"admin:autonomy_{model}_change", args=[pk])
    return format_html('<a class="gv-link" href="{}">{}</a>', href, text)


def account_link(row: Any) -> SafeString:
    """A link to the page of a row's account."""
    href = reverse("admin:perception_account_change", args=[row.account_id])
    return format_html('<a class="gv-link" href="{}">{}</a>', href, row.account.name)


def said(verdict: Verdict) -> dict[str, Any]:
    """A verdict in words, layer by layer."""
    layers = [
        {**layer, "said": decided(layer["decision"]), "named": spaced(layer["layer"])}
        for layer in verdict.layers
    ]
    return {
        "said": decided(verdict.decision),
        "reason": spaced(verdict.reason).lower(),
        "explanation": verdict.explanation,
        "clause": verdict.policy_clause,
        "version": verdict.policy_version,
        "judged_at": verdict.judged_at,
        "layers": layers,
        "remedies": verdict.would_be_automatic_if,
    }
