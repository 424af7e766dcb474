"""FILES: rows of CSV and JSONL files that somebody drops into the tenant's own folder."""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID

from django.conf import settings

from perception.rules.signals import REGISTRY
from perception.sources.base import (
    Asked,
    Found,
    Reach,
    Sighted,
    SourceFailed,
    SourceRefuses,
    Wire,
)
from perception.sources.reading import (
    NAME,
    Notes,
    addresses,
    held,
    key,
    line,
    moment,
    short,
    text,
)
from perception.sources.rows import LONGEST_HEADER, PIECE, Row, header, rows

ENDINGS = (".csv", ".jsonl")
MOST_FILES = 1000
# Rows of one page.
MOST = 500
TAIL = 64
NOWHERE = -1
COLUMN: Mapping[str, Any] = {"type": "string", "minLength": 1, "maxLength": 100}
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "title": "A drop folder",
    "properties": {
        "folder": {
            "type": "string",
            "title": "Folder",
            "description": "Within the tenant's own folder below DROP_DIR; empty is that folder itself.",
            "maxLength": 200,
            "default": "",
        },
        "type": {
            "type": "string",
            "title": "Type of signal",
            "description": "For rows that name none.",
            "maxLength": 64,
            "default": "crm_update",
        },
        "account_column": {**COLUMN, "title": "Column of the account", "default": "account"},
        "email_column": {**COLUMN, "title": "Column of an address there", "default": "email"},
        "type_column": {**COLUMN, "title": "Column of the type", "default": "type"},
        "time_column": {**COLUMN, "title": "Column of the time", "default": "occurred_at"},
        "key_column": {**COLUMN, "title": "Column that names a row", "default": "id"},
    },
    "additionalProperties": False,
}  # fmt: skip


class Files:
    """A folder that others write into. Nothing in it is changed or taken away."""

    kind = "files"
    title = "Drop folder (CSV, JSONL)"
    reach = Reach.WHOLE
    schema = SCHEMA
    secret = ""

    def pull(self, asked: Asked, wire: Wire) -> Found:
        config = held(SCHEMA, asked.config)
        wire.pace()
        began = monotonic()
        page = _Page(config=config, now=asked.now)
        before = asked.cursor.get("files", {})
        after: dict[str, Any] = {}
        with _folder(config["folder"], asked.tenant) as folder:
            for name in _names(folder, page.notes):
                state = before.get(name)
                after[name] = _file(folder, name, state, page) or state
        files = {name: state for name, state in after.items() if state}
        said = f"{_many(len(after), 'file')}, {_many(page.taken, 'row')}"
        wire.tell(f"Read folder {config['folder'] or '.'}", said, since=began)
        return Found(
            cursor={"files": files},
            signals=page.signals,
            skipped=page.notes.told(),
            more=page.more,
        )


@dataclass(kw_only=True)
class _Page:
    """What one pull takes along, and where it stops."""

    config: Mapping[str, Any]
    now: datetime
    signals: list[Sighted] = field(default_factory=list)
    notes: Notes = field(default_factory=Notes)
    taken: int = 0
    more: bool = False


@contextmanager
def _folder(path: str, tenant: str) -> Iterator[int]:
    """The folder, opened step by step: no step leads out, whatever lies there."""
    steps = [step for step in path.split("/") if step]
    if not tenant or str(UUID(tenant)) != tenant:
        raise SourceFailed("Whose folder it is was not said.")
    if path.startswith("/") or "\0" in path or {".", ".."} & set(steps):
        raise SourceRefuses("Configuration, folder: it leads out of the tenant's own.")
    with ExitStack() as opened:
        try:
            # What the operator named may be a link; what is below may not.
            at = os.open(Path(settings.DROP_DIR), os.O_RDONLY | os.O_DIRECTORY)
            opened.callback(os.close, at)
            for step in (tenant, *steps):
                at = os.open(
                    step, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at
                )
                opened.callback(os.close, at)
        except FileNotFoundError:
            # Nobody has dropped anything yet.
            yield NOWHERE
            return
        except OSError as error:
            said = os.strerror(error.errno or 0)
            raise SourceFailed(f"The folder {path or '.'!r}: {said}.") from None
        yield at


def _names(folder: int, notes: Notes) -> Sequence[str]:
    """The files that are read, in the order of their names."""
    if folder == NOWHERE:
        return ()
    with os.scandir(folder) as entries:
        names = sorted(
            entry.name
            for entry in entries
            if entry.name.lower().endswith(ENDINGS)
            and not entry.name.startswith(".")
            and len(entry.name) <= NAME
        )
    if len(names) > MOST_FILES:
        notes.add(f"{len(names)} files: only the first {MOST_FILES} are read.")
    return names[:MOST_FILES]


