"""Verify a ledger: every entry against its leaf, the tree against what was signed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from django.db import connection, transaction

from ledger import witness
from ledger.errors import LedgerError
from ledger.reading import COLUMNS, Row
from ledger.record import commitment
from ledger.rules.merkle import EMPTY_ROOT, Frontier, leaf_hash
from ledger.rules.note import Checkpoint, parse_checkpoint
from ledger.scope import SYSTEM_ROLE, system_scope
from ledger.signing import is_signed, origin

CHUNK = 5000
MOST_FINDINGS = 100


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is not as it was sealed. `first` and `last` are leaf indexes."""

    what: str
    where: str
    first: int | None = None
    last: int | None = None

    def __str__(self) -> str:
        return f"{self.what}: {self.where}"


@dataclass(kw_only=True)
class Report:
    """What a verification saw of one tenant."""

    tenant: UUID
    entries: int = 0
    checkpoints: int = 0
    witnessed: int = 0
    findings: list[Finding] = field(default_factory=list)

    def add(self, what: str, where: str, **places: int) -> None:
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(what=what, where=where, **places))


def verify_all() -> Iterator[Report]:
    """Verify every tenant that the database or the witness knows."""
    witnessed = witness.witnessed_tenants()
    with system_scope("verify"), connection.cursor() as cursor:
        cursor.execute(_TENANTS)
        stored = [row[0] for row in cursor.fetchall()]
    for tenant in sorted({*witnessed, *stored}):
        yield verify_tenant(tenant)


def verify_tenant(tenant: UUID) -> Report:
    """Verify one tenant in one snapshot, while others go on writing and sealing."""
    report = Report(tenant=tenant)
    # The witness first: a note is kept outside after its commit, so the snapshot
    # that is opened later holds at least what the notes speak of.
    outside = _witnessed(tenant, report)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute(f"SET LOCAL ROLE {SYSTEM_ROLE}")
        signed = _checkpoints(cursor, tenant, report)
        tree = _Tree(tenant=tenant, report=report, signed=signed, outside=outside)
        tree.walk()
        _compare_landmarks(cursor, tenant, tree)
        _find_strays(cursor, tenant, report)
        _check_private(cursor, tenant, report)
    return report


def _witnessed(tenant: UUID, report: Report) -> dict[int, bytes]:
    roots: dict[int, bytes] = {}
    for text in witness.kept(tenant):
        note = _ours(text, tenant)
        if note is None:
            report.add("a note of the witness is not signed by us", repr(text[:80]))
            continue
        report.witnessed += 1
        if roots.setdefault(note.size, note.root) != note.root:
            report.add("two histories were signed", f"both of {note.size} entries")
    return roots


def _checkpoints(cursor: Any, tenant: UUID, report: Report) -> dict[int, bytes]:
    roots: dict[int, bytes] = {}
    cursor.execute(_CHECKPOINTS, [str(tenant)])
    for size, root, frontier, text in cursor.fetchall():
        note = _ours(text, tenant)
        if note is None or not _fits(note, size, root, frontier):
            report.add(
                "checkpoint was changed",
                f"the one over {size} entries is not what was signed",
                last=max((size or 0) - 1, 0),
            )
            continue
        report.checkpoints += 1
        roots[size] = note.root
    return roots


def _fits(note: Checkpoint, size: Any, root: Any, frontier: Any) -> bool:
    if size is None or root is None or frontier is None:
        return False
    try:
        folded = Frontier.unpack(size, bytes(frontier)).root()
    except LedgerError:
        return False
    return note.size == size and note.root == bytes(root) == folded


def _ours(text: str | None, tenant: UUID) -> Checkpoint | None:
    try:
        note = parse_checkpoint(text or "")
    except LedgerError:
        return None
    return note if note.origin == origin(tenant) and is_signed(note) else None


