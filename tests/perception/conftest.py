"""Certificates of servers on this machine, and who is trusted for them."""

import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from perception import lines


@pytest.fixture
def authority(tmp_path: Path) -> Callable[[str], ssl.SSLContext]:
    """Makes servers' certificates; `ca.pem` of the folder is what to trust for them."""
    key = ec.generate_private_key(ec.SECP256R1())
    ours = _certificate("An authority", key, "An authority", key, None)
    (tmp_path / "ca.pem").write_bytes(ours.public_bytes(serialization.Encoding.PEM))

    def make(host: str) -> ssl.SSLContext:
        own = ec.generate_private_key(ec.SECP256R1())
        made = _certificate(host, own, "An authority", key, host)
        path = tmp_path / f"{host}.pem"
        path.write_bytes(
            own.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + made.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    return make


def _certificate(
    subject: str, key: Any, issuer: str, signer: Any, host: str | None
) -> x509.Certificate:
    now = datetime.now(UTC)
    names = [
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        for name in (subject, issuer)
    ]
    builder = (
        x509.CertificateBuilder()
        .subject_name(names[0])
        .issuer_name(names[1])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), True)
    )
    if host is not None:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host)]), False
        )
    return builder.sign(signer, hashes.SHA256())


@pytest.fixture
def trusting(tmp_path: Path, authority: Any, monkeypatch: Any) -> Iterator[None]:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    lines.trust.cache_clear()
    yield
    lines.trust.cache_clear()
