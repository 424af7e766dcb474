"""Notices in the admin pages: who was told of what, and what could not be delivered."""

from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString

from autonomy.admin.pages import Walked
from autonomy.admin.words import moment, tag
from autonomy.models import Telling

TONES = {"TOLD": "good", "WAITING": "wait", "FAILED": "bad"}
WORDS = {
    "TOLD": "told",
    "WAITING": "on its way",
    "FAILED": "undeliverable",
    "DROPPED": "not needed",
}


@admin.register(Telling)
class TellingAdmin(Walked):
    """One row for each notice and each of its readers; none is told twice."""

    about = (
        "Members are told by mail of what waits for them, and webhooks of what they "
        "were set up for (a connector of kind “Webhooks out”). What comes within a few "
        "minutes is one mail. A mail or webhook that is not taken is tried again, ten "
        "times at most; then it is undeliverable, and stands here with why."
    )
    nothing = "The first comes as soon as somebody is asked to decide."
    ways = (
        ("All", ""),
        ("Undeliverable", "status__exact=FAILED"),
        ("On its way", "status__exact=WAITING"),
    )
    list_display = (
        "happened", "kind", "member", "connector", "state", "arrived", "tries", "error",
    )  # fmt: skip
    list_display_links = ("happened",)
    list_select_related = ("notice", "member__person", "connector")
    list_filter = ("status",)
    searched = ("id", "member_id", "notice_id")
    ordering = ("-id",)
    fields = (*list_display, "following", "receipt", "bundle", "id")
    readonly_fields = fields

    arrived = moment("told_at", "told")
    following = moment("due_at", "next try")

    @admin.display(description="happened")
    def happened(self, row: Telling) -> str:
        return f"{row.notice.at:%Y-%m-%d %H:%M} UTC"

    @admin.display(description="of")
    def kind(self, row: Telling) -> str:
        return str(row.notice.kind)

    @admin.display(description="state")
    def state(self, row: Telling) -> SafeString:
        return tag(WORDS[row.status], TONES.get(row.status, ""))

    @admin.display(description="tries")
    def tries(self, row: Telling) -> Any:
        return row.attempts or "–"
