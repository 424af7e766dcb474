"""Accounts, and those who work there, in the admin pages: to read."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from ledger.admin import ByRole
from perception.admin.pages import Shown
from perception.heat import heat_of
from perception.models import (
    Account,
    Interaction,
    Opportunity,
    Signal,
    Summary,
)

LAST = 20
WAYS = {"in": "from them", "out": "from us", "both": "together"}


@admin.register(Account)
class AccountAdmin(Shown):
    """Companies; they are added by the API, and changed by what is perceived."""

    about = (
        "Companies that are sold to. Heat, lifecycle and what happened follow from "
        "signals; here they are read."
    )
    list_display = ("name", "lifecycle", "owner", "tier", "heat", "heat_at")
    list_select_related = ("owner__person",)
    list_filter = ("lifecycle", "heat_tier")
    search_fields = ("name", "external_id")
    ordering = ("-id",)

    def around(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {"below": "perception/account.html", **_known(obj)} if obj else {}

    @admin.display(description="tier now", ordering="heat_tier")
    def tier(self, account: Account) -> str:
        return heat_of(account, now=timezone.now()).tier.value

    @admin.display(description="heat now", ordering="heat_score")
    def heat(self, account: Account) -> str:
        return f"{heat_of(account, now=timezone.now()).score:.2f}"


def _known(account: Account) -> dict[str, Any]:
    """What is known of an account beside its row: the newest first."""
    own = {"tenant_id": account.tenant_id, "account": account}
    found = Signal.objects.filter(**own, type="pattern_detected").order_by("-id")
    return {
        "patterns": found[:LAST],
        "summaries": Summary.objects.filter(**own).order_by("-starts", "span")[:LAST],
        "met": [
            {
                "at": each.at,
                "channel": each.get_channel_display().lower(),
                "way": WAYS[each.direction],
                "subject": each.subject,
                "text": each.text,
            }
            for each in Interaction.objects.filter(**own).order_by("-at")[:LAST]
        ],
    }


@admin.register(Opportunity)
class OpportunityAdmin(ByRole):
    """Deals, and the stage they are in."""

    list_display = ("external_id", "account", "stage", "amount", "renewal_date")
    list_select_related = ("account",)
    list_filter = ("stage",)
    search_fields = ("external_id", "account__name")
    ordering = ("-id",)
