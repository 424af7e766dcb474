"""The tree against the published vectors, a textbook tree written anew here, and its laws."""

from functools import cache
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import MissingHash, OutsideTree
from ledger.rules import merkle
from ledger.rules.merkle import (
    EMPTY_ROOT,
    Frontier,
    Landmark,
    Span,
    consistency_needs,
    consistency_path,
    inclusion_needs,
    inclusion_path,
    root_from,
    root_needs,
    verify_consistency,
    verify_inclusion,
)

PUBLISHED_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
PUBLISHED_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


class Textbook:
    """RFC 6962, section 2.1, as it is written there, over the whole list of leaves."""

    def __init__(self, leaf):
        self.leaf = cache(leaf)
        self.mth = cache(self._mth)

    def _mth(self, low, high):
        if low == high:
            return sha256(b"").digest()
        if high - low == 1:
            return self.leaf(low)
        k = self.split(high - low)
        return self.node(self.mth(low, low + k), self.mth(low + k, high))

    @staticmethod
    def node(left, right):
        return sha256(b"\x01" + left + right).digest()

    @staticmethod
    def split(n):
        k = 1
        while k * 2 < n:
            k *= 2
        return k

    def root(self, size):
        return self.mth(0, size)

    def path(self, m, low, high):
        if high - low == 1:
            return []
        k = self.split(high - low)
        if m < k:
            return [*self.path(m, low, low + k), self.mth(low + k, high)]
        return [*self.path(m - k, low + k, high), self.mth(low, low + k)]

    def proof(self, m, low, high, whole=True):
        if m == high - low:
            return [] if whole else [self.mth(low, high)]
        k = self.split(high - low)
        if m <= k:
            return [*self.proof(m, low, low + k, whole), self.mth(low + k, high)]
        return [*self.proof(m - k, low + k, high, False), self.mth(low, low + k)]

    def consistency(self, old, new):
        return [] if old in (0, new) else self.proof(old, 0, new)


TREE = Textbook(lambda i: sha256(b"leaf %d" % i).digest())
PUBLISHED = Textbook(lambda i: sha256(b"\x00" + PUBLISHED_LEAVES[i]).digest())


class Shelf(dict):
    """The rows a store would hold for a tree: others are not there."""

    def __init__(self, tree, size):
        super().__init__()
        self.tree, self.size = tree, size

    def __missing__(self, row):
        level, index = row
        if level % 8 or (index + 1) << level > self.size:
            raise KeyError(row)
        return self.tree.mth(index << level, (index + 1) << level)


def fetched(needs, shelf):
    rows = [
        (span.level, at)
        for span in needs
        for at in range(span.start, span.start + span.count)
    ]
    assert len(rows) == len(set(rows))
    return {row: shelf[row] for row in rows}


def leaves(count, first=0):
    return [TREE.leaf(i) for i in range(first, first + count)]


def flipped(node, bit=0):
    return bytes([node[0] ^ (1 << bit), *node[1:]])


class TestPublishedVectors:
    def test_hashes(self):
        assert merkle.leaf_hash(b"").hex() == PUBLISHED_ROOTS[0]
        assert EMPTY_ROOT.hex() == (
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        )
        assert Frontier().root() == EMPTY_ROOT

    @pytest.mark.parametrize(("size", "root"), list(enumerate(PUBLISHED_ROOTS, 1)))
    def test_roots(self, size, root):
        hashes = [merkle.leaf_hash(leaf) for leaf in PUBLISHED_LEAVES[:size]]
        assert Frontier().extend(hashes).frontier.root().hex() == root
        assert PUBLISHED.root(size).hex() == root
        assert root_from(size, Shelf(PUBLISHED, size)).hex() == root

    @pytest.mark.parametrize(
        ("index", "size", "path"),
        [
            (0, 1, []),
            (
                0,
                8,
                [
                    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
                ],
            ),
            (
                5,
                8,
                [
                    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                ],
            ),
            (
                2,
                3,
                ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
            ),
            (
                1,
                5,
                [
                    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                ],
            ),
        ],
    )
    def test_inclusion_paths(self, index, size, path):
        found = inclusion_path(index, size, Shelf(PUBLISHED, size))
        assert [node.hex() for node in found] == path

    @pytest.mark.parametrize(
        ("old", "new", "path"),
        [
            (1, 1, []),
            (
                1,
                8,
                [
                    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
                ],
            ),
            (
                6,
                8,
                [
                    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                ],
            ),
            (
                2,
                5,
                [
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                ],
            ),
        ],
    )
    def test_consistency_paths(self, old, new, path):
        found = consistency_path(old, new, Shelf(PUBLISHED, new))
        assert [node.hex() for node in found] == path


