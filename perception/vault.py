"""Secrets at rest: encrypted with the newest key, readable with every live one.

And stamps: what only the house's own processes could have written.
"""

import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from perception.dry import insist_on_acting
from perception.errors import SealBroken


def seal(text: str) -> str:
    """Encrypt with the newest key."""
    return seal_bytes(text.encode()).decode()


def unseal(sealed: str) -> str:
    """Decrypt with whichever live key fits."""
    return unseal_bytes(sealed.encode()).decode()


def seal_bytes(content: bytes) -> bytes:
    """The same for what is no text."""
    return _keys().encrypt(content)


def unseal_bytes(sealed: bytes) -> bytes:
    """The same for what is no text."""
    insist_on_acting("It would have opened a secret.")
    try:
        return _keys().decrypt(sealed)
    except InvalidToken as error:
        raise SealBroken from error


def resealed(sealed: bytes) -> bytes | None:
    """The same content under the newest key; nothing where it is that already."""
    insist_on_acting("It would have opened a secret.")
    try:
        Fernet(settings.FIELD_KEYS[0]).decrypt(sealed)
    except InvalidToken:
        return seal_bytes(unseal_bytes(sealed))
    return None


def stamp(purpose: str, content: bytes) -> str:
    """A mark over content that nobody makes without the newest key."""
    insist_on_acting("It would have stamped something.")
    return _stamped(settings.FIELD_KEYS[0], purpose, content)


def stamps(purpose: str, content: bytes) -> list[str]:
    """The marks that every live key makes over this content."""
    insist_on_acting("It would have stamped something.")
    return [_stamped(key, purpose, content) for key in settings.FIELD_KEYS]


def is_stamped(purpose: str, content: bytes, mark: str) -> bool:
    """Whether any live key made this mark over this content."""
    return any(
        hmac.compare_digest(_stamped(key, purpose, content), mark)
        for key in settings.FIELD_KEYS
    )


def _stamped(key: str, purpose: str, content: bytes) -> str:
    own = hmac.digest(key.encode(), purpose.encode(), hashlib.sha256)
    return hmac.digest(own, content, hashlib.sha256).hex()


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.FIELD_KEYS])
