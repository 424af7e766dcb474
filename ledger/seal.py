"""The sealer: gives entries their place in the tree and signs what it has become.

It finds what is not sealed yet by a row per entry, never by "greater than last time",
as numbers commit out of order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import connection

from ledger import witness
from ledger.errors import BrokenTree, LedgerError
from ledger.reading import COLUMNS, Row, rows_of
from ledger.rules.merkle import Frontier, Growth, leaf_hash
from ledger.rules.note import checkpoint_body, parse_checkpoint
from ledger.scope import system_scope
from ledger.signing import is_signed, origin, signer

logger = structlog.get_logger("ledger.seal")

BATCH = 5000


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """What one round of sealing did."""

    entries: int = 0
    broken: int = 0


def seal_due(*, now: datetime) -> Sealed:
    """Seal what waits, tenant by tenant. A broken tree stops its own tenant only."""
    signer()
    with system_scope("seal"), connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT tenant_id FROM ledger_pending")
        tenants = [row[0] for row in cursor.fetchall()]
    entries = broken = 0
    for tenant in tenants:
        try:
            while (done := seal_tenant(tenant, now=now)) == BATCH:
                entries += done
            entries += done
        except LedgerError as error:
            broken += 1
            logger.error("tree is broken", tenant=str(tenant), reason=str(error))
    return Sealed(entries=entries, broken=broken)


def seal_tenant(tenant: UUID, *, now: datetime) -> int:
    """Seal one batch of one tenant; return its size. Only one process does at a time."""
    with system_scope("seal"):
        note = _seal_batch(tenant, now=now)
    if note is None:
        return 0
    text, count = note
    _keep_outside(tenant, text, now=now)
    return count


def _seal_batch(tenant: UUID, *, now: datetime) -> tuple[str, int] | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(hashtextextended('seal ' || %s, 0))",
            [str(tenant)],
        )
        if not cursor.fetchone()[0]:
            return None
        frontier = _head(cursor, tenant)
        cursor.execute(_TAKE, [str(tenant), BATCH])
        rows = rows_of(cursor.fetchall())
        if not rows:
            return None
        hashes = [
            leaf_hash(row.canonical(sequence))
            for sequence, row in enumerate(rows, frontier.size)
        ]
        growth = frontier.extend(hashes)
        _write_leaves(cursor, tenant, frontier.size, rows, hashes)
        _write_landmarks(cursor, tenant, growth)
        note = _write_checkpoint(cursor, tenant, growth.frontier, now=now)
    return note, len(rows)


def _head(cursor: Any, tenant: UUID) -> Frontier:
    """The right edge of the tree as it was signed last; refuse one that is not."""
    cursor.execute(_HEAD, [str(tenant)])
    found = cursor.fetchone()
    if found is None:
        return Frontier()
    size, root, packed, note = found
    frontier = Frontier.unpack(size, bytes(packed))
    signed = parse_checkpoint(note)
    if not is_signed(signed):
        raise BrokenTree(f"The checkpoint over {size} entries is not signed by us.")
    if (signed.size, signed.root, signed.origin) != (
        size,
        frontier.root(),
        origin(tenant),
    ) or bytes(root) != signed.root:
        raise BrokenTree(f"The checkpoint over {size} entries does not fit its note.")
    return frontier


def _write_leaves(
    cursor: Any, tenant: UUID, first: int, rows: Sequence[Row], hashes: Sequence[bytes]
) -> None:
    numbers = [row.number for row in rows]
    cursor.execute(
        _LEAVES, [str(tenant), first, numbers, [digest.hex() for digest in hashes]]
    )
    cursor.execute("DELETE FROM ledger_pending WHERE number = ANY(%s)", [numbers])


def _write_landmarks(cursor: Any, tenant: UUID, growth: Growth) -> None:
    if growth.landmarks:
        cursor.execute(
            _LANDMARKS,
            [
                str(tenant),
                [mark.level for mark in growth.landmarks],
                [mark.index for mark in growth.landmarks],
                [mark.hash.hex() for mark in growth.landmarks],
            ],
        )


def _write_checkpoint(
    cursor: Any, tenant: UUID, frontier: Frontier, *, now: datetime
) -> str:
    root = frontier.root()
    body = checkpoint_body(
        origin=origin(tenant),
        size=frontier.size,
        root=root,
        extensions=[f"at {now:%Y-%m-%dT%H:%M:%SZ}"],
    )
    note = signer().sign(body)
    cursor.execute(
        _CHECKPOINT, [str(tenant), frontier.size, root, frontier.pack(), note, now]
    )
    return note


def _keep_outside(tenant: UUID, note: str, *, now: datetime) -> None:
    """A witness that cannot be written must not stop the sealing; doctor says so."""
    try:
        witness.keep(tenant, note, now=now)
    except OSError as error:
        logger.error("witness not written", tenant=str(tenant), reason=error.strerror)


_HEAD = """
SELECT size, root, frontier, note FROM ledger_checkpoint
WHERE tenant_id = %s ORDER BY size DESC LIMIT 1
"""
_TAKE = f"""
SELECT {COLUMNS} FROM ledger_pending p JOIN ledger_entry e USING (number)
WHERE p.tenant_id = %s AND e.tenant_id = p.tenant_id ORDER BY number LIMIT %s
"""
_LEAVES = """
INSERT INTO ledger_leaf (tenant_id, sequence, number, hash)
SELECT %s, %s + f.place - 1, f.number, decode(f.hash, 'hex')
FROM unnest(%s::bigint[], %s::text[]) WITH ORDINALITY AS f (number, hash, place)
"""
_LANDMARKS = """
INSERT INTO ledger_landmark (tenant_id, level, index, hash)
SELECT %s, f.level, f.index, decode(f.hash, 'hex')
FROM unnest(%s::smallint[], %s::bigint[], %s::text[]) AS f (level, index, hash)
"""
_CHECKPOINT = """
INSERT INTO ledger_checkpoint (tenant_id, size, root, frontier, note, at)
VALUES (%s, %s, %s, %s, %s, %s)
"""
