"""What all pages of the house have in common: who may look, in whose time, what renews itself."""

import hashlib
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import wraps
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django_htmx.http import HttpResponseClientRefresh

from ledger.scope import current_tenant
from perception.models import Tenant
from perception.rules.callers import Caller
from perception.rules.roles import Role

View = Callable[..., HttpResponse]

READERS = frozenset({Role.SELLER, Role.APPROVER, Role.ADMIN, Role.AUDITOR})
# Everything comes from the house itself; scripts and styles are files, never inline.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# What a part looked like when it was last sent; the same again is not sent.
SEEN = "X-Seen"
# What is new each time, and no news: who may post, and since when something is shown.
_TOKEN = re.compile(r'name="(?:csrfmiddlewaretoken|shown)" value="[^"]*"')


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a page that is asked for again while somebody looks at it."""

    html: SafeString
    seen: str


def page(roles: Collection[Role] = READERS) -> Callable[[View], View]:
    """A page for members of these roles, told in their tenant's time.

    Strangers log in first; members of other roles are told that it is not theirs.
    """

    def wrap(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return _to_login(request)
            caller: Caller | None = request.caller  # type: ignore[attr-defined]
            if caller is None:
                return render(request, "nobody.html", status=403)
            if caller.role not in roles or caller.token is not None:
                raise PermissionDenied
            with timezone.override(tenant_time()):
                answer = view(request, caller, *args, **kwargs)
            answer.headers.setdefault("Content-Security-Policy", POLICY)
            answer.headers.setdefault("Cache-Control", "private, no-store")
            return answer

        # Whoever looks through the routes finds here whom it is for.
        guarded.roles = frozenset(roles)  # type: ignore[attr-defined]
        return guarded

    return wrap


def tenant_time() -> ZoneInfo:
    """The time zone in which the tenant in scope reads its days."""
    zone = Tenant.objects.values_list("timezone", flat=True)
    return ZoneInfo(zone.get(pk=current_tenant()))


def part(request: HttpRequest, template: str, context: dict[str, Any]) -> Part:
    """A part of a page, and what tells whether it has changed."""
    html = render_to_string(template, context, request)
    plain = _TOKEN.sub("", html).encode()
    return Part(html=html, seen=hashlib.blake2b(plain, digest_size=12).hexdigest())


def renewed(request: HttpRequest, shown: Part) -> HttpResponse:
    """A part that was asked for again; nothing, if it is as it was."""
    if request.headers.get(SEEN) == shown.seen:
        return HttpResponse(status=204)
    return HttpResponse(shown.html, headers={SEEN: shown.seen})


def _to_login(request: HttpRequest) -> HttpResponse:
    """A part of a page that nobody is logged in for any more reloads the whole page."""
    if getattr(request, "htmx", False):
        return HttpResponseClientRefresh()
    return redirect_to_login(request.get_full_path())
