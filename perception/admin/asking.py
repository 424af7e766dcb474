"""Who asks for an admin page."""

from django.http import HttpRequest

from ledger.admin import role_of
from perception.rules.callers import Caller
from perception.rules.roles import Role


def is_admin(request: HttpRequest) -> bool:
    return role_of(request) == Role.ADMIN


def decides(request: HttpRequest) -> bool:
    """May the caller decide for everybody here: an admin, or an approver?"""
    return role_of(request) in (Role.ADMIN, Role.APPROVER)


def caller_of(request: HttpRequest) -> Caller:
    """Whom the permissions have let in to this page."""
    caller: Caller = request.caller  # type: ignore[attr-defined]
    return caller
