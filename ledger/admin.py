"""The ledger in the admin pages: to read, never to write."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Model, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.paginator import InfinitePaginator

from ledger.models import INDEXED_SUBJECTS, Entry, Leaf
from ledger.rules.kinds import MEANING, Kind

OVERSEERS = ("ADMIN", "AUDITOR")
WRAPPED = "white-space: pre-wrap; overflow-wrap: anywhere"


def role_of(request: HttpRequest) -> str:
    """The role of a logged-in member in the tenant in scope; empty where there is none.

    A floor above says who is asking, so that this one need not know what a member is.
    """
    caller = getattr(request, "caller", None)
    if caller is None or caller.token is not None or not request.user.is_active:
        return ""
    return str(caller.role)


def oversees(request: HttpRequest) -> bool:
    """May the caller look at everything in the tenant?"""
    return role_of(request) in OVERSEERS


class ByRole(ModelAdmin):
    """Pages about one tenant: its overseers look, and nothing more unless said."""

    # The control center takes in no page that does not say so.
    knows_roles = True
    actions: tuple[str, ...] | None = None
    show_full_result_count = False
    list_per_page = 50
    list_filter_submit = True
    list_disable_select_all = True
    compressed_fields = False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def shows(self, request: HttpRequest, query: str) -> bool:
        """May whoever sees the list see it as this query asks for it?"""
        return True

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return oversees(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class HouseWide(ByRole):
    """Pages about the whole house, outside every tenant: for superusers alone."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)


def as_json(field: str, title: str) -> Callable[[Any, Model], str]:
    """A column that shows JSON as a person would write it."""

    @admin.display(description=title)
    def shown(owner: Any, row: Model) -> str:
        text = json.dumps(getattr(row, field), indent=2, ensure_ascii=False)
        return format_html('<pre style="{}">{}</pre>', WRAPPED, text)

    return shown


@admin.register(Entry)
class EntryAdmin(ByRole):
    """Facts, newest first. Counting a million of them would help nobody."""

    list_display = ("said", "kind", "when", "actor_shown", "place")
    list_filter = (("kind", ChoicesDropdownFilter), "at")
    search_fields = ("id",)
    search_help_text = "The id of an entry, or of what it is about"
    ordering = ("-number",)
    # Only the number is indexed for sorting.
    sortable_by = ()
    paginator = InfinitePaginator
    fields = (
        "id", "said", "kind", "when", "place", "proof",
        "actor_json", "subjects_json", "data_json",
    )  # fmt: skip
    readonly_fields = fields

    actor_json = as_json("actor", "actor")
    subjects_json = as_json("subjects", "subjects")
    data_json = as_json("data", "data")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Entry]:
        place = Leaf.objects.filter(number=OuterRef("number")).values("sequence")
        found: QuerySet[Entry] = super().get_queryset(request)
        return found.annotate(sequence=Subquery(place[:1]))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Entry], search_term: str
    ) -> tuple[QuerySet[Entry], bool]:
        """By exact ids only: each of them has an index."""
        if not search_term.strip():
            return queryset, False
        try:
            wanted = UUID(search_term.strip())
        except ValueError:
            return queryset.none(), False
        condition = Q(id=wanted)
        for noun in INDEXED_SUBJECTS:
            condition |= Q(**{f"{noun}_id": wanted})
        return queryset.filter(condition), False

    @admin.display(description="at (UTC)")
    def when(self, entry: Entry) -> str:
        return f"{entry.at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="what happened")
    def said(self, entry: Entry) -> str:
        return MEANING[Kind(entry.kind)] if entry.kind in MEANING else entry.kind

    @admin.display(description="by")
    def actor_shown(self, entry: Entry) -> str:
        who: str = entry.actor["id"]
        return f"{entry.actor['type']} {who if len(who) <= 16 else f'…{who[-6:]}'}"

    @admin.display(description="sequence")
    def place(self, entry: Entry) -> str:
        sequence = entry.sequence  # type: ignore[attr-defined]
        return "being sealed" if sequence is None else str(sequence)

    @admin.display(description="proof")
    def proof(self, entry: Entry) -> str:
        return format_html(
            '<a class="underline" href="{}">That it is in the signed tree</a>',
            reverse("ledger-proof", args=[entry.id]),
        )
