"""Which sources there are: one line for each kind."""

from collections.abc import Mapping

from perception.sources.base import Source
from perception.sources.calendar import Calendar
from perception.sources.feed import Feed
from perception.sources.files import Files
from perception.sources.http import Http
from perception.sources.hubspot import HubSpot
from perception.sources.lookup import Lookup
from perception.sources.mailbox import Mailbox
from perception.sources.salesforce import Salesforce
from perception.sources.tryton import Tryton
from perception.sources.warehouse import Warehouse

_ALL: tuple[Source, ...] = (
    Calendar(),
    Feed(),
    Files(),
    Http(),
    HubSpot(),
    Lookup(),
    Mailbox(),
    Salesforce(),
    Tryton(),
    Warehouse(),
)

SOURCES: Mapping[str, Source] = {each.kind: each for each in _ALL}
