"""What perception refuses, said by the class that is raised."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from ledger.errors import HouseError, NotThere


class PerceptionError(HouseError):
    """Perception refused."""


class BadToken(PerceptionError):
    """This is not a token of ours."""


class TokenExpired(PerceptionError):
    """The token has expired."""


class TokenRevoked(PerceptionError):
    """The token was revoked."""


class NoSuchTenant(PerceptionError):
    """There is no such tenant."""


class NoSuchMember(PerceptionError, NotThere):
    """Nobody in this tenant fits."""


class NoSuchAccount(PerceptionError, NotThere):
    """There is no such account."""

    code = "not_found"


class NoSuchContact(PerceptionError):
    """There is no such contact."""


class AlreadyThere(PerceptionError):
    """There is one with this external id already."""


class AdminChanges(PerceptionError):
    """An approver may give an account to another owner; the rest an admin changes."""


class OnlyOptsOut(PerceptionError):
    """You may note that somebody opts out; an admin adds, changes and opts in again."""


class NamelessContact(PerceptionError):
    """Whoever is added needs a name."""


class CannotAct(PerceptionError):
    """Tools cannot act through this kind of connector."""


class ActsAlready(PerceptionError):
    """Tools act through another connector already: take that out of use first."""


class DryRun(PerceptionError):
    """A dry run holds no secrets and cannot act."""


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


class SignalsRefused(PerceptionError):
    """These signals cannot be kept; none of them was."""

    def __init__(self, faults: Sequence[tuple[int, str, str]]) -> None:
        index, field, message = faults[0]
        super().__init__(f"Number {index}, {field}: {message}")
        # Place in the list, field, and what is wrong there.
        self.faults = tuple(faults)


class TooManySignals(PerceptionError):
    """A list holds at most 1000 signals."""


class TooBusy(PerceptionError):
    """So much is waiting here that nothing more is taken for a moment."""

    def __init__(self, detail: str = "", *, wait: float) -> None:
        super().__init__(detail)
        self.wait = wait


class NotSigned(PerceptionError):
    """No live secret of such a connector signed this, or it is too old."""


class NothingToRedeliver(PerceptionError):
    """This delivery was accepted: there is nothing left of it to take again."""


class ConfigRefused(PerceptionError):
    """This configuration does not fit this kind of connector."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(" ".join(f"{at}: {said}" for at, said in faults.items()))
        self.faults = faults


class CannotTry(PerceptionError):
    """A connector of this kind is not read: its sender delivers by itself."""


class TooManyFailures(PerceptionError):
    """Too many deliveries here were not signed as they should be."""

    def __init__(self, detail: str = "", *, wait: float) -> None:
        super().__init__(detail)
        self.wait = wait


class ConnectorThere(PerceptionError):
    """There is a connector of this name already."""


class SealBroken(PerceptionError):
    """No live key opens this secret."""


class NotNow(PerceptionError):
    """This has to wait."""

    def __init__(
        self, until: datetime, detail: str = "", *, every: timedelta = timedelta(0)
    ) -> None:
        super().__init__(detail)
        self.until = until
        # Where many wait for the same: how far apart they should come back.
        self.every = every
