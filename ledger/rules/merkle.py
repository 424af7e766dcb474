"""RFC 6962 Merkle trees: growing one, and stating and checking what it contains.

Leaves (level 0) and complete subtrees of 256, 65536, 2**24 ... leaves (levels 8, 16,
24 ...) are rows; row (level, index) begins at leaf index * 2**level. A proof takes two
steps, so that nothing here reads: `*_needs` names rows, `*_path` hashes what was found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from hashlib import sha256

from ledger.errors import MissingHash, OutsideTree

HASH_SIZE = 32
LANDMARK_STEP = 8
EMPTY_ROOT = sha256(b"").digest()

Known = Mapping[tuple[int, int], bytes]
Leaves = tuple[int, int]  # from the first up to, not including, the second


def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Landmark:
    """The hash of a complete subtree that is worth a row."""

    level: int
    index: int
    hash: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Neighbouring rows of one level: `start` up to, not including, `start + count`."""

    level: int
    start: int
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Growth:
    """A frontier after new leaves, and the landmarks they completed, from below."""

    frontier: Frontier
    landmarks: tuple[Landmark, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Frontier:
    """The right edge of a tree, which is all that growing needs: the roots of its
    perfect subtrees, largest first."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.hashes) != self.size.bit_count():
            raise OutsideTree(
                f"{len(self.hashes)} hashes are no frontier of {self.size} leaves."
            )
        _insist_on_hashes(self.hashes)

    def root(self) -> bytes:
        return _fold(self.hashes)

    def pack(self) -> bytes:
        return b"".join(self.hashes)

    @classmethod
    def unpack(cls, size: int, packed: bytes) -> Frontier:
        hashes = tuple(
            packed[at : at + HASH_SIZE] for at in range(0, len(packed), HASH_SIZE)
        )
        return cls(size=size, hashes=hashes)

    def extend(self, leaves: Sequence[bytes]) -> Growth:
        """Level by level, not leaf by leaf: a list comprehension per level is fast."""
        _insist_on_hashes(leaves)
        held, kept = list(self.hashes), list[bytes]()
        landmarks = list[Landmark]()
        fresh, level = list(leaves), 0
        while fresh or held:
            row = [held.pop(), *fresh] if self.size >> level & 1 else fresh
            if len(row) & 1:
                kept.append(row.pop())
            fresh, level = _paired(row), level + 1
            if level % LANDMARK_STEP == 0:
                first = self.size >> level
                landmarks += (
                    Landmark(level=level, index=i, hash=h)
                    for i, h in enumerate(fresh, first)
                )
        frontier = Frontier(size=self.size + len(leaves), hashes=tuple(reversed(kept)))
        return Growth(frontier=frontier, landmarks=tuple(landmarks))


def root_needs(size: int) -> tuple[Span, ...]:
    return _spans(_whole(size))


def root_from(size: int, known: Known) -> bytes:
    whole = _whole(size)
    return _hash_over(whole[0], known) if whole else EMPTY_ROOT


def inclusion_needs(index: int, size: int) -> tuple[Span, ...]:
    return _spans(_inclusion_nodes(index, size))


def inclusion_path(index: int, size: int, known: Known) -> list[bytes]:
    return [_hash_over(node, known) for node in _inclusion_nodes(index, size)]


def consistency_needs(old: int, new: int) -> tuple[Span, ...]:
    return _spans(_consistency_nodes(old, new))


def consistency_path(old: int, new: int, known: Known) -> list[bytes]:
    return [_hash_over(node, known) for node in _consistency_nodes(old, new)]


def verify_inclusion(
    *, index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes
) -> bool:
    """RFC 9162, section 2.1.3.2."""
    if not (_are_sizes(index, size) and _are_hashes(path, leaf, root)):
        return False
    return index < size and _roots(index, size - 1, leaf, path)[1] == root


def verify_consistency(
    *, old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]
) -> bool:
    """RFC 9162, section 2.1.4.2. An empty tree begins every tree: no path shows that."""
    if not (_are_sizes(old, new) and _are_hashes(path, old_root, new_root)):
        return False
    if old == new and old_root != new_root:
        return False
    if old in (0, new):
        return not path and (old > 0 or old_root == EMPTY_ROOT)
    # A complete old tree is the first node itself, and is left out of the path.
    nodes = [old_root, *path] if old.bit_count() == 1 else list(path)
    if old > new or not nodes:
        return False
    # The levels at which the last leaf of the old tree is on the right.
    level = (old & -old).bit_length() - 1
    found = _roots((old - 1) >> level, (new - 1) >> level, nodes[0], nodes[1:])
    return found == (old_root, new_root)


def _roots(
    place: int, last: int, node: bytes, path: Sequence[bytes]
) -> tuple[bytes | None, bytes | None]:
    """The roots that a path leads up to from a node: of the tree that ends with it,
    and of the whole tree. None when the path is too long or too short."""
    before = after = node
    for beside in path:
        if last == 0:
            return None, None
        if place & 1 or place == last:
            before, after = node_hash(beside, before), node_hash(beside, after)
            # An unpaired right edge is passed up as it is.
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, beside)
        place, last = place >> 1, last >> 1
    return (before, after) if last == 0 else (None, None)


def _are_sizes(*numbers: object) -> bool:
    return all(type(number) is int and number >= 0 for number in numbers)


def _are_hashes(path: object, *others: object) -> bool:
    if not isinstance(path, list | tuple):
        return False
    hashes = (*path, *others)
    return all(type(each) is bytes and len(each) == HASH_SIZE for each in hashes)


def _insist_on_hashes(hashes: Iterable[bytes]) -> None:
    if not set(map(len, hashes)) <= {HASH_SIZE}:
        raise OutsideTree(f"A node is {HASH_SIZE} bytes.")


def _paired(row: list[bytes]) -> list[bytes]:
    nodes = iter(row)
    pairs = zip(nodes, nodes, strict=True)
    return [sha256(b"\x01" + left + right).digest() for left, right in pairs]


def _fold(hashes: Sequence[bytes]) -> bytes:
    """The root over perfect subtrees that stand side by side, largest first."""
    if not hashes:
        return EMPTY_ROOT
    return reduce(lambda right, left: node_hash(left, right), reversed(hashes))


def _whole(size: int) -> list[Leaves]:
    if size < 0:
        raise OutsideTree(f"{size} leaves.")
    return [(0, size)] if size else []


def _inclusion_nodes(index: int, size: int) -> list[Leaves]:
    """The siblings from the leaf up to the root."""
    if not 0 <= index < size:
        raise OutsideTree(f"Leaf {index} of {size}.")
    return _beside(index, size, end=0)[::-1]


def _consistency_nodes(old: int, new: int) -> list[Leaves]:
    """What the old and the new tree share, and what came after, from below."""
    if not 0 <= old <= new:
        raise OutsideTree(f"From {old} to {new} leaves.")
    if old in (0, new):
        return []
    nodes = _beside(old - 1, new, end=old)
    # Left of the last shared node stand only the nodes on the way down to it.
    low = max((after for _, after in nodes if after < old), default=0)
    shared = [(low, old)] if low else []
    return [*shared, *reversed(nodes)]


def _beside(index: int, size: int, end: int) -> list[Leaves]:
    """What lies beside the way from the root down to a leaf, or to the node before
    `end` that holds it."""
    low, high, nodes = 0, size, list[Leaves]()
    while high - low > 1 and high != end:
        # A tree divides after the largest power of two that leaves some over.
        middle = low + (1 << (high - low - 1).bit_length() - 1)
        if index < middle:
            nodes.append((middle, high))
            high = middle
        else:
            nodes.append((low, middle))
            low = middle
    return nodes


def _perfect(leaves: Leaves) -> Iterator[tuple[int, int]]:
    """The (level, index) of the perfect subtrees that make up a node, largest first."""
    low, high = leaves
    while low < high:
        level = (high - low).bit_length() - 1
        yield level, low >> level
        low += 1 << level


def _rows(level: int, index: int) -> Span:
    """The rows right below, or at, a perfect subtree."""
    above = level % LANDMARK_STEP
    return Span(level=level - above, start=index << above, count=1 << above)


def _spans(nodes: Iterable[Leaves]) -> tuple[Span, ...]:
    wanted = (_rows(level, index) for node in nodes for level, index in _perfect(node))
    merged = list[Span]()
    for span in sorted(wanted, key=lambda each: (each.level, each.start)):
        before = merged[-1] if merged else None
        if before and (before.level, before.start + before.count) == (
            span.level,
            span.start,
        ):
            merged[-1] = Span(
                level=span.level, start=before.start, count=before.count + span.count
            )
        else:
            merged.append(span)
    return tuple(merged)


def _hash_over(leaves: Leaves, known: Known) -> bytes:
    return _fold(
        [_hash_of(_rows(level, index), known) for level, index in _perfect(leaves)]
    )


def _hash_of(span: Span, known: Known) -> bytes:
    try:
        row = [
            known[span.level, at] for at in range(span.start, span.start + span.count)
        ]
    except KeyError as missing:
        raise MissingHash(f"(level, index) = {missing}.") from None
    while len(row) > 1:
        row = _paired(row)
    return row[0]
