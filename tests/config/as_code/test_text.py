"""Configuration files as text: read with lines, refused in one line, written the same."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.as_code.text import read, write

# What looks like something else.
LOOKS = (
    "20:00 off 1e5 0x10 2026-11-20 ~ << = - null 1_000 012 .5 +1 yes !x &a *a % ? : | >"
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-1e15, 1e15)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
    | st.sampled_from(LOOKS.split())
    | st.sampled_from(["", " a", "a ", "a: b", "# no", "a #b", "\n", "a\n\n b\n"])
)
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(plain=st.dictionaries(NAMES, VALUES, max_size=4), head=st.text("ab c\n:#-"))
def test_what_is_written_is_read_again(plain: dict[str, Any], head: str) -> None:
    """Whatever JSON can say, whatever it looks like: the same values, of the same types."""
    document, faults = read(write(plain, head))
    assert not faults
    assert repr(document.value) == repr(plain)


@settings(max_examples=150, deadline=None)
@given(text=st.text("abc:-[]{}&*!|>'\"#%@ \n\t?,0.1<~\0"))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Anything else is one clear fault with a line, or values."""
    document, faults = read(text)
    assert all(fault.line >= 1 and "\n" not in fault.message for fault in faults)
    assert isinstance(document.value, dict)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("modes:\n  - mode: [\n", "line 3: This is not YAML"),
        ("a: 1\nb: 2\na: 3\n", "line 3: a: It is there twice."),
        ("a: &x 1\nb: *x\n", "line 2: b: Write it out: anchors"),
        ("a: &x [*x]\n", "line 1: a[0]: Write it out: anchors"),
        ("a: !!python/object:os.system ls\n", "line 1: a: Tags are not read."),
        ("a: !secret x\n", "line 1: a: Tags are not read."),
        ("a:\n  b: 1e999\n", "line 2: a.b: This value cannot be stated"),
        ('a: "\\0"\n', "line 1: a: This value cannot be stated"),
        ("- a\n", "line 1: A configuration is a mapping of sections."),
        ("a: 1\n---\nb: 2\n", "line 2: This is not YAML"),
        ("? [a]\n: 1\n", "line 1: A name is a text."),
        ("[" * 1200, "line 1: "),
        ("a: " + "[" * 40 + "]" * 40, "line 1: The file cannot be read"),
        ("x" * 2_000_001, "line 1: The file is larger than"),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_line(text: str, said: str) -> None:
    """One line each; nothing is run, fetched or guessed."""
    _, faults = read(text)
    assert any(fault.said().startswith(said) for fault in faults), faults


def test_times_and_words_are_texts() -> None:
    """YAML 1.1 would read a number, a date and a truth here."""
    document, _ = read("a: 20:00\nb: 2026-11-20\nc: off\nd: true\ne: 08\n")
    assert document.value == {
        "a": "20:00", "b": "2026-11-20", "c": "off", "d": True, "e": "08"
    }  # fmt: skip
    assert document.line("d") == 4
    assert document.line("d", "deeper", 3) == 4
