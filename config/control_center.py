"""The admin pages: for a tenant's admins and auditors, and for superusers."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from django.conf import settings
from django.contrib.auth.views import LogoutView, redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from unfold.sites import UnfoldAdminSite

View = Callable[..., HttpResponse]


class ControlCenter(UnfoldAdminSite):
    """Django's admin site, with the doors of the house around it."""

    index_title = "Control center"

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
