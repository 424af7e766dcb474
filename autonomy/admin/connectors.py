"""Connectors: pages of perception, with signals sent on their way from them."""

from collections.abc import Sequence

import orjson
from django.contrib import admin
from django.db import transaction

from autonomy import entering
from autonomy.errors import AutonomyError
from perception.admin import connectors
from perception.api.shapes import signals_in
from perception.errors import PerceptionError
from perception.intake import Received
from perception.models import Connector
from perception.webhooks import Body


@admin.register(Connector)
class ConnectorAdmin(connectors.ConnectorAdmin):
    """A delivery that is taken again starts its runs, as one that is posted does."""

    refusals = (AutonomyError, PerceptionError)

    def read(self, raw: bytes) -> Body:
        return signals_in(orjson.loads(raw))

    def enter(self, received: Sequence[Received]) -> None:
        entering.insist_on_room()
        if entering.enter_these([each.id for each in received if not each.duplicate]):
            transaction.on_commit(entering.wake)
