"""Mail servers that tests send to: a real one (aiosmtpd), and one that says what it is told."""

import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from logging import WARNING, getLogger
from socket import socket
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from ledger.record import SYSTEM
from ledger.scope import tenant_scope
from perception import connectors
from perception.models import Connector
from tests.autonomy.conftest import Desk
from tests.conftest import NOW
from tests.perception.sources.servers import SECRET, Peer, free_port

getLogger("mail").setLevel(WARNING)
USER = "sender@own.example"
FROM = "sales@own.example"


@dataclass(kw_only=True)
class Postbox:
    """What a server took. `says`: a reply for one of its hooks, in place of its own."""

    port: int
    sent: list[Any] = field(default_factory=list)
    says: dict[str, str] = field(default_factory=dict)
    is_closed: bool = False

    @property
    def mails(self) -> list[EmailMessage]:
        return [message_from_bytes(each.content, policy=default) for each in self.sent]

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if self.is_closed and not session.authenticated:
            return "530 5.7.0 Who are you?"
        if said := self.says.get("MAIL"):
            return said
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if said := self.says.get("RCPT"):
            return said
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if said := self.says.get("DATA"):
            return said
        self.sent.append(envelope)
        return "250 Taken"

    def authenticate(
        self, server: Any, session: Any, envelope: Any, mechanism: str, given: Any
    ) -> AuthResult:
        mine = LoginPassword(login=USER.encode(), password=SECRET.encode())
        return AuthResult(success=given == mine, handled=False)


@contextmanager
def postbox(
    tls: ssl.SSLContext | None = None,
    *,
    is_implicit: bool = False,
    is_closed: bool = False,
) -> Iterator[Postbox]:
    """A real server of its own. `is_closed`: only who logs in may send."""
    port = free_port()
    made = Postbox(port=port, is_closed=is_closed)
    given: dict[str, Any] = {
        "authenticator": made.authenticate,
        "auth_require_tls": False,
    }
    if tls is not None and not is_implicit:
        given["tls_context"] = tls
    server = Controller(
        made, hostname="127.0.0.1", port=port, ready_timeout=60,
        server_hostname="here.example",
        ssl_context=tls if is_implicit else None, **given,
    )  # fmt: skip
    server.start()
    try:
        yield made
    finally:
        server.stop()


Step = Callable[[socket], None]
GREETING = b"220 here.example\r\n"
FINE = b"250 OK\r\n"


@dataclass(kw_only=True)
class Scripted:
    """A server that answers each line it hears with the next reply; "" breaks off.

    After DATA was let through, everything up to the last dot counts as one line.
    """

    replies: Sequence[bytes]
    heard: list[bytes] = field(default_factory=list)

    def act(self, caller: socket) -> None:
        caller.sendall(GREETING)
        file, is_mail = caller.makefile("rb"), False
        for reply in self.replies:
            line = file.readline()
            while is_mail and line and line != b".\r\n":
                line = file.readline()
            if not line:
                return
            self.heard.append(line)
            is_mail = reply.startswith(b"354")
            if not reply:
                return
            caller.sendall(reply)
        file.read()


@contextmanager
def scripted(*replies: bytes) -> Iterator[tuple[int, Scripted]]:
    told = Scripted(replies=replies)
    peer = Peer(told.act)
    try:
        yield peer.port, told
    finally:
        peer.close()


def config(port: int, **given: Any) -> dict[str, Any]:
    """An acting connector's, to a server on this machine."""
    return {"host": "127.0.0.1", "port": port, "tls": "none", "from": FROM, **given}


def acting(desk: Desk, kind: str, config: Any, secret: str = SECRET) -> Connector:
    """The tenant's connector that tools act through."""
    given = {
        "kind": kind, "name": f"Acting {kind}", "acts": True,
        "config": config, "secret": secret, "rate_per_s": 1000.0,
    }  # fmt: skip
    with tenant_scope(desk.tenant):
        return connectors.add(given, by=SYSTEM, now=NOW)
