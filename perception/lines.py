"""A line to another machine, as far as it may be used: so long, for so many bytes."""

import io
import socket
import ssl
from functools import cache
from time import monotonic
from typing import Any


class Deadline:
    """A moment after which nothing is waited for."""

    def __init__(self, seconds: float) -> None:
        self._end = monotonic() + seconds

    def left(self) -> float:
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class Line(io.RawIOBase):
    """A connected socket that holds to a deadline, and takes in only so much."""

    def __init__(self, sock: socket.socket, deadline: Deadline, most: int) -> None:
        self._sock, self._deadline, self._most = sock, deadline, most

    def sendall(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            self._sock.settimeout(self._deadline.left())
            rest = rest[self._sock.send(rest) :]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._deadline.left())
        count = self._sock.recv_into(buffer)
        self._most -= count
        if self._most < 0:
            raise TooLarge
        return count

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def secure(self, host: str) -> None:
        """TLS from here on, with the host by its name."""
        self._sock.settimeout(self._deadline.left())
        self._sock = secured(self._sock, host)

    def hang_up(self) -> None:
        """Nothing more is said."""
        self._sock.close()

    def close(self) -> None:
        """Whoever opened the socket closes it: its last answer may still be unread."""


class TooLarge(Exception):
    """More came than was asked for."""


def secured(sock: socket.socket, host: str) -> ssl.SSLSocket:
    """TLS is with the host by its name, whatever address was dialled."""
    return trust().wrap_socket(sock, server_hostname=host, suppress_ragged_eofs=False)


@cache
def trust() -> ssl.SSLContext:
    """The authorities this machine trusts; SSL_CERT_FILE names others."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
