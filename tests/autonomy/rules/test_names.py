"""D1: whoever is known is found in a text, in whatever way that is looked for."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from autonomy.rules.snapshots import names_of

LETTERS = st.text("aAbBiIsSkKßſıİKé-. @'", min_size=2, max_size=6)
PEOPLE = st.lists(st.tuples(LETTERS, LETTERS), min_size=1, max_size=4)


def by_pattern(people: list[tuple[str, str]], text: str) -> str:
    """The same with one pattern, whatever the text says."""
    words = {word.strip() for pair in people for word in pair if len(word.strip()) > 1}
    if not words:
        return text
    either = "|".join(
        map(re.escape, sorted(words, key=lambda word: (-len(word), word)))
    )
    return re.sub(rf"(?<!\w)(?:{either})(?!\w)", "*", text, flags=re.IGNORECASE)


@given(PEOPLE, st.lists(st.one_of(LETTERS, st.just(" ")), max_size=8), st.data())
@example([("Ali", "ali@x")], ["Alı"], None)
@example([("ſam", "sam@x")], ["SAM"], None)
def test_names_are_found_as_one_pattern_finds_them(
    people: list[tuple[str, str]], pieces: list[str], data: st.DataObject | None
) -> None:
    named = [word for pair in people for word in pair]
    if data is not None:
        pieces = [*pieces, data.draw(st.sampled_from(named))]
    text = " ".join(pieces)
    names = names_of(people)
    assert (names.sub("*", text) if names else text) == by_pattern(people, text)


def test_a_text_that_names_nobody_needs_no_pattern() -> None:
    names = names_of([("Ada Lovelace", "ada@acme.example")])
    assert names is not None
    assert names.sub("*", "The invoice was opened twice.") == (
        "The invoice was opened twice."
    )
    assert "_pattern" not in vars(names)
    assert names.sub("*", "ADA LOVELACE wrote.") == "* wrote."


def test_nobody_has_no_names() -> None:
    assert names_of([]) is None
    assert names_of([(" ", "x")]) is None
