"""A Postgres server of somebody else: asked one question, which can change nothing there."""

import os
import select
import socket
import ssl
import struct
from collections.abc import Mapping
from contextlib import closing
from time import monotonic
from typing import Any

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ, POLL_WRITE

from perception.egress import located
from perception.errors import EgressFailed, EgressRefused
from perception.sources.base import SourceBarred, SourceFailed, SourceRefuses, Wire

# Rows that are fetched together.
TOGETHER = 20
# Where Linux tells how many bytes came over a connection.
CAME = struct.Struct("128xQ")
# Classes of errors that the same query will bring again.
LASTING = ("0A", "22", "26", "34", "42")
SLOW, WRITES = "57014", "25"
# What is wrong, in words that hold nothing of the rows.
REFUSED = {
    WRITES: "The query writes, and it may only read.",
    "28000": "The warehouse does not let this role in.",
    "28P01": "The warehouse does not accept the secret.",
    "3D000": "The warehouse has no such database.",
    "42501": "The role may not read what the query names.",
    "TLS": "The warehouse shows no certificate that holds.",
}
# Who is not let in gets no code, but words.
SAID = (
    ("authentication failed", "28P01"),
    ("pg_hba.conf", "28000"),
    ("does not exist", "3D000"),
    ("certificate", "TLS"),
    ("SSL", "TLS"),
)


def asked_for(
    query: str, config: Mapping[str, Any], secret: str, wire: Wire, *, most: int
) -> list[str | None]:
    """The first column of at most so many rows, within the time and bytes of the wire."""
    end = monotonic() + wire.timeout
    host, port = config["host"], config["port"]
    try:
        addresses = located(host, port, tls=config["tls"], timeout=wire.timeout)
        # This address was checked, so no other is asked.
        connection = psycopg2.connect(
            host=host,
            hostaddr=addresses[0],
            port=port,
            dbname=config["database"],
            user=config["user"],
            password=secret,
            passfile=os.devnull,
            application_name="autonomy",
            gssencmode="disable",
            **_secured(tls=config["tls"]),
            async_=True,
        )
        with closing(connection):
            return _Session(connection, end, wire.limit).rows(query, most)
    except EgressRefused as refused:
        raise SourceBarred(refused.detail) from None
    except EgressFailed as failed:
        raise SourceFailed(failed.detail) from None
    except psycopg2.Error as error:
        raise _failure(error) from None


def _secured(*, tls: bool) -> dict[str, str]:
    if not tls:
        return {"sslmode": "disable"}
    authorities = ssl.get_default_verify_paths().cafile
    if authorities is None:
        raise SourceRefuses(
            "No file names the authorities to trust: see SSL_CERT_FILE."
        )
    return {
        "sslmode": "verify-full",
        "sslrootcert": authorities,
        "sslcertmode": "disable",
    }


class _Session:
    """A connection waited for only so long, and listened to only so much."""

    def __init__(self, connection: Any, end: float, limit: int) -> None:
        self._connection, self._end, self._limit = connection, end, limit
        self._wait()
        self._cursor = connection.cursor()

    def rows(self, query: str, most: int) -> list[str | None]:
        left = max(1, round((self._end - monotonic()) * 1000))
        self._say("BEGIN READ ONLY")
        self._say(f"SET LOCAL statement_timeout = {left}")
        self._say("SELECT current_setting('is_superuser')")
        if self._cursor.fetchone()[0] == "on":
            raise SourceRefuses("This role is a superuser: name one that only reads.")
        self._say(f"DECLARE asked NO SCROLL CURSOR FOR\n{query}")
        found: list[str | None] = []
        came = TOGETHER
        while came == TOGETHER and len(found) < most:
            self._say(f"FETCH {min(TOGETHER, most - len(found))} FROM asked")
            rows = self._cursor.fetchall()
            came = len(rows)
            found += [row[0] for row in rows]
        return found

    def _say(self, statement: str) -> None:
        self._cursor.execute(statement)
        self._wait()

    def _wait(self) -> None:
        """Until the server has answered."""
        while (state := self._connection.poll()) != POLL_OK:
            handle = self._connection.fileno()
            reads = [handle] if state == POLL_READ else []
            writes = [handle] if state == POLL_WRITE else []
            left = self._end - monotonic()
            if left <= 0 or not any(select.select(reads, writes, [], left)):
                raise SourceFailed("The warehouse did not answer in time.")
            if _came(handle) > self._limit:
                raise SourceFailed(f"More than {self._limit} bytes came.")


def _came(handle: int) -> int:
    with socket.socket(fileno=os.dup(handle)) as line:
        told = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, CAME.size)
    return int(CAME.unpack(told)[0]) if len(told) == CAME.size else 0


def _failure(error: psycopg2.Error) -> SourceFailed:
    """What went wrong, in words of our own: what a server says may hold data."""
    code, said = error.pgcode or "", str(error)
    if code == SLOW:
        return SourceFailed("The query took too long.")
    known = REFUSED.get(code) or REFUSED.get(code[:2])
    if not code:
        known = next((REFUSED[no] for word, no in SAID if word in said), None)
    if known:
        return SourceRefuses(known)
    if code[:2] in LASTING:
        return SourceRefuses(f"The query cannot be asked there ({code}).")
    return SourceFailed(f"The warehouse cannot be asked ({code or 'no connection'}).")
