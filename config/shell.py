"""What stands around every page: where one is, where one can go, what is stopped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from autonomy.admin.standing import Stop, stops
from config.access import EVERYBODY, OVERSEERS, READERS
from perception.models import Tenant
from perception.rules.callers import Caller
from perception.rules.roles import Role

# A word, the name of its route, and who has that page.
PLACES: tuple[tuple[str, str, frozenset[Role]], ...] = (
    ("Overview", "home", READERS),
    ("Plans", "plans-page", READERS),
    ("Digest", "digest-page", READERS),
    ("Admin", "admin:index", OVERSEERS),
    ("API docs", "docs", EVERYBODY),
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """One place to go to from every page."""

    title: str
    url: str
    is_here: bool


class Shell:
    """Read when a page first asks for it: a page about a fault asks for nothing."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self._caller: Caller | None = getattr(request, "caller", None)

    @cached_property
    def tenant(self) -> str:
        """The name of the tenant that one is in."""
        if self._caller is None:
            return ""
        names = Tenant.objects.values_list("name", flat=True)
        return names.filter(pk=self._caller.tenant).first() or ""

    @cached_property
    def role(self) -> str:
        return self._caller.role.value if self._caller else ""

    @cached_property
    def stops(self) -> Sequence[Stop]:
        """The kill switches that are on, or not yet wholly off."""
        return stops(now=timezone.now()) if self._caller else []

    @cached_property
    def places(self) -> Sequence[Place]:
        return [
            self._place(title, name)
            for title, name, roles in PLACES
            if self._is_for(name, roles)
        ]

    @property
    def may_see_switches(self) -> bool:
        return self._caller is not None and self._caller.role in OVERSEERS

    def _is_for(self, name: str, roles: frozenset[Role]) -> bool:
        if self._caller is not None and self._caller.role in roles:
            return True
        return name == "admin:index" and bool(
            getattr(self._request.user, "is_superuser", False)
        )

    def _place(self, title: str, name: str) -> Place:
        url, here = reverse(name), self._request.path
        is_here = here == url if url == "/" else here.startswith(url)
        return Place(title=title, url=url, is_here=is_here)


def shell(request: HttpRequest) -> Mapping[str, Any]:
    """A context processor: `shell` in every template."""
    return {"shell": Shell(request)}
