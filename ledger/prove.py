"""Proofs: that an entry is in the tree, that the tree only grew, that an act was so."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q

from ledger.errors import NotSealed, OutsideTree
from ledger.models import Checkpoint, Entry, Landmark, Leaf
from ledger.reading import COLUMNS, Row, rows_of
from ledger.rules.bundle import BundleEntry, bundle_bytes
from ledger.rules.merkle import (
    Span,
    consistency_needs,
    consistency_path,
    inclusion_needs,
    inclusion_path,
    root_from,
    root_needs,
)
from ledger.scope import current_tenant

# The nouns that tie the entries of one act together; each has an index.
THREAD = ("run", "intent", "execution")

# The texts of policies by their versions, which are their hashes.
Texts = Callable[[Collection[str]], Mapping[str, str]]


@dataclass(frozen=True, kw_only=True)
class Proof:
    """An entry, its place, and the way from there to the signed root."""

    canonical: bytes
    document: dict[str, Any]
    leaf_index: int
    tree_size: int
    path: Sequence[bytes]
    note: str


def newest_checkpoint() -> Checkpoint | None:
    """The newest checkpoint of the tenant in scope."""
    return Checkpoint.objects.order_by("-size").first()


def prove_entry(entry: UUID) -> Proof:
    """Prove that an entry is in the tenant's tree."""
    number = Entry.objects.filter(id=entry).values_list("number", flat=True).get()
    head = newest_checkpoint()
    if head is None:
        raise NotSealed
    return _prove_numbers([number], head)[0]


def prove_growth(old: int, new: int) -> list[bytes]:
    """Prove that the tree of `new` entries begins with the tree of `old` entries."""
    head = newest_checkpoint()
    size = head.size if head else 0
    if not 0 <= old <= new <= size:
        raise OutsideTree(f"It holds {size} entries: give 0 <= from <= to <= {size}.")
    return consistency_path(old, new, _known(consistency_needs(old, new)))


def root_at(size: int) -> bytes:
    """The root of the tree when it held so many entries."""
    return root_from(size, _known(root_needs(size)))


def prove_act(execution: UUID, texts: Texts) -> bytes:
    """The proof bundle of one execution, from its signal to its outcome; `texts`: of the
    policies that its entries name, from whoever keeps them.
    """
    head = newest_checkpoint()
    numbers = _thread(execution)
    if head is None or not numbers:
        raise Entry.DoesNotExist(f"The ledger knows no execution {execution}.")
    proofs = _prove_numbers(numbers, head)
    return bundle_bytes(
        tenant=current_tenant(),
        execution=execution,
        checkpoint=head.note,
        entries=[
            BundleEntry(
                canonical=proof.canonical, leaf_index=proof.leaf_index, path=proof.path
            )
            for proof in proofs
        ],
        policies=texts(_versions(proof.document for proof in proofs)),
    )


def _prove_numbers(numbers: Sequence[int], head: Checkpoint) -> list[Proof]:
    places = {
        leaf.number: leaf.sequence for leaf in Leaf.objects.filter(number__in=numbers)
    }
    if any(places.get(number, head.size) >= head.size for number in numbers):
        raise NotSealed
    known = _known(
        span
        for number in numbers
        for span in inclusion_needs(places[number], head.size)
    )
    return [_proof(row, places[row.number], head, known) for row in _rows(numbers)]


def _proof(
    row: Row, place: int, head: Checkpoint, known: dict[tuple[int, int], bytes]
) -> Proof:
    return Proof(
        canonical=row.canonical(place),
        document=row.document(place),
        leaf_index=place,
        tree_size=head.size,
        path=inclusion_path(place, head.size, known),
        note=head.note,
    )


def _rows(numbers: Sequence[int]) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {COLUMNS} FROM ledger_entry e "
            "WHERE e.number = ANY(%s) ORDER BY e.number",
            [list(numbers)],
        )
        return rows_of(cursor.fetchall())


def _known(spans: Iterable[Span]) -> dict[tuple[int, int], bytes]:
    """The stored hashes that a proof needs: a short range of rows per level."""
    known: dict[tuple[int, int], bytes] = {}
    for span in set(spans):
        end = span.start + span.count
        if span.level == 0:
            leaves = Leaf.objects.filter(sequence__gte=span.start, sequence__lt=end)
            found = [*leaves.values_list("sequence", "hash")]
        else:
            marks = Landmark.objects.filter(
                level=span.level, index__gte=span.start, index__lt=end
            )
            found = [*marks.values_list("index", "hash")]
        known |= {(span.level, index): bytes(digest) for index, digest in found}
    return known


def _thread(execution: UUID) -> list[int]:
    """The entries of one act: what shares its run, intent or execution."""
    seen: dict[int, dict[str, str]] = {}
    asked: set[tuple[str, str]] = set()
    wanted = {("execution", str(execution))}
    while asking := wanted - asked:
        asked |= asking
        seen |= _about(asking)
        wanted |= {
            (noun, subjects[noun])
            for subjects in seen.values()
            for noun in THREAD
            if noun in subjects
        }
    return sorted(seen)


def _about(nouns: set[tuple[str, str]]) -> dict[int, dict[str, str]]:
    condition = Q()
    for noun, id_ in nouns:
        condition |= Q(**{f"{noun}_id": id_})
    return dict(Entry.objects.filter(condition).values_list("number", "subjects"))


def _versions(documents: Iterable[dict[str, Any]]) -> set[str]:
    """The policies that entries name."""
    named = (document["data"].get("policy_version") for document in documents)
    return {version for version in named if version}