class _Tree:
    """Grows the tree anew, leaf by leaf, and holds it against what was signed."""

    def __init__(
        self,
        *,
        tenant: UUID,
        report: Report,
        signed: dict[int, bytes],
        outside: dict[int, bytes],
    ) -> None:
        self.tenant = tenant
        self.report = report
        self.signed = signed
        self.outside = outside
        self.frontier = Frontier()
        self.landmarks: dict[tuple[int, int], bytes] = {}
        self.sizes = sorted({*signed, *outside})
        self.proven = 0
        self.is_off = False

    def walk(self) -> None:
        """Read every leaf with its entry, in order."""
        waiting: list[bytes] = []
        stops = iter([size for size in self.sizes if size > 0])
        stop = next(stops, None)
        for sequence, number, digest, row in self._leaves():
            self._check_leaf(sequence, number, digest, row)
            waiting.append(digest if len(digest) == 32 else b"\0" * 32)
            here = self.frontier.size + len(waiting)
            if here == stop or len(waiting) == CHUNK:
                self._grow(waiting)
                waiting = []
            if here == stop:
                self._compare(here)
                stop = next(stops, None)
        self._grow(waiting)
        self._check_end()

    def _leaves(self) -> Iterator[tuple[int, int | None, bytes, Row | None]]:
        with connection.connection.cursor(name="leaves") as cursor:
            cursor.itersize = CHUNK
            cursor.execute(_LEAVES, [str(self.tenant)])
            expected = 0
            for sequence, number, digest, *columns in cursor:
                if sequence != expected:
                    self._report_gap(expected, sequence)
                expected = (expected if sequence is None else sequence) + 1
                row = None if columns[0] is None else Row(*columns)
                yield expected - 1, number, bytes(digest or b""), row

    def _report_gap(self, expected: int, found: int | None) -> None:
        last = expected if found is None else found - 1
        self.report.add(
            "leaves are missing", f"{expected} to {last}", first=expected, last=last
        )
        self.is_off = True

    def _check_leaf(
        self, sequence: int, number: int | None, digest: bytes, row: Row | None
    ) -> None:
        self.report.entries += 1
        if row is None:
            self.report.add(
                "entry was removed",
                f"number {number} at leaf {sequence}",
                first=sequence,
                last=sequence,
            )
        elif not _hashes_to(row, sequence, digest):
            self.report.add(
                "entry was changed",
                f"{row.id} (number {row.number}) at leaf {sequence}",
                first=sequence,
                last=sequence,
            )

    def _grow(self, leaves: list[bytes]) -> None:
        growth = self.frontier.extend(leaves)
        self.frontier = growth.frontier
        for mark in growth.landmarks:
            self.landmarks[mark.level, mark.index] = mark.hash

    def _compare(self, size: int) -> None:
        root = self.frontier.root()
        if self.is_off:
            return
        if all(known.get(size, root) == root for known in (self.signed, self.outside)):
            self.proven = size
            return
        self.is_off = True
        self.report.add(
            "tree was recomputed",
            f"something in leaves {self.proven} to {size - 1} is not what was signed",
            first=self.proven,
            last=size - 1,
        )

    def _check_end(self) -> None:
        size, most = self.frontier.size, max(self.sizes, default=0)
        if size < most:
            self.report.add(
                "the end was cut off",
                f"leaves {size} to {most - 1} were signed and are gone",
                first=size,
                last=most - 1,
            )
        newest = max(self.signed, default=0)
        if newest < size:
            self.report.add(
                "leaves have no checkpoint", f"{newest} to {size - 1}",
                first=newest, last=size - 1,
            )  # fmt: skip
        if newest < max(self.outside, default=0):
            self.report.add(
                "checkpoint is missing",
                f"the witness knows one over {max(self.outside)} entries",
                last=max(self.outside) - 1,
            )
        if self.outside.get(0, EMPTY_ROOT) != EMPTY_ROOT:
            self.report.add("tree was recomputed", "an empty tree has another root")


def _hashes_to(row: Row, sequence: int, digest: bytes) -> bool:
    try:
        return leaf_hash(row.canonical(sequence)) == digest
    except (LedgerError, orjson.JSONDecodeError):
        return False


def _compare_landmarks(cursor: Any, tenant: UUID, tree: _Tree) -> None:
    cursor.execute(_LANDMARKS, [str(tenant)])
    stored = {
        (level, index): bytes(digest or b"")
        for level, index, digest in cursor.fetchall()
    }
    for place in sorted({*stored, *tree.landmarks}, key=str):
        if stored.get(place) != tree.landmarks.get(place):
            level, index = place
            tree.report.add("landmark was changed", f"level {level}, index {index}")


def _find_strays(cursor: Any, tenant: UUID, report: Report) -> None:
    cursor.execute(_INSERTED, [str(tenant)])
    for number, id_ in cursor.fetchall():
        report.add("entry was inserted past the ledger", f"{id_} (number {number})")
    cursor.execute(_LOST, [str(tenant)])
    for (number,) in cursor.fetchall():
        report.add("entry was removed before it was sealed", f"number {number}")


def _check_private(cursor: Any, tenant: UUID, report: Report) -> None:
    cursor.execute(_PRIVATE, [str(tenant)])
    for entry, name, salt, value, stated in cursor.fetchall():
        if salt is None or value is None or not _commits(salt, value, stated):
            report.add("private value was changed", f"{name} of entry {entry}")


def _commits(salt: Any, value: str, stated: str | None) -> bool:
    try:
        return commitment(bytes(salt), orjson.loads(value)) == stated
    except (LedgerError, orjson.JSONDecodeError):
        return False


_TENANTS = """
SELECT tenant_id FROM ledger_entry WHERE tenant_id IS NOT NULL GROUP BY tenant_id
UNION SELECT tenant_id FROM ledger_leaf GROUP BY tenant_id
UNION SELECT tenant_id FROM ledger_checkpoint GROUP BY tenant_id
"""
_CHECKPOINTS = """
SELECT size, root, frontier, note FROM ledger_checkpoint
WHERE tenant_id = %s ORDER BY size
"""
_LEAVES = f"""
SELECT l.sequence, l.number, l.hash, {COLUMNS}
FROM ledger_leaf l LEFT JOIN ledger_entry e ON e.number = l.number
WHERE l.tenant_id = %s ORDER BY l.sequence
"""
_LANDMARKS = "SELECT level, index, hash FROM ledger_landmark WHERE tenant_id = %s"
_INSERTED = """
SELECT e.number, e.id FROM ledger_entry e
WHERE e.tenant_id = %s
  AND NOT EXISTS (SELECT FROM ledger_leaf l WHERE l.number = e.number)
  AND NOT EXISTS (SELECT FROM ledger_pending p WHERE p.number = e.number)
ORDER BY e.number LIMIT 100
"""
_LOST = """
SELECT p.number FROM ledger_pending p
WHERE p.tenant_id = %s
  AND NOT EXISTS (SELECT FROM ledger_entry e
                  WHERE e.number = p.number AND e.tenant_id = p.tenant_id)
ORDER BY p.number LIMIT 100
"""
_PRIVATE = """
SELECT p.entry_id, p.field, p.salt, p.value::text, e.data->'private'->>p.field
FROM ledger_private p
LEFT JOIN ledger_entry e ON e.tenant_id = p.tenant_id AND e.id = p.entry_id
WHERE p.tenant_id = %s
"""