def _file(
    folder: int, name: str, before: Mapping[str, Any] | None, page: _Page
) -> Mapping[str, Any] | None:
    """Read one file on; what is known of it afterwards."""
    try:
        # A pipe would wait for a writer.
        handle = os.open(
            name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder
        )
    except OSError as error:
        page.notes.add(f"{name}: {os.strerror(error.errno or 0)}.")
        return None
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode) or about.st_nlink != 1:
            page.notes.add(f"{name} is no file, or has another name elsewhere.")
            return None
        return _read(handle, name, about, before or {}, page)
    except OSError as error:
        page.notes.add(f"{name}: {os.strerror(error.errno or 0)}.")
        return None
    finally:
        os.close(handle)


def _read(
    handle: int,
    name: str,
    about: os.stat_result,
    before: Mapping[str, Any],
    page: _Page,
) -> Mapping[str, Any] | None:
    """Whole lines from where it was left; the last one, if its end never came."""
    stamp = {"inode": about.st_ino, "size": about.st_size, "mtime": about.st_mtime_ns}
    is_still = all(before.get(each) == value for each, value in stamp.items())
    if is_still and before.get("done"):
        return before
    offset = int(before.get("offset", 0)) if _goes_on(handle, about, before) else 0
    if page.taken >= MOST:
        page.more = page.more or offset < about.st_size
        return before or None
    columns, first = header(handle) if name.lower().endswith(".csv") else (None, 0)
    if columns and not columns.names and about.st_size >= LONGEST_HEADER:
        page.notes.add(f"{name} begins with a line that is too long.")
        return {**stamp, "offset": 0, "tail": _tail(handle, 0), "done": True}
    offset = max(offset, first)
    piece = os.pread(handle, min(PIECE, about.st_size - offset), offset)
    to_end = offset + len(piece) >= about.st_size
    start, at, closed = offset, offset, offset
    for row in rows(piece, columns, is_last=to_end and is_still):
        if page.taken >= MOST:
            break
        page.taken += 1
        _take(row, f"{name}, at byte {at}", name, columns is not None, about, page)
        at += row.length
        # A line whose end never came is read again, should it go on after all.
        is_open = to_end and piece[at - start - 1 : at - start] != b"\n"
        closed = closed if is_open else at
    page.more = page.more or (at < about.st_size and (page.taken >= MOST or not to_end))
    is_done = at >= about.st_size
    return {**stamp, "offset": closed, "tail": _tail(handle, closed), "done": is_done}


def _goes_on(handle: int, about: os.stat_result, before: Mapping[str, Any]) -> bool:
    """Whether a file is the one that was read, perhaps longer; not written anew."""
    offset = int(before.get("offset", 0))
    return (
        before.get("inode") == about.st_ino
        and about.st_size >= int(before.get("size", 0))
        and before.get("tail") == _tail(handle, offset)
        and (
            about.st_size > int(before.get("size", 0))
            or before.get("mtime") == about.st_mtime_ns
        )
    )


def _tail(handle: int, offset: int) -> str:
    start = max(0, offset - TAIL)
    return short(os.pread(handle, offset - start, start))


def _take(
    row: Row,
    where: str,
    name: str,
    is_csv: bool,
    about: os.stat_result,
    page: _Page,
) -> None:
    """A row becomes a signal, or a note that says why not."""
    if row.values is None:
        if row.said:
            page.notes.add(f"{where}: {row.said}")
        return
    config, values = page.config, dict(row.values)
    account = line(values.pop(config["account_column"], ""), NAME)
    emails = addresses(values.pop(config["email_column"], ""))
    if not account and not emails:
        page.notes.add(f"{where}: the row names no account.")
        return
    type_ = line(values.pop(config["type_column"], "") or config["type"], 64)
    at = moment(values.pop(config["time_column"], None), now=page.now)
    written = datetime.fromtimestamp(int(about.st_mtime), UTC)
    named = values.pop(config["key_column"], None)
    inner = values.get("payload")
    if is_csv:
        values = {each: _typed(type_, each, cell) for each, cell in values.items()}
    page.signals.append(
        Sighted(
            type=type_,
            payload=inner if isinstance(inner, dict) else values,
            occurred_at=at or min(written, page.now),
            dedupe_key=(
                key("files", type_, account or emails, named)
                if named not in (None, "")
                else key("files", name, sorted(row.values.items()))
            ),
            account=account,
            emails=() if account else emails,
        )
    )


def _typed(type_: str, name: str, cell: str) -> Any:
    """A cell as its type wants it: numbers, where it speaks of numbers."""
    known = REGISTRY.get(type_)
    wanted = (known.fields.get(name) or {}).get("type") if known else None
    try:
        if wanted == "integer":
            return int(cell)
        return float(cell) if wanted == "number" else text(cell)
    except ValueError:
        return text(cell)


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
