"""What the tools for CRMs ask of one: things are made and found by a key, fields are set."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from autonomy.tools.base import Image, Job
from perception.sources.base import Wire

NOTE, TASK = "note", "task"


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of the deal, or of the account where there is no deal.

    `name`: stage, amount, forecast, close_date, discount, or as the CRM itself calls it.
    """

    name: str
    value: Any = None


class Door(Protocol):
    """One kind of CRM. Adding one is a file like those beside this."""

    # The kind of its connectors.
    kind: str

    def find(self, noun: str, job: Job, wire: Wire) -> Image:
        """What was made under the job's key: ABSENT, or what a person could change of it."""
        ...

    def make(
        self, noun: str, said: Mapping[str, Any], job: Job, wire: Wire
    ) -> Mapping[str, Any]:
        """Make a note {text} or a task {title, due?, details?}; where it is then."""
        ...

    def remove(self, noun: str, there: Image, job: Job, wire: Wire) -> None:
        """Take away what was made under the job's key, where it is still as seen."""
        ...

    def read(self, fields: tuple[str, ...], job: Job, wire: Wire) -> Image:
        """What the fields hold now, by their names here, in values of JSON."""
        ...

    def write(
        self, fields: Mapping[str, Any], was: Image, job: Job, wire: Wire
    ) -> Mapping[str, Any]:
        """Set fields, where they still hold what they held; where that is then."""
        ...
