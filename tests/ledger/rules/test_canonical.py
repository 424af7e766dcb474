"""One spelling: RFC 8785, by the short way and the long way, and what has no spelling."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import IntEnum, StrEnum
from types import MappingProxyType
from unittest import mock
from uuid import UUID

import orjson
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import LedgerError, Unstatable
from ledger.rules import canonical as room
from ledger.rules.canonical import canonical, check, entry_document

LIMITS = {"max_bytes": 10_000, "max_depth": 8}
SAFE = 2**53 - 1
DEEP = "deep"


class Colour(StrEnum):
    RED = "red"


class Rank(IntEnum):
    FIRST = 1


@dataclass
class Point:
    x: int = 1


texts = st.one_of(
    st.text(max_size=8),
    st.text(
        alphabet='"\\/\b\f\n\r\t\x00\x1f\x7f\u2028\ud7ff\ue000\ufb33\U0001f600',
        max_size=5,
    ),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-SAFE, SAFE),
    st.integers(),
    st.floats(),
    texts,
    st.characters(),
    st.sampled_from(
        [Colour.RED, Rank.FIRST, Decimal(1), Point(), UUID(int=0), b"x", SAFE + 1]
    ),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(
            st.one_of(texts, st.integers(), st.just(Colour.RED)), inner, max_size=4
        ),
    ),
    max_leaves=12,
)


class TestCanonical:
    @given(values)
    @settings(max_examples=1500, deadline=None)
    def test_is_what_the_reference_says(self, value):
        try:
            expected = rfc8785.dumps(value)
        except ValueError:
            with pytest.raises(Unstatable):
                canonical(value)
        else:
            assert canonical(value) == expected

    @given(values)
    @settings(max_examples=300, deadline=None)
    def test_the_short_way_is_taken_only_where_it_is_the_same(self, value):
        if room._spelled_alike(value, 200):
            try:
                expected = rfc8785.dumps(value)
            except ValueError:
                with pytest.raises(Unstatable):
                    canonical(value)
            else:
                assert orjson.dumps(value, option=orjson.OPT_SORT_KEYS) == expected

    def test_takes_the_short_way_for_an_ordinary_entry(self):
        ordinary = {"b": [1, None, True, {"à": "è"}], "a": "ì"}
        del ordinary["b"][3]["à"]
        with mock.patch.object(rfc8785, "dumps", side_effect=AssertionError):
            assert canonical(ordinary) == '{"a":"ì","b":[1,null,true,{}]}'.encode()

    def test_sample_of_section_3_2(self):
        sample = {
            "numbers": [
                333333333.33333329,
                1e30,
                4.50,
                2e-3,
                0.000000000000000000000000001,
            ],
            "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
            "literals": [None, True, False],
        }
        assert (
            canonical(sample)
            == (
                '{"literals":[null,true,false],'
                '"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
                '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
            ).encode()
        )

    def test_keys_sort_by_utf_16(self):
        sample = {
            "\u20ac": "Euro Sign",
            "\r": "Carriage Return",
            "\ufb33": "Hebrew Letter Dalet With Dagesh",
            "1": "One",
            "\U0001f600": "Emoji: Grinning Face",
            "\u0080": "Control",
            "\u00f6": "Latin Small Letter O With Diaeresis",
        }
        assert list(orjson.loads(canonical(sample)).values()) == [
            "Carriage Return",
            "One",
            "Control",
            "Latin Small Letter O With Diaeresis",
            "Euro Sign",
            "Emoji: Grinning Face",
            "Hebrew Letter Dalet With Dagesh",
        ]

    @pytest.mark.parametrize(
        ("number", "text"),
        [
            (0.0, "0"),
            (-0.0, "0"),
            (5e-324, "5e-324"),
            (-1.7976931348623157e308, "-1.7976931348623157e+308"),
            (9007199254740992.0, "9007199254740992"),
            (295147905179352830000.0, "295147905179352830000"),
            (9.999999999999997e22, "9.999999999999997e+22"),
            (1e21, "1e+21"),
            (999999999999999900000.0, "999999999999999900000"),
            (1e-7, "1e-7"),
            (0.000001, "0.000001"),
            (333333333.3333332, "333333333.3333332"),
            (-0.0000033333333333333333, "-0.0000033333333333333333"),
            (1424953923781206.25, "1424953923781206.2"),
            (SAFE, "9007199254740991"),
            (-SAFE, "-9007199254740991"),
        ],
    )
    def test_numbers_of_appendix_b(self, number, text):
        assert canonical(number) == text.encode()

    @pytest.mark.parametrize(
        "value",
        [
            1e400,
            float("nan"),
            SAFE + 1,
            -SAFE - 1,
            10**400,
            10**5000,
            "\ud800",
            {"\udfff": 1},
            {"é\udfff": 1},
            {1: 1},
            {b"x": 1},
            Decimal(1),
            Point(),
            datetime(2026, 1, 1, tzinfo=UTC),
            UUID(int=0),
            {1, 2},
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_what_has_no_spelling(self, value):
        for inside in (value, [value], {"a": {"b": value}}):
            with pytest.raises(Unstatable) as refusal:
                canonical(inside)
            assert len(str(refusal.value)) < 200

    def test_depth(self):
        assert canonical(nested(300)) == b"[" * 300 + b"]" * 300
        with pytest.raises(Unstatable, match=DEEP):
            canonical(nested(100_000))

    def test_what_holds_itself(self):
        ring = []
        ring += [ring, ring]
        with pytest.raises(Unstatable, match=DEEP):
            canonical(ring)


class TestCheck:
    @pytest.mark.parametrize(
        "value",
        [
            None,
            True,
            "",
            "àèì \U0001f600 \x7f\x01",
            "a backslash before u0000 is no NUL: \\u0000, \\\\u0000",
            SAFE,
            -SAFE,
            0.1,
            -0.0,
            5e-324,
            9007199254740991.0,
            [],
            {"a": [1, {"é": None}]},
        ],
    )
    def test_passes_what_can_be_stated(self, value):
        check(value, **LIMITS)

    @pytest.mark.parametrize(
        ("value", "why"),
        [
            (float("nan"), "number"),
            (float("inf"), "number"),
            (-float("inf"), "number"),
            (SAFE + 1, "number"),
            (-SAFE - 1, "number"),
            pytest.param(10**5000, "number", id="huge"),
            (9007199254740992.0, "number"),
            ("a\0", "NUL"),
            ({"a\0": 1}, "NUL"),
            ("\\\0", "NUL"),
            ("\ud83d", "surrogate"),
            ({"\ude00": 1}, "surrogate"),
            ({1: 1}, "a int for a key"),
            ({None: 1}, "a NoneType for a key"),
            ({Colour.RED: 1}, "a Colour for a key"),
            ((1, 2), "a tuple"),
            (datetime(2026, 1, 1, tzinfo=UTC), "a datetime"),
            (UUID(int=0), "a UUID"),
            (Decimal("0.1"), "a Decimal"),
            (b"x", "a bytes"),
            (Colour.RED, "a Colour"),
            (Rank.FIRST, "a Rank"),
            (Point(), "a Point"),
            ({1}, "a set"),
            (MappingProxyType({}), "a mappingproxy"),
        ],
    )
    def test_refuses_what_cannot(self, value, why):
        for inside in (value, [value], {"a": [value]}):
            with pytest.raises(Unstatable, match=why):
                check(inside, **LIMITS)

    def test_size_is_that_of_the_canonical_bytes(self):
        for value in ("é" * 10, ["a", 1, {"b": "\n" * 9}], 0.5, {"k": [None] * 9}):
            size = len(canonical(value))
            check(value, max_bytes=size, max_depth=3)
            with pytest.raises(Unstatable, match="larger"):
                check(value, max_bytes=size - 1, max_depth=3)

    def test_depth_counts_containers(self):
        check(nested(3), max_bytes=99, max_depth=3)
        check({"a": {"b": {"c": 1}}}, max_bytes=99, max_depth=3)
        with pytest.raises(Unstatable, match=DEEP):
            check(nested(4), max_bytes=99, max_depth=3)

    def test_ends_early_on_what_repeats_itself(self):
        bomb: object = "x"
        for _ in range(200):
            bomb = [bomb, bomb]
        with pytest.raises(Unstatable, match="larger"):
            check(bomb, max_bytes=1000, max_depth=300)
        ring = {}
        ring["again"] = ring
        with pytest.raises(Unstatable, match=DEEP):
            check(ring, max_bytes=10_000, max_depth=50)

    @given(values)
    @settings(max_examples=500, deadline=None)
    def test_what_passes_survives_a_round_trip(self, value):
        try:
            check(value, **LIMITS)
        except Unstatable:
            return
        assert canonical(orjson.loads(orjson.dumps(value))) == canonical(value)

    def test_says_what_is_the_case(self):
        with pytest.raises(ValueError, match="cannot be stated") as refusal:
            check(b"", **LIMITS)
        assert str(refusal.value) == (
            "This value cannot be stated in the ledger. There is a bytes in it."
        )
        assert str(LedgerError()) == "The ledger refused."


ENTRY = {
    "id": UUID(int=1),
    "tenant": UUID(int=2),
    "sequence": 3,
    "number": 4,
    "at": datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC),
    "kind": "intent.approved",
    "actor": {"type": "person", "id": "5"},
    "subjects": {"execution": "6"},
    "data": {"amount": 1.5},
}


class TestEntryDocument:
    def test_is_spelled_thus(self):
        assert canonical(entry_document(**ENTRY)).decode() == (
            '{"actor":{"id":"5","type":"person"},"at":"2026-03-04T05:06:07.000089Z",'
            '"data":{"amount":1.5},"id":"00000000-0000-0000-0000-000000000001",'
            '"kind":"intent.approved","number":4,"sequence":3,'
            '"subjects":{"execution":"6"},'
            '"tenant":"00000000-0000-0000-0000-000000000002","v":1}'
        )

    @pytest.mark.parametrize("column", ENTRY)
    def test_an_emptied_column_hashes_to_something_else(self, column):
        emptied = canonical(entry_document(**{**ENTRY, column: None}))
        assert emptied != canonical(entry_document(**ENTRY))

    def test_time_is_utc_with_six_digits(self):
        rome = timezone(timedelta(hours=2))
        for at, text in (
            (datetime(2026, 7, 1, 1, 0, tzinfo=rome), "2026-06-30T23:00:00.000000Z"),
            (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000000Z"),
        ):
            assert entry_document(**{**ENTRY, "at": at})["at"] == text

    @pytest.mark.parametrize(
        "at",
        [
            datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None),
            datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2))),
        ],
    )
    def test_a_time_that_is_none_is_refused(self, at):
        with pytest.raises(Unstatable):
            entry_document(**{**ENTRY, "at": at})

    def test_takes_any_mapping_and_kind(self):
        plain = entry_document(**ENTRY)
        frozen = {**ENTRY, "data": MappingProxyType(ENTRY["data"])}
        assert canonical(entry_document(**frozen)) == canonical(plain)
        coloured = entry_document(**{**ENTRY, "kind": Colour.RED})
        assert canonical(coloured) == canonical({**plain, "kind": "red"})


def nested(depth):
    value = []
    for _ in range(depth - 1):
        value = [value]
    return value
