"""Cells of a spreadsheet: text that must not be taken for a formula."""

import unicodedata
from itertools import takewhile

FORMULAS = frozenset("=+-@")
# What ends a cell, or moves to the next, wherever quotes are not looked at.
MOVES = frozenset("\t\r\n")


def harmless(text: str) -> str:
    """Text that opens as text; the apostrophe is what spreadsheets hide."""
    if text[:1].isascii() and text[:1].isalnum():
        return text
    # A leading blank does not stop a spreadsheet, nor do wide or small twins of the signs.
    unseen = "".join(takewhile(_is_unseen, text))
    first = text[len(unseen) : len(unseen) + 1]
    starts = unicodedata.normalize("NFKC", first)[:1] in FORMULAS
    return f"'{text}" if starts or MOVES & set(unseen) else text


def _is_unseen(sign: str) -> bool:
    """Blanks, controls, and what only joins or turns others."""
    return unicodedata.category(sign) in ("Cc", "Cf", "Zl", "Zp", "Zs")
