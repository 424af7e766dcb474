"""P1: Standard Webhooks, over raw bytes."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from perception.rules.webhooks import Signed, is_signed, key_of, secret_of, sign

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TOLERANCE = timedelta(seconds=300)
# The specification's own test vector.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VECTOR = Signed(
    message="msg_p5jXN8AQM9LWM0D4loKWxJek",
    timestamp="1614265330",
    signatures="v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    body=b'{"test": 2432232314}',
)
THEN = datetime.fromtimestamp(1614265330, UTC)


def _signed(body: bytes = b"{}", at: datetime = NOW, secret: str = SECRET) -> Signed:
    headers = sign(secret, message="msg_1", at=at, body=body)
    return Signed(
        message=headers["webhook-id"],
        timestamp=headers["webhook-timestamp"],
        signatures=headers["webhook-signature"],
        body=body,
    )


def _holds(given: Signed, *secrets: str, now: datetime = NOW) -> bool:
    return is_signed(given, secrets or [SECRET], now=now, tolerance=TOLERANCE)


def test_the_vector_of_the_specification() -> None:
    """P1."""
    assert _holds(VECTOR, now=THEN)


def test_what_we_sign_holds() -> None:
    """P1."""
    assert _holds(_signed(b'{"a": "\xc3\xa9"}'))


@pytest.mark.parametrize(
    "change",
    [
        {"body": b'{"test": 2432232315}'},
        {"body": b'{"test":2432232314}'},
        {"message": "msg_other"},
        {"message": ""},
        {"message": "m" * 256},
        {"message": "msg\n"},
        {"timestamp": "1614265331"},
        {"timestamp": ""},
        {"timestamp": "1614265330.0"},
        {"timestamp": "-1614265330"},
        {"timestamp": "9" * 12},
        {"timestamp": "٣"},
        {"signatures": ""},
        {"signatures": "v1,"},
        {"signatures": "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        {"signatures": "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        {"signatures": "v1,é"},
    ],
)
def test_anything_else_does_not_hold(change: dict[str, object]) -> None:
    """P1: id, time and every byte are covered."""
    assert not _holds(replace(VECTOR, **change), now=THEN)


@pytest.mark.parametrize(
    ("seconds", "holds"), [(300, True), (301, False), (-300, True), (-301, False)]
)
def test_the_window(seconds: int, holds: bool) -> None:
    """P1: five minutes to either side."""
    assert _holds(_signed(), now=NOW + timedelta(seconds=seconds)) is holds


def test_two_secrets_are_live_and_no_third() -> None:
    """P1: rotation without a lost delivery."""
    old, older, new = (secret_of(bytes([n]) * 24) for n in (1, 2, 3))
    assert _holds(_signed(secret=old), new, old)
    assert _holds(_signed(secret=new), new, old)
    assert not _holds(_signed(secret=older), new, old, older)
    assert not _holds(_signed(secret=older), new, old)


def test_one_signature_among_several_suffices() -> None:
    """P1: senders that rotate send more than one."""
    good = _signed()
    many = replace(good, signatures=f"v1a,xyz v1,AAAA {good.signatures}")
    assert _holds(many)
    too_many = replace(good, signatures="v1,AAAA " * 10 + good.signatures)
    assert not _holds(too_many)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_",
        "whsec_not base64!",
        "whsec_é",
        "whsec_" + base64.b64encode(b"k" * 23).decode(),
        "whsec_" + base64.b64encode(b"k" * 65).decode(),
    ],
)
def test_weak_or_broken_secrets_are_refused(secret: str) -> None:
    """T5."""
    with pytest.raises(ValueError, match=r"[Ii]t must"):
        key_of(secret)
