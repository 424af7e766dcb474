"""Accounts and their deals in the admin pages: to read, to hand over, to close."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ledger.admin import ByRole
from perception.accounts import change_account
from perception.admin.account_forms import AccountForm, Seen
from perception.admin.asking import caller_of
from perception.admin.pages import Door, Question, Shown, Tool
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
CLOSING = (
    "It is not looked at any more. What is signalled is kept, and starts nothing.",
    "What was approved and has not started is called off.",
)
OPENING = ("It is looked at again from now on. What was called off stays so.",)
WAYS = {"in": "from them", "out": "from us", "both": "together"}


@admin.register(Account)
class AccountAdmin(Shown):
    """Companies; they are added by the API, and changed by the verb that does it."""

    about = (
        "Companies that are sold to. Heat, phase and what happened follow from signals; "
        "whose they are, and whether they are closed, is said here."
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

    def tools(self, request: HttpRequest, obj: Any = None) -> list[Tool]:
        if obj is None:
            return []
        ending = (
            ("Close …", "stop") if obj.closed_at is None else ("Open again …", "main")
        )
        return [
            Tool(label="Change …", href=self.url_of(obj.pk, "edit")),
            Tool(label=ending[0], href=self.url_of(obj.pk, "closing"), tone=ending[1]),
        ]

    def doors(self) -> Sequence[tuple[str, str, Door]]:
        return (
            ("<path:object_id>/edit/", "edit", self.edit_view),
            ("<path:object_id>/closing/", "closing", self.closing_view),
        )

    def edit_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks for its owner, name, phase and zone, and changes what differs."""
        self.insist(request)
        row, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        form = AccountForm(_posted(request), account=row)
        question = Question(
            title=f"Change {row.name}",
            said=["What waits for a seller there goes along to a new owner."],
            button="Change it",
            back=self.url_of(row.pk),
            form=form,
        )

        def change() -> str:
            by, now = caller_of(request), timezone.now()
            change_account(row, form.given(), by=by, now=now)
            return "It was changed."

        return self.asked(request, question, change, self.url_of(row.pk))

    def closing_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks, then closes it, or opens it again."""
        self.insist(request)
        row, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        closes = row.closed_at is None
        question = Question(
            title=f"{'Close' if closes else 'Open'} {row.name}",
            said=CLOSING if closes else OPENING,
            button="Close it" if closes else "Open it again",
            tone="stop" if closes else "main",
            back=self.url_of(row.pk),
            form=Seen(_posted(request), account=row),
        )

        def close() -> str:
            by, now = caller_of(request), timezone.now()
            change_account(row, {"closed": closes}, by=by, now=now)
            return "It is closed." if closes else "It is open again."

        return self.asked(request, question, close, self.url_of(row.pk))

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


def _posted(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" else None


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