class TestFrontier:
    @given(st.lists(st.integers(0, 700), max_size=6))
    @settings(max_examples=60, deadline=None)
    def test_grows_alike_in_any_portions(self, portions):
        frontier, landmarks, size = Frontier(), [], 0
        for portion in portions:
            growth = frontier.extend(leaves(portion, size))
            frontier, size = growth.frontier, size + portion
            landmarks += growth.landmarks
        assert (frontier.size, frontier.root()) == (size, TREE.root(size))
        assert Frontier.unpack(size, frontier.pack()) == frontier
        assert landmarks == [
            Landmark(level=8, index=i, hash=TREE.mth(i * 256, i * 256 + 256))
            for i in range(size // 256)
        ]

    @pytest.mark.parametrize("first", [0, 1, 255, 65_535])
    def test_landmarks_of_two_levels(self, first):
        before = Frontier().extend(leaves(first))
        after = before.frontier.extend(leaves(70_000 - first, first))
        assert after.frontier.root() == TREE.root(70_000)
        found = {(m.level, m.index): m.hash for m in before.landmarks + after.landmarks}
        assert found == {
            (level, index): TREE.mth(index << level, (index + 1) << level)
            for level in (8, 16)
            for index in range(70_000 >> level)
        }

    def test_grows_from_a_packed_edge_of_millions(self):
        size = 5 * 2**24 - 1
        tree = synthetic()
        packed = b"".join(tree.mth(low, high) for low, high in perfect_parts(size))
        growth = Frontier.unpack(size, packed).extend([tree.leaf(size)])
        assert growth.frontier.root() == tree.root(size + 1)
        assert [(m.level, m.index) for m in growth.landmarks] == [
            (8, 5 * 2**16 - 1),
            (16, 5 * 2**8 - 1),
            (24, 4),
        ]

    def test_nothing_changes_nothing(self):
        frontier = Frontier().extend(leaves(5)).frontier
        growth = frontier.extend([])
        assert (growth.frontier, growth.landmarks) == (frontier, ())

    @pytest.mark.parametrize(
        ("size", "packed"),
        [(1, b""), (0, bytes(32)), (2, bytes(64)), (1, bytes(31)), (-1, bytes(32))],
    )
    def test_refuses_what_is_no_frontier(self, size, packed):
        with pytest.raises(OutsideTree):
            Frontier.unpack(size, packed)

    def test_refuses_what_is_no_leaf_hash(self):
        with pytest.raises(OutsideTree):
            Frontier().extend([bytes(32), bytes(31)])


class TestInclusion:
    def test_every_leaf_of_every_small_tree(self):
        for size in range(1, 301):
            root = TREE.root(size)
            for index in range(size):
                leaf, path = TREE.leaf(index), TREE.path(index, 0, size)
                fact = {"index": index, "size": size, "leaf": leaf, "root": root}
                assert verify_inclusion(**fact, path=path)
                if path:
                    at = index % len(path)
                    path[at] = flipped(path[at], index % 8)
                    assert not verify_inclusion(**fact, path=path)

    @pytest.mark.parametrize("size", [*range(1, 40), 255, 256, 257, 300, 513, 70_000])
    def test_paths_from_rows_are_the_textbook_s(self, size):
        shelf = Shelf(TREE, size)
        for index in {*range(0, size, max(1, size // 40)), size - 1}:
            known = fetched(inclusion_needs(index, size), shelf)
            assert inclusion_path(index, size, known) == TREE.path(index, 0, size)

    @given(st.data())
    @settings(max_examples=200, deadline=None)
    def test_no_other_input_verifies(self, data):
        size = data.draw(st.integers(1, 300))
        index = data.draw(st.integers(0, size - 1))
        fact = {
            "index": index,
            "size": size,
            "leaf": TREE.leaf(index),
            "path": TREE.path(index, 0, size),
            "root": TREE.root(size),
        }
        path = fact["path"]
        assert verify_inclusion(**fact)
        for other in (index - 1, index + 1):
            assert not verify_inclusion(**{**fact, "index": other})
        for other in (size - 1, size + 1):
            # The size only decides on which side each node goes. Where that is the
            # same for two sizes, it is the signed checkpoint that tells them apart.
            alike = index < other and sides(index, other) == sides(index, size)
            assert verify_inclusion(**{**fact, "size": other}) == alike
        for name in ("leaf", "root"):
            assert not verify_inclusion(**{**fact, name: flipped(fact[name])})
        for wrong in wrong_paths(path):
            assert not verify_inclusion(**{**fact, "path": wrong})


class TestConsistency:
    def test_every_beginning_of_every_small_tree(self):
        for new in range(131):
            shelf = Shelf(TREE, new)
            for old in range(new + 1):
                path = TREE.consistency(old, new)
                fact = {
                    "old": old,
                    "new": new,
                    "old_root": TREE.root(old),
                    "new_root": TREE.root(new),
                }
                assert verify_consistency(**fact, path=path)
                if old % 9 == new % 9:
                    known = fetched(consistency_needs(old, new), shelf)
                    assert consistency_path(old, new, known) == path
                if path:
                    at = old % len(path)
                    path[at] = flipped(path[at], old % 8)
                    assert not verify_consistency(**fact, path=path)

    @given(st.integers(1, 70_000), st.integers(1, 70_000))
    @settings(max_examples=50, deadline=None)
    def test_paths_from_rows_are_the_textbook_s(self, one, other):
        old, new = sorted((one, other))
        known = fetched(consistency_needs(old, new), Shelf(TREE, new))
        assert consistency_path(old, new, known) == TREE.consistency(old, new)

    @given(st.data())
    @settings(max_examples=200, deadline=None)
    def test_no_other_input_verifies(self, data):
        new = data.draw(st.integers(2, 130))
        old = data.draw(st.integers(1, new - 1))
        fact = {
            "old": old,
            "new": new,
            "old_root": TREE.root(old),
            "new_root": TREE.root(new),
            "path": TREE.consistency(old, new),
        }
        assert verify_consistency(**fact)
        for name in ("old_root", "new_root"):
            assert not verify_consistency(**{**fact, name: flipped(fact[name])})
        for other in (old - 1, old + 1):
            assert not verify_consistency(**{**fact, "old": other})
        assert not verify_consistency(**{**fact, "old": new, "new": old})
        for wrong in wrong_paths(fact["path"]):
            assert not verify_consistency(**{**fact, "path": wrong})

    def test_the_ends(self):
        one, two = TREE.root(1), TREE.root(2)
        cases = [
            (0, 0, EMPTY_ROOT, EMPTY_ROOT, [], True),
            (0, 0, one, one, [], False),
            (0, 2, EMPTY_ROOT, two, [], True),
            (0, 2, one, two, [], False),
            (0, 2, EMPTY_ROOT, two, [one], False),
            (2, 2, two, two, [], True),
            (2, 2, two, one, [], False),
            (2, 2, two, two, [two], False),
            (1, 2, one, two, [], False),
            (3, 5, TREE.root(3), TREE.root(5), [], False),
            (2, 1, two, one, [], False),
        ]
        for old, new, old_root, new_root, path, holds in cases:
            found = verify_consistency(
                old=old, new=new, old_root=old_root, new_root=new_root, path=path
            )
            assert found is holds


ODD = [
    None,
    -1,
    1.0,
    True,
    "1",
    b"",
    bytes(31),
    bytes(33),
    "x" * 32,
    [None],
    [b"x"],
    {},
]


@given(st.sampled_from(["index", "size", "leaf", "path", "root"]), st.sampled_from(ODD))
def test_inclusion_never_raises(name, odd):
    fact = {
        "index": 0,
        "size": 3,
        "leaf": TREE.leaf(0),
        "path": TREE.path(0, 0, 3),
        "root": TREE.root(3),
    }
    assert verify_inclusion(**{**fact, name: odd}) is False


@given(
    st.sampled_from(["old", "new", "old_root", "new_root", "path"]),
    st.sampled_from(ODD),
)
def test_consistency_never_raises(name, odd):
    fact = {
        "old": 2,
        "new": 3,
        "old_root": TREE.root(2),
        "new_root": TREE.root(3),
        "path": TREE.consistency(2, 3),
    }
    assert verify_consistency(**fact)
    assert verify_consistency(**{**fact, name: odd}) is False


class TestNeeds:
    @given(st.integers(1, 9_000_000), st.data())
    @settings(max_examples=60, deadline=None)
    def test_suffice_and_are_few_for_millions(self, size, data):
        tree, index = synthetic(), data.draw(st.integers(0, size - 1))
        old = data.draw(st.integers(1, size))
        shelf = Shelf(tree, size)
        root = root_from(size, fetched(root_needs(size), shelf))
        old_root = root_from(old, fetched(root_needs(old), shelf))
        assert (root, old_root) == (tree.root(size), tree.root(old))
        needs = inclusion_needs(index, size)
        path = inclusion_path(index, size, fetched(needs, shelf))
        assert verify_inclusion(
            index=index, size=size, leaf=tree.leaf(index), path=path, root=root
        )
        between = consistency_needs(old, size)
        path = consistency_path(old, size, fetched(between, shelf))
        assert verify_consistency(
            old=old, new=size, old_root=old_root, new_root=root, path=path
        )
        for spans in (root_needs(size), needs, between):
            assert max(rows_by_level(spans).values(), default=0) <= 512
            assert len(spans) <= 3 * 4

    def test_of_a_tree_of_a_billion(self):
        needs = inclusion_needs(1_000_000_000, 2_000_000_001)
        assert sum(rows_by_level(needs).values()) <= 4 * 510
        assert {span.level for span in needs} <= {0, 8, 16, 24}

    def test_are_exact(self):
        assert root_needs(0) == inclusion_needs(0, 1) == consistency_needs(7, 7) == ()
        assert root_needs(256) == (Span(level=8, start=0, count=1),)
        assert root_needs(259) == (
            Span(level=0, start=256, count=3),
            Span(level=8, start=0, count=1),
        )
        assert inclusion_needs(0, 512) == (
            Span(level=0, start=1, count=255),
            Span(level=8, start=1, count=1),
        )
        assert consistency_needs(256, 257) == (Span(level=0, start=256, count=1),)
        assert root_from(0, {}) == EMPTY_ROOT

    @pytest.mark.parametrize(
        "ask",
        [
            lambda: root_needs(-1),
            lambda: root_from(-1, {}),
            lambda: inclusion_needs(3, 3),
            lambda: inclusion_path(-1, 3, {}),
            lambda: consistency_needs(4, 3),
            lambda: consistency_path(-1, 3, {}),
        ],
    )
    def test_refuse_what_is_outside(self, ask):
        with pytest.raises(OutsideTree):
            ask()

    def test_a_row_that_is_gone_is_named(self):
        with pytest.raises(MissingHash, match=r"\(0, 1\)"):
            inclusion_path(0, 2, {})


def wrong_paths(path):
    yield [*path, bytes(32)]
    yield [bytes(32), *path]
    for at, node in enumerate(path):
        yield [*path[:at], flipped(node), *path[at + 1 :]]
        yield [*path[:at], *path[at + 1 :]]
        yield [*path[: at + 1], *path[at:]]
        if at:
            yield [*path[: at - 1], node, path[at - 1], *path[at + 1 :]]


def sides(index, size):
    """On which side of the way up each node of the path stands, told by the textbook."""
    low, high, seen = 0, size, []
    while high - low > 1:
        middle = low + Textbook.split(high - low)
        seen.append(index < middle)
        low, high = (low, middle) if index < middle else (middle, high)
    return seen[::-1]


def perfect_parts(size):
    low = 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            yield low, low + (1 << level)
            low += 1 << level


def rows_by_level(spans):
    counts = {}
    for span in spans:
        counts[span.level] = counts.get(span.level, 0) + span.count
    return counts


@cache
def synthetic():
    """A tree of any size at little cost: leaves repeat, so that subtrees do as well."""
    return Repeating(lambda i: sha256(b"%d" % (i % 4096)).digest())


class Repeating(Textbook):
    def _mth(self, low, high):
        step = (low // 4096) * 4096
        if low >= 4096 and (high - low).bit_count() == 1:
            # A perfect subtree looks like the one so many whole rounds before.
            return self.mth(low - step, high - step)
        return super()._mth(low, high)
