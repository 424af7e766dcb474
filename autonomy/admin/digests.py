"""Digests in the admin pages: which arrived, which wait, which cannot be delivered."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from autonomy.admin.pages import Walked
from autonomy.admin.words import moment, tag
from autonomy.models import Digest


class Arrived(admin.SimpleListFilter):
    """Whether it has reached its reader."""

    title = "arrived"
    parameter_name = "arrived"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("yes", "Yes"), ("missing", "Not yet"), ("waits", "On its way"),
            ("no", "Undeliverable"),
        ]  # fmt: skip

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "yes":
                return queryset.filter(delivered_at__isnull=False)
            case "missing":
                return queryset.filter(delivered_at=None)
            case "waits":
                return queryset.filter(delivered_at=None, next_at__isnull=False)
            case "no":
                return queryset.filter(delivered_at=None, next_at=None)
            case _:
                return queryset


@admin.register(Digest)
class DigestAdmin(Walked):
    """One row for each member and day; none is sent twice for the same day."""

    about = (
        "Everybody who owns accounts is told once a day what autopilot did, what was "
        "held back and why, and what waits. While a digest that was due has not "
        "arrived, what rituals and plans start at its reader's accounts asks a person "
        "(DIGEST_NOT_DELIVERED). It opens again as the next one arrives, or as its "
        "reader says at /digest/ that they have read it."
    )
    nothing = "The first comes at the digest hour, on the day after the tenant began."
    ways = (
        ("All", ""), ("Not arrived", "arrived=missing"),
        ("Undeliverable", "arrived=no"), ("On its way", "arrived=waits"),
    )  # fmt: skip
    list_display = (
        "day", "member", "state", "way", "written", "delivered", "tries", "error",
    )  # fmt: skip
    list_display_links = ("day",)
    list_select_related = ("member__person",)
    list_filter = (Arrived,)
    searched = ("id", "member_id")
    ordering = ("-id",)
    fields = (*list_display, "due", "following", "read", "receipt", "id")
    readonly_fields = fields

    due = moment("due_at", "due")
    written = moment("written_at", "written")
    delivered = moment("delivered_at", "arrived")
    following = moment("next_at", "next try")
    read = moment("seen_at", "read in the app")

    @admin.display(description="state")
    def state(self, row: Digest) -> SafeString:
        if row.delivered_at is not None:
            return tag("arrived", "good")
        if row.next_at is not None:
            return tag("on its way", "wait")
        if "told_by" in row.body:
            return tag("told by a later one", "wait")
        return tag("undeliverable", "bad")

    @admin.display(description="tries")
    def tries(self, row: Digest) -> str:
        return str(row.attempts or "–")
