"""Sites of the sources that read a whole system, for the contract of all sources."""

from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from perception.sources.base import Reach, Source
from perception.sources.hubspot import HubSpot
from perception.sources.warehouse import Warehouse
from tests.perception.sources.contracts import HUBSPOT, HUBSPOT_ALWAYS
from tests.perception.sources.portals import Portal
from tests.perception.sources.servers import NOW, SECRET, free_port
from tests.perception.sources.stores import Store
from tests.perception.sources.vendors import Vendor, serving

QUERY = """
SELECT account, at AS occurred_at, id AS key, metric FROM usage_seen
WHERE at >= %(since)s AND at < %(until)s ORDER BY at LIMIT %(limit)s
"""


class WholeSite:
    """They look back a while each time, so known rows come again under their keys."""

    kind = ""
    reach = Reach.WHOLE
    takes_secret = True
    breaks_after = 120
    source: Source
    port: int
    count = 0

    def add(self, count: int) -> None:
        for _ in range(count):
            self.count += 1
            self.put(self.count)

    def put(self, number: int) -> None:
        raise NotImplementedError

    def config(self, port: int | None = None) -> dict[str, Any]:
        raise NotImplementedError

    def unreachable(self) -> dict[str, Any]:
        return self.config(free_port())


class HubSpotSite(WholeSite):
    kind = "hubspot"

    def __init__(self, folder: Path) -> None:
        self.folder, self.source = folder, HubSpot()
        self.portal = Portal(SECRET)
        self.vendor = Vendor(shapes=HUBSPOT, always=HUBSPOT_ALWAYS, act=self.portal.act)
        self.stack = ExitStack()
        self.stack.enter_context(serving(self.vendor))
        self.port = int(self.vendor.url.rpartition(":")[2])

    def config(self, port: int | None = None) -> dict[str, Any]:
        return {"url": f"http://127.0.0.1:{port or self.port}", "objects": ["deals"]}

    def put(self, number: int) -> None:
        at = NOW - timedelta(minutes=5) + timedelta(seconds=number)
        self.portal.add("deals", at, "a1", dealstage="qualifiedtobuy")

    def close(self) -> None:
        self.stack.close()
        assert not self.vendor.broken


class WarehouseSite(WholeSite):
    kind = "warehouse"

    def __init__(self, folder: Path) -> None:
        self.folder, self.source = folder, Warehouse()
        self.store = Store(SECRET)
        self.port = int(self.store.given["port"])

    def config(self, port: int | None = None) -> dict[str, Any]:
        return {
            "host": "127.0.0.1",
            "port": port or self.port,
            "database": self.store.name,
            "user": self.store.name,
            "tls": False,
            "query": QUERY,
        }

    def put(self, number: int) -> None:
        at = NOW - timedelta(minutes=5) + timedelta(seconds=number)
        self.store.add(number, at, account="a1")

    def close(self) -> None:
        self.store.drop()
