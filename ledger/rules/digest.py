"""What stands for something that is not shown: its SHA-256, in words."""

import hashlib


def sha256_of(content: bytes) -> str:
    """The same for the same bytes, and for no others."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
