"""What all tools have in common: the act in hand, and the database's clock."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import DateTimeField, Func

from autonomy.models import Execution, Intent


@dataclass(frozen=True, kw_only=True)
class Act:
    """An intent that was started: nothing is handed to a tool without one."""

    execution: Execution
    intent: Intent
    at: datetime


class Clock(Func):
    """The database's clock within a condition: it goes on inside a transaction."""

    template = "clock_timestamp()"

    def __init__(self) -> None:
        super().__init__(output_field=DateTimeField())
