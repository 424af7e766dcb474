"""A second database for tests of the warehouse, and TLS in front of it."""

import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import SHUT_RDWR, create_connection, create_server, socket
from threading import Thread
from typing import Any
from uuid import uuid4

import psycopg2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import settings as django_settings
from psycopg2.extensions import parse_dsn

PASSWORD = "pass word"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SET_UP = """
CREATE TABLE usage (id integer, account text, kind text, at timestamptz,
                    metric text, direction text, change float8, private text);
CREATE VIEW usage_seen AS SELECT id, account, kind, at, metric, direction, change FROM usage;
CREATE TABLE secrets (word text);
"""


class Store:
    """A database of its own on the tests' server, with a role that may read one view."""

    def __init__(self, password: str = PASSWORD) -> None:
        self.name = f"warehouse_{uuid4().hex[:12]}"
        self.given = parse_dsn(django_settings.DATABASE_GIVEN_URL)
        self.admin = self._connect("postgres")
        self.admin.cursor().execute(f"CREATE DATABASE {self.name}")
        self.admin.cursor().execute(
            f"CREATE ROLE {self.name} LOGIN PASSWORD '{password}'"
        )
        self.own = self._connect(self.name)
        self.run(f"{SET_UP} GRANT SELECT ON usage_seen TO {self.name}")

    def _connect(self, database: str) -> Any:
        connection = psycopg2.connect(**{**self.given, "dbname": database})
        connection.autocommit = True
        return connection

    def run(self, statement: str, values: Any = None) -> None:
        with self.own.cursor() as cursor:
            cursor.execute(statement, values)

    def add(self, id_: int, at: datetime, **more: Any) -> None:
        row = {
            "account": "acme",
            "kind": None,
            "metric": "seats",
            "change": -0.5,
            **more,
        }
        self.run(
            "INSERT INTO usage VALUES (%s, %s, %s, %s, %s, 'down', %s, 'private')",
            [id_, row["account"], row["kind"], at, row["metric"], row["change"]],
        )

    def count(self) -> int:
        with self.own.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM usage")
            return int(cursor.fetchone()[0])

    def drop(self) -> None:
        self.own.close()
        self.admin.cursor().execute(f"DROP DATABASE {self.name} WITH (FORCE)")
        self.admin.cursor().execute(f"DROP ROLE {self.name}")
        self.admin.close()


class Secured:
    """Speaks TLS in front of the server, as Postgres itself would."""

    def __init__(self, store: Store, context: ssl.SSLContext) -> None:
        self.to = (store.given["host"], int(store.given["port"]))
        self.context = context
        self.listener = create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.threads = [Thread(target=self._serve, daemon=True)]
        self.threads[0].start()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self.listener.accept()
            except OSError:
                return
            caller.settimeout(60)
            try:
                caller.recv(8)
                caller.sendall(b"S")
                line = self.context.wrap_socket(caller, server_side=True)
            except OSError:
                caller.close()
                continue
            self.threads.append(
                Thread(target=_through, args=(line, self.to), daemon=True)
            )
            self.threads[-1].start()

    def close(self) -> None:
        self.listener.shutdown(SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join(60)


def _through(line: socket, to: tuple[str, int]) -> None:
    with line, create_connection(to) as there:
        back = Thread(target=_carry, args=(there, line), daemon=True)
        back.start()
        _carry(line, there)
        back.join(60)


def _carry(one: socket, other: socket) -> None:
    with suppress(OSError):
        while piece := one.recv(65536):
            other.sendall(piece)
    with suppress(OSError):
        other.shutdown(SHUT_RDWR)


def certified(name: str, pem: Path) -> ssl.SSLContext:
    """A context with a certificate for this name, signed by itself, kept in a file."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    kind, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    shown = key.private_bytes(kind, form, serialization.NoEncryption())
    pem.write_bytes(signed.public_bytes(kind) + shown)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context
