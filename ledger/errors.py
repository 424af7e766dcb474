"""What can be wrong in the ledger, said by the class that is raised."""


class HouseError(Exception):
    """The house refused."""

    def __init__(self, detail: str = "") -> None:
        said = type(self).__doc__ or type(self).__name__
        super().__init__(f"{said} {detail}".rstrip())
        self.detail = detail


class NotThere(HouseError):
    """What a body names is not there for whoever sent it."""

    def __init__(self, detail: str = "", *fields: str) -> None:
        super().__init__(detail)
        self.errors = [
            {"field": each, "code": "NOT_FOUND", "detail": detail or str(self)}
            for each in fields
        ]


class LedgerError(HouseError):
    """The ledger refused."""


class Unstatable(LedgerError, ValueError):
    """This value cannot be stated in the ledger."""


class MalformedNote(LedgerError, ValueError):
    """A signed note, or the key to one, is not in its one canonical form."""


class OutsideTree(LedgerError, ValueError):
    """The tree has no such place."""


class MissingHash(LedgerError, LookupError):
    """A hash that the tree must hold is not there."""


class OutsideScope(LedgerError):
    """No tenant is in scope."""


class ForeignTenant(LedgerError):
    """Another tenant is already in scope; scopes do not nest."""


class UnknownKind(LedgerError):
    """The ledger does not know this kind of fact."""


class BrokenTree(LedgerError):
    """The stored tree does not add up, so nothing is sealed on top of it."""


class NoSigningKey(LedgerError):
    """This process holds no LEDGER_SIGNING_KEY and cannot seal."""


class NotSealed(LedgerError):
    """The entry has no place in the tree yet; that takes a second or two."""


class TooManyExports(LedgerError):
    """This tenant asked for too many exports in the last hour."""

    def __init__(self, detail: str, *, wait: float) -> None:
        super().__init__(detail)
        self.wait = wait


class ExportNotReady(LedgerError):
    """The export is not there to download."""
