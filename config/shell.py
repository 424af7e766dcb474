"""What stands around every page: where one is, where one can go, what is stopped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from autonomy import unreached
from autonomy.views.stops import Banner
from config.access import OVERSEERS, READERS, SIGNERS
from config.theme import DAILY
from perception.models import Tenant
from perception.rules.callers import Caller
from perception.rules.roles import Role

# Whose digests have not arrived: so many are named.
NAMED = 3
# Who has to do with programs that speak to the house.
PROGRAMMERS = OVERSEERS | {Role.INTEGRATION}
# A word, the name of its route, and who has that page.
PLACES: tuple[tuple[str, str, frozenset[Role]], ...] = (
    *((title, name, READERS) for title, name in DAILY),
    ("Accounts", "accounts-page", READERS),
    ("Goals", "goals-page", READERS),
    ("Plans", "plans-page", READERS),
    ("Digest", "digest-page", READERS),
    ("Admin", "admin:index", SIGNERS | OVERSEERS),
    ("API docs", "docs", PROGRAMMERS),
)


@dataclass(frozen=True, kw_only=True)
class Unread:
    """Digests that have not arrived: the reader's own, and those of others for admins."""

    mine: unreached.Missing | None
    names: Sequence[str]
    more: int

    @property
    def others(self) -> int:
        return len(self.names) + self.more


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
    def banner(self) -> Banner | None:
        """The kill switches that are on, or not yet wholly off; nothing for strangers."""
        return Banner.of(self._caller) if self._caller else None

    @cached_property
    def unread(self) -> Unread | None:
        """Digests that have not arrived: the reader's own; for overseers, of everybody."""
        caller = self._caller
        if caller is None:
            return None
        asked = None if caller.role in OVERSEERS else caller.membership
        found = unreached.missing(now=timezone.now(), member=asked)
        others = [each.name for each in found if each.member != caller.membership]
        own = [each for each in found if each.member == caller.membership]
        # The page of digests says more about one's own.
        if self._request.path.startswith(reverse("digest-page")):
            own = []
        if not own and not others:
            return None
        return Unread(
            mine=own[0] if own else None,
            names=others[:NAMED],
            more=len(others[NAMED:]),
        )

    @cached_property
    def places(self) -> Sequence[Place]:
        return [
            self._place(title, name)
            for title, name, roles in PLACES
            if self._is_for(name, roles)
        ]

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
