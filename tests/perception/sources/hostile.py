"""What servers do to whoever asks them: out of spite, or because they are broken."""

import contextlib
import re
import socket
from collections.abc import Callable, Iterable
from threading import Event
from typing import Any

Act = Callable[[socket.socket], None]
GREETING = b"* OK [CAPABILITY IMAP4rev1] ready\r\n"
MULTISTATUS = b"<multistatus xmlns='DAV:' xmlns:C='urn:ietf:params:xml:ns:caldav'>%s</multistatus>"
ABOUT = MULTISTATUS % (
    b"<response><href>/cal/</href><propstat><prop><resourcetype><collection/>"
    b"<C:calendar/></resourcetype><sync-token>t1</sync-token></prop>"
    b"<status>HTTP/1.1 200 OK</status></propstat></response>"
)
RSS = b"<rss version='2.0'><channel><item><guid>1</guid><title>Acme %s</title></item></channel></rss>"
BOMB = (
    b"<!DOCTYPE a [<!ENTITY a 'aaaaaaaaaaaaaaaa'>"
    + b"".join(
        b"<!ENTITY %c '%s'>" % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(20)
    )
    + b"]>"
)


def silent(caller: socket.socket) -> None:
    """Takes what is said, and never answers."""
    with contextlib.suppress(OSError):
        while caller.recv(65536):
            pass


def closes(caller: socket.socket) -> None:
    """Hangs up."""


def asked_once(caller: socket.socket) -> bytes:
    """One request of HTTP, as far as its head and its length go."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = caller.recv(65536)
        if not piece:
            return data
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    while length and len(body) < int(length[1]):
        body += caller.recv(65536)
    return data


def web(body: bytes, status: str = "200 OK", **headers: str) -> Act:
    """Answers each request alike."""
    said = {"Content-Type": "application/xml", "Content-Length": str(len(body))}
    said |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in said.items())

    def act(caller: socket.socket) -> None:
        asked_once(caller)
        caller.sendall(f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body)

    return act


def dav(about: bytes, listed: bytes) -> Act:
    """Answers PROPFIND with one body, and reports with another."""

    def act(caller: socket.socket) -> None:
        method = asked_once(caller)[:8]
        body = about if method == b"PROPFIND" else listed
        head = f"HTTP/1.1 207 Multi\r\nContent-Length: {len(body)}\r\n\r\n"
        caller.sendall(head.encode() + body)

    return act


def goes_on(start: bytes, piece: bytes, every: float = 0, asks: bool = True) -> Act:
    """Sends a piece again and again, until nobody listens."""

    def act(caller: socket.socket) -> None:
        if asks:
            asked_once(caller)
        caller.sendall(start)
        while True:
            caller.sendall(piece)
            if every:
                Event().wait(every)

    return act


def imap(**answers: Any) -> Act:
    """An IMAP server that does as it should, but for what is given for a command.

    An answer is bytes that come before the OK; or a function that takes over.
    """
    usual: dict[str, Any] = {
        "LOGIN": b"",
        "CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n",
        "LIST": b'* LIST (\\HasNoChildren) "/" INBOX\r\n',
        "EXAMINE": b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] is\r\n* OK [UIDNEXT 3] is\r\n",
        "SEARCH": b"* SEARCH 2\r\n",
        "FETCH": fetched(b"From: c@acme.example\r\nMessage-ID: <a@b>\r\n\r\nYes.\r\n"),
    }
    usual |= answers

    def act(caller: socket.socket) -> None:
        caller.sendall(answers.get("greeting", GREETING))
        with caller.makefile("rb") as lines:
            for line in lines:
                tag, command, *rest = line.split()
                name = (rest[0] if command == b"UID" else command).decode().upper()
                said = usual.get(name, b"")
                if callable(said):
                    said(caller)
                    return
                caller.sendall(said + tag + b" OK done\r\n")

    return act


def fetched(mail: bytes, uid: int = 2, promised: int | None = None) -> bytes:
    """An answer to FETCH."""
    size = len(mail) if promised is None else promised
    head = b'* 1 FETCH (UID %d INTERNALDATE "19-Nov-2026 10:00:00 +0000" BODY[]<0> {%d}\r\n'
    return head % (uid, size) + mail + b")\r\n"


def then(*pieces: bytes, wait: bool = True) -> Act:
    """Sends these, and then nothing, or hangs up."""

    def act(caller: socket.socket) -> None:
        for piece in pieces:
            caller.sendall(piece)
        if wait:
            silent(caller)

    return act


def endless(pieces: Iterable[bytes]) -> Act:
    def act(caller: socket.socket) -> None:
        for piece in pieces:
            caller.sendall(piece)

    return act
