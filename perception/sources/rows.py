"""Rows of CSV and JSONL out of a piece of a file that may still be growing."""

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

PIECE = 1024 * 1024
LONGEST_HEADER = 64 * 1024
BOM = b"\xef\xbb\xbf"
DELIMITERS = ",;\t|"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row, or why it is none, and how many bytes it took."""

    length: int
    values: Mapping[str, Any] | None = None
    said: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """The head of a CSV file."""

    names: Sequence[str]
    delimiter: str


def header(handle: int) -> tuple[Columns, int]:
    """The columns of a CSV file and where its rows begin; no columns: it is not whole."""
    start = os.pread(handle, LONGEST_HEADER, 0)
    first, end, _ = start.partition(b"\n")
    if not end:
        return Columns(names=(), delimiter=","), 0
    written = _decoded(first)
    delimiter = max(DELIMITERS, key=written.count)
    try:
        names = next(csv.reader([written], delimiter=delimiter), [])
    except csv.Error:
        names = []
    cleaned = tuple(name.strip()[:100] for name in names)
    return Columns(names=cleaned, delimiter=delimiter), len(first) + 1


def rows(piece: bytes, columns: Columns | None, *, is_last: bool) -> Iterator[Row]:
    """The whole rows of a piece. `is_last`: nothing follows, an open end is one too."""
    lines = _lines(piece)
    if lines and not lines[-1].endswith(b"\n") and not is_last:
        rest = lines.pop()
        if not lines and len(rest) >= PIECE:
            # So long a line is none: its bytes are passed over.
            yield Row(length=len(rest), said="it is longer than 1 MiB.")
            return
    if columns is None:
        yield from map(_of_json, lines)
    elif columns.names:
        yield from _of_csv(lines, columns, is_last=is_last, is_full=len(piece) >= PIECE)


def _lines(piece: bytes) -> list[bytes]:
    parts = piece.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _of_json(raw: bytes) -> Row:
    written = raw.removeprefix(BOM).strip()
    if not written:
        return Row(length=len(raw))
    try:
        found = orjson.loads(_decoded(written))
    except (orjson.JSONDecodeError, RecursionError):
        return Row(length=len(raw), said="it is no JSON.")
    if not isinstance(found, dict):
        return Row(length=len(raw), said="it is no JSON object.")
    return Row(length=len(raw), values=found)


def _of_csv(
    lines: Sequence[bytes], columns: Columns, *, is_last: bool, is_full: bool
) -> Iterator[Row]:
    """Rows may go over several lines within quotes; one whose end is missing waits."""
    place = 0
    while place < len(lines):
        feed = _Counted(lines, place)
        try:
            cells = next(
                csv.reader(feed, delimiter=columns.delimiter, strict=True), None
            )
        except csv.Error:
            goes_on = feed.place >= len(lines) and not is_last
            if goes_on and (place or not is_full):
                return
            # Its quotes do not close: this line is passed over, not what follows.
            yield Row(length=len(lines[place]), said="its quotes are not closed.")
            place += 1
            continue
        length = sum(len(each) for each in lines[place : feed.place])
        place = feed.place
        yield _row(cells or [], columns, length)


def _row(cells: Sequence[str], columns: Columns, length: int) -> Row:
    if not any(cells):
        return Row(length=length)
    if len(cells) > len(columns.names):
        return Row(length=length, said="it has more cells than there are columns.")
    named = zip(columns.names, cells, strict=False)
    return Row(length=length, values={name: cell for name, cell in named if name})


class _Counted:
    """Lines, and how many of them were taken."""

    def __init__(self, lines: Sequence[bytes], place: int) -> None:
        self._lines, self.place = lines, place

    def __iter__(self) -> "_Counted":
        return self

    def __next__(self) -> str:
        if self.place >= len(self._lines):
            raise StopIteration
        self.place += 1
        return _decoded(self._lines[self.place - 1])


def _decoded(raw: bytes) -> str:
    """Text of UTF-8, or of the charset that spreadsheets write instead."""
    try:
        return raw.removeprefix(BOM).decode()
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")
