"""What perception refuses, said by the class that is raised."""


class PerceptionError(Exception):
    """Perception refused."""

    def __init__(self, detail: str = "") -> None:
        said = type(self).__doc__ or type(self).__name__
        super().__init__(f"{said} {detail}".rstrip())
        self.detail = detail


class BadToken(PerceptionError):
    """This is not a token of ours."""


class TokenExpired(PerceptionError):
    """The token has expired."""


class TokenRevoked(PerceptionError):
    """The token was revoked."""


class NoSuchTenant(PerceptionError):
    """There is no such tenant."""


class NoSuchMember(PerceptionError):
    """Nobody in this tenant fits."""


class AlreadyThere(PerceptionError):
    """There is one with this external id already."""
