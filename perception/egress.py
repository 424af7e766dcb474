"""The one way out: every request to another machine is checked, timed and capped."""

import http.client
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, cast
from urllib.parse import urlsplit

from django.conf import settings

from perception.dry import insist_on_acting
from perception.errors import EgressFailed, EgressMalformed, EgressRefused
from perception.lines import Deadline, Line, TooLarge, secured
from perception.rules.egress import Allowed, fault, is_listed, may_reach, parse_allowed

MIB = 1024 * 1024
PIECE = 64 * 1024
PORTS = {"http": 80, "https": 443}
PLAIN = ("http", "tcp")
SECURED = ("https", "tls")
URL = re.compile(r"[!-~]{1,2048}")
Found = list[tuple[int, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came back, whatever its status. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where a request goes, and what it asks for there."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS.get(self.scheme) else f"{host}:{self.port}"


def send(
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str],
    timeout: float,
    limit: int = MIB,
) -> Answer:
    """Send one request within `timeout` seconds; no redirect is followed, nothing retried."""
    target = _target(url)
    if said := fault(method, headers, timeout):
        raise EgressMalformed(said)
    deadline = Deadline(timeout)
    with _connected(target, _checked(target, deadline), deadline) as sock:
        # Chunks may weigh as much as what they carry.
        line = Line(sock, deadline, 2 * limit + PIECE)
        try:
            return _exchange(line, method, target, headers, body, limit)
        except TimeoutError:
            said = "did not answer in time"
        except TooLarge:
            said = f"answered with more than {limit} bytes"
        except (OSError, ValueError, http.client.HTTPException):
            # What it said may be private, and a traceback may be logged.
            said = "broke off, or did not answer in proper HTTP"
    raise EgressFailed(f"{target.authority} {said}.", ambiguous=True)


@contextmanager
def dial(
    host: str,
    port: int,
    *,
    tls: bool,
    timeout: float,
    limit: int = MIB,
    upgrades: bool = False,
) -> Iterator[Line]:
    """A line for what is not HTTP: all that is said on it within `timeout` seconds.

    `upgrades`: it begins in the clear, and whoever dials has to secure it.
    """
    scheme = "upgraded" if upgrades else "tls" if tls else "tcp"
    target = Target(scheme=scheme, host=host, port=port, path="/")
    deadline = Deadline(timeout)
    with _connected(target, _checked(target, deadline), deadline) as sock:
        line = Line(sock, deadline, limit)
        try:
            yield line
            return
        except TimeoutError:
            said = "did not answer in time"
        except TooLarge:
            said = f"answered with more than {limit} bytes"
        except OSError:
            said = "broke off"
        finally:
            line.hang_up()
    raise EgressFailed(f"{target.authority} {said}.", ambiguous=True)


def located(host: str, port: int, *, tls: bool, timeout: float) -> tuple[str, ...]:
    """The checked addresses of a host, for a client that has to connect by itself."""
    target = Target(scheme="tls" if tls else "tcp", host=host, port=port, path="/")
    found = _checked(target, Deadline(timeout))
    return tuple(dict.fromkeys(address[0] for _, address in found))


def _target(url: str) -> Target:
    """The URL, taken apart once; everything else goes by these parts."""
    if not URL.fullmatch(url) or "\\" in url:
        raise EgressMalformed("A URL is printable ASCII, of at most 2048 characters.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise EgressMalformed(
            "The URL names no host, or no port that exists."
        ) from None
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in PORTS:
        raise EgressMalformed("A URL begins with https:// or http://.")
    if "@" in parts.netloc:
        raise EgressMalformed("A URL holds no user and no password.")
    if not host or "%" in host or port == 0:
        raise EgressMalformed("The URL names no host, or no port that exists.")
    return Target(
        scheme=parts.scheme,
        host=host,
        port=PORTS[parts.scheme] if port is None else port,
        path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
    )


def _checked(target: Target, deadline: Deadline) -> Found:
    """The addresses of the host, every one of which may be reached."""
    insist_on_acting(f"It would have gone to {target.host}.")
    found = _resolved(target, deadline)
    addresses = [place[0] for _, place in found]
    allowed = _allowed(tuple(settings.EGRESS_ALLOW))
    if not may_reach(target.host, target.port, addresses, allowed):
        raise EgressRefused(
            f"{target.authority} is not public, and is not on EGRESS_ALLOW."
        )
    plain = target.scheme in PLAIN and not settings.DEBUG
    if plain and not is_listed(target.host, target.port, addresses, allowed):
        only = "https" if target.scheme == "http" else "TLS"
        raise EgressRefused(
            f"{target.authority} is not on EGRESS_ALLOW: only {only} may go there."
        )
    return found


@lru_cache(maxsize=8)
def _allowed(entries: tuple[str, ...]) -> Allowed:
    return parse_allowed(entries)


def _resolved(target: Target, deadline: Deadline) -> Found:
    """Ask once where the host is; in a thread, since nothing else can end the asking."""
    answers: SimpleQueue[Found] = SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(
                target.host, target.port, type=socket.SOCK_STREAM
            )
            answers.put([(each[0], each[4]) for each in found])
        except (OSError, ValueError):
            answers.put([])

    Thread(target=ask, name="egress-resolve", daemon=True).start()
    try:
        found = answers.get(timeout=deadline.left())
    except (Empty, TimeoutError):
        found = []
    if not found:
        raise EgressFailed(f"{target.host} cannot be resolved.", ambiguous=False)
    return found


def _connected(target: Target, found: Found, deadline: Deadline) -> socket.socket:
    """A connection to the first of the checked addresses that takes it."""
    said = "cannot be connected to"
    for place, (family, address) in enumerate(found):
        try:
            # Each gets its share, so that one silent address does not use up the time.
            share = deadline.left() / (len(found) - place)
            return _opened(target, family, address, share, deadline)
        except ssl.SSLCertVerificationError as error:
            said = f"shows a certificate that does not hold: {error.verify_message}"
        except (OSError, ValueError):
            continue
    raise EgressFailed(f"{target.authority} {said}.", ambiguous=False)


def _opened(
    target: Target, family: int, address: Any, share: float, deadline: Deadline
) -> socket.socket:
    """A connection, with TLS where that begins at once."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(share)
        sock.connect(address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if target.scheme not in SECURED:
            return sock
        sock.settimeout(deadline.left())
        return secured(sock, target.host)
    except (OSError, ValueError):
        sock.close()
        raise


def _exchange(
    line: Line,
    method: str,
    target: Target,
    headers: Mapping[str, str],
    body: bytes | None,
    limit: int,
) -> Answer:
    """One request over one connection. From here on, it may have arrived."""
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.sock = cast(socket.socket, line)
    connection.putrequest(
        method, target.path, skip_host=True, skip_accept_encoding=True
    )
    ours = {"Host": target.authority, "Accept-Encoding": "identity"}
    if body is not None or method in ("POST", "PUT", "PATCH"):
        ours["Content-Length"] = str(len(body or b""))
    for name, value in {**ours, "Connection": "close", **headers}.items():
        connection.putheader(name, value)
    connection.endheaders(body)
    with connection.getresponse() as response:
        return _read(response, limit)


def _read(response: http.client.HTTPResponse, limit: int) -> Answer:
    """The answer, as far as it may go."""
    headers: dict[str, str] = {}
    for name, value in response.getheaders():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    if response.status < 200 or not _is_plain(headers):
        raise http.client.HTTPException
    if response.length is not None and response.length > limit:
        raise TooLarge
    body = bytearray()
    while piece := response.read(min(PIECE, limit + 1 - len(body))):
        body += piece
        if len(body) > limit:
            raise TooLarge
    if response.length:
        # It promised more than came.
        raise http.client.HTTPException
    return Answer(status=response.status, headers=headers, body=bytes(body))


def _is_plain(headers: Mapping[str, str]) -> bool:
    """Whether the body is as it was written, and its end can be told."""
    length = headers.get("content-length", "0")
    return (
        headers.get("content-encoding", "identity").lower() == "identity"
        and headers.get("transfer-encoding", "chunked").lower() == "chunked"
        and length.isascii()
        and length.isdigit()
    )
