"""What is refused of a configuration file, said by the class that is raised."""

from collections.abc import Sequence

from config.as_code.rules.document import Fault
from ledger.errors import HouseError


class AsCodeError(HouseError):
    """The configuration was not applied."""


class FileRefused(AsCodeError):
    """The file cannot be applied as it stands; nothing was changed."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__()
        self.faults = tuple(faults)


class ConfigMoved(AsCodeError):
    """Somebody changed the configuration meanwhile: nothing was changed, plan again."""


class WidensUnsaid(AsCodeError):
    """The file widens autonomy, and --allow-widening was not given."""


class NotAnAdmin(AsCodeError):
    """Only an admin of the tenant applies its configuration."""
