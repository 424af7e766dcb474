"""L6: whatever an intruder with superuser rights does to a row, verification finds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg2
import pytest
from django.db import DatabaseError, connection, transaction

from ledger import witness
from ledger.errors import BrokenTree
from ledger.reading import COLUMNS, rows_of
from ledger.record import Fact, Secret, record, record_all
from ledger.rules.kinds import Kind
from ledger.rules.merkle import Frontier, leaf_hash
from ledger.rules.note import checkpoint_body
from ledger.scope import tenant_scope
from ledger.seal import seal_tenant
from ledger.signing import origin, signer
from ledger.verify import Report, verify_tenant
from tests import trials
from tests.ledger.conftest import START, facts

SIZE = 600  # two landmarks of 256 and a rest
VICTIM = 300


@dataclass(frozen=True)
class Attack:
    """One thing that is done, and what must be said of it."""

    name: str
    sql: str
    finding: str
    at: int | None = None


CHANGE = "entry was changed"
ENTRY_COLUMNS = {
    "id": ("gen_random_uuid()", CHANGE),
    "tenant_id": ("gen_random_uuid()", CHANGE),
    "at": ("at + interval '1 microsecond'", CHANGE),
    "kind": ("'signal.repeated'", CHANGE),
    "actor": ('actor || \'{"id": "mallory"}\'', CHANGE),
    "subjects": (
        'subjects || \'{"account": "00000000-0000-4000-8000-00000000000a"}\'',
        CHANGE,
    ),
    "data": ("data || '{\"n\": -1}'", CHANGE),
    "number": ("number + 1000000000", "entry was removed"),
}
PICK = (
    "WHERE number = (SELECT number FROM ledger_leaf "
    f"WHERE tenant_id = %(tenant)s AND sequence = {VICTIM})"
)
LEAF = f"WHERE tenant_id = %(tenant)s AND sequence = {VICTIM}"
HEAD = "WHERE tenant_id = %(tenant)s AND size = 600"

ATTACKS = [
    *(
        Attack(
            f"entry.{column} changed",
            f"UPDATE ledger_entry SET {column} = {value} {PICK}",
            said,
            VICTIM,
        )
        for column, (value, said) in ENTRY_COLUMNS.items()
    ),
    *(
        Attack(
            f"entry.{column} nulled",
            f"ALTER TABLE ledger_entry ALTER {column} DROP NOT NULL; "
            f"UPDATE ledger_entry SET {column} = NULL {PICK}",
            CHANGE,
            VICTIM,
        )
        for column in ENTRY_COLUMNS
        if column != "number"
    ),
    Attack(
        "entry deleted", f"DELETE FROM ledger_entry {PICK}", "entry was removed", VICTIM
    ),
    Attack(
        "entry.data given a number beyond all floats",
        "UPDATE ledger_entry SET data = jsonb_build_object('n', repeat('9', 5000)::numeric) "
        + PICK,
        CHANGE,
        VICTIM,
    ),
    Attack(
        "entry inserted",
        "INSERT INTO ledger_entry (id, tenant_id, at, kind, actor, subjects, data) "
        "VALUES (gen_random_uuid(), %(tenant)s, now(), 'signal.received', '{}', '{}', '{}')",
        "entry was inserted past the ledger",
    ),
    Attack(
        "two entries swapped",
        "UPDATE ledger_entry e SET data = o.data FROM ledger_entry o, ledger_leaf a, ledger_leaf b "
        "WHERE a.tenant_id = %(tenant)s AND b.tenant_id = %(tenant)s "
        "AND ((a.sequence = 300 AND b.sequence = 301) OR (a.sequence = 301 AND b.sequence = 300)) "
        "AND e.number = a.number AND o.number = b.number",
        CHANGE,
        VICTIM,
    ),
    Attack(
        "two places swapped",
        "ALTER TABLE ledger_leaf DROP CONSTRAINT leaf_entry; "
        "UPDATE ledger_leaf a SET number = b.number, hash = b.hash FROM ledger_leaf b "
        "WHERE a.tenant_id = %(tenant)s AND b.tenant_id = %(tenant)s "
        "AND ((a.sequence = 300 AND b.sequence = 301) OR (a.sequence = 301 AND b.sequence = 300)); "
        # Put back, as a page of the ledger comes from its index.
        "ALTER TABLE ledger_leaf ADD CONSTRAINT leaf_entry UNIQUE (tenant_id, number)",
        CHANGE,
        VICTIM,
    ),
    Attack(
        "leaf.hash changed",
        f"UPDATE ledger_leaf SET hash = decode(repeat('ab', 32), 'hex') {LEAF}",
        CHANGE,
        VICTIM,
    ),
    Attack(
        "leaf.hash shortened",
        f"UPDATE ledger_leaf SET hash = '\\x00' {LEAF}",
        CHANGE,
        VICTIM,
    ),
    Attack(
        "leaf.number changed",
        f"UPDATE ledger_leaf SET number = number + 1000000000 {LEAF}",
        "entry was removed",
        VICTIM,
    ),
    Attack(
        "leaf.sequence changed",
        f"UPDATE ledger_leaf SET sequence = 9999 {LEAF}",
        "leaves are missing",
        VICTIM,
    ),
    Attack(
        "leaf.tenant_id changed",
        f"UPDATE ledger_leaf SET tenant_id = gen_random_uuid() {LEAF}",
        "leaves are missing",
        VICTIM,
    ),
    Attack(
        "leaf deleted", f"DELETE FROM ledger_leaf {LEAF}", "leaves are missing", VICTIM
    ),
    Attack(
        "leaf inserted",
        "INSERT INTO ledger_leaf (tenant_id, sequence, number, hash) VALUES (%(tenant)s, 600, -1, decode(repeat('00', 32), 'hex'))",
        "entry was removed",
        600,
    ),
    Attack(
        "landmark changed",
        "UPDATE ledger_landmark SET hash = decode(repeat('ab', 32), 'hex') WHERE tenant_id = %(tenant)s AND index = 1",
        "landmark was changed",
    ),
    Attack(
        "landmark moved",
        "UPDATE ledger_landmark SET index = 7 WHERE tenant_id = %(tenant)s AND index = 1",
        "landmark was changed",
    ),
    Attack(
        "landmark deleted",
        "DELETE FROM ledger_landmark WHERE tenant_id = %(tenant)s AND index = 1",
        "landmark was changed",
    ),
    Attack(
        "checkpoint.root changed",
        f"UPDATE ledger_checkpoint SET root = decode(repeat('ab', 32), 'hex') {HEAD}",
        "checkpoint was changed",
    ),
    Attack(
        "checkpoint.frontier changed",
        f"UPDATE ledger_checkpoint SET frontier = set_byte(frontier, 0, 255 - get_byte(frontier, 0)) {HEAD}",
        "checkpoint was changed",
    ),
    Attack(
        "checkpoint.note changed",
        f"UPDATE ledger_checkpoint SET note = replace(note, 'at 2026', 'at 2025') {HEAD}",
        "checkpoint was changed",
    ),
    Attack(
        "checkpoint.size changed",
        f"UPDATE ledger_checkpoint SET size = 599 {HEAD}",
        "checkpoint was changed",
    ),
    Attack(
        "checkpoint deleted",
        f"DELETE FROM ledger_checkpoint {HEAD}",
        "leaves have no checkpoint",
    ),
    *(
        Attack(
            f"tail of {cut} cut",
            f"DELETE FROM ledger_entry e USING ledger_leaf l WHERE l.tenant_id = %(tenant)s AND l.sequence >= {SIZE - cut} AND e.number = l.number; "
            f"DELETE FROM ledger_leaf WHERE tenant_id = %(tenant)s AND sequence >= {SIZE - cut}; "
            f"DELETE FROM ledger_landmark WHERE tenant_id = %(tenant)s AND (index + 1) * 256 > {SIZE - cut}; "
            f"DELETE FROM ledger_checkpoint WHERE tenant_id = %(tenant)s AND size > {SIZE - cut}",
            "the end was cut off",
            SIZE - cut,
        )
        for cut in (1, 10, 200, SIZE)
    ),
]


TABLES = ("entry", "leaf", "landmark", "checkpoint", "pending")


@pytest.fixture
def scene(fill: Callable[..., UUID], intruder: Any) -> Iterator[tuple[UUID, Any]]:
    """A sealed ledger and somebody who may do anything; cleared away afterwards."""
    tenant = fill(SIZE)
    intruder.execute(
        "SELECT array_agg(number) FROM ledger_leaf WHERE tenant_id = %s", [str(tenant)]
    )
    numbers = intruder.fetchone()[0]
    yield tenant, intruder
    intruder.execute(
        "DELETE FROM ledger_entry WHERE number = ANY(%s) OR number = ANY(%s)"
        " OR tenant_id = %s",
        [numbers, [number + 10**9 for number in numbers], str(tenant)],
    )
    for table in TABLES[1:]:
        intruder.execute(
            f"DELETE FROM ledger_{table} WHERE tenant_id = %s", [str(tenant)]
        )
    intruder.execute("DELETE FROM ledger_leaf WHERE number = ANY(%s)", [numbers])
    for column in ENTRY_COLUMNS:
        intruder.execute(f"ALTER TABLE ledger_entry ALTER {column} SET NOT NULL")


def findings_at(report: Report, what: str) -> set[int | None]:
    return {finding.first for finding in report.findings if finding.what == what}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_every_tamper_is_found_and_named(
    attack: Attack, scene: tuple[UUID, Any]
) -> None:
    """L6: each column changed or nulled, rows deleted, inserted, swapped, cut off."""
    tenant, intruder = scene
    intruder.execute(attack.sql, {"tenant": str(tenant)})
    report = verify_tenant(tenant)
    said = {finding.what for finding in report.findings}
    assert attack.finding in said, report.findings
    if attack.at is not None:
        assert attack.at in findings_at(report, attack.finding)
    trials.record("forgeries", trials=1, seed=None)


def test_an_untouched_ledger_raises_no_alarm(fill: Callable[..., UUID]) -> None:
    """L6: no false alarm, at any size around the landmarks."""
    for size in (1, 2, 255, 256, 257, 600):
        report = verify_tenant(fill(size))
        assert (report.findings, report.entries) == ([], size)
        assert report.checkpoints == report.witnessed > 0


def _recompute(tenant: UUID, intruder: Any, *, resign: bool) -> None:
    """Change an entry, then make leaf, landmarks and checkpoints fit it again."""
    intruder.execute(
        f"UPDATE ledger_entry SET data = data || '{{\"n\": -1}}' {PICK}",
        {"tenant": str(tenant)},
    )
    intruder.execute(
        f"SELECT l.sequence, {COLUMNS} FROM ledger_leaf l JOIN ledger_entry e "
        "USING (number) WHERE l.tenant_id = %s ORDER BY sequence",
        [str(tenant)],
    )
    hashes = [
        leaf_hash(rows_of([columns])[0].canonical(sequence))
        for sequence, *columns in intruder.fetchall()
    ]
    intruder.execute(
        f"UPDATE ledger_leaf SET hash = %(hash)s {LEAF}",
        {"tenant": str(tenant), "hash": hashes[VICTIM]},
    )
    for mark in Frontier().extend(hashes).landmarks:
        intruder.execute(
            "UPDATE ledger_landmark SET hash = %s "
            "WHERE tenant_id = %s AND level = %s AND index = %s",
            [mark.hash, str(tenant), mark.level, mark.index],
        )
    for size in (200, 400, 600):
        frontier = Frontier().extend(hashes[:size]).frontier
        body = checkpoint_body(
            origin=origin(tenant), size=size, root=frontier.root(), extensions=["at x"]
        )
        note = signer().sign(body) if resign else None
        intruder.execute(
            "UPDATE ledger_checkpoint SET root = %s, frontier = %s, "
            "note = coalesce(%s, note) WHERE tenant_id = %s AND size = %s",
            [frontier.root(), frontier.pack(), note, str(tenant), size],
        )


@pytest.mark.parametrize("resign", [False, True], ids=["without key", "with the key"])
def test_a_recomputed_tree_is_narrowed_to_a_range(
    scene: tuple[UUID, Any], resign: bool
) -> None:
    """L6: the witness catches even one who stole the key."""
    tenant, intruder = scene
    _recompute(tenant, intruder, resign=resign)
    report = verify_tenant(tenant)
    ranges = {
        (f.first, f.last) for f in report.findings if f.what == "tree was recomputed"
    }
    # Size 200 was signed before the victim and still fits; 400 is the first that not.
    assert ranges == {(200, 399)}
    trials.record("forgeries", trials=1, seed=None, keys_stolen=int(resign))


def test_an_older_dump_is_found(scene: tuple[UUID, Any]) -> None:
    """L6: what was whole an hour ago is not whole now."""
    tenant, intruder = scene
    kept = {}
    for table in TABLES:
        intruder.execute(
            f"SELECT * FROM ledger_{table} WHERE tenant_id = %s", [str(tenant)]
        )
        kept[table] = len(intruder.fetchall())
    with tenant_scope(tenant):
        record_all(facts(5), now=START)
    seal_tenant(tenant, now=START)
    assert verify_tenant(tenant).findings == []
    # Restoring the dump takes back exactly what was written since.
    intruder.execute(
        "DELETE FROM ledger_entry WHERE number IN (SELECT number FROM ledger_leaf "
        "WHERE tenant_id = %s AND sequence >= 600)",
        [str(tenant)],
    )
    for table, column in (("leaf", "sequence >="), ("checkpoint", "size >")):
        intruder.execute(
            f"DELETE FROM ledger_{table} WHERE tenant_id = %s AND {column} 600",
            [str(tenant)],
        )
    report = verify_tenant(tenant)
    assert findings_at(report, "the end was cut off") == {600}
    trials.record("forgeries", trials=1, seed=None)


def test_a_tenant_that_vanished_is_known_to_the_witness(
    scene: tuple[UUID, Any],
) -> None:
    tenant, intruder = scene
    for table in TABLES:
        intruder.execute(
            f"DELETE FROM ledger_{table} WHERE tenant_id = %s", [str(tenant)]
        )
    assert tenant in witness.witnessed_tenants()
    assert findings_at(verify_tenant(tenant), "the end was cut off") == {0}
    trials.record("forgeries", trials=1, seed=None)


def test_a_forged_witness_note_is_no_witness(fill: Callable[..., UUID]) -> None:
    tenant = fill(3)
    witness.keep(
        tenant, next(witness.kept(tenant)).replace("\n3\n", "\n4\n"), now=START
    )
    witness.keep(tenant, next(witness.kept(tenant))[:-20], now=START)
    said = [finding.what for finding in verify_tenant(tenant).findings]
    assert said == ["a note of the witness is not signed by us"]
    trials.record("forgeries", trials=1, seed=None)


def test_a_private_value_cannot_be_replaced(db: None, intruder: Any) -> None:
    """L9: the entry commits to it."""
    tenant, person = uuid4(), uuid4()
    secret = Secret(person=person, field="email", value="ada@example.com")
    with tenant_scope(tenant):
        record(Fact(kind=Kind.ACCOUNT_CHANGED, private=[secret]), now=START)
    seal_tenant(tenant, now=START)
    assert verify_tenant(tenant).findings == []
    intruder.execute(
        "UPDATE ledger_private SET value = '\"eve@example.com\"' WHERE tenant_id = %s",
        [str(tenant)],
    )
    said = [finding.what for finding in verify_tenant(tenant).findings]
    assert said == ["private value was changed"]
    trials.record("forgeries", trials=1, seed=None)
    intruder.execute("DELETE FROM ledger_private WHERE tenant_id = %s", [str(tenant)])


def test_a_broken_tree_is_not_built_upon(scene: tuple[UUID, Any]) -> None:
    """A sealer that finds its last checkpoint changed stops, loudly."""
    tenant, intruder = scene
    intruder.execute(
        f"UPDATE ledger_checkpoint SET root = decode(repeat('ab', 32), 'hex') {HEAD}",
        {"tenant": str(tenant)},
    )
    with tenant_scope(tenant):
        record_all(facts(1), now=START)
    with pytest.raises(BrokenTree):
        seal_tenant(tenant, now=START)
    assert verify_tenant(tenant).entries == SIZE


@pytest.mark.parametrize(
    "verb",
    [
        "UPDATE ledger_{} SET tenant_id = tenant_id",
        "DELETE FROM ledger_{}",
        "TRUNCATE ledger_{}",
    ],
)
@pytest.mark.parametrize("table", TABLES[:4])
def test_append_only(db: None, superuser: Any, table: str, verb: str) -> None:
    """L1: refused to the run-time role by rights, to the owner by a trigger."""
    with (
        pytest.raises(DatabaseError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(verb.format(table))
    with (
        superuser.cursor() as cursor,
        pytest.raises(psycopg2.errors.RestrictViolation, match="append-only"),
    ):
        cursor.execute(verb.format(table))
