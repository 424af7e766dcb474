"""What came of intents: permits, receipts of budget, executions. To read."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from autonomy.admin.walk import STATUS_TONES, Walked, link
from autonomy.admin.words import moment, spaced, tag
from autonomy.models import Execution, Permit, Receipt
from ledger.admin import as_json


@admin.register(Execution)
class ExecutionAdmin(Walked):
    """What was done, by which tool, and whether a person had said yes."""

    about = "What was done, by which tool, and whether a person had said yes."
    nothing = "Nothing was done yet."
    searched = ("id", "intent_id")
    list_display = ("action", "account", "state", "alone", "tool", "when")
    list_display_links = ("action",)
    list_select_related = ("account",)
    list_filter = (("status", ChoicesDropdownFilter),)
    ordering = ("-id",)
    fields = (
        "action", "state", "alone", "account", "seller", "tool", "about_intent",
        "about_permit", "attempts", "when", "finished_at_said", "outcome_json",
        "explanation", "id",
    )  # fmt: skip
    readonly_fields = fields

    outcome_json = as_json("outcome", "outcome")

    finished_at_said = moment("finished_at", "finished")

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
