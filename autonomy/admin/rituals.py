"""Rituals in the admin pages: which ran for which day, how late, and what broke."""

from datetime import timedelta

from django.contrib import admin
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from autonomy.admin.pages import Walked
from autonomy.admin.words import moment, spaced, tag
from autonomy.models import Ritual

# Later than this is worth a word.
LATE = timedelta(minutes=15)


@admin.register(Ritual)
class RitualAdmin(Walked):
    """One row for each ritual and day of the tenant: none runs twice."""

    about = (
        "Every morning each seller is told three next actions and what waits; on Mondays "
        "where their accounts stand and which are neglected; and renewals that come "
        "near are planned for. An hour before the digest, in the tenant's time zone. "
        "Switching a trigger off switches its ritual off."
    )
    nothing = "The first comes on the morning after the tenant began."
    list_display = ("named", "day", "state", "due", "began", "ended", "count", "faults")
    list_display_links = ("named",)
    list_filter = (("kind", ChoicesDropdownFilter),)
    ordering = ("-id",)
    fields = (*list_display, "id")
    readonly_fields = fields

    due = moment("due_at", "due")
    began = moment("started_at", "last seen at work")
    ended = moment("ended_at", "ended")

    @admin.display(description="ritual")
    def named(self, row: Ritual) -> str:
        return spaced(row.kind.removeprefix("RITUAL_")).lower().capitalize()

    @admin.display(description="state")
    def state(self, row: Ritual) -> SafeString:
        if row.ended_at is None:
            return tag("under way", "wait")
        if row.broken or row.error:
            return tag("in part", "bad")
        is_late = row.ended_at - row.due_at > LATE
        return tag("late", "wait") if is_late else tag("done", "good")

    @admin.display(description="broke")
    def faults(self, row: Ritual) -> str:
        said = f"{row.broken}: {row.error}" if row.broken else row.error
        return said or "–"
