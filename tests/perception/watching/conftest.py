"""A tenant that is watched, and an outside system that really answers over HTTP."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import orjson
import pytest

from ledger.models import Entry
from ledger.scope import tenant_scope
from perception import pulls, vault
from perception.accounts import add_account
from perception.models import Account, Connector, Cursor, Pull, PullUse, Signal, Tenant
from perception.rules.roles import Role
from perception.sources.base import (
    Asked,
    Found,
    Met,
    Reach,
    Sighted,
    SourceFailed,
    SourceRefuses,
    Wire,
)
from perception.sources.registry import SOURCES
from tests.conftest import NOW, House

WHOLE, BY_ACCOUNT = "feed", "http"


class Peer:
    """Events that can be read page by page; it counts, fails, or holds on as told."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.page = 2
        self.status = 200
        self.calls = 0
        self.answering = threading.Event()
        self.answering.set()
        peer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                peer.calls += 1
                peer.answering.wait(60)
                asked = parse_qs(urlsplit(self.path).query)
                body = orjson.dumps(peer.answer(int(asked["after"][0]), asked))
                self.send_response(peer.status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, after: int, asked: dict[str, list[str]]) -> dict[str, Any]:
        account = asked.get("account", [""])[0]
        known = [
            each for each in self.events if each["account"] == account or not account
        ]
        page = known[after : after + self.page]
        return {"events": page, "more": after + self.page < len(known)}

    def add(self, count: int = 1, **more: Any) -> None:
        for _ in range(count):
            number = len(self.events)
            event = {"key": f"e{number}", "account": "crm-0", "at": NOW.isoformat()}
            self.events.append({**event, **more})


class PeerSource:
    """Reads a peer; as any source does, through the wire alone."""

    title, secret = "A peer", ""
    schema: dict[str, Any] = {"type": "object"}

    def __init__(self, kind: str, reach: Reach) -> None:
        self.kind, self.reach = kind, reach

    def pull(self, asked: Asked, wire: Wire) -> Found:
        after = asked.cursor.get("after", 0)
        url = f"{asked.config['url']}/?after={after}"
        if self.reach is Reach.ACCOUNT and asked.account:
            url += f"&account={asked.account.external_id}"
        answer = wire.http("GET", url)
        if answer.status == 403:
            raise SourceRefuses("It does not know this secret.")
        if answer.status == 429:
            raise SourceFailed("Too often.", until=asked.now)
        if answer.status != 200:
            raise SourceFailed(f"It answered {answer.status}.")
        said = orjson.loads(answer.body)
        events = said["events"]
        return Found(
            cursor={"after": after + len(events)},
            signals=[_sighted(each, asked) for each in events],
            interactions=[_met(each, asked) for each in events if each.get("mail")],
            more=said["more"],
        )


def _sighted(event: dict[str, Any], asked: Asked) -> Sighted:
    return Sighted(
        type=event.get("type", "news"),
        payload=event.get("payload", {"title": event["key"]}),
        occurred_at=asked.now,
        dedupe_key=event["key"],
        account=event["account"],
        emails=event.get("emails", ()),
    )


def _met(event: dict[str, Any], asked: Asked) -> Met:
    return Met(
        external_id=event["key"],
        channel="email",
        direction="in",
        at=asked.now,
        account=event["account"],
        emails=event.get("emails", ()),
    )


