"""D4: what must be heard in a message, and what only sounds like it, as tables."""

from time import perf_counter

import pytest

from perception.rules.meaning import families_in
from perception.rules.phrases import Family
from perception.rules.wording import LONGEST, unquoted
from tests.perception.rules.corpus import NOT_SAID, OTHER_TONGUES, SAID


def _table(given: dict[Family, str]) -> list[tuple[Family, str]]:
    """Each line; one that is broken by a mail program begins with a small letter."""
    rows: list[tuple[Family, str]] = []
    for family, text in given.items():
        for line in text.strip().splitlines():
            if line[0].islower():
                rows[-1] = (family, f"{rows[-1][1]}\n{line}")
            else:
                rows.append((family, line))
    return rows


@pytest.mark.parametrize(("family", "text"), _table(SAID))
def test_what_must_be_heard(family: Family, text: str) -> None:
    """D4: in several ways of writing."""
    assert family in families_in(text)
    assert family in families_in(f"Hello,\n\n{text.upper()}\n\nRegards\nAnn")


@pytest.mark.parametrize(("family", "text"), _table(NOT_SAID))
def test_what_only_sounds_like_it(family: Family, text: str) -> None:
    """D4: words with their context: negation, other objects, our own words, ifs."""
    assert family not in families_in(text)


@pytest.mark.parametrize("text", OTHER_TONGUES.strip().splitlines())
def test_other_languages_match_nothing_by_accident(text: str) -> None:
    """D4."""
    assert families_in(text) == frozenset()


QUOTES = [
    "Thanks!\n\nOn Mon, 3 Nov 2026 at 10:00, Ann <a@x.example> wrote:\n> {}\n",
    "Thanks!\n\nOn Mon, 3 Nov 2026 at 10:00,\nAnn <a@x.example> wrote:\n> {}\n",
    "Thanks!\n\nOn Mon, 3 Nov 2026 at 10:00, Ann <a@x.example> wrote:\n\n{}\n",
    "Thanks!\n\n-----Original Message-----\nFrom: Ann\n\n{}",
    "Thanks!\n\nFrom: Ann <a@x.example>\nSent: Monday\nTo: us\n\n{}",
    "Danke!\n\nAm 03.11.2026 um 10:00 schrieb Ann:\n> {}",
    "Danke!\n\nVon: Ann\nGesendet: Montag\n\n{}",
    "Merci!\n\nLe 3 nov. 2026 à 10:00, Ann a écrit :\n> {}",
    "FYI\n\nBegin forwarded message:\n\n{}",
    "> {}\n\nThanks!",
    "Thanks!\n-- \n{}",
]


@pytest.mark.parametrize("shape", QUOTES)
def test_what_is_quoted_was_said_before(shape: str) -> None:
    """D4: a quote of an earlier mail says nothing new."""
    text = shape.format("We selected another vendor. Our champion is leaving.")
    assert families_in(text) == frozenset()


def test_what_answers_below_a_quote_is_new() -> None:
    """D4."""
    text = "On Mon, Ann <a@x.example> wrote:\n> How is it going?\n\nWe froze spending."
    assert families_in(text) == {Family.FREEZE}
    assert unquoted("a\r\n> b\r\nc") == ["a", "c"]


HOSTILE = [
    "a" * 1_000_000,
    "we " * 300_000,
    "put the " * 100_000 + "project on hold",
    "> " * 400_000,
    "from: " * 200_000,
    "on " + "x " * 300_000 + "wrote",
    "leaving the the " * 60_000,
    "." * 500_000,
    "$" * 300_000 + "1" * 300_000,
    "\n" * 500_000,
    "budget " * 100_000 + "$5",
    "compare 'n' " * 80_000,
    "\ud800 \x00 \u202e" * 100_000,
    "-" * 800_000,
    "i has have had is am are will " * 30_000,
]


def test_hostile_texts_take_time_in_proportion() -> None:
    """D4: what is read is bounded, and doubling it does no more than its share."""
    for text in HOSTILE:
        families_in(text)
    for text in HOSTILE:
        half = min(_took(text[: LONGEST // 2]) for _ in range(3))
        whole = min(_took(text[:LONGEST]) for _ in range(3))
        # A square would be 4 times; slow machines differ in what is short.
        assert whole < max(8 * half, 2.0)


def _took(text: str) -> float:
    began = perf_counter()
    families_in(text)
    return perf_counter() - began
