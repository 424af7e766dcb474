"""What the pages of governance share: who may, what happened, a question beforehand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, ClassVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from autonomy import preview
from autonomy.admin.history import Line, Row, Told, lately
from autonomy.admin.standing import Stop, stops
from autonomy.errors import AutonomyError
from ledger.admin import ByRole
from perception.admin.asking import is_admin

Door = Callable[..., HttpResponse]


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A button on top of a page."""

    label: str
    href: str
    tone: str = "plain"


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked before something is done."""

    title: str
    said: Sequence[str]
    button: str
    back: str
    tone: str = "main"
    form: Form | None = None
    more: str = ""
    context: Mapping[str, Any] = field(default_factory=dict)


class Once:
    """Something read when a template first asks for it, and never again."""

    def __init__(self, read: Callable[[], Any]) -> None:
        self._read = read

    @cached_property
    def rows(self) -> Any:
        return self._read()


class Seen(ByRole):
    """Pages to read, with what is stopped just now on top."""

    change_list_template = "autonomy/change_list.html"
    change_form_template = "autonomy/change_form.html"
    about: ClassVar[str] = ""
    nothing: ClassVar[str] = "There is nothing here yet."
    told: ClassVar[Told | None] = None

    def tools(self, request: HttpRequest, obj: Any = None) -> list[Tool]:
        """Buttons of the list, or of one object."""
        return []

    def tells(self, obj: Any) -> Callable[[Row], bool]:
        """Which of the entries are about this object."""
        return lambda row: True

    def more(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        """What else a page shows."""
        return {}

    def shared(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        told, matches = self.told, self.tells(obj) if obj else None
        return {
            "about": self.about,
            "nothing": self.nothing,
            "tools": self.tools(request, obj) if is_admin(request) else [],
            "stopped": Once(_stopped),
            "history": Once(partial(_history, told, matches)) if told else None,
            **self.more(request, obj),
        }

    def insist_on_looking(self, request: HttpRequest) -> None:
        """Before anything is read: whoever may not look may be in no tenant at all."""
        if not self.has_view_permission(request):
            raise PermissionDenied

    def changelist_view(
        self, request: HttpRequest, extra_context: Any = None
    ) -> HttpResponse:
        self.insist_on_looking(request)
        context = {**self.shared(request), **(extra_context or {})}
        answer: HttpResponse = super().changelist_view(request, context)
        return answer

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **more: Any
    ) -> HttpResponse:
        obj = more.get("obj")
        context.update(self.shared(request, obj))
        if obj is None:
            context["tools"] = []
        context.update(show_save_and_add_another=False, show_save_and_continue=False)
        answer: HttpResponse = super().render_change_form(
            request, context, *args, **more
        )
        return answer

    def formfield_for_dbfield(
        self, db_field: Any, request: HttpRequest, **more: Any
    ) -> Any:
        """The field alone: no buttons beside it that lead to another page."""
        shown = super().formfield_for_dbfield(db_field, request, **more)
        if shown is not None:
            shown.widget = getattr(shown.widget, "widget", shown.widget)
        return shown

    def list_url(self) -> str:
        return reverse(f"admin:autonomy_{self.opts.model_name}_changelist")

    def url_of(self, pk: Any, page: str = "change") -> str:
        return reverse(f"admin:autonomy_{self.opts.model_name}_{page}", args=[pk])


class Governed(Seen):
    """Pages of what steers autonomy: admins change it, by verbs that state the fact."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_admin(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_admin(request)

    def doors(self) -> Sequence[tuple[str, str, Door]]:
        """Further pages: route, name, view."""
        return ()

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                route,
                self.admin_site.admin_view(view),
                name=f"autonomy_{self.opts.model_name}_{name}",
            )
            for route, name, view in self.doors()
        ]
        return [*own, *super().get_urls()]

    def changeform_view(
        self, request: HttpRequest, *args: Any, **more: Any
    ) -> HttpResponse:
        """What a verb refuses is said, and the page is shown as it was."""
        try:
            answer: HttpResponse = super().changeform_view(request, *args, **more)
        except AutonomyError as refusal:
            messages.error(request, str(refusal))
            return redirect(request.get_full_path())
        return answer

    def insist(self, request: HttpRequest) -> None:
        """Only admins get further."""
        if not is_admin(request):
            raise PermissionDenied

    def found(self, request: HttpRequest, object_id: str) -> Any:
        """The object a door is about, or where to go when there is none."""
        obj = self.get_object(request, object_id)
        if obj is None:
            return None, self._get_obj_does_not_exist_redirect(
                request, self.opts, object_id
            )
        return obj, None

    def ask(self, request: HttpRequest, question: Question) -> TemplateResponse:
        """The page that asks before something is done."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": question.title,
            "question": question,
            "media": question.form.media if question.form else "",
            "stopped": Once(_stopped),
            **question.context,
        }
        return TemplateResponse(request, "autonomy/ask.html", context)

    def asked(
        self,
        request: HttpRequest,
        question: Question,
        do: Callable[[], str],
        then: str,
    ) -> HttpResponse:
        """Ask; once answered, do it, say what was done, and go on."""
        form = question.form
        if request.method != "POST" or (form is not None and not form.is_valid()):
            return self.ask(request, question)
        try:
            messages.success(request, do())
        except AutonomyError as refusal:
            messages.error(request, str(refusal))
            return HttpResponseRedirect(question.back)
        return HttpResponseRedirect(then)


class Previewed(Governed):
    """Pages with a button that tells what last week would have been like."""

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
        self.insist(request)
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
    return stops(now=timezone.now())


def _history(told: Told, matches: Callable[[Row], bool] | None) -> Sequence[Line]:
    return lately(told, matches) if matches else lately(told)