@pytest.fixture(autouse=True)
def sources(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two kinds are read from peers: one as a whole, one account by account."""
    for kind, reach in ((WHOLE, Reach.WHOLE), (BY_ACCOUNT, Reach.ACCOUNT)):
        monkeypatch.setitem(SOURCES, kind, PeerSource(kind, reach))


@pytest.fixture
def alone(superuser: Any) -> None:
    """Other tests' tenants are not due, and have used up no rates."""
    with superuser.cursor() as cursor:
        cursor.execute("UPDATE perception_account SET next_poll_at = 'infinity'")
        cursor.execute("UPDATE perception_connector SET next_pull_at = NULL")
        cursor.execute("DELETE FROM perception_kindrate")


@pytest.fixture
def peer(settings: Any) -> Iterator[Peer]:
    made = Peer()
    settings.EGRESS_ALLOW = (f"127.0.0.1:{made.port}",)
    yield made
    made.answering.set()
    made.server.shutdown()
    made.server.server_close()


class Watch:
    """A tenant with accounts and connectors, and looks at what became of them."""

    def __init__(self, house: House, accounts: int) -> None:
        self.house, self.tenant = house, house.tenant
        with tenant_scope(self.tenant):
            for number in range(accounts):
                self.add(f"crm-{number}")

    def add(self, external_id: str, **more: Any) -> Account:
        given = {"external_id": external_id, "name": external_id, **more}
        return add_account(given, by=self.house.caller(Role.ADMIN), now=NOW)

    def connect(self, kind: str, **more: Any) -> UUID:
        with tenant_scope(self.tenant):
            count = Connector.objects.count()
            made = Connector.objects.create(
                tenant_id=self.tenant,
                kind=kind,
                name=f"{kind} {count}",
                sealed_secrets=vault.seal('["hush"]'),
                **{"rate_per_s": 1000, "created_at": NOW, **more},
            )
        return made.id

    def to_peer(self, peer: Peer, kind: str = WHOLE, **more: Any) -> UUID:
        config = {"url": f"http://127.0.0.1:{peer.port}"}
        return self.connect(kind, config=config, next_pull_at=NOW, **more)

    def queue(self, connector: UUID, account: UUID | None = None, **more: Any) -> UUID:
        """A pull that is due."""
        with tenant_scope(self.tenant):
            key = f"{connector}:{account}:{Pull.objects.count()}"
            given = {"depth": "SHALLOW", "units": 1, "due_at": NOW, "created_at": NOW}
            made = Pull.objects.create(
                tenant_id=self.tenant,
                connector_id=connector,
                account_id=account,
                key=key,
                **{**given, **more},
            )
        return made.id

    def run(self, pull: UUID, **more: Any) -> str:
        return pulls.run(pull, tenant=self.tenant, **more)

    def set(self, **values: Any) -> None:
        with tenant_scope(self.tenant):
            Tenant.objects.filter(pk=self.tenant).update(**values)

    def move(self, **values: Any) -> None:
        with tenant_scope(self.tenant):
            Account.objects.filter(tenant_id=self.tenant).update(**values)

    def accounts(self) -> list[Account]:
        with tenant_scope(self.tenant):
            return list(Account.objects.order_by("external_id"))

    def pulls(self) -> list[Pull]:
        with tenant_scope(self.tenant):
            return list(Pull.objects.order_by("id"))

    def signals(self) -> list[str]:
        with tenant_scope(self.tenant):
            keys = Signal.objects.order_by("dedupe_key").values_list("dedupe_key")
            return [key.split(":")[1] for (key,) in keys]

    def cursor(self) -> Any:
        with tenant_scope(self.tenant):
            held = Cursor.objects.first()
            return held.value if held else None

    def connector(self, id_: UUID) -> Connector:
        with tenant_scope(self.tenant):
            return Connector.objects.get(pk=id_)

    def used(self) -> dict[UUID | None, int]:
        with tenant_scope(self.tenant):
            return dict(PullUse.objects.values_list("connector_id", "used"))

    def stated(self, kind: str) -> list[dict[str, Any]]:
        with tenant_scope(self.tenant):
            rows = Entry.objects.filter(kind=kind).order_by("id")
            return [row.data for row in rows]


@pytest.fixture
def make_watch(make_house: Callable[..., House]) -> Callable[..., Watch]:
    """Makes tenants whose accounts are watched."""
    return lambda accounts=1: Watch(make_house(), accounts)
