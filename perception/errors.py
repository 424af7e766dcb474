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


class EgressRefused(PerceptionError):
    """This address may not be reached from here."""


class EgressMalformed(EgressRefused):
    """This request cannot be sent as it is written."""


class EgressFailed(PerceptionError):
    """The request to another machine brought no answer that can be used."""

    def __init__(self, detail: str, *, ambiguous: bool) -> None:
        super().__init__(detail)
        # Whether the other side may have received the request, and acted on it.
        self.ambiguous = ambiguous
