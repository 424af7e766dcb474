"""Servers that refuse whoever asks, and repeat everything they were told or know."""

import socket
import threading
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from tests.servers import Door, Server


class Gossip(Server):
    """Answers every request with a refusal that quotes all of it, and `knows` besides."""

    def __init__(self, knows: Sequence[str], status: int = 422) -> None:
        self.knows, self.status, self.asked = " ".join(knows), status, 0
        super().__init__(_Door)


class _Door(Door):
    def _refuse(self) -> None:
        server = self.server
        assert isinstance(server, Gossip)
        server.asked += 1
        length = int(self.headers.get("Content-Length") or 0)
        said = f"{self.path} {self.headers} {server.knows} ".encode()
        body = b"You said: " + said + self.rfile.read(length)
        self.send_response(server.status, f"Not with {server.knows}")
        self.send_header("Content-Type", "application/json")
        self.send_header("X-You-Said", server.knows)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = _refuse


@contextmanager
def chatter(greeting: bytes, answer: Any) -> Iterator[int]:
    """A server of lines on a port: a greeting, then whatever `answer` makes of each."""
    server = socket.create_server(("127.0.0.1", 0))

    def talk(line: socket.socket) -> None:
        with suppress(OSError), line, line.makefile("rb") as heard:
            line.sendall(greeting)
            for said in heard:
                line.sendall(answer(said))

    def listen() -> None:
        with suppress(OSError):
            while True:
                line, _ = server.accept()
                threading.Thread(target=talk, args=(line,), daemon=True).start()

    threading.Thread(target=listen, daemon=True).start()
    try:
        yield int(server.getsockname()[1])
    finally:
        server.close()


def as_mail(said: bytes) -> bytes:
    """SMTP: it offers a login, and repeats what it is given."""
    verb = said.split()[0].upper() if said.split() else b""
    if verb == b"EHLO":
        return b"250-gossip\r\n250 AUTH PLAIN\r\n"
    if verb == b"AUTH":
        with suppress(ValueError):
            given = b64decode(said.split()[-1]).replace(b"\0", b" ")
            return b"535 5.7.8 Not with " + given + b"\r\n"
    return b"221 Bye\r\n" if verb == b"QUIT" else b"502 " + said.strip() + b"\r\n"


def as_mailbox(said: bytes) -> bytes:
    """IMAP: nobody gets in, and everybody hears with what."""
    tag, _, rest = said.strip().partition(b" ")
    if rest.upper() == b"CAPABILITY":
        return b"* CAPABILITY IMAP4rev1\r\n" + tag + b" OK\r\n"
    return tag + b" NO Not with " + rest + b"\r\n"
