"""The Ed25519 key of checkpoints: who holds it can seal, everybody can check."""

import base64
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

from ledger.errors import NoSigningKey
from ledger.rules.note import (
    Checkpoint,
    Signature,
    VerifierKey,
    assemble,
    key_id,
    parse_verifier_key,
    verifier_key,
)

KEY_NAME = "autonomy-ledger"


@dataclass(frozen=True, kw_only=True)
class Signer:
    """Signs the bodies of checkpoints."""

    private: Ed25519PrivateKey
    public: bytes

    def sign(self, body: str) -> str:
        """The signed note over a body."""
        signature = Signature(
            name=KEY_NAME,
            key_id=key_id(KEY_NAME, self.public),
            value=self.private.sign(body.encode()),
        )
        return assemble(body, [signature])


def origin(tenant: UUID) -> str:
    """How a tenant's tree is called in its checkpoints."""
    return f"{KEY_NAME}/{tenant}"


@cache
def signer() -> Signer:
    """The key that this process seals with, if it holds one."""
    seed = settings.LEDGER_SIGNING_KEY
    if seed is None:
        raise NoSigningKey
    private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(seed))
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return Signer(private=private, public=public)


def public_key() -> str:
    """The verifier key, in the form that tools of other makers read."""
    return verifier_key(KEY_NAME, signer().public)


def known_keys() -> tuple[VerifierKey, ...]:
    """Today's key, and those of earlier years that still vouch for old notes."""
    texts = [*settings.LEDGER_VERIFIER_KEYS]
    if settings.LEDGER_SIGNING_KEY is not None:
        texts.insert(0, public_key())
    return tuple(parse_verifier_key(text) for text in texts)


def is_signed(checkpoint: Checkpoint) -> bool:
    """Whether a known key signed this checkpoint."""
    return any(
        _fits(key, signature, checkpoint.body)
        for signature in checkpoint.signatures
        for key in known_keys()
    )


def _fits(key: VerifierKey, signature: Signature, body: str) -> bool:
    if (key.name, key.key_id) != (signature.name, signature.key_id):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(
            signature.value, body.encode()
        )
    except InvalidSignature:
        return False
    return True
