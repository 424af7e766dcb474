"""Accounts, and those who work there, in the admin pages: to read."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ledger.admin import ByRole
from perception.admin.pages import Shown
from perception.heat import heat_of
from perception.models import (
    Account,
    Contact,
    Interaction,
    Opportunity,
    Signal,
    Summary,
)
from perception.rules.heat import Tier

LAST = 20
MOST_NAMES = 200
HEATS = {Tier.HOT: "wait", Tier.WARM: "good", Tier.COLD: "plain"}
WAYS = {"in": "from them", "out": "from us", "both": "together"}


@admin.register(Account)
class AccountAdmin(Shown):
    """Companies; they are added by the API, and changed by what is perceived."""

    about = (
        "Companies that are sold to. Heat, lifecycle and what happened follow from "
        "signals; here they are read."
    )
    list_display = ("name", "phase", "owned_by", "heat", "next_look")
    list_select_related = ("owner__person",)
    list_filter = ("lifecycle", "heat_tier")
    search_fields = ("name", "external_id")
    search_help_text = "A name, or the id that the CRM has"
    ordering = ("-id",)
    fields = (
        ("name", "external_id", "owned_by"),
        ("phase", "heat", "zone"),
        ("looked_at", "next_look", "added"),
    )
    readonly_fields = tuple(name for row in fields for name in row)

    def around(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {"below": "perception/account.html", **_known(obj)} if obj else {}

    @admin.display(description="phase", ordering="lifecycle")
    def phase(self, account: Account) -> str:
        return account.get_lifecycle_display()

    @admin.display(description="owner", ordering="owner__person__name")
    def owned_by(self, account: Account) -> str:
        return str(account.owner.person) if account.owner else "nobody"

    @admin.display(description="heat now", ordering="heat_score")
    def heat(self, account: Account) -> SafeString:
        found = heat_of(account, now=timezone.now())
        return format_html(
            '<span class="gv-tag gv-{}">{}</span> {}',
            HEATS[found.tier],
            found.tier.value.lower(),
            f"{found.score:.2f}",
        )

    @admin.display(description="next look", ordering="next_poll_at")
    def next_look(self, account: Account) -> str:
        if account.closed_at:
            return "none: it is closed"
        return _moment(account.next_poll_at)

    @admin.display(description="last look")
    def looked_at(self, account: Account) -> str:
        return _moment(account.seen_at)

    @admin.display(description="time zone")
    def zone(self, account: Account) -> str:
        return account.timezone or "that of the tenant"

    @admin.display(description="added")
    def added(self, account: Account) -> str:
        return _moment(account.created_at)


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "–"


def _known(account: Account) -> dict[str, Any]:
    """What is known of an account beside its row: the newest first."""
    own = {"tenant_id": account.tenant_id, "account": account}
    found = Signal.objects.filter(**own, type="pattern_detected").order_by("-id")
    return {
        "patterns": found[:LAST],
        "deals": Opportunity.objects.filter(**own).order_by("external_id")[:LAST],
        "summaries": list(_summaries(account)),
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


def _summaries(account: Account) -> Iterator[dict[str, Any]]:
    """Summaries hold ids; here people read them with names."""
    own = {"tenant_id": account.tenant_id, "account": account}
    people = Contact.objects.filter(**own).values_list("id", "name")[:MOST_NAMES]
    names = [(str(id_), name) for id_, name in people]
    for each in Summary.objects.filter(**own).order_by("-starts", "span")[:LAST]:
        text = each.text
        for id_, name in names:
            text = text.replace(id_, name)
        yield {"span": each.get_span_display(), "starts": each.starts, "text": text}


@admin.register(Opportunity)
class OpportunityAdmin(ByRole):
    """Deals, and the stage they are in."""

    list_display = ("external_id", "account", "stage", "amount", "renewal_date")
    list_select_related = ("account",)
    list_filter = ("stage",)
    search_fields = ("external_id", "account__name")
    ordering = ("-id",)
