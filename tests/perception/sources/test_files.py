"""P9: a drop folder is read by whole lines, and nothing outside it is."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from perception.sources.base import Found, SourceFailed, SourceRefuses
from perception.sources.registry import SOURCES
from perception.sources.rows import PIECE
from tests.perception.sources.servers import NOW, TENANT, asked, everything, wire

FILES = SOURCES["files"]
HEAD = "account,type,occurred_at,id,role,count\n"


@pytest.fixture
def drop(tmp_path: Path, settings: Any) -> Path:
    settings.DROP_DIR = tmp_path / "drop"
    folder = tmp_path / "drop" / TENANT
    folder.mkdir(parents=True)
    return folder


def pull(cursor: Any = None, **config: Any) -> Found:
    return FILES.pull(asked(config, cursor), wire())


def roles(found: Found) -> list[Any]:
    return [signal.payload.get("role") for signal in found.signals]


def test_rows_become_signals(drop: Path) -> None:
    """P9: columns are mapped, numbers are numbers where the type says so."""
    row = "a1,hiring,2026-11-19T10:00:00+01:00,r1,Head of Ops,3\n"
    (drop / "a.csv").write_text(HEAD + row)
    inner = {"account": "a2", "type": "News", "payload": {"title": "T"}, "id": 7}
    (drop / "b.jsonl").write_text(json.dumps(inner) + "\n\n")
    (drop / "ignored.txt").write_text("account\n")
    (drop / ".hidden.csv").write_text(HEAD + row)
    first, second = pull().signals
    assert (first.account, first.type) == ("a1", "hiring")
    assert dict(first.payload) == {"role": "Head of Ops", "count": 3}
    assert first.occurred_at == datetime(2026, 11, 19, 9, 0, tzinfo=UTC)
    assert (second.account, second.type, second.payload) == (
        "a2",
        "News",
        {"title": "T"},
    )
    assert second.occurred_at <= NOW


def test_a_growing_file_is_read_as_far_as_whole_lines(drop: Path) -> None:
    """P9: half a line waits; it is taken once the file rests, and again if it goes on."""
    path = drop / "a.csv"
    path.write_text(HEAD + "a1,hiring,,r1,One,1\na1,hiring,,r2,Tw")
    found = pull()
    assert (roles(found), found.more) == (["One"], False)
    with path.open("a") as rows:
        rows.write("o,2\na1,hiring,,r3,Three,3")
    found = pull(found.cursor)
    assert roles(found) == ["Two"]
    found = pull(found.cursor)
    assert roles(found) == ["Three"]
    assert roles(pull(found.cursor)) == []
    with path.open("a") as rows:
        rows.write("3\n")
    assert [s.payload["count"] for s in pull(found.cursor).signals] == [33]


def test_a_changed_file_is_read_again_under_the_same_keys(drop: Path) -> None:
    """P1: what it held before makes nothing twice."""
    path = drop / "a.csv"
    path.write_text("account,role\na1,One\na1,Two\n")
    before = pull(type="hiring")
    path.write_text("account,role\na1,Two\na1,One\na1,Six\n")
    after = pull(before.cursor, type="hiring")
    assert roles(after) == ["Two", "One", "Six"]
    assert {s.dedupe_key for s in before.signals} < {
        s.dedupe_key for s in after.signals
    }
    other = drop / "other"
    other.write_text("account,role\na1,One\n")
    os.replace(other, path)
    assert roles(pull(after.cursor, type="hiring")) == ["One"]


def test_no_path_leaves_the_folder(drop: Path, tmp_path: Path) -> None:
    """T1: not by dots, not by links of any kind, not into another tenant's."""
    secret = tmp_path / "secret.jsonl"
    secret.write_text('{"account": "a1"}\n')
    (drop / "link.jsonl").symlink_to(secret)
    (drop / "hard.jsonl").hardlink_to(secret)
    (drop / "out").symlink_to(tmp_path)
    (drop / "folder.jsonl").mkdir()
    os.mkfifo(drop / "pipe.jsonl")
    found = pull()
    assert found.signals == []
    assert len(found.skipped) == 4
    for folder in ("..", "../..", "a/../..", "/etc", "./.", "a\0b"):
        with pytest.raises(SourceRefuses, match="leads out"):
            pull(folder=folder)
    with pytest.raises(SourceFailed, match="directory"):
        pull(folder="out")
    for tenant in ("", "..", "0198AAAA-0000-7000-8000-000000000001"):
        with pytest.raises((SourceFailed, ValueError)):
            FILES.pull(asked({}, tenant=tenant), wire())
    drop.rename(tmp_path / "moved")
    drop.symlink_to(tmp_path / "moved")
    with pytest.raises(SourceFailed):
        pull()


def test_broken_rows_stop_nothing(drop: Path) -> None:
    """P9: what cannot be read is said, and the rest is read."""
    (drop / "a.csv").write_bytes(
        b"\xef\xbb\xbfaccount;role;note\r\n"
        b"a1;One;\r\n"
        b'a1;"Two\r\nlines";x\r\n'
        b"a1;K\xf6ln;\r\n"
        b"a1;too;many;cells\r\n"
        b";nobody;\r\n"
        b'a1;"open;\r\n'
        b"a1;Last;\r\n"
    )
    (drop / "b.jsonl").write_bytes(
        b'{"account": "a1", "role": "Six"}\nnonsense\n[1]\n' + b"[" * 5000 + b"\n"
    )
    found = pull()
    assert roles(found) == ["One", "Two\nlines", "Köln", "Six"]
    assert len(found.skipped) == 5
    assert all(name in " ".join(found.skipped) for name in ("a.csv", "b.jsonl"))
    # Open quotes might still be closed, until the file rests.
    found = pull(found.cursor)
    assert roles(found) == ["Last"]
    assert "quotes" in found.skipped[0]


def test_pages_and_long_lines_come_to_an_end(drop: Path) -> None:
    """P9: pages are bounded, and what has no end is passed over."""
    rows = "".join(f'{{"account": "a1", "id": {n}}}\n' for n in range(1200))
    (drop / "a.jsonl").write_text(rows)
    (drop / "b.jsonl").write_bytes(b"x" * (2 * PIECE) + b'\n{"account": "a2"}\n')
    (drop / "c.csv").write_bytes(b"x" * PIECE)
    pages, cursor = everything(FILES, {})
    assert [len(page.signals) for page in pages][:2] == [500, 500]
    signals = [signal for page in pages for signal in page.signals]
    assert len({signal.dedupe_key for signal in signals}) == len(signals) == 1201
    again, _ = everything(FILES, {}, cursor)
    assert [page.signals for page in again] == [[]]


def test_a_missing_folder_is_an_empty_one(tmp_path: Path, settings: Any) -> None:
    settings.DROP_DIR = tmp_path / "nowhere"
    assert pull().signals == []
    assert pull(folder="not/yet").cursor == {"files": {}}


def test_what_is_gone_is_forgotten(drop: Path) -> None:
    (drop / "a.jsonl").write_text('{"account": "a1"}\n')
    found = pull()
    (drop / "a.jsonl").unlink()
    assert pull(found.cursor).cursor == {"files": {}}
