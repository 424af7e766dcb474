"""L8, CSV injection: whatever stands in a record opens in a spreadsheet as text."""

import csv
import re
import sys
import unicodedata
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.export import FIELDS, WRITERS
from ledger.models import Export
from ledger.rules.cells import harmless
from tests import trials

ROOT = Path(__file__).parents[2]
EVERY_SIGN = [
    chr(each) for each in range(sys.maxunicode + 1) if not 0xD800 <= each < 0xE000
]
# By the standard's own table: every sign that is read as one of the four.
SIGNS = [each for each in EVERY_SIGN if unicodedata.normalize("NFKC", each)[:1] in "=+-@"
         and unicodedata.normalize("NFKC", each)]  # fmt: skip
BLANKS = ["", " ", "\t", "\r", "\n", "\x00", "\x0b", "\x0c", "\x1f", "\x85", "\u00a0", "\u1680",
          "\u2003", "\u2028", "\u202f", "\u205f", "\u3000", "\ufeff", "\u200b", "\u2060", "\u202e", "\u00ad"]  # fmt: skip
BODIES = [
    "",
    "1+1",
    "cmd|' /C calc'!A0",
    'HYPERLINK("http://evil.example","x")',
    "A1;=2",
    'x"',
    "x,=1\n=2",
]
TEXTS = st.builds(
    lambda blanks, sign, body: "".join(blanks) + sign + body,
    st.lists(st.sampled_from(BLANKS), max_size=3),
    st.sampled_from([*SIGNS, "", "a", "'", '"', ",", ";"]),
    st.sampled_from(BODIES)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
DOCUMENTS = st.lists(st.tuples(*[TEXTS] * 3, TEXTS, TEXTS), min_size=1, max_size=20)


def test_every_sign_that_is_read_as_one_is_marked() -> None:
    """By every blank and every twin of the four signs; marked, and nothing else of it changed."""
    assert len(SIGNS) >= 12
    count = 0
    for blank in BLANKS:
        for sign in SIGNS:
            for body in BODIES:
                text = f"{blank}{sign}{body}"
                assert harmless(text) == f"'{text}", repr(text)
                count += 1
    trials.record("formulas", trials=count, seed=None)


@pytest.mark.parametrize("format", WRITERS)
@settings(max_examples=10, deadline=None, derandomize=True)
@given(found=DOCUMENTS)
def test_what_is_exported_is_what_was_stated(
    format: Export.Format, tmp_path_factory: pytest.TempPathFactory, found: Any
) -> None:
    """By every writer there is: a spreadsheet shows text, and a machine reads the same."""
    documents = [
        {
            "sequence": place, "number": place, "at": "2026-11-20T12:00:00Z",
            "id": "0198aaaa-0000-7000-8000-000000000001", "kind": kind,
            "actor": {"type": actor, "id": actor}, "subjects": {subject: subject},
            "data": {name: value},
        }
        for place, (kind, actor, subject, name, value) in enumerate(found)
    ]  # fmt: skip
    path = tmp_path_factory.mktemp("export") / f"file.{format}"
    WRITERS[format](iter(documents), path)
    rows = READ[format](path)
    assert len(rows) == len(documents)
    for row, document in zip(rows, documents, strict=True):
        for name in FIELDS:
            _hold(format, row[name], document[name])


def _hold(format: Export.Format, cell: Any, stated: Any) -> None:
    if format != Export.Format.CSV:
        read = (
            orjson.loads(cell)
            if isinstance(stated, dict) and isinstance(cell, str)
            else cell
        )
        # Moments come back from Parquet as moments.
        assert read == stated or str(read)[:10] == str(stated)[:10] == "2026-11-20"
        return
    text = stated if isinstance(stated, str) else orjson.dumps(stated).decode()
    assert cell in (text, f"'{text}")
    shown = cell.lstrip("".join(BLANKS))
    assert unicodedata.normalize("NFKC", shown[:1])[:1] not in {"=", "+", "-", "@"}


def _csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _jsonl(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().split(b"\n") if line]


def _parquet(path: Path) -> list[dict[str, Any]]:
    with duckdb.connect() as db:
        rows = db.execute(
            "SELECT sequence, number, id::text, \"at\"::text, kind, actor, subjects, \"data\" "
            "FROM read_parquet(?) ORDER BY sequence", [str(path)]
        ).fetchall()  # fmt: skip
    return [dict(zip(FIELDS, row, strict=True)) for row in rows]


READ = {
    Export.Format.CSV: _csv,
    Export.Format.JSONL: _jsonl,
    Export.Format.PARQUET: _parquet,
}


IMPORTED = re.compile(
    r"^\s*(?:import|from) (?:csv|openpyxl|xlsxwriter|pandas)\b", re.MULTILINE
)


def test_nobody_else_writes_spreadsheets() -> None:
    """A new exporter comes by here: it uses the same cells, or is none of a spreadsheet."""
    found = {
        str(path.relative_to(ROOT))
        for storey in ("plans", "autonomy", "perception", "ledger", "config")
        for path in (ROOT / storey).rglob("*.py")
        if IMPORTED.search(path.read_text())
    }
    # These read what others wrote, or write the sample of the sandbox.
    assert found <= {"ledger/export.py", "perception/sources/files.py",
                     "perception/sources/rows.py", "config/sandbox.py"}  # fmt: skip
