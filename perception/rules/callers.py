"""Who is asking."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from perception.rules.roles import Role


@dataclass(frozen=True, kw_only=True)
class Caller:
    """A membership at a door, by token or by session."""

    tenant: UUID
    membership: UUID
    role: Role
    token: UUID | None = None

    @property
    def may_propose_anywhere(self) -> bool:
        """Integrations see no account, and may propose something for each."""
        return self.role is Role.INTEGRATION


def caller_of(request: Any) -> Caller:
    """The caller that a door has let in."""
    caller = request.auth
    if not isinstance(caller, Caller):
        raise TypeError("this door let somebody in without knowing who it is")
    return caller
