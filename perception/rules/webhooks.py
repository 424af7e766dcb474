"""Standard Webhooks: what a signature covers, and whether one of a live secret is there."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

PREFIX = "whsec_"
VERSION = "v1"
# Two live secrets, so that a sender can change over without losing a delivery.
LIVE = 2
SHORTEST, LONGEST = 24, 64
LONGEST_ID = 255
MOST_SIGNATURES = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Signed:
    """What a sender's headers say, and the bytes that came."""

    message: str
    timestamp: str
    signatures: str
    body: bytes


def key_of(secret: str) -> bytes:
    """The bytes of a secret; ValueError where it is none that may be used."""
    if not secret.startswith(PREFIX):
        raise ValueError(f"It must begin with {PREFIX}.")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"After {PREFIX} it must be base64.") from None
    if not SHORTEST <= len(key) <= LONGEST:
        raise ValueError(f"It must hold {SHORTEST} to {LONGEST} bytes.")
    return key


def secret_of(key: bytes) -> str:
    """A key as secrets are written."""
    return PREFIX + base64.b64encode(key).decode()


def sign(secret: str, *, message: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers of a delivery of ours."""
    timestamp = str(int(at.timestamp()))
    return {
        "webhook-id": message,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"{VERSION},{_mark(key_of(secret), message, timestamp, body)}",
    }


def is_signed(
    given: Signed, secrets: Sequence[str], *, now: datetime, tolerance: timedelta
) -> bool:
    """Whether a live secret signed exactly these bytes, lately."""
    if not 0 < len(given.message) <= LONGEST_ID or not given.message.isprintable():
        return False
    sent = _moment(given.timestamp)
    if sent is None or abs(now - sent) > tolerance:
        return False
    marks = [
        _mark(key_of(secret), given.message, given.timestamp, given.body).encode()
        for secret in secrets[:LIVE]
    ]
    # Every pair is compared, so that time tells nothing.
    found = [
        hmac.compare_digest(mark, offered)
        for offered in _offered(given.signatures)
        for mark in marks
    ]
    return any(found)


def _offered(header: str) -> list[bytes]:
    parts = [part.partition(",") for part in header.split(" ")[:MOST_SIGNATURES]]
    return [mark.encode() for version, _, mark in parts if version == VERSION and mark]


def _mark(key: bytes, message: str, timestamp: str, body: bytes) -> str:
    content = f"{message}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()


def _moment(text: str) -> datetime | None:
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        return None
    try:
        return datetime.fromtimestamp(int(text), UTC)
    except (OverflowError, OSError, ValueError):
        return None
