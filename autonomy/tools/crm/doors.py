"""Which CRMs tools can write into: one line for each."""

from collections.abc import Mapping

from autonomy.rules.answers import Meaning
from autonomy.tools.base import Job, stopped
from autonomy.tools.crm.base import Door
from autonomy.tools.crm.hubspot import HubSpotDoor
from autonomy.tools.crm.salesforce import SalesforceDoor
from autonomy.tools.crm.tryton import TrytonDoor

_ALL: tuple[Door, ...] = (TrytonDoor(), HubSpotDoor(), SalesforceDoor())

DOORS: Mapping[str, Door] = {each.kind: each for each in _ALL}


def door_of(job: Job) -> Door:
    """The CRM that this tenant has."""
    door = DOORS.get(job.kind)
    if door is None:
        raise stopped(Meaning.REFUSED, f"Nothing here writes into a {job.kind!r}.")
    return door
