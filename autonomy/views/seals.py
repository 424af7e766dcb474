"""The proof of an act: where its entries stand, and that they do, checked on the spot."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse

from autonomy.views.story import Told
from ledger.errors import LedgerError, NoSigningKey
from ledger.models import Entry
from ledger.prove import Proof, newest_checkpoint, prove_entry
from ledger.rules.kinds import MEANING, Kind
from ledger.rules.merkle import leaf_hash, verify_inclusion
from ledger.rules.note import parse_checkpoint
from ledger.signing import is_signed, origin, public_key
from perception.rules.callers import Caller
from perception.rules.roles import Role

OVERSEERS = frozenset({Role.ADMIN, Role.AUDITOR})
# That somebody has it checked entry by entry is asked for; it takes a few reads each.
MOST = 60


@dataclass(frozen=True, kw_only=True)
class Seal:
    """One entry of the act: what it says, its place, and whether that was checked."""

    id: str
    number: int
    sequence: int | None
    kind: str
    words: str
    at: datetime
    url: str
    holds: bool | None


@dataclass(frozen=True, kw_only=True)
class Proven:
    """What was checked, against which signed checkpoint."""

    seals: Sequence[Seal]
    sealed: int
    holds: bool | None
    checked: int
    newest: int | None
    size: int
    signed_at: datetime | None
    key: str
    command: str
    # Where the whole of it is kept as one file, for those that oversee.
    file: str


def proven(told: Told, caller: Caller, *, every: bool) -> Proven:
    """Check the newest sealed entry against the newest checkpoint; or every one."""
    head = newest_checkpoint()
    size = head.size if head else 0
    sealed = [each for each in told.entries if _place(each, size) is not None]
    wanted = sealed[-MOST:] if every else sealed[-1:]
    found = {each.id: _holds(each, told) for each in wanted}
    seals = [_seal(each, caller, found.get(each.id)) for each in told.entries]
    return Proven(
        seals=seals,
        sealed=len(sealed),
        holds=all(found.values()) if found else None,
        checked=len(found),
        newest=_place(wanted[-1], size) if wanted else None,
        size=size,
        signed_at=head.at if head else None,
        key=_key(),
        command=_command(told),
        file="?proof=bundle" if _is_whole(told, caller, sealed) else "",
    )


def _is_whole(told: Told, caller: Caller, sealed: Sequence[Any]) -> bool:
    """Whether everything of an act is proven that the caller may take away."""
    may = caller.role in OVERSEERS and told.execution is not None
    return may and len(sealed) == len(told.entries)


def _place(entry: Any, size: int) -> int | None:
    """Where it stands in the tree that was signed last."""
    place: int | None = entry.sequence
    return place if place is not None and place < size else None


def _holds(entry: Entry, told: Told) -> bool:
    """Whether it leads to the root that a key of the house signed, for this tenant."""
    try:
        proof = prove_entry(entry.id)
        signed = parse_checkpoint(proof.note)
    except LedgerError:
        return False
    return (
        is_signed(signed)
        and signed.origin == origin(told.tenant.pk)
        and _leads(proof, signed.root)
    )


def _leads(proof: Proof, root: bytes) -> bool:
    return verify_inclusion(
        index=proof.leaf_index,
        size=proof.tree_size,
        leaf=leaf_hash(proof.canonical),
        path=proof.path,
        root=root,
    )


def _seal(entry: Any, caller: Caller, holds: bool | None) -> Seal:
    may = caller.role in OVERSEERS and entry.sequence is not None
    return Seal(
        id=str(entry.id),
        number=entry.number,
        sequence=entry.sequence,
        kind=entry.kind,
        words=MEANING[Kind(entry.kind)],
        at=entry.at,
        url=reverse("ledger-proof", args=[entry.id]) if may else "",
        holds=holds,
    )


def _key() -> str:
    try:
        return public_key()
    except NoSigningKey:
        return ""


def _command(told: Told) -> str:
    """What somebody outside types who believes nobody here."""
    if told.execution is None:
        return ""
    return (
        f"python manage.py prove --execution {told.execution.pk} > bundle.json\n"
        'python tools/verify_bundle.py bundle.json --key "$(python manage.py prove --key)"'
    )
