"""What the pages of governance share: what is stopped, what happened, a preview."""

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.paginator import InfinitePaginator

from autonomy import preview
from autonomy.admin.history import Line, Row, Told, lately
from autonomy.admin.standing import Stop, stops
from autonomy.errors import AutonomyError
from autonomy.unreached import Missing, missing
from ledger.admin import oversees
from perception.admin.asking import is_admin
from perception.admin.pages import Done, Door, Question, Shown, Tool
from perception.errors import PerceptionError

__all__ = [
    "Carded",
    "Done",
    "Door",
    "Governed",
    "Once",
    "Previewed",
    "Question",
    "Seen",
    "Tool",
    "Walked",
]


class Once:
    """Something read when a template first asks for it, and never again."""

    def __init__(self, read: Callable[[], Any]) -> None:
        self._read = read

    @cached_property
    def rows(self) -> Any:
        return self._read()


class Seen(Shown):
    """Pages to read, with what is stopped just now on top."""

    refusals: ClassVar[tuple[type[Exception], ...]] = (AutonomyError, PerceptionError)
    told: ClassVar[Told | None] = None

    def tells(self, obj: Any) -> Callable[[Row], bool]:
        """Which of the entries are about this object."""
        return lambda row: True

    def around(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        told, matches = self.told, self.tells(obj) if obj else None
        return {
            "above": "autonomy/banner.html",
            "below": "autonomy/history.html",
            "stopped": Once(_stopped),
            "unread": Once(_unread),
            "may_look": oversees(request),
            "history": Once(partial(_history, told, matches)) if told else None,
        }


class Walked(Seen):
    """Too many to count: pages follow one another without a total."""

    paginator = InfinitePaginator
    sortable_by = ()
    # The fields of this row that an id is looked for in.
    searched: tuple[str, ...] = ("id",)
    search_fields = ("id",)
    search_help_text = "The id of one of these, or of what it is about"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By exact ids only."""
        if not search_term.strip():
            return queryset, False
        try:
            wanted = UUID(search_term.strip())
        except ValueError:
            return queryset.none(), False
        condition = Q()
        for name in self.searched:
            condition |= Q(**{name: wanted})
        return queryset.filter(condition), False


class Carded(Walked):
    """Rows whose page is a story in cards, with buttons for those who may act."""

    card_template: ClassVar[str]

    def card(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What the cards show."""
        raise NotImplementedError

    def titled(self, row: Any) -> str:
        """The page in a few words."""
        return str(row)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        """The page of a row: nothing is written here."""
        self.insist_on_looking(request)
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        row, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        context = {
            **self.admin_site.each_context(request),
            **self.shared(request, row),
            "opts": self.opts,
            "title": self.titled(row),
            **self.card(request, row),
        }
        return TemplateResponse(request, self.card_template, context)


class Governed(Seen):
    """Pages of what steers autonomy: admins change it, by verbs that state the fact."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_admin(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_admin(request)


class EveryAccount(AutocompleteSelect):
    """A box to choose an account from, that says what it means while it is empty."""

    def build_attrs(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        said = {"data-placeholder": "Every account"}
        return {**super().build_attrs(*args, **kwargs), **said}


class Previewed(Governed):
    """Pages with a button that tells what last week would have been like."""

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs["widget"] = EveryAccount(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def wanted(self, form: Any) -> dict[str, Any]:
        """The candidate that a valid form describes."""
        raise NotImplementedError

    def doors(self) -> Sequence[tuple[str, str, Door]]:
        return (
            *super().doors(),
            ("preview/", "preview", self.preview_view),
            ("<path:object_id>/preview/", "preview_of", self.preview_view),
        )

    def more(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        if not is_admin(request):
            return {}
        name = f"admin:autonomy_{self.opts.model_name}_preview"
        if obj is None:
            return {"preview_url": reverse(name)}
        return {"preview_url": reverse(f"{name}_of", args=[obj.pk])}

    def preview_view(
        self, request: HttpRequest, object_id: str | None = None
    ) -> HttpResponse:
        """What the form on the page would have meant; nothing is kept."""
        if not is_admin(request):
            raise PermissionDenied
        obj = None
        if object_id is not None:
            obj, away = self.found(request, object_id)
            if away:
                return HttpResponse("It is gone.", status=404)
        shape = self.get_form(request, obj, change=obj is not None)
        form = shape(request.POST, instance=obj)
        found = None
        if form.is_valid():
            found = preview.compare(self.wanted(form), now=timezone.now())
        context = {"form": form, "preview": found}
        return TemplateResponse(request, "autonomy/preview.html", context)


def _stopped() -> Sequence[Stop]:
    return stops()


def _unread() -> Sequence[Missing]:
    return missing(now=timezone.now())


def _history(told: Told, matches: Callable[[Row], bool] | None) -> Sequence[Line]:
    return lately(told, matches) if matches else lately(told)
