"""What pages about a tenant share: a head with buttons, doors, a question beforehand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from ledger.admin import ByRole
from perception.admin.asking import is_admin
from perception.errors import PerceptionError

Door = Callable[..., HttpResponse]


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A button on top of a page; one that `posts` acts at once, with what it carries."""

    label: str
    href: str
    tone: str = "plain"
    posts: bool = False
    carries: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Tab:
    """One way to look at a list: its name, and the query that asks for it."""

    label: str
    query: str = ""
    is_on: bool = False


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


@dataclass(frozen=True, kw_only=True)
class Done:
    """What was done, in words, and where to go on.

    `is_refusal`: what was asked for was not done, but what happened instead stays.
    """

    said: str
    then: str = ""
    is_refusal: bool = False


class Shown(ByRole):
    """Pages to read; those that act do it through doors, and ask where it matters."""

    change_list_template = "perception/change_list.html"
    change_form_template = "perception/change_form.html"
    about: ClassVar[str] = ""
    nothing: ClassVar[str] = "There is nothing here yet."
    # What a list can be narrowed to by one click: name and query.
    ways: ClassVar[tuple[tuple[str, str], ...]] = ()
    # What verbs refuse with: it is said to whoever asked.
    refusals: ClassVar[tuple[type[Exception], ...]] = (PerceptionError,)

    def may_act(self, request: HttpRequest) -> bool:
        """Who gets the buttons."""
        return is_admin(request)

    def tools(self, request: HttpRequest, obj: Any = None) -> list[Tool]:
        """Buttons of the list, or of one object."""
        return []

    def doors(self) -> Sequence[tuple[str, str, Door]]:
        """Further pages: route, name, view."""
        return ()

    def more(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        """What else a page shows."""
        return {}

    def around(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        """What stands around every page, those that ask too."""
        return {}

    def refused(self, refusal: Exception, obj: Any = None) -> str:
        """A refusal in words."""
        return str(refusal)

    def shared(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {
            "about": self.about,
            "nothing": self.nothing,
            "tabs": self._tabs(request) if obj is None else [],
            "tools": self.tools(request, obj) if self.may_act(request) else [],
            **self.around(request, obj),
            **self.more(request, obj),
        }

    def insist_on_looking(self, request: HttpRequest) -> None:
        """Before anything is read: whoever may not look may be in no tenant at all."""
        if not self.has_view_permission(request):
            raise PermissionDenied

    def insist(self, request: HttpRequest) -> None:
        """Only who may act gets further."""
        if not self.may_act(request):
            raise PermissionDenied

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                route,
                self.admin_site.admin_view(view),
                name=f"{self.opts.app_label}_{self.opts.model_name}_{name}",
            )
            for route, name, view in self.doors()
        ]
        return [*own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: Any = None
    ) -> HttpResponse:
        self.insist_on_looking(request)
        context = {**self.shared(request), **(extra_context or {})}
        answer: HttpResponse = super().changelist_view(request, context)
        return answer

    def changeform_view(
        self, request: HttpRequest, *args: Any, **more: Any
    ) -> HttpResponse:
        """What a verb refuses is said, and the page is shown as it was."""
        try:
            answer: HttpResponse = super().changeform_view(request, *args, **more)
        except self.refusals as refusal:
            messages.error(request, self.refused(refusal))
            return redirect(request.get_full_path())
        return answer

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **more: Any
    ) -> HttpResponse:
        obj = more.get("obj")
        context.update(self.shared(request, obj))
        if obj is None:
            context.update(tools=[], tabs=[])
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
        app, model = self.opts.app_label, self.opts.model_name
        return reverse(f"admin:{app}_{model}_changelist")

    def url_of(self, pk: Any, page: str = "change") -> str:
        app, model = self.opts.app_label, self.opts.model_name
        return reverse(f"admin:{app}_{model}_{page}", args=[pk])

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
            **self.around(request),
            "opts": self.opts,
            "title": question.title,
            "question": question,
            "media": question.form.media if question.form else "",
            **question.context,
        }
        return TemplateResponse(request, "perception/ask.html", context)

    def asked(
        self,
        request: HttpRequest,
        question: Question,
        do: Callable[[], str | Done],
        then: str,
        about: Any = None,
    ) -> HttpResponse:
        """Ask; once answered, do it, say what was done, and go on.

        What is refused halfway leaves nothing behind.
        """
        form = question.form
        if request.method != "POST" or (form is not None and not form.is_valid()):
            return self.ask(request, question)
        try:
            with transaction.atomic():
                found = do()
        except self.refusals as refusal:
            messages.error(request, self.refused(refusal, about))
            return HttpResponseRedirect(question.back)
        done = found if isinstance(found, Done) else Done(said=found)
        tell = messages.error if done.is_refusal else messages.success
        tell(request, done.said)
        return HttpResponseRedirect(done.then or then)

    def _tabs(self, request: HttpRequest) -> list[Tab]:
        """The ways to look at the list, and which of them this is."""
        pairs = set(request.GET.urlencode().split("&"))
        now = next((query for _, query in self.ways if query and query in pairs), "")
        is_plain = bool(now) or not request.GET
        return [
            Tab(label=label, query=query, is_on=query == now and is_plain)
            for label, query in self.ways
        ]
