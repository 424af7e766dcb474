"""N7: which of the acts that would run by themselves a person looks at first.

Chance decides, and the intent's id is all that it comes from, under the tenant's id as a
key: no content, no score and nothing learned has a say, so what is looked at stands for
the rest; and anybody can draw again. What is chosen waits for a person. It never lets
more happen.
"""

from hashlib import blake2b
from uuid import UUID

REASON = "REVIEW_SAMPLE"
_BYTES = 8


def drawn(tenant: UUID, intent: UUID) -> float:
    """The lot of an intent: evenly between 0 and 1, the same whenever it is drawn."""
    lot = blake2b(
        intent.bytes, digest_size=_BYTES, key=tenant.bytes, person=b"review"
    ).digest()
    # Of 64 bits a float holds 53; so it stays below 1.
    return (int.from_bytes(lot) >> 11) / (1 << 53)


def is_chosen(tenant: UUID, intent: UUID | None, share: float) -> bool:
    """Whether a person looks at it first; what is no intent yet is never chosen."""
    return intent is not None and drawn(tenant, intent) < share
