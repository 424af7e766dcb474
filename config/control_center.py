"""The admin pages: for a tenant's admins and auditors, and for superusers."""

from collections.abc import Callable, Iterator
from functools import update_wrapper
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import LogoutView, redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from unfold.sites import UnfoldAdminSite

from config.access import READERS
from config.theme import DAILY, GROUPS, Page

View = Callable[..., HttpResponse]


class ControlCenter(UnfoldAdminSite):
    """Django's admin site, with the doors of the house around it."""

    index_title = "Control center"
    index_template = "autonomy/dashboard.html"

    def register(
        self, model_or_iterable: Any, admin_class: Any = None, **options: Any
    ) -> None:
        """Only what knows our roles: apps from elsewhere bring pages that do not."""
        if getattr(admin_class, "knows_roles", False):
            super().register(model_or_iterable, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        """Whoever may look at something here may enter."""
        pages = self._registry.values()
        return any(page.has_module_permission(request) for page in pages)

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Whoever is logged in and may not enter is told so, once and clearly."""
        inner = super().admin_view(view, cacheable)

        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path(), settings.LOGIN_URL)
            if not self.has_permission(request):
                raise PermissionDenied
            answer: HttpResponse = inner(request, *args, **kwargs)
            return answer

        return update_wrapper(guarded, inner)

    def login(
        self, request: HttpRequest, extra_context: Any = None
    ) -> HttpResponseRedirect:
        """The house has one place to log in."""
        target = request.GET.get("next") or reverse("admin:index")
        return redirect_to_login(target, settings.LOGIN_URL)

    def logout(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        leave = LogoutView.as_view(next_page=settings.ACCOUNT_LOGOUT_REDIRECT_URL)
        return leave(request)

    def password_change(
        self, request: HttpRequest, extra_context: Any = None
    ) -> HttpResponse:
        return redirect("account_change_password")


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar: back to daily work, then every page that the caller may look at, in
    the order of the walk.
    """
    pages = {
        f"{model._meta.app_label}_{model._meta.model_name}": page
        for model, page in admin.site._registry.items()
        if page.has_module_permission(request)
    }
    placed = {name for _, items in GROUPS for name, _, _ in items}
    rest: tuple[Page, ...] = tuple(
        (name, "", "") for name in pages if name not in placed
    )
    groups = [*GROUPS, ("More", rest)]
    asked = set(request.GET.urlencode().split("&"))
    caller = getattr(request, "caller", None)
    daily = DAILY if caller is not None and caller.role in READERS else ()
    back = [
        {"title": title, "link": reverse(name), "active": False}
        for title, name in daily
    ]
    return [{"title": "Day by day", "items": back}] + [
        {"title": title, "items": list(_items(request, pages, items, asked))}
        for title, items in groups
    ]


def _items(
    request: HttpRequest,
    pages: dict[str, Any],
    items: tuple[Page, ...],
    asked: set[str],
) -> Iterator[dict[str, Any]]:
    """The links of a group; of two to one list, that which asks for more is active."""
    for name, title, query in items:
        if name not in pages or not pages[name].shows(request, query):
            continue
        url = reverse(f"admin:{name}_changelist")
        narrower = [more for other, _, more in items if other == name and more]
        is_narrow = any(more in asked for more in narrower) and request.path == url
        is_here = request.path.startswith(url)
        yield {
            "title": title or str(pages[name].opts.verbose_name_plural).capitalize(),
            "link": f"{url}?{query}" if query else url,
            "active": is_here and (query in asked if query else not is_narrow),
        }
